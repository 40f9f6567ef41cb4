"""Datasets without a layout of their own: a folder for each class, or a CSV file."""

import csv
import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tqdm import tqdm

from slim.datasets.layouts import folders
from slim.datasets.layouts.listing import Listing, listing
from slim.errors import UserError

VALIDATION_FOLDERS = ('val', 'validation')
SPLIT_FOLDERS = ('train', *VALIDATION_FOLDERS)
# Names of columns in the header of a CSV file.
PATH_COLUMNS = ('path', 'file', 'filename', 'file_name', 'filepath', 'image', 'image_path')
LABEL_COLUMNS = ('label', 'class', 'class_name', 'category', 'species')
SPLIT_COLUMN = 'split'
SPLITS = {'train': 0, 'val': 1, 'valid': 1, 'validation': 1}


def stratified_split(
    images: Iterable[tuple[str, int]], validation_share: float, seed: int
) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Divides images so that every class has about the same share in validation.

    A class of at least two images has one at least on each side; a single one is trained on. Who
    goes where is decided by a hash of seed and path: it depends neither on the order of the images,
    nor on the other classes.

    Args:
      images: (path, label) of each.
      validation_share: between 0 and 1.
      seed: another one, another choice.

    Returns:
      (training images, validation images), each in the order of `images`.

    >>> images = [(f'{number}.jpg', number % 2) for number in range(20)]
    >>> train, validation = stratified_split(images, validation_share=0.2, seed=0)
    >>> [label for _, label in train].count(1), [label for _, label in validation].count(1)
    (8, 2)
    """
    images = list(images)
    of_class: dict[int, list[str]] = {}
    for path, label in images:
        of_class.setdefault(label, []).append(path)

    def key(path: str) -> bytes:
        return hashlib.sha256(f'{seed}/{path}'.encode(errors='surrogateescape')).digest()

    validation = set()
    for paths in of_class.values():
        count = min(max(1, round(validation_share * len(paths))), len(paths) - 1)
        validation.update(sorted(paths, key=key)[:count])
    train = [image for image in images if image[0] not in validation]
    return train, [image for image in images if image[0] in validation]


@dataclass(frozen=True)
class _Classes:
    """Class folders that lie side by side."""

    images: dict[str, Sequence[str]]  # class -> paths from the root on
    skipped: list[str]
    notes: list[str]


def _classes(root: str, below: str = '') -> _Classes:
    """Reads the class folders in `root`/`below`."""
    top = os.path.join(root, below)
    found = _Classes({}, [], [])
    outside = folders.contents(top).images
    if outside:
        found.notes.append(f'{len(outside)} images in {top} lie in no class folder: {outside[0]}')
    for name in tqdm(
        folders.contents(top).folders, 'reading', unit='folder', leave=False, disable=None
    ):
        inside = folders.contents(os.path.join(top, name))
        folder = f'{below}/{name}' if below else name
        found.skipped.extend(f'{folder}/{other}' for other in inside.others)
        if inside.folders:
            nested = os.path.join(top, name, inside.folders[0])
            found.notes.append(f'{nested} is left out: images lie in the class folders themselves')
        if inside.images:
            found.images[name] = [f'{folder}/{image}' for image in inside.images]
        elif not inside.folders:
            found.notes.append(f'{os.path.join(top, name)} is left out: it holds no image')
    return found


def _labelled(classes: _Classes, labels: dict[str, int]) -> list[tuple[str, int]]:
    return [(path, labels[name]) for name, paths in classes.images.items() for path in paths]


def _top_folder(source: str) -> str:
    """Steps into a folder that is the only one: where archives unpack to, or images/."""
    while True:
        inside = folders.contents(source)
        if len(inside.folders) != 1 or inside.images or inside.folders[0] in SPLIT_FOLDERS:
            return source
        below = os.path.join(source, inside.folders[0])
        if not folders.contents(below).folders:  # a class folder
            return source
        source = below


def read_folders(source: str, validation_share: float, seed: int) -> Listing:
    """Reads a folder for each class: in train/ and val/, or side by side to be divided.

    Args:
      source: the folder that holds them, or the only folder of which does.
      validation_share: of every class, where there is no train/ and val/.
      seed: of that choice.

    Raises:
      UserError: if there are not two classes at least.
    """
    root = _top_folder(source)
    expected = (
        'expected a folder for each class, with the images in it, in that folder or in train/ and '
        'val/ there'
    )
    inside = folders.contents(root).folders
    if 'train' in inside:
        val = next((name for name in VALIDATION_FOLDERS if name in inside), None)
        if val is None:
            raise UserError(
                f'{root} has train/ but no val/; name the folder of the validation images so, or '
                f'divide those of train/ with --source_dir={os.path.join(root, "train")}'
            )
        sides = [_classes(root, 'train'), _classes(root, val)]
    else:
        sides = [_classes(root)]
    names = sorted(set().union(*(side.images for side in sides)))
    if len(names) < 2:
        what = f'only one folder with images, {names[0]}' if names else 'no folder with images'
        raise UserError(f'{root} has {what}; {expected}')
    labels = {name: label for label, name in enumerate(names)}
    splits = [_labelled(side, labels) for side in sides]
    if len(splits) == 1:
        splits = stratified_split(splits[0], validation_share, seed)
    return listing(
        root,
        *splits,
        names,
        skipped=[path for side in sides for path in side.skipped],
        notes=[note for side in sides for note in side.notes],
    )


@dataclass(frozen=True)
class _Row:
    """A row of a CSV file; `where` it stands, for messages."""

    where: str
    path: str
    label: str
    split: str | None


def _columns(header: Sequence[str]) -> tuple[int, int, int | None] | None:
    """Where path, label and split stand by a header; None if this is none."""
    header = [name.strip().lower() for name in header]
    path = next((header.index(name) for name in PATH_COLUMNS if name in header), None)
    label = next((header.index(name) for name in LABEL_COLUMNS if name in header), None)
    if path is None or label is None:
        return None
    return path, label, header.index(SPLIT_COLUMN) if SPLIT_COLUMN in header else None


def _rows(csv_path: str) -> list[_Row]:
    expected = 'expected path,label or path,label,split'
    rows: list[_Row] = []
    columns = width = None
    try:
        with open(csv_path, encoding='utf-8-sig', newline='') as file:
            reader = csv.reader(file, strict=True)
            for fields in reader:
                where = f'{csv_path}, line {reader.line_num}'
                if not any(field.strip() for field in fields):
                    continue
                if columns is None:
                    width = len(fields)
                    columns = _columns(fields)
                    if columns is not None:
                        continue
                    if width not in (2, 3):
                        raise UserError(f'{where}: there are {width} columns; {expected}')
                    columns = (0, 1, 2 if width == 3 else None)
                if len(fields) != width:
                    raise UserError(f'{where}: there are {len(fields)} columns, not {width}')
                path, label = (fields[column].strip() for column in columns[:2])
                if not path or not label:
                    raise UserError(f'{where}: path or label is empty; {expected}')
                split = None if columns[2] is None else fields[columns[2]].strip().lower()
                rows.append(_Row(where, path, label, split))
    except UnicodeDecodeError as error:
        raise UserError(f'{csv_path} is not UTF-8 text; save it as "CSV UTF-8"') from error
    except csv.Error as error:
        raise UserError(f'{csv_path}, line {reader.line_num}: {error}') from error
    if not rows:
        raise UserError(f'{csv_path} has no images; {expected}')
    return rows


def _labels(rows: Sequence[_Row]) -> tuple[dict[str, int], list[str], list[str]]:
    """(label of each text in the label column, class names, notes)."""
    texts = sorted({row.label for row in rows})
    if not all(re.fullmatch('[0-9]{1,18}', label) for label in texts):
        return {label: number for number, label in enumerate(texts)}, texts, []
    numbers = sorted({int(label) for label in texts})
    rank = {number: label for label, number in enumerate(numbers)}
    labels = {label: rank[int(label)] for label in texts}
    notes = []
    if numbers != list(range(len(numbers))):
        notes.append(
            f'the {len(numbers)} numbers of classes run from {numbers[0]} to {numbers[-1]}: the '
            f'labels are their order, 0 to {len(numbers) - 1}, and labels.txt has the numbers'
        )
    return labels, [str(number) for number in numbers], notes


def read_csv(csv_path: str, source: str, validation_share: float, seed: int) -> Listing:
    """Reads a CSV file of path,label or path,label,split.

    Args:
      csv_path: of the file. Labels are names, sorted to give the classes, or numbers.
      source: the folder that relative paths start from.
      validation_share: of every class, where there is no column split.
      seed: of that choice.

    Raises:
      UserError: for a line that cannot be used.
    """
    rows = _rows(csv_path)
    first = rows[0]
    if not folders.is_image(first.path) and not os.path.exists(os.path.join(source, first.path)):
        raise UserError(
            f'{first.where}: {first.path!r} is neither an image below {source} nor the header '
            'path,label'
        )
    labels, names, notes = _labels(rows)
    if len(names) < 2:
        raise UserError(f'{csv_path} has one class only, {names[0]}')
    top = os.path.abspath(source)
    images: tuple[list, list] = ([], [])
    lines: dict[str, str] = {}
    for row in rows:
        path = os.path.relpath(os.path.join(top, row.path), top)
        if path.split(os.sep)[0] == os.pardir:
            raise UserError(
                f'{row.where}: {row.path} is not below {source}; --source_dir names the folder '
                'that holds all the images'
            )
        if path in lines:
            raise UserError(f'{row.where}: {row.path} is there already, {lines[path]}')
        lines[path] = row.where
        if row.split is not None and row.split not in SPLITS:
            raise UserError(f'{row.where}: split {row.split!r}; expected train or val')
        images[SPLITS[row.split or 'train']].append((path, labels[row.label]))
    if first.split is None:
        images = stratified_split(images[0], validation_share, seed)
    return listing(source, *images, names, notes=notes)
