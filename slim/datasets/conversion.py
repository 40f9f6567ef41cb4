"""From split lists and image files to TFRecord shards."""

import array
import collections
import contextlib
import dataclasses
import hashlib
import itertools
import os
import posixpath
import random
import stat
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tqdm import tqdm

from slim import configs, files
from slim.datasets import (
    catalogue,
    dataset,
    manifest,
    problems,
    shards,
    split_lists,
    tfrecord,
    workers,
)
from slim.datasets.problems import Problem
from slim.datasets.split_lists import ListedImage
from slim.errors import UserError

LOCK = '.conversion.lock'
ON_ERROR = ('fail', 'skip')
# Of all classes without an image, how many the report names.
REPORTED_CLASSES = 1000
# A process takes about as long to begin as it takes to convert so many.
IMAGES_WORTH_A_WORKER = 300


@dataclass
class _Split:
    """A list, read: the images that are there, and what is wrong with the others."""

    list_path: str
    images: list[ListedImage]
    lines: Sequence[int]
    problems: list[Problem]
    list_sha256: str
    tasks: list[shards.ShardTask] = field(default_factory=list)

    @property
    def list_name(self) -> str:
        return os.path.basename(self.list_path)


def convert(dataset_dir: str, dataset_name: str, **options) -> manifest.Manifest:
    """Writes a dataset's TFRecord shards, and beside them a manifest and a missing `labels.txt`.

    Equal lists, images, seed and number of shards give equal shards, byte for byte, whatever the
    number of workers. The manifest comes last, so a conversion that was broken off is never taken
    for a whole one; the next run goes on with the shards that are missing. A shard whose images and
    options are as they were is not made again.

    Args:
      dataset_dir: the folder that holds all datasets, such as ./data/.
      dataset_name: the name of a folder in it, with train.txt, val.txt and the images.
      **options: fields of `ConversionConfig`.

    Returns:
      What is beside the shards.

    Raises:
      UserError: if the lists or the images cannot be used. If it is single lines or images, all are
        in a report in the dataset's folder.
      OSError: if a file cannot be read or written.
    """
    folder = dataset.dataset_folder(dataset_dir, dataset_name)
    with workers.own_folder(os.path.join(folder, LOCK)):
        return _convert(folder, dataset_name, configs.ConversionConfig(**options))


def _convert(folder, name, options):
    class_names = split_lists.read_labels(folder)
    known_classes = None if class_names is None else len(class_names)
    splits = _read_splits(folder, known_classes, options)
    num_classes = known_classes or 1 + max(
        (image.label for split in splits.values() for image in split.images), default=0
    )
    of_lists = _all_problems(splits.values())
    of_lists += _classes_without_image(splits['train'], num_classes, class_names)
    # Nothing of an earlier conversion is touched for lists that cannot be converted.
    is_check = bool(of_lists) and options.on_error == 'fail'
    report_path = os.path.join(folder, problems.NAME)
    if is_check:
        problems.write_report(report_path, of_lists)
    else:
        _check_counts(splits, options.num_shards)

    what = _describe(splits, num_classes, options.num_shards)
    try:
        finished = manifest.read_manifest(folder)
    except UserError:
        finished = None
    earlier = _earlier_shards(folder, finished)
    names = class_names or _names_of_classes(splits.values(), num_classes)
    if finished and not is_check and _is_same(finished, splits, names, options, earlier):
        if class_names is None:
            split_lists.write_labels(folder, names)
        print(
            f'{name}: already converted, {what}; to convert it anew, remove '
            f'{os.path.join(folder, manifest.NAME)} first'
        )
        _warn(name, finished, report_path)
        return finished

    if is_check:
        print(
            f'{name}: {problems.summary(of_lists)}, see {report_path}; looking at every image '
            'for more before giving up',
            flush=True,
        )
    else:
        print(f'{name}: converting {what}', flush=True)
    made = _make_shards(folder, name, splits, options, earlier, is_check)

    found = _all_problems(splits.values())
    found += [problem for shard in made.values() for problem in shard.left_out]
    left_out = {(problem.list_name, problem.line) for problem in found}
    absent = _classes_without_image(splits['train'], num_classes, class_names, left_out)
    found += absent
    if found:
        problems.write_report(report_path, found)
    if found and options.on_error == 'fail':
        raise UserError(_refusal(found, splits.values(), report_path))
    for key, split in splits.items():
        if not any(made[task.name].num_images for task in split.tasks):
            raise UserError(f'{folder}: no {key} image can be used; see {report_path}')
    if class_names is None:
        split_lists.write_labels(folder, names)
    result = _finish(folder, name, splits, names, options, made)
    if not found:
        with contextlib.suppress(FileNotFoundError):
            os.remove(report_path)
    size = sum(shard.num_bytes for shard in made.values())
    anew = sum(shard.num_encoded_anew for shard in made.values())
    print(
        f'{name}: converted {what}, {size / 1e6:.1f} MB in {folder}'
        + (f'; {anew} images were encoded anew as RGB JPEG' if anew else '')
    )
    _warn(name, result, report_path)
    if absent:
        print(f'warning: {problems.summary(absent)}; see {report_path}', file=sys.stderr)
    return result


