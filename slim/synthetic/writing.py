"""Writes synthetic datasets to disk atomically, in the layout of every other dataset."""

import contextlib
import dataclasses
import glob
import io
import json
import os
import pathlib
import shutil
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from slim import files
from slim.datasets import workers
from slim.errors import UserError
from slim.synthetic.camera import frame_size, simulate_camera
from slim.synthetic.definitions import (
    FAMILIES,
    ClassDescription,
    class_descriptions,
    definition_digest,
)
from slim.synthetic.registry import MergedDataset, SyntheticDataset, find_dataset

SPLITS = ('train', 'val')
RECORD = 'domain.json'


@dataclasses.dataclass(frozen=True)
class _Task:
    """One image: everything that it depends on, and its path.

    Attributes:
      family: key of `FAMILIES`.
      species: class as the family describes it.
      seed: seed of the image, see `_seed`.
      label: label of the class.
      path: path in the dataset's folder.
      rendered: path of a file with the same image, if there is one already.
    """

    family: str
    species: Any
    seed: tuple[int, int, int, int]
    label: int
    path: str
    rendered: pathlib.Path | None = None

    @property
    def content(self) -> tuple:
        """Key that is equal for two tasks exactly if their images are."""
        return self.family, self.species.name, self.seed


@dataclasses.dataclass(frozen=True)
class _Plan:
    """Everything that a dataset's folder must hold.

    Attributes:
      name: name of the dataset.
      tasks: tasks of all images, in the order of split, label and index.
      texts: contents of the text files by name.
    """

    name: str
    tasks: list[_Task]
    texts: dict[str, str]


def _seed(description: ClassDescription, split: str, index: int) -> tuple[int, int, int, int]:
    """Returns the seed of an image. Any change of it would change the images."""
    dataset_seed, label = description.seed
    return dataset_seed, SPLITS.index(split), label, index


def _tasks(classes: list[ClassDescription], split: str) -> list[_Task]:
    """Returns the tasks of one split, in the order of the labels."""
    tasks = []
    for label, one in enumerate(classes):
        folder = f'images/{label:03d}.{one.name.replace(" ", "_")}'
        for index in range(one.counts[split]):
            path = f'{folder}/{split}_{index:04d}.jpg'
            tasks.append(_Task(one.family, one.species, _seed(one, split, index), label, path))
    return tasks


def _plan(name: str, dataset: SyntheticDataset | MergedDataset) -> _Plan:
    classes = class_descriptions(dataset)
    tasks = {split: _tasks(classes, split) for split in SPLITS}
    texts = {
        f'{split}.txt': ''.join(f'{task.path}: {task.label}\n' for task in tasks[split])
        for split in SPLITS
    }
    texts['labels.txt'] = ''.join(f'{label}:{one.name}\n' for label, one in enumerate(classes))
    families, definition = list(dataset.families), definition_digest(dataset)
    record = {'domain': name, 'families': families, 'definition': definition}
    texts[RECORD] = json.dumps(record, indent=2) + '\n'
    return _Plan(name, [task for split in SPLITS for task in tasks[split]], texts)


def _render(task: _Task) -> bytes:
    """Returns the JPEG bytes of one image."""
    if task.rendered:
        return task.rendered.read_bytes()
    rng = np.random.default_rng(task.seed)
    width, height = frame_size(rng)
    scene = FAMILIES[task.family].render(task.species, rng, width, height)
    return simulate_camera(scene, rng)


def render_example(name: str, label: int, index: int = 0, split: str = 'train') -> Image.Image:
    """Renders one image of a synthetic dataset, the same that `write_dataset` writes.

    Args:
      name: key of `DATASETS`.
      label: label of the class.
      index: index of the image in its class and split.
      split: 'train' or 'val'.

    Returns:
      An RGB image.

    Raises:
      UserError: if there is no such dataset.
    """
    one = class_descriptions(find_dataset(name))[label]
    task = _Task(one.family, one.species, _seed(one, split, index), label, '')
    return Image.open(io.BytesIO(_render(task)))


