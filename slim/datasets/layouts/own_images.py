"""Own images in any dataset without an official layout: one folder per class, or a CSV file."""

import bisect
import csv
import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tqdm import tqdm

from slim.datasets.layouts import readers
from slim.datasets.layouts.listing import LabelledPath, Listing, listing
from slim.errors import UserError

VALIDATION_FOLDERS = ('val', 'validation')
# Names of columns in the header of a CSV file.
PATH_COLUMNS = ('path', 'file', 'filename', 'file_name', 'filepath', 'image', 'image_path')
LABEL_COLUMNS = ('label', 'class', 'class_name', 'category', 'species')
SPLIT_COLUMNS = ('split',)
SPLITS = {'train': 0, 'val': 1, 'valid': 1, 'validation': 1}
EXPECTED_COLUMNS = 'expected path,label or path,label,split'


def stratified_split(
    images: Iterable[LabelledPath], validation_share: float, seed: int
) -> tuple[list[LabelledPath], list[LabelledPath]]:
    """Divides images so that about the same fraction of every class is for validation.

    A class of two or more images has at least one in each split; a single image is for training. A
    hash of seed and path decides, so that the choice depends neither on the order of the images nor
    on other classes. Both splits, training first, are in the order of `images`.

    Args:
      images: (path, label) of each image.
      validation_share: fraction between 0 and 1.
      seed: random seed.

    >>> images = [(f'{number}.jpg', number % 2) for number in range(20)]
    >>> train, validation = stratified_split(images, validation_share=0.2, seed=0)
    >>> [label for _, label in train].count(1), [label for _, label in validation].count(1)
    (8, 2)
    """
    images = list(images)
    paths_by_label: dict[int, list[str]] = {}
    for path, label in images:
        paths_by_label.setdefault(label, []).append(path)

    def key(path: str) -> bytes:
        return hashlib.sha256(f'{seed}/{path}'.encode(errors='surrogateescape')).digest()

    validation = set()
    for paths in paths_by_label.values():
        count = min(max(1, round(validation_share * len(paths))), len(paths) - 1)
        validation.update(sorted(paths, key=key)[:count])
    train = [image for image in images if image[0] not in validation]
    return train, [image for image in images if image[0] in validation]


class _ClassFolders(NamedTuple):
    """Contents of class folders that lie next to each other."""

    images: dict[str, list[str]]  # class name -> paths relative to the root
    skipped: list[str]
    notes: list[str]


def _read_class_folders(root: str, subfolder: str = '') -> _ClassFolders:
    """Reads the class folders in `root`/`subfolder`."""
    top = os.path.join(root, subfolder)
    images, skipped, notes = classes = _ClassFolders({}, [], [])
    contents = readers.folder_contents(top)
    if contents.images:
        notes.append(
            f'{len(contents.images)} images in {top} are in no class folder: {contents.images[0]}'
        )
    for name in tqdm(contents.folders, 'reading', unit='folder', leave=False, disable=None):
        path = os.path.join(top, name)
        inside = readers.folder_contents(path)
        prefix = f'{subfolder}/{name}' if subfolder else name
        skipped.extend(f'{prefix}/{other}' for other in inside.others)
        if inside.folders:
            nested = os.path.join(path, inside.folders[0])
            notes.append(f'{nested} is skipped: images must be directly in their class folder')
        if inside.images:
            images[name] = [f'{prefix}/{image}' for image in inside.images]
        elif not inside.folders:
            notes.append(f'{path} is skipped: it holds no image')
    return classes


def _top_folder(source: str) -> str:
    """Descends into folders that are the only one, such as an archive's top folder or images/."""
    contents = readers.folder_contents(source)
    if len(contents.folders) != 1 or contents.images:
        return source
    [name] = contents.folders
    subfolder = os.path.join(source, name)
    is_class_folder = not readers.folder_contents(subfolder).folders
    if name in ('train', *VALIDATION_FOLDERS) or is_class_folder:
        return source
    return _top_folder(subfolder)


def read_folders(source: str, validation_share: float, seed: int) -> Listing:
    """Reads one folder per class: in train/ and val/, or next to each other, to be divided.

    Args:
      source: folder that holds them, possibly inside folders that are the only one.
      validation_share: fraction of every class for validation if there is no train/ and val/.
      seed: random seed for the choice of these images.

    Raises:
      UserError: if there are fewer than two classes.
    """
    root = _top_folder(source)
    folders = readers.folder_contents(root).folders
    if 'train' in folders:
        val = next((name for name in VALIDATION_FOLDERS if name in folders), None)
        if val is None:
            raise UserError(
                f'{root} has train/ but no val/; rename the folder of the validation images, or '
                f'divide the images of train/ with --source_dir={os.path.join(root, "train")}'
            )
        sides = [_read_class_folders(root, 'train'), _read_class_folders(root, val)]
    else:
        sides = [_read_class_folders(root)]
    names = sorted(set().union(*(side.images for side in sides)))
    if len(names) < 2:
        what = f'only one folder with images, {names[0]}' if names else 'no folder with images'
        raise UserError(
            f'{root} has {what}; expected one folder per class with its images, in that folder or '
            'in train/ and val/ there'
        )
    labels = {name: label for label, name in enumerate(names)}
    splits: Sequence[list[LabelledPath]] = [
        [(path, labels[name]) for name, paths in side.images.items() for path in paths]
        for side in sides
    ]
    if len(splits) == 1:
        splits = stratified_split(splits[0], validation_share, seed)
    skipped = [path for side in sides for path in side.skipped]
    notes = [note for side in sides for note in side.notes]
    return listing(root, splits[0], splits[1], names, skipped, notes)


