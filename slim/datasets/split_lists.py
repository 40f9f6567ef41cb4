"""The lists that define a dataset: `train.txt`, `val.txt` and `labels.txt`.

A split list has one line per image, `relative/path.jpg: label`, where paths are relative to the
dataset's folder and labels are 0, 1, 2, ... Paths may contain spaces and colons. `labels.txt` has
one line per class, `0:Class name`. All three are UTF-8; blank lines are ignored.
"""

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from slim import files
from slim.datasets.problems import Problem
from slim.errors import UserError

# Name of a split, as in flags and names of shards -> its list.
LIST_NAMES = {'train': 'train.txt', 'validation': 'val.txt'}
LABELS_NAME = 'labels.txt'
LINE_FORMAT = "'relative/path.jpg: label'"
BYTE_ORDER_MARK = b'\xef\xbb\xbf'


class ListedImage(NamedTuple):
    """One line of a split list.

    Attributes:
      path: path of the image file relative to the dataset's folder, with '/'.
      label: label of its class, from 0.
    """

    path: str
    label: int


def list_path(folder: str, split_name: str) -> str:
    """Returns the path of a split's list in a dataset's folder.

    Raises a `UserError` if there is no such split.
    """
    if split_name not in LIST_NAMES:
        raise UserError(f'unknown split {split_name!r}; there are {", ".join(LIST_NAMES)}')
    return os.path.join(folder, LIST_NAMES[split_name])


class _BadLine(ValueError):
    """A line that cannot be used; attributes as in `Problem`, the detail is the message."""

    def __init__(self, problem: str, detail: str, path: str = ''):
        super().__init__(detail)
        self.problem, self.path = problem, path


def _numbered_lines(path: str) -> Iterator[tuple[int, bytes]]:
    """Yields the lines of a file that are not blank, with their numbers from 1."""
    with open(path, 'rb') as file:
        for number, line in enumerate(file, 1):
            # Some editors write a byte order mark.
            line = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
            if line.strip():
                yield number, line.rstrip(b'\r\n')


def _decode(line: bytes) -> str:
    try:
        return line.decode('utf-8')
    except UnicodeDecodeError as error:
        raise _BadLine('not UTF-8', 'not UTF-8 text; save the list as UTF-8') from error


def _parse_label(text: str, num_classes: int | None) -> int:
    text = text.strip()
    if re.fullmatch('-?[0-9]{1,9}', text) is None:
        shown = text if len(text) < 50 else text[:50] + '...'
        raise _BadLine(
            'label no number', f'label {shown!r} is not a whole number; expected {LINE_FORMAT}'
        )
    label = int(text)
    if label < 0:
        raise _BadLine('label negative', f'label {label} is negative; labels start at 0')
    if num_classes is not None and label >= num_classes:
        raise _BadLine(
            'label out of range',
            f'label {label} is out of range: {LABELS_NAME} has {num_classes} classes, '
            f'0 to {num_classes - 1}; correct the list, or remove {LABELS_NAME} if it is outdated',
        )
    return label


def _check_path(path: str) -> None:
    """Raises `_BadLine` for an empty path and one that leaves the dataset's folder."""
    if not path.strip() or '\0' in path:
        raise _BadLine('unreadable line', f'no path before the label; expected {LINE_FORMAT}')
    if posixpath.isabs(path):
        raise _BadLine(
            'path outside', f'{path} is absolute; paths are relative to the dataset folder', path
        )
    if posixpath.normpath(path).split('/')[0] == '..':
        raise _BadLine('path outside', f'{path} leaves the dataset folder', path)


def _parse_line(line: bytes, num_classes: int | None) -> ListedImage:
    image, separator, label = _decode(line).rpartition(': ')
    if not separator:
        raise _BadLine('unreadable line', f'cannot be parsed; expected {LINE_FORMAT}')
    _check_path(image)
    return ListedImage(image, _parse_label(label, num_classes))


