"""Converts split lists and image files to TFRecord shards."""

import contextlib
import dataclasses
import os
import sys
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from slim import configs, files
from slim.datasets import (
    catalogue,
    dataset,
    manifest,
    planning,
    problems,
    shards,
    split_lists,
    tfrecord,
    workers,
)
from slim.datasets.problems import Problem
from slim.errors import UserError

# Starting a process takes about as long as converting this many images.
IMAGES_WORTH_A_WORKER = 300


def convert(dataset_dir: str, dataset_name: str, **options: Any) -> manifest.Manifest:
    """Writes the TFRecord shards of a dataset, their manifest, and `labels.txt` if it is missing.

    Equal lists, images, seed and number of shards give equal shards, byte for byte, whatever the
    number of workers. The manifest is written last, so an interrupted conversion is never mistaken
    for a complete one; the next run resumes with the missing shards. Shards whose images and
    options have not changed are not rebuilt.

    Args:
      dataset_dir: folder that holds all datasets, such as ./data/.
      dataset_name: name of a folder in it, with train.txt, val.txt and the images.
      **options: fields of `ConversionConfig`.

    Returns:
      The manifest of the shards.

    Raises:
      UserError: if the lists or the images cannot be used. Problems of single lines or images are
        all in a validation report in the dataset's folder.
      OSError: if a file cannot be read or written.
    """
    config = configs.ConversionConfig(**options)
    folder = dataset.dataset_folder(dataset_dir, dataset_name)
    with files.lock_folder(folder) as lock:
        plan = planning.make_plan(folder, dataset_name, config)
        # Lists that cannot be converted leave an earlier conversion untouched.
        check_only = _check_lists(plan)
        finished = None
        with contextlib.suppress(UserError):
            finished = manifest.read_manifest(folder)
        earlier = _complete_shards(folder, finished)
        if finished and not check_only and _is_current(finished, plan, earlier):
            _report_current(plan, finished)
            return finished
        built = _build_shards(plan, earlier, check_only, lock)
        absent = _check_images(plan, built)
        result = _finish(plan, built)
        _report_finished(plan, result, absent)
        return result


def _check_lists(plan: planning.Plan) -> bool:
    """Returns whether the lists have problems that forbid the conversion, and reports these.

    The images are then only checked, for a complete report.
    """
    found = plan.line_problems + plan.absent_classes()
    check_only = bool(found) and plan.config.on_error == 'fail'
    if check_only:
        problems.write_report(plan.report_path, found)
        print(
            f'{plan.dataset_name}: {problems.summary(found)}, see {plan.report_path}; checking all '
            'images for further problems before giving up',
            flush=True,
        )
    else:
        plan.check_num_shards()
    return check_only


def _complete_shards(folder: str, finished: manifest.Manifest | None) -> dict[str, manifest.Shard]:
    """Returns the complete shards of earlier conversions, finished or interrupted, by name."""
    found = shards.Journal(folder).read()
    if finished:
        found += [shard for split in finished.splits.values() for shard in split.shards]
    return {shard.name: shard for shard in found if not dataset.shard_problem(folder, (shard,))}


def _is_unchanged(task: shards.ShardTask, earlier: Mapping[str, manifest.Shard]) -> bool:
    return task.name in earlier and earlier[task.name].source_sha256 == task.source_sha256


def _is_current(
    finished: manifest.Manifest, plan: planning.Plan, earlier: Mapping[str, manifest.Shard]
) -> bool:
    """Returns whether a finished conversion is complete and equals the planned one."""
    skipped = any(split.num_skipped for split in finished.splits.values())
    return (
        not (skipped and plan.config.on_error == 'fail')
        and all(_is_unchanged(task, earlier) for task in plan.tasks)
        and finished == _make_manifest(plan, earlier)
    )


def _report_current(plan: planning.Plan, finished: manifest.Manifest) -> None:
    """Prints that there is nothing to do, and writes `labels.txt` if it is missing."""
    if plan.labels is None:
        split_lists.write_labels(plan.folder, plan.class_names)
    print(
        f'{plan.dataset_name}: already converted, {plan}; to convert again, first remove '
        f'{os.path.join(plan.folder, manifest.NAME)}'
    )
    _warn(plan, finished)


def _build_shards(
    plan: planning.Plan, earlier: Mapping[str, manifest.Shard], check_only: bool, lock: int
) -> dict[str, manifest.Shard]:
    """Builds the shards that are missing or changed; `check_only` only checks their images.

    Returns:
      All planned shards by name, in order.
    """
    tasks, name = plan.tasks, plan.dataset_name
    built = {task.name: earlier[task.name] for task in tasks if _is_unchanged(task, earlier)}
    missing = [task for task in tasks if task.name not in built]
    journal = shards.Journal(plan.folder)
    if check_only:
        missing = [dataclasses.replace(task, check_only=True) for task in missing]
    else:
        print(f'{name}: converting {plan}', flush=True)
        if missing:
            # From here on the shards of an earlier conversion no longer belong together.
            journal.begin(list(built.values()))
            Path(plan.folder, manifest.NAME).unlink(missing_ok=True)
            files.remove_unfinished(plan.folder, keep=shards.JOURNAL)
            if built:
                print(f'{name}: {len(built)} of {len(tasks)} shards exist already', flush=True)
    try:
        with contextlib.closing(_run_tasks(plan, missing, lock)) as results:
            for shard in results:
                built[shard.name] = shard
                if not check_only:
                    files.finish(os.path.join(plan.folder, shard.name))
                    journal.add(shard)
    finally:
        if not check_only:
            files.remove_unfinished(plan.folder, keep=shards.JOURNAL)
    return {task.name: built[task.name] for task in tasks}


