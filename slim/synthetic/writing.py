"""A domain on disk, in the layout of every other dataset, whole or not at all."""

import contextlib
import dataclasses
import fcntl
import glob
import io
import json
import os
import pathlib
import shutil
import uuid

import numpy as np
from PIL import Image
from tqdm import tqdm

from slim.datasets import workers
from slim.errors import UserError
from slim.synthetic.photograph import frame_size, take_photograph
from slim.synthetic.registry import FAMILIES, Union, find_domain

SPLITS = ('train', 'val')
RECORD = 'domain.json'


@dataclasses.dataclass(frozen=True)
class _Task:
    """One image: all that decides what is in it, and where it goes."""

    family: str
    species: object
    seed: tuple[int, int, int, int]  # see _seed
    label: int
    path: str  # relative to the dataset's folder
    drawn_at: pathlib.Path | None = None  # where the same photograph is already

    @property
    def picture(self):
        """What two tasks for the same photograph have in common."""
        return self.family, self.species.name, self.seed


def _folder(label, drawn):
    return f'{label:03d}.{drawn.name.replace(" ", "_")}'


def _seed(drawn, split_number, index):
    """What an image is drawn from: domain, split, label, index. None may change: images would."""
    domain_seed, label = drawn.seed
    return domain_seed, split_number, label, index


def _plan(domain):
    """The images of each split, as a dict of lists of `_Task`, in the order of labels."""
    plan = {split: [] for split in SPLITS}
    for label, drawn in enumerate(domain.classes()):
        for number, split in enumerate(SPLITS):
            for index in range(drawn.counts[split]):
                path = f'images/{_folder(label, drawn)}/{split}_{index:04d}.jpg'
                seed = _seed(drawn, number, index)
                plan[split].append(_Task(drawn.family, drawn.species, seed, label, path))
    return plan


def _texts(name, domain, plan):
    """The contents of each text file of the dataset, by its name."""
    texts = {
        f'{split}.txt': ''.join(f'{task.path}: {task.label}\n' for task in plan[split])
        for split in SPLITS
    }
    names = (drawn.name for drawn in domain.classes())
    texts['labels.txt'] = ''.join(f'{label}:{name}\n' for label, name in enumerate(names))
    families, definition = list(domain.families), domain.definition()
    record = {'domain': name, 'families': families, 'definition': definition}
    texts[RECORD] = json.dumps(record, indent=2) + '\n'
    return texts


def _photograph(task):
    """The JPEG bytes of one image."""
    if task.drawn_at:
        return task.drawn_at.read_bytes()
    rng = np.random.default_rng(task.seed)
    width, height = frame_size(rng)
    scene = FAMILIES[task.family].draw(task.species, rng, width, height)
    return take_photograph(scene, rng)


def draw_example(name, label, index=0, split='train'):
    """One image of an embedded dataset, as a dataset of that name holds it, without the dataset.

    Args:
        name: a key of `DOMAINS`.
        label: of its class.
        index: of the image in its class and split.
        split: 'train' or 'val'.

    Returns:
        An RGB `PIL.Image`.

    Raises:
        UserError: there is no such domain.
    """
    drawn = find_domain(name).classes()[label]
    seed = _seed(drawn, SPLITS.index(split), index)
    photograph = _photograph(_Task(drawn.family, drawn.species, seed, label, ''))
    return Image.open(io.BytesIO(photograph))