def _read_splits(
    folder: str, known_classes: int | None, options: configs.ConversionConfig
) -> dict[str, _Split]:
    """The lists with the tasks that come of them; what cannot be used is among their problems."""
    splits = {
        split: _read_list(split_lists.list_path(folder, split), known_classes)
        for split in split_lists.LIST_NAMES
    }
    _drop_two_labels(splits.values())
    if known_classes is None:
        _drop_impossible_labels(splits.values())
    _plan(folder, splits, options)
    return splits


def _read_list(path: str, known_classes: int | None) -> _Split:
    images, lines, found = split_lists.scan_list(path, known_classes)
    with open(path, 'rb') as file:
        digest = hashlib.file_digest(file, 'sha256').hexdigest()
    return _Split(path, images, array.array('q', lines), found, digest)


def _keep(split: _Split, keep) -> None:
    """Leaves in a split the images for which `keep(image, line)` is no `Problem`."""
    images, lines = [], array.array('q')
    for image, line in zip(split.images, split.lines, strict=True):
        problem = keep(image, line)
        if problem is None:
            images.append(image)
            lines.append(line)
        else:
            split.problems.append(problem)
    split.images, split.lines = images, lines


def _drop_two_labels(splits: Iterable[_Split]) -> None:
    """Takes out every listing of a file that is listed with two labels: which is right?"""
    splits = list(splits)
    labels: dict[str, int] = {}
    twice: dict[str, set[int]] = collections.defaultdict(set)
    for split in splits:
        for image in split.images:
            path = _plain(image.path)
            if labels.setdefault(path, image.label) != image.label:
                twice[path] |= {labels[path], image.label}
    for split in splits if twice else ():

        def keep(image, line, split=split):
            if _plain(image.path) not in twice:
                return None
            shown = ' and '.join(map(str, sorted(twice[_plain(image.path)])))
            detail = f'is listed with labels {shown}'
            return Problem(split.list_name, line, image.path, 'two labels', detail)

        _keep(split, keep)


def _plain(path: str) -> str:
    """The same path for the same file; most are plain already, and not copied."""
    return posixpath.normpath(path) if '//' in path or '/.' in path or path[0] == '.' else path


def _drop_impossible_labels(splits: Iterable[_Split]) -> None:
    """Takes out labels that are higher than there are images: there would be gaps below them."""
    splits = list(splits)
    most = sum(len(split.images) for split in splits)
    for split in splits:
        if all(image.label < most for image in split.images):
            continue

        def keep(image, line, split=split):
            if image.label < most:
                return None
            detail = f'has label {image.label}, but with {most} images there are no so many classes'
            return Problem(split.list_name, line, image.path, 'label out of range', detail)

        _keep(split, keep)


def _plan(folder: str, splits: Mapping[str, _Split], options: configs.ConversionConfig) -> None:
    """Finds the files of all images, and shares those that are there out among the shards."""
    for name, split in splits.items():
        statuses = _find_files(folder, split)
        order = array.array('q', range(len(split.images)))
        if name == 'train':
            random.Random(options.seed).shuffle(order)
        for index in range(options.num_shards):
            block = _block(order, index, options.num_shards)
            digest = shards.SourceDigest(options.apply_exif_rotation)
            for place in block:
                digest.add(split.images[place], *statuses[2 * place : 2 * place + 2])
            split.tasks.append(
                shards.ShardTask(
                    folder,
                    tfrecord.shard_name(name, index, options.num_shards),
                    split.list_name,
                    [split.images[place] for place in block],
                    [split.lines[place] for place in block],
                    digest.hexdigest(),
                    options.apply_exif_rotation,
                )
            )