def _run_tasks(
    plan: planning.Plan, tasks: Sequence[shards.ShardTask], lock: int
) -> Generator[manifest.Shard, None, None]:
    """Yields the shards of the tasks in order of completion, and shows a progress bar."""
    total = sum(len(task.images) for task in plan.tasks)
    left = sum(len(task.images) for task in tasks)
    num_workers = plan.config.num_workers
    if num_workers is None:
        num_workers = min(workers.available_cores(), 1 + left // IMAGES_WORTH_A_WORKER)
    num_workers = min(num_workers, max(1, len(tasks)))
    # Only on a terminal and removed at the end, so that it does not tear logs or error messages
    # apart. Without tqdm's monitor thread, because a process with threads cannot fork its workers.
    tqdm.monitor_interval = 0
    bar = tqdm(
        total=total,
        initial=total - left,
        desc=plan.dataset_name,
        unit=' images',
        disable=None if plan.config.progress else True,
        leave=False,
    )

    def show(done: int) -> None:
        bar.update(total - left + done - bar.n)

    results = workers.run(shards.convert_shard, tasks, num_workers, show, lock)
    with bar, contextlib.closing(results):
        yield from results


def _check_images(plan: planning.Plan, built: Mapping[str, manifest.Shard]) -> list[Problem]:
    """Writes the validation report and checks that the shards are good enough to be used.

    Returns:
      A problem for each class without a training image.

    Raises:
      UserError: if there are problems that may not be skipped, or a split has no image at all.
    """
    found = plan.line_problems
    found += [problem for shard in built.values() for problem in shard.skipped]
    absent = plan.absent_classes({(problem.list_name, problem.line) for problem in found})
    found += absent
    if found:
        problems.write_report(plan.report_path, found)
        if plan.config.on_error == 'fail':
            lines = sum(len(split.images) + len(split.problems) for split in plan.splits.values())
            raise UserError(
                f'{plan.folder}: {min(found)}; {len(found)} problem{"s" * (len(found) > 1)} in '
                f'{lines} lines ({problems.summary(found)}), see {plan.report_path}. Correct the '
                'lists or images, or convert all others with --on_error=skip'
            )
    for name, split in plan.splits.items():
        if not any(built[task.name].num_images for task in split.tasks):
            raise UserError(f'{plan.folder}: no {name} image can be used; see {plan.report_path}')
    if not found:
        Path(plan.report_path).unlink(missing_ok=True)
    return absent


def _make_manifest(plan: planning.Plan, built: Mapping[str, manifest.Shard]) -> manifest.Manifest:
    splits = {}
    for name, split in plan.splits.items():
        of_split = tuple(built[task.name] for task in split.tasks)
        num_skipped = len(split.problems) + sum(len(shard.skipped) for shard in of_split)
        splits[name] = manifest.Split(split.list_sha256, num_skipped, of_split)
    return manifest.Manifest(
        plan.dataset_name,
        tuple(plan.class_names),
        plan.config.seed,
        splits,
        plan.config.apply_exif_rotation,
    )


def _finish(plan: planning.Plan, built: Mapping[str, manifest.Shard]) -> manifest.Manifest:
    """Removes the shards of other conversions and writes `labels.txt` and the manifest."""
    if plan.labels is None:
        split_lists.write_labels(plan.folder, plan.class_names)
    for file in os.listdir(plan.folder):
        if tfrecord.is_shard_name(file, split_lists.LIST_NAMES) and file not in built:
            os.remove(os.path.join(plan.folder, file))
    result = _make_manifest(plan, built)
    manifest.write_manifest(plan.folder, result)
    shards.Journal(plan.folder).remove()
    return result


def _report_finished(
    plan: planning.Plan, result: manifest.Manifest, absent: Sequence[Problem]
) -> None:
    """Prints what was converted, and what was skipped to stderr."""
    built = [shard for split in result.splits.values() for shard in split.shards]
    size = sum(shard.num_bytes for shard in built)
    encoded = sum(shard.num_reencoded for shard in built)
    print(
        f'{plan.dataset_name}: converted {plan}, {size / 1e6:.1f} MB in {plan.folder}'
        + (f'; {encoded} images were re-encoded as RGB JPEG' if encoded else '')
    )
    _warn(plan, result)
    if absent:
        print(f'warning: {problems.summary(absent)}; see {plan.report_path}', file=sys.stderr)


def _warn(plan: planning.Plan, result: manifest.Manifest) -> None:
    """Prints to stderr what was skipped, and which counts differ from the catalogue."""
    skipped = [f'{s.num_skipped} {name}' for name, s in result.splits.items() if s.num_skipped]
    counts = {name: split.num_images for name, split in result.splits.items()}
    warnings = catalogue.count_warnings(plan.dataset_name, result.num_classes, counts)
    if skipped:
        shown = ' and '.join(skipped)
        warnings.insert(0, f'skipped {shown} lines or images; see {plan.report_path}')
    for warning in warnings:
        print(f'warning: {warning}', file=sys.stderr)