def _is_complete(name, folder, texts, tasks):
    """Whether the folder holds this very domain; False if there is nothing in it at all.

    Files of others beside it, such as TFRecord shards, are no matter.

    Raises:
        UserError: there is something else, or only a part.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    advice = 'choose another folder, or move that one away'
    if not folder.is_dir():
        raise UserError(f'{folder} is not a folder; {advice}')
    record = folder / RECORD
    if not record.is_file():
        raise UserError(f'{folder} holds files that are no embedded dataset; {advice}')
    if record.read_bytes() != texts[RECORD].encode():
        raise UserError(f"{folder} holds an embedded dataset, but not today's {name!r}; {advice}")
    for file, text in texts.items():
        if not (folder / file).is_file() or (folder / file).read_bytes() != text.encode():
            raise UserError(f'{folder / file} is missing or was changed since; {advice}')
    for task in tasks:
        if not (folder / task.path).is_file():
            raise UserError(f'{folder / task.path} is missing; {advice}')
    return True


def _drawn_already(union, folder):
    """Paths of the photographs of a union that whole datasets beside its folder have, by picture.

    To draw one takes a hundred times as long as to read it.
    """
    found = {}
    for name in union.of:
        plan, beside = _plan(find_domain(name)), folder.parent / name
        tasks = [task for split in SPLITS for task in plan[split]]
        with contextlib.suppress(UserError):  # whatever else it is, it is of no use here
            if _is_complete(name, beside, _texts(name, find_domain(name), plan), tasks):
                found |= {task.picture: beside / task.path for task in tasks}
    return found


def _clear_leftovers(folder):
    """Removes what killed runs left beside the folder, and nothing that a live run writes."""
    for leftover in folder.parent.glob(f'.{glob.escape(folder.name)}.drawing-*'):
        with contextlib.suppress(FileNotFoundError):  # another run may be clearing it too
            handle = os.open(leftover, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(leftover)
            except BlockingIOError:
                continue
            finally:
                os.close(handle)


@contextlib.contextmanager
def _temporary_folder(folder):
    """An empty folder beside the given one, locked while its run is alive; gone afterwards."""
    temporary = folder.parent / f'.{folder.name}.drawing-{uuid.uuid4().hex[:12]}'
    temporary.mkdir()
    handle = os.open(temporary, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # it has another name if all went well
        os.close(handle)


def _move_into_place(name, temporary, folder, texts, tasks):
    try:
        temporary.rename(folder)
    except OSError as error:
        # Another run may have been first; what it drew is the same.
        if not _is_complete(name, folder, texts, tasks):
            raise OSError(f'cannot give {temporary} the name {folder}: {error}') from error


def write_domain(name, dataset_dir, num_workers=None, progress=True):
    """Draws an embedded dataset, unless it is there already.

    It is drawn in a hidden folder beside `dataset_dir`, which gets its name when it is whole, so a
    run that is killed leaves no half dataset; the next run clears what it left. A union takes over
    the photographs of the datasets that it joins, where they lie whole beside `dataset_dir`.

    Args:
        name: a key of `DOMAINS`.
        dataset_dir: where to write, for example `data/demo`: absent, empty, or already complete, in
            which case nothing is drawn and files of others in it are left alone.
        num_workers: processes that draw; by default one for each core. The images do not depend
            on it.
        progress: whether to show a bar on stderr.

    Returns:
        The folder, a `pathlib.Path`.

    Raises:
        UserError: no such domain, no such number of workers, or the folder holds something else
            (which is left as it is).
        OSError: it could not be written.
    """
    domain = find_domain(name)
    cores = workers.available_cores()
    num_workers = cores if num_workers is None else num_workers
    if num_workers < 1:
        raise UserError(f'num_workers is {num_workers}, but at least one process must draw')
    dataset_dir = pathlib.Path(dataset_dir)
    folder = dataset_dir.resolve()  # a link to an empty folder on another disk is welcome
    plan = _plan(domain)
    texts = _texts(name, domain, plan)
    tasks = [task for split in SPLITS for task in plan[split]]
    folder.parent.mkdir(parents=True, exist_ok=True)
    _clear_leftovers(folder)
    if _is_complete(name, folder, texts, tasks):
        return dataset_dir
    if isinstance(domain, Union):
        there = _drawn_already(domain, folder)
        tasks = [dataclasses.replace(task, drawn_at=there.get(task.picture)) for task in tasks]
    with _temporary_folder(folder) as temporary:
        for parent in sorted({(temporary / task.path).parent for task in tasks}):
            parent.mkdir(parents=True)
        with workers.mapped(
            _photograph, tasks, min(num_workers, len(tasks)), chunk_size=16
        ) as photographs:
            bar = tqdm(
                photographs,
                f'drawing {name}',
                len(tasks),
                unit='image',
                disable=None if progress else True,  # None: on a terminal only
            )
            for task, photograph in zip(tasks, bar, strict=True):
                (temporary / task.path).write_bytes(photograph)
        for file, text in texts.items():
            (temporary / file).write_text(text, encoding='utf-8')
        _move_into_place(name, temporary, folder, texts, tasks)
    return dataset_dir