def _find_files(folder: str, split: _Split) -> Sequence[int]:
    """Size in bytes and time of change in ns of every image's file, in turn.

    Images whose file is not there are taken out of the split.
    """
    found = array.array('q')

    def keep(image, line):
        problem, status = None, None
        try:
            status = os.stat(os.path.join(folder, image.path))
        except FileNotFoundError:
            problem = 'missing', 'is missing'
        except OSError as error:
            problem = 'unreadable', f'cannot be read ({error.strerror or error})'
        if status is not None:
            if not stat.S_ISREG(status.st_mode):
                problem = 'no file', 'is no file'
            elif status.st_size == 0:
                problem = 'empty', 'is empty'
        if problem:
            return Problem(split.list_name, line, image.path, *problem)
        found.extend((status.st_size, status.st_mtime_ns))
        return None

    _keep(split, keep)
    return found


def _block(order: Sequence, index: int, count: int) -> Sequence:
    """Part `index` of `count` consecutive parts, whose sizes differ by one at most."""
    return order[len(order) * index // count : len(order) * (index + 1) // count]


def _all_problems(splits: Iterable[_Split]) -> list[Problem]:
    return [problem for split in splits for problem in split.problems]


def _classes_without_image(
    split: _Split, num_classes: int, class_names, left_out=frozenset()
) -> list[Problem]:
    """Classes without a training image. Sparse ids lead to them, as of NABirds in 2018."""
    present = {
        image.label
        for image, line in zip(split.images, split.lines, strict=True)
        if (split.list_name, line) not in left_out
    }
    absent = [label for label in range(num_classes) if label not in present]
    detail = f'without a training image; labels must run from 0 to {num_classes - 1} without gaps'
    found = [
        Problem(
            split.list_name,
            0,
            '',
            'class without image',
            f'class {label}{f" ({class_names[label]})" if class_names else ""} is {detail}',
        )
        for label in absent[:REPORTED_CLASSES]
    ]
    if rest := len(absent) - len(found):
        found.append(
            Problem(split.list_name, 0, '', 'class without image', f'and {rest} more are {detail}')
        )
    return found


def _check_counts(splits: Mapping[str, _Split], num_shards: int) -> None:
    for name, split in splits.items():
        count = len(split.images)
        if not 1 <= num_shards <= count:
            raise UserError(
                f'{count} {name} images do not fill {num_shards} shards: '
                f'--num_shards must be from 1 to {count}'
            )


def _describe(splits: Mapping[str, _Split], num_classes: int, num_shards: int) -> str:
    counts = ' and '.join(f'{len(split.images)} {name}' for name, split in splits.items())
    each = f'{num_shards} shard{"s" * (num_shards > 1)} each'
    return f'{counts} images of {num_classes} classes to {each}'


def _earlier_shards(folder: str, finished: manifest.Manifest | None) -> dict[str, manifest.Shard]:
    """The whole shards of earlier runs, complete or not, by name."""
    earlier = shards.Journal(folder).read()
    if finished:
        for split in finished.splits.values():
            earlier += split.shards
    return {
        shard.name: shard for shard in earlier if dataset.shard_problem(folder, (shard,)) is None
    }


def _still_holds(task: shards.ShardTask, earlier: Mapping[str, manifest.Shard]) -> bool:
    return task.name in earlier and earlier[task.name].source_sha256 == task.source_sha256


def _is_same(finished, splits, names, options, earlier) -> bool:
    """Whether a conversion is whole, by its manifest, and the same as this one would be."""
    same = (
        finished.class_names == tuple(names)
        and finished.seed == options.seed
        and finished.apply_exif_rotation == options.apply_exif_rotation
        and set(finished.splits) == set(splits)
        and all(
            finished.splits[key].list_sha256 == split.list_sha256
            and [shard.name for shard in finished.splits[key].shards]
            == [task.name for task in split.tasks]
            and all(_still_holds(task, earlier) for task in split.tasks)
            for key, split in splits.items()
        )
    )
    if same and options.on_error == 'fail':
        same = not any(split.num_left_out for split in finished.splits.values())
    return same


def _make_shards(folder, name, splits, options, earlier, is_check):
    """Makes, or only checks, the shards that do not stand yet: all of them, by name."""
    tasks = [task for split in splits.values() for task in split.tasks]
    made = {task.name: earlier[task.name] for task in tasks if _still_holds(task, earlier)}
    missing = [task for task in tasks if task.name not in made]
    journal = shards.Journal(folder)
    if is_check:
        missing = [dataclasses.replace(task, is_check=True) for task in missing]
    elif missing:
        # From here on the shards of an earlier conversion no longer stand as one.
        journal.begin(list(made.values()))
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(folder, manifest.NAME))
        files.remove_unfinished(folder, keep=shards.JOURNAL)
        if made:
            print(f'{name}: {len(made)} of {len(tasks)} shards are there already', flush=True)
    total = sum(len(task.images) for task in tasks)
    to_do = sum(len(task.images) for task in missing)
    num_workers = options.num_workers
    if num_workers is None:
        num_workers = min(workers.available_cores(), 1 + to_do // IMAGES_WORTH_A_WORKER)
    num_workers = min(num_workers, max(1, len(missing)))
    # On a terminal only, and gone at the end, so that a log or an error message is not torn apart.
    # Without the thread that looks after slow bars, see `workers.run`.
    tqdm.monitor_interval = 0
    bar = tqdm(
        total=total,
        initial=total - to_do,
        desc=name,
        unit=' images',
        disable=None if options.progress else True,
        leave=False,
    )

    def show(done):
        bar.update(total - to_do + done - bar.n)

    results = workers.run(
        shards.convert_shard, missing, num_workers, show, os.path.join(folder, LOCK)
    )
    try:
        with bar, contextlib.closing(results):
            for shard in results:
                made[shard.name] = shard
                if not is_check:
                    files.finish(os.path.join(folder, shard.name))
                    journal.add(shard)
    finally:
        if not is_check:
            files.remove_unfinished(folder, keep=shards.JOURNAL)
    return {task.name: made[task.name] for task in tasks}


def _refusal(found: Sequence[Problem], splits: Iterable[_Split], report_path: str) -> str:
    """The one line about all problems."""
    listed = sum(len(split.images) + len(split.problems) for split in splits)
    first = min(found)
    others = f'; {len(found)} problems in {listed} lines ({problems.summary(found)})'
    return (
        f'{os.path.dirname(report_path)}: {first}{others if len(found) > 1 else ""}; '
        f'{"all are" if len(found) > 1 else "it is"} in {report_path}. Correct '
        f'{"them" if len(found) > 1 else "it"}, or convert without with --on_error=skip'
    )


def _finish(folder, name, splits, names, options, made):
    """Makes a conversion of the shards: removes those of others, writes the manifest."""
    for file in os.listdir(folder):
        if tfrecord.is_shard_name(file, split_lists.LIST_NAMES) and file not in made:
            os.remove(os.path.join(folder, file))
    by_split = {}
    for key, split in splits.items():
        own = tuple(made[task.name] for task in split.tasks)
        left_out = len(split.problems) + sum(len(shard.left_out) for shard in own)
        by_split[key] = manifest.Split(split.list_sha256, left_out, own)
    result = manifest.Manifest(
        name, tuple(names), options.seed, by_split, options.apply_exif_rotation
    )
    manifest.write_manifest(folder, result)
    shards.Journal(folder).remove()
    return result


def _names_of_classes(splits: Iterable[_Split], num_classes: int) -> list[str]:
    images = itertools.chain.from_iterable(split.images for split in splits)
    return names_of_classes(images, num_classes)


def names_of_classes(images: Iterable[ListedImage], num_classes: int) -> list[str]:
    """Names for nameless classes: their folders' if each has one of its own, else their numbers.

    >>> names_of_classes([ListedImage('a/wren/1.jpg', 0), ListedImage('a/robin/1.jpg', 1)], 2)
    ['wren', 'robin']
    >>> names_of_classes([ListedImage('a/1.jpg', 0), ListedImage('a/2.jpg', 1)], 2)
    ['0', '1']
    """
    folders: dict[int, set[str]] = collections.defaultdict(set)
    for image in images:
        folders[image.label].add(os.path.basename(os.path.dirname(image.path)))
    names = [min(folders[label], default='') for label in range(num_classes)]
    each_has_one = all(len(folders[label]) == 1 for label in range(num_classes))
    if each_has_one and len(set(names)) == num_classes and all(names):
        return names
    return [str(label) for label in range(num_classes)]


def _warn(name: str, made: manifest.Manifest, report_path: str) -> None:
    """Says on stderr what was left out, and what differs from the catalogue."""
    left_out = {split: content.num_left_out for split, content in made.splits.items()}
    counts = {split: content.num_images for split, content in made.splits.items()}
    warnings = catalogue.count_warnings(name, made.num_classes, counts)
    if any(left_out.values()):
        shown = ' and '.join(f'{count} {split}' for split, count in left_out.items() if count)
        warnings.insert(0, f'left out {shown} lines or images; see {report_path}')
    for warning in warnings:
        print(f'warning: {warning}', file=sys.stderr)