def scan_list(
    path: str, num_classes: int | None = None
) -> tuple[dict[int, ListedImage], list[Problem]]:
    """Reads a split list to its end, collecting the problems of malformed lines.

    Args:
      path: path of the list.
      num_classes: number of classes, which labels must be below; None accepts any label from 0.

    Returns:
      Line number, from 1, -> image; the problems of all other lines. Whether the image files exist
      is not checked.

    Raises:
      UserError: if the list is missing or has no lines.
      OSError: if the list cannot be read.
    """
    if not os.path.isfile(path):
        dataset_name = os.path.basename(os.path.dirname(os.path.abspath(path)))
        raise UserError(
            f'{path} is missing: python prepare_dataset.py --dataset_name={dataset_name} writes '
            f'it, or write it yourself with a line {LINE_FORMAT} for each image'
        )
    images: dict[int, ListedImage] = {}
    problems: list[Problem] = []
    for number, line in _numbered_lines(path):
        try:
            images[number] = _parse_line(line, num_classes)
        except _BadLine as bad:
            name = os.path.basename(path)
            problems.append(Problem(name, number, bad.path, bad.problem, str(bad)))
    if not images and not problems:
        raise UserError(f'{path} is empty; expected a line {LINE_FORMAT} for each image')
    return images, problems


def read_list(path: str, num_classes: int | None = None) -> list[ListedImage]:
    """Returns the images of a split list, in order; arguments and errors as in `scan_list`.

    Raises a `UserError` also if a line is malformed.
    """
    images, problems = scan_list(path, num_classes)
    if problems:
        raise UserError(f'{path}, line {problems[0].line}: {problems[0].detail}')
    return list(images.values())


def write_list(path: str, images: Iterable[tuple[str, int]]) -> None:
    """Writes (path, label) pairs as a split list, atomically.

    Raises:
      UserError: if `read_list` would refuse a pair: a path with a line break or one that leaves the
        folder, or a negative label.
      OSError: if the list cannot be written.
    """
    lines = []
    for image, label in images:
        if '\n' in image or '\r' in image:
            raise UserError(f'{path}: {image!r}: a list cannot hold a path with a line break')
        try:
            _check_path(image)
            _parse_label(str(label), None)
        except _BadLine as error:
            raise UserError(f'{path}: {image!r}: {error}') from error
        lines.append(f'{image}: {label}\n')
    files.write_text(path, ''.join(lines))


def read_labels(folder: str) -> list[str] | None:
    """Reads the class names from `labels.txt` in a dataset's folder.

    Returns:
      The names by label, or None if there is no `labels.txt`.

    Raises:
      UserError: if a line is not `label:name`, or the labels are not 0 to n-1, each once.
      OSError: if the file cannot be read.
    """
    path = os.path.join(folder, LABELS_NAME)
    if not os.path.exists(path):
        return None
    names: dict[int, str] = {}
    for number, line in _numbered_lines(path):
        start = f'{path}, line {number}'
        try:
            label, separator, name = _decode(line).partition(':')
        except _BadLine as error:
            raise UserError(f'{start}: {error}') from error
        if not separator or re.fullmatch('[0-9]{1,9}', label) is None:
            raise UserError(f"{start}: cannot be parsed; expected '0:Class name'")
        if int(label) in names:
            raise UserError(f'{start}: label {int(label)} is there twice; expected each label once')
        names[int(label)] = name.strip()
    if not names:
        raise UserError(f"{path} is empty; expected a line '0:Class name' for each class")
    if missing := set(range(len(names))) - set(names):
        raise UserError(
            f'{path}: label {min(missing)} is missing; '
            f'its {len(names)} labels must run from 0 to {len(names) - 1}'
        )
    return [names[label] for label in sorted(names)]


def write_labels(folder: str, names: Sequence[str]) -> None:
    """Writes the class names, in the order of their labels, to `labels.txt`, atomically.

    Raises:
      UserError: if a name contains a line break.
      OSError: if the file cannot be written.
    """
    for name in names:
        if '\n' in name or '\r' in name:
            raise UserError(
                f'{LABELS_NAME} cannot hold the class name {name!r}: it has a line break'
            )
    text = ''.join(f'{label}:{name}\n' for label, name in enumerate(names))
    files.write_text(os.path.join(folder, LABELS_NAME), text)