class _Row(NamedTuple):
    """One row of a CSV file."""

    location: str  # for messages
    path: str
    label: str
    split: str | None


def _parse_header(fields: Sequence[str]) -> tuple[int, int, int | None] | None:
    """Returns the columns of path, label and split; None if the fields are not a header."""
    header = [name.strip().lower() for name in fields]
    path, label, split = (
        next((header.index(name) for name in names if name in header), None)
        for names in (PATH_COLUMNS, LABEL_COLUMNS, SPLIT_COLUMNS)
    )
    return None if path is None or label is None else (path, label, split)


def _numbered_rows(csv_path: str) -> list[tuple[str, list[str]]]:
    """Returns the non-blank rows of a CSV file with their location."""
    try:
        with open(csv_path, encoding='utf-8-sig', newline='') as file:
            reader = csv.reader(file, strict=True)
            return [
                (f'{csv_path}, line {reader.line_num}', fields)
                for fields in reader
                if any(field.strip() for field in fields)
            ]
    except UnicodeDecodeError as error:
        raise UserError(f'{csv_path} is not UTF-8 text; save it as "CSV UTF-8"') from error
    except csv.Error as error:
        raise UserError(f'{csv_path}, line {reader.line_num}: {error}') from error


def _parse_rows(csv_path: str) -> list[_Row]:
    numbered = _numbered_rows(csv_path)
    if not numbered:
        raise UserError(f'{csv_path} has no images; {EXPECTED_COLUMNS}')
    location, first = numbered[0]
    columns = _parse_header(first)
    if columns is not None:
        del numbered[0]
    elif len(first) in (2, 3):
        columns = (0, 1, 2 if len(first) == 3 else None)
    else:
        raise UserError(f'{location}: there are {len(first)} columns; {EXPECTED_COLUMNS}')
    rows = []
    for location, fields in numbered:
        if len(fields) != len(first):
            raise UserError(f'{location}: there are {len(fields)} columns, not {len(first)}')
        path, label = (fields[column].strip() for column in columns[:2])
        if not path or not label:
            raise UserError(f'{location}: path or label is empty; {EXPECTED_COLUMNS}')
        split = None if columns[2] is None else fields[columns[2]].strip().lower()
        if split is not None and split not in SPLITS:
            raise UserError(f'{location}: split {split!r}; expected train or val')
        rows.append(_Row(location, path, label, split))
    if not rows:
        raise UserError(f'{csv_path} has no images; {EXPECTED_COLUMNS}')
    return rows


def _assign_labels(rows: Sequence[_Row]) -> tuple[dict[str, int], list[str], list[str]]:
    """Returns (label of each text in the label column, class names, notes)."""
    texts = sorted({row.label for row in rows})
    if not all(re.fullmatch('[0-9]{1,18}', text) for text in texts):
        return {text: label for label, text in enumerate(texts)}, texts, []
    numbers = sorted(set(map(int, texts)))
    labels = {text: bisect.bisect_left(numbers, int(text)) for text in texts}
    notes = []
    if numbers != list(range(len(numbers))):
        notes.append(
            f'the {len(numbers)} class numbers run from {numbers[0]} to {numbers[-1]}: the labels '
            f'are their ranks, 0 to {len(numbers) - 1}, and labels.txt has the numbers'
        )
    return labels, [str(number) for number in numbers], notes


def read_csv(csv_path: str, source: str, validation_share: float, seed: int) -> Listing:
    """Reads a CSV file of path,label or path,label,split.

    Args:
      csv_path: path of the file. Its labels are names, sorted to give the classes, or numbers.
      source: folder that relative paths start from.
      validation_share: fraction of every class for validation if there is no column split.
      seed: random seed for the choice of these images.

    Raises:
      UserError: for a line that cannot be used.
    """
    rows = _parse_rows(csv_path)
    first = rows[0]
    if not readers.is_image(first.path) and not os.path.exists(os.path.join(source, first.path)):
        raise UserError(
            f'{first.location}: {first.path!r} is neither an image below {source} nor the header '
            'path,label'
        )
    labels, names, notes = _assign_labels(rows)
    if len(names) < 2:
        raise UserError(f'{csv_path} has only one class, {names[0]}')
    top = os.path.abspath(source)
    splits: tuple[list[LabelledPath], list[LabelledPath]] = ([], [])
    locations: dict[str, str] = {}
    for row in rows:
        path = os.path.relpath(os.path.join(top, row.path), top)
        if path.split(os.sep)[0] == os.pardir:
            raise UserError(
                f'{row.location}: {row.path} is not below {source}; --source_dir names the folder '
                'that holds all the images'
            )
        if path in locations:
            raise UserError(f'{row.location}: {row.path} was already listed, {locations[path]}')
        locations[path] = row.location
        splits[SPLITS[row.split or 'train']].append((path, labels[row.label]))
    if first.split is None:
        splits = stratified_split(splits[0], validation_share, seed)
    return listing(source, *splits, names, notes=notes)
