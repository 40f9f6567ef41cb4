"""Reads the text files, MATLAB files and folders of images that datasets consist of."""

import contextlib
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from slim.errors import UserError

# Image files are only recognized by name here. The conversion checks their contents.
IMAGE_SUFFIXES = frozenset(
    {'.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.webp', '.bmp', '.gif', '.tif', '.tiff'}
)
# Folders of other programs, ignored like names that begin with a dot.
IGNORED_FOLDERS = frozenset({'__MACOSX', '@eaDir', 'lost+found', 'System Volume Information'})


def lines(path: str) -> Iterator[tuple[str, str]]:
    """Yields the non-blank lines of a UTF-8 file as (location for messages, text).

    Raises a `UserError` if a line is not UTF-8.
    """
    with open(path, 'rb') as file:
        for number, line in enumerate(file, 1):
            location = f'{path}, line {number}'
            try:
                # Some editors begin a file with a byte order mark.
                text = line.decode('utf-8-sig' if number == 1 else 'utf-8').strip()
            except UnicodeDecodeError as error:
                raise UserError(f'{location}: not UTF-8 text; save the file as UTF-8') from error
            if text:
                yield location, text


def pairs(path: str) -> Iterator[tuple[str, str, str]]:
    """Yields the lines '<key> <value>' of a file as (location, key, value); values may hold spaces.

    Raises a `UserError` if a line has no value.
    """
    for location, text in lines(path):
        key, _, value = text.partition(' ')
        if not value.strip():
            raise UserError(f"{location}: {text!r} cannot be parsed; expected '<id> <value>'")
        yield location, key, value.strip()


def table(path: str) -> dict[str, str]:
    """Returns the values of the lines '<key> <value>' of a file by key, in order.

    Raises a `UserError` if a line has no value or repeats a key.
    """
    values: dict[str, str] = {}
    for location, key, value in pairs(path):
        if key in values:
            raise UserError(f'{location}: {key} is listed twice')
        values[key] = value
    return values


def names(path: str) -> list[str]:
    """Returns the lines of a file of unique names.

    Raises a `UserError` if the file is empty or repeats a name.
    """
    found: dict[str, None] = {}
    for location, name in lines(path):
        if name in found:
            raise UserError(f'{location}: {name} is listed twice')
        found[name] = None
    if not found:
        raise UserError(f'{path} is empty; expected one name per line')
    return list(found)


def whole_number(value: Any, location: str) -> int:
    """Converts digits, or a number from a MATLAB file (mostly float64), to an int.

    Raises a `UserError` if `value` is not a whole number, or is text but not a non-negative one.
    """
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        is_digits = isinstance(value, str) and re.fullmatch('[0-9]{1,18}', value)
        if is_digits or int(value) == value:  # Text never equals a number.
            return int(value)
    raise UserError(f'{location}: {value!r} is not a whole number')


def _matlab_variable(path: str, key: str) -> Any:
    """Reads a variable of a MATLAB file and removes its dimensions of size 1."""
    # Imported here because it takes a moment and most layouts do not need it.
    from scipy.io import loadmat, matlab

    try:
        content = loadmat(path, variable_names=[key], simplify_cells=True)
    except NotImplementedError as error:
        raise UserError(f'{path} is a MATLAB file of version 7.3; expected the original') from error
    except (matlab.MatReadError, OSError, TypeError, ValueError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno:  # None if scipy found the file truncated.
            raise
        raise UserError(
            f'{path} is not a MATLAB file, or damaged ({error}); download it again'
        ) from error
    if key not in content:
        raise UserError(f'{path} has no variable {key!r}; it is not the expected file')
    return content[key]


def matlab_numbers(path: str, key: str) -> list[int]:
    """Reads a vector of whole numbers from a MATLAB file.

    Raises a `UserError` if the file cannot be read or has no such variable.
    """
    import numpy as np

    values = np.ravel(_matlab_variable(path, key)).tolist()
    return [whole_number(value, f'{path}, {key}') for value in values]


def matlab_texts(path: str, key: str) -> list[str]:
    """Reads a cell array of text; raises the same errors as `matlab_numbers`."""
    import numpy as np

    values = np.ravel(np.asarray(_matlab_variable(path, key), object)).tolist()
    for value in values:
        if not isinstance(value, str):
            raise UserError(f'{path}, {key}: {value!r} is not text')
    return [value.strip() for value in values]


def matlab_records(path: str, key: str, fields: Sequence[str]) -> list[tuple]:
    """Reads the named fields of an array of structs; raises the same errors as `matlab_numbers`."""
    structs = _matlab_variable(path, key)
    try:
        return [
            tuple(struct[field] for field in fields)
            for struct in ([structs] if isinstance(structs, dict) else structs)
        ]
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f'{path}, {key}: expected structs with the fields {", ".join(fields)}'
        ) from error


@dataclass(frozen=True)
class FolderContents:
    """Sorted names of the entries of a folder."""

    images: Sequence[str]  # files whose suffix is that of an image
    others: Sequence[str]  # other files
    folders: Sequence[str]  # without those of other programs


def is_image(name: str) -> bool:
    """Returns whether a file is an image, judging by its name.

    >>> is_image('Robin.JPEG'), is_image('Thumbs.db'), is_image('._robin.jpg')
    (True, False, False)
    """
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and not name.startswith('.')


def folder_contents(folder: str) -> FolderContents:
    """Lists a folder, without its subfolders' contents."""
    images: list[str] = []
    others: list[str] = []
    folders: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir():
                (images if is_image(entry.name) else others).append(entry.name)
            elif not entry.name.startswith('.') and entry.name not in IGNORED_FOLDERS:
                folders.append(entry.name)
    return FolderContents(sorted(images), sorted(others), sorted(folders))