def _is_complete(folder: pathlib.Path, plan: _Plan) -> bool:
    """Returns True if the folder holds exactly this dataset, False if it is absent or empty.

    Other files in it, such as TFRecord shards, are ignored.

    Raises:
      UserError: if the folder holds something else, or only a part of the dataset.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    advice = 'choose another folder, or move this one away'
    if not folder.is_dir():
        raise UserError(f'{folder} is not a folder; {advice}')
    record = folder / RECORD
    if not record.is_file():
        raise UserError(f'{folder} holds files that are not a synthetic dataset; {advice}')
    if record.read_bytes() != plan.texts[RECORD].encode():
        raise UserError(
            f'{folder} holds another synthetic dataset, or another version of {plan.name!r}; '
            f'{advice}'
        )
    for file, text in plan.texts.items():
        if not (folder / file).is_file() or (folder / file).read_bytes() != text.encode():
            raise UserError(f'{folder / file} is missing or was changed; {advice}')
    for task in plan.tasks:
        if not (folder / task.path).is_file():
            raise UserError(f'{folder / task.path} is missing; {advice}')
    return True


def _reuse_parts(plan: _Plan, dataset: MergedDataset, folder: pathlib.Path) -> _Plan:
    """Returns the plan with the paths of images that complete parts next to the folder hold.

    Rendering an image takes a hundred times as long as reading it.
    """
    rendered: dict[tuple, pathlib.Path] = {}
    for name in dataset.parts:
        part, part_folder = _plan(name, find_dataset(name)), folder.parent / name
        with contextlib.suppress(UserError):  # the folder holds something else
            if _is_complete(part_folder, part):
                rendered |= {task.content: part_folder / task.path for task in part.tasks}
    tasks = [dataclasses.replace(task, rendered=rendered.get(task.content)) for task in plan.tasks]
    return dataclasses.replace(plan, tasks=tasks)


def _remove_leftovers(folder: pathlib.Path) -> None:
    """Removes the working folders that killed runs left next to the folder, not those of live runs.

    A live run holds the lock of its working folder.
    """
    for work in folder.parent.glob(f'.{glob.escape(folder.name)}.rendering-*'):
        # Another run may remove it at the same time.
        with contextlib.suppress(UserError, FileNotFoundError), files.lock_folder(str(work)):
            shutil.rmtree(work)


@contextlib.contextmanager
def _working_folder(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives a new folder on the same disk as `folder`, which is removed when the block ends.

    The folder lies in a hidden working folder of this run. The lock file is in the latter, so that
    renaming the former to `folder` leaves no lock file in the dataset.
    """
    work = folder.parent / f'.{folder.name}.rendering-{uuid.uuid4().hex[:12]}'
    try:
        with files.lock_folder(str(work)):
            unfinished = work / folder.name
            unfinished.mkdir()
            yield unfinished
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _move_into_place(unfinished: pathlib.Path, folder: pathlib.Path, plan: _Plan) -> None:
    try:
        unfinished.rename(folder)
    except OSError as error:
        # Another run may have been faster; its images are the same.
        if not _is_complete(folder, plan):
            raise OSError(f'cannot rename {unfinished} to {folder}: {error}') from error


def write_dataset(
    name: str,
    dataset_dir: str | os.PathLike[str],
    num_workers: int | None = None,
    progress: bool = True,
) -> pathlib.Path:
    """Renders a synthetic dataset atomically, unless it exists already.

    A killed run leaves only a hidden folder next to `dataset_dir`, which the next run removes. A
    merged dataset copies the images of its parts if they lie complete next to `dataset_dir`.

    Args:
      name: key of `DATASETS`.
      dataset_dir: folder to write to, for example `data/demo`: absent, empty, or complete, in which
        case nothing is rendered and other files in it are left alone.
      num_workers: number of processes that render; None for one per core. The images do not depend
        on it.
      progress: True for a progress bar on stderr, if that is a terminal.

    Returns:
      The folder.

    Raises:
      UserError: if there is no such dataset, if `num_workers` is below one, or if the folder holds
        something else, which stays as it is.
      OSError: if the dataset cannot be written.
    """
    dataset = find_dataset(name)
    num_workers = workers.available_cores() if num_workers is None else num_workers
    if num_workers < 1:
        raise UserError(f'num_workers is {num_workers}, but rendering takes at least one process')
    dataset_dir = pathlib.Path(dataset_dir)
    folder = dataset_dir.resolve()  # it may be a link to an empty folder on another disk
    plan = _plan(name, dataset)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    if _is_complete(folder, plan):
        return dataset_dir
    if isinstance(dataset, MergedDataset):
        plan = _reuse_parts(plan, dataset, folder)
    with _working_folder(folder) as unfinished:
        _write(unfinished, plan, num_workers, progress)
        _move_into_place(unfinished, folder, plan)
    return dataset_dir


def _write(folder: pathlib.Path, plan: _Plan, num_workers: int, progress: bool) -> None:
    """Writes all images and text files of the plan to the folder."""
    for parent in sorted({(folder / task.path).parent for task in plan.tasks}):
        parent.mkdir(parents=True)
    count = len(plan.tasks)
    with workers.mapped(_render, plan.tasks, min(num_workers, count), chunk_size=16) as images:
        bar = tqdm(
            images,
            f'rendering {plan.name}',
            count,
            unit='image',
            disable=None if progress else True,  # None: shown on a terminal only
        )
        for task, image in zip(plan.tasks, bar, strict=True):
            (folder / task.path).write_bytes(image)
    for file, text in plan.texts.items():
        (folder / file).write_text(text, encoding='utf-8')
