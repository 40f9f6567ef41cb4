"""The lists that define a dataset: `train.txt`, `val.txt` and `labels.txt`.

A split list has a line for each image, `relative/path.jpg: label`, where the path starts at the
dataset's folder and the labels are 0, 1, 2, ... Paths may hold spaces and colons. `labels.txt` has
a line for each class, `0:Class name`. All are UTF-8; blank lines mean nothing.
"""

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from slim import files
from slim.datasets.problems import Problem
from slim.errors import UserError

# The name of a split, as flags and shards have it -> its list.
LIST_NAMES = {'train': 'train.txt', 'validation': 'val.txt'}
LABELS_NAME = 'labels.txt'
LINE_FORMAT = "'relative/path.jpg: label'"
BYTE_ORDER_MARK = b'\xef\xbb\xbf'


class ListedImage(NamedTuple):
    """One line of a split list.

    Attributes:
      path: of the image file, from the dataset's folder on, with '/'.
      label: of its class, from 0.
    """

    path: str
    label: int


def list_path(folder: str, split_name: str) -> str:
    """The path of a split's list in a dataset's folder.

    Raises:
      UserError: if there is no such split.
    """
    if split_name not in LIST_NAMES:
        raise UserError(f'unknown split {split_name!r}; there are {", ".join(LIST_NAMES)}')
    return os.path.join(folder, LIST_NAMES[split_name])


class _BadLine(ValueError):
    """A line that cannot be used: `problem` in a word or two, its path if it has one, and why."""

    def __init__(self, problem: str, detail: str, path: str = ''):
        super().__init__(detail)
        self.problem, self.path = problem, path


def _numbered_lines(path: str) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that are not blank, with their numbers from 1."""
    with open(path, 'rb') as file:
        for number, line in enumerate(file, 1):
            # Some editors begin a file with a byte order mark.
            line = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
            if line.strip():
                yield number, line.rstrip(b'\r\n')


def _text(line: bytes) -> str:
    try:
        return line.decode('utf-8')
    except UnicodeDecodeError as error:
        raise _BadLine('not UTF-8', 'not UTF-8 text; save the list as UTF-8') from error


def _label(text: str, num_classes: int | None) -> int:
    """The label that `text` holds."""
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
            f'0 to {num_classes - 1}; correct the list, or remove a {LABELS_NAME} out of date',
        )
    return label


def _check_path(path: str) -> None:
    """Refuses a path that is none, or that leaves the dataset's folder."""
    if not path.strip() or '\0' in path:
        raise _BadLine('unreadable line', f'no path before the label; expected {LINE_FORMAT}')
    if posixpath.isabs(path):
        raise _BadLine(
            'path outside', f'{path} is absolute; paths are relative to the dataset folder', path
        )
    if posixpath.normpath(path).split('/')[0] == '..':
        raise _BadLine('path outside', f'{path} leaves the dataset folder', path)


def _parse(line: bytes, num_classes: int | None) -> ListedImage:
    image, separator, label = _text(line).rpartition(': ')
    if not separator:
        raise _BadLine('unreadable line', f'cannot be parsed; expected {LINE_FORMAT}')
    _check_path(image)
    return ListedImage(image, _label(label, num_classes))


def scan_list(
    path: str, num_classes: int | None = None
) -> tuple[list[ListedImage], list[int], list[Problem]]:
    """Reads a split list to its end, whatever is in it.

    Args:
      path: of the list.
      num_classes: labels must be below it; None accepts all that are not negative.

    Returns:
      Its images, in order; the number of each one's line, from 1; and what is wrong with other
      lines. Whether the images' files exist is not looked at.

    Raises:
      UserError: if the list is missing, or has no line at all.
      OSError: if it cannot be read.
    """
    if not os.path.isfile(path):
        name = os.path.basename(os.path.dirname(os.path.abspath(path)))
        raise UserError(
            f'{path} is missing: python prepare_dataset.py --dataset_name={name} writes it, or '
            f'write it yourself with a line {LINE_FORMAT} for each image'
        )
    images, lines, found = [], [], []
    for number, line in _numbered_lines(path):
        try:
            images.append(_parse(line, num_classes))
            lines.append(number)
        except _BadLine as bad:
            name = os.path.basename(path)
            found.append(Problem(name, number, bad.path, bad.problem, str(bad)))
    if not images and not found:
        raise UserError(f'{path} is empty; expected a line {LINE_FORMAT} for each image')
    return images, lines, found


def read_list(path: str, num_classes: int | None = None) -> list[ListedImage]:
    """The images of a split list, in order; arguments and errors as of `scan_list`.

    Raises:
      UserError: also if a line cannot be used.
    """
    images, _, found = scan_list(path, num_classes)
    if found:
        raise UserError(f'{path}, line {found[0].line}: {found[0].detail}')
    return images


def write_list(path: str, images: Iterable[tuple[str, int]]) -> None:
    """Writes (path, label) pairs as a split list, whole or not at all.

    Raises:
      UserError: if one could not be read back: a path that holds a line break or leaves the folder,
      a negative label.
      OSError: if the list cannot be written.
    """
    lines = []
    for image, label in images:
        if '\n' in image or '\r' in image:
            raise UserError(f'{path}: {image!r}: a list cannot hold a path with a line break')
        try:
            _check_path(image)
            _label(str(label), None)
        except _BadLine as error:
            raise UserError(f'{path}: {image!r}: {error}') from error
        lines.append(f'{image}: {label}\n')
    files.write_text(path, ''.join(lines))


def read_labels(folder: str) -> list[str] | None:
    """Reads the names of the classes from `labels.txt` in a dataset's folder.

    Returns:
      The names by label, or None if there is no `labels.txt`.

    Raises:
      UserError: if a line is not `label:name`, or the labels are not 0 to n-1, each once.
      OSError: if the file cannot be read.
    """
    path = os.path.join(folder, LABELS_NAME)
    if not os.path.exists(path):
        return None
    names = {}
    for number, line in _numbered_lines(path):
        where = f'{path}, line {number}'
        try:
            label, separator, name = _text(line).partition(':')
        except _BadLine as error:
            raise UserError(f'{where}: {error}') from error
        if not separator or re.fullmatch('[0-9]{1,9}', label) is None:
            raise UserError(f"{where}: cannot be parsed; expected '0:Class name'")
        if int(label) in names:
            raise UserError(f'{where}: label {int(label)} is there twice; expected each one once')
        names[int(label)] = name.strip()
    if not names:
        raise UserError(f"{path} is empty; expected a line '0:Class name' for each class")
    for label in range(len(names)):
        if label not in names:
            raise UserError(
                f'{path}: label {label} is missing; '
                f'its {len(names)} labels must run from 0 to {len(names) - 1}'
            )
    return [names[label] for label in range(len(names))]


def write_labels(folder: str, names: Sequence[str]) -> None:
    """Writes the names of the classes, in the order of their labels, to `labels.txt`.

    Args:
      folder: the dataset's.
      names: of label 0, 1, 2, ...

    Raises:
      UserError: if a name holds a line break.
      OSError: if the file cannot be written.
    """
    for name in names:
        if '\n' in name or '\r' in name:
            raise UserError(
                f'{LABELS_NAME} cannot hold the class name {name!r}: it has a line break'
            )
    text = ''.join(f'{label}:{name}\n' for label, name in enumerate(names))
    files.write_text(os.path.join(folder, LABELS_NAME), text)
