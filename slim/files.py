"""Files and folders that are there whole or not at all, whatever happens while they are written."""

import contextlib
import csv
import errno
import glob
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence

import filelock

from slim.errors import UserError

LOCK = '.lock'
LOCK_PATIENCE_SECONDS = 2
# Ends the name of a file that is still being written. Nothing reads such files.
UNFINISHED = '.unfinished'


def flush_to_disk(path: str) -> None:
    """Waits until the contents of a file, or the entries of a folder, are on the disk.

    Raises:
      OSError: if they cannot be written; it carries the path.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def atomic_file(path: str) -> Iterator[str]:
    """Gives a temporary path to write to, which takes the name `path` when the block ends well.

    The temporary file lies in the same folder, so that renaming it is one step. When the block ends
    with an exception it is removed, and what was at `path` before stays. A killed process leaves it
    behind: see `remove_unfinished`.

    Raises:
      OSError: if the file cannot be written; it carries a file name.
    """
    with unfinished_file(path) as unfinished:
        yield unfinished
        finish(path)


@contextlib.contextmanager
def unfinished_file(path: str) -> Iterator[str]:
    """The first half of `atomic_file`: when the block ends well, `finish(path)` is still to come.

    Raises:
      OSError: if the file cannot be written; it carries a file name.
    """
    unfinished = path + UNFINISHED
    try:
        yield unfinished
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.remove(unfinished)
        if isinstance(error, OSError) and error.filename is None:  # write() does not say which file
            error.filename = unfinished
        raise


def finish(path: str) -> None:
    """The second half: gives the finished file its name.

    Raises:
      OSError: if it cannot be written after all; it carries a file name.
    """
    unfinished = path + UNFINISHED
    # On disk before it has its name: a power cut must not leave a named file without contents.
    with open(unfinished, 'rb') as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            error.filename = unfinished
            raise
    os.replace(unfinished, path)


def write_text(path: str, text: str) -> None:
    """Writes `text` to `path` in UTF-8, whole or not at all.

    Raises:
      OSError: if it cannot be written.
    """
    with atomic_file(path) as unfinished, open(unfinished, 'w', encoding='utf-8') as file:
        file.write(text)


def write_csv(path: str, rows: Iterable[Sequence]) -> None:
    """Writes rows of cells as CSV in UTF-8, whole or not at all.

    Raises:
      OSError: if it cannot be written.
    """
    with (
        atomic_file(path) as unfinished,
        open(unfinished, 'w', encoding='utf-8', newline='') as file,
    ):
        csv.writer(file, lineterminator='\n').writerows(rows)


def check_absent_or_empty(folder: str) -> None:
    """Makes sure that there is nothing in `folder`.

    Raises:
      OSError: if there is, or if it is a file.
    """
    if os.path.lexists(folder) and (not os.path.isdir(folder) or os.listdir(folder)):
        number = errno.ENOTEMPTY if os.path.isdir(folder) else errno.ENOTDIR
        raise OSError(number, os.strerror(number), folder)


@contextlib.contextmanager
def atomic_folder(path: str) -> Iterator[str]:
    """As `atomic_file`, for a folder: gives the path of a new one, to be filled in the block.

    What a killed process left under that path is removed first.

    Raises:
      OSError: if `path` holds something already, or cannot be written.
    """
    check_absent_or_empty(path)
    path = os.path.realpath(path)
    unfinished = path + UNFINISHED
    shutil.rmtree(unfinished, ignore_errors=True)
    os.makedirs(unfinished)
    try:
        yield unfinished
        for folder, _, names in os.walk(unfinished):
            for name in names:
                with open(os.path.join(folder, name), 'rb') as file:
                    os.fsync(file.fileno())
        os.rename(unfinished, path)  # Which takes the place of an empty folder, and of no other.
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def check_writable(folder: str) -> None:
    """Makes sure, before any work is done for it, that `folder` can be written or made.

    Raises:
      OSError: if it cannot: it or a folder above it is a file, or may not be written.
    """
    place = os.path.abspath(folder)
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), place)
    if not os.access(place, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), place)


def remove_unfinished(folder: str, keep: str = '') -> None:
    """Removes from `folder` what killed processes left unfinished, save the file `keep`."""
    for path in glob.glob(os.path.join(glob.escape(folder), '*' + UNFINISHED)):
        if os.path.basename(path) != keep:
            os.remove(path)


@contextlib.contextmanager
def lock_folder(folder: str) -> Iterator[int]:
    """Holds the lock of a folder, so that no two processes write to it at the same time.

    The lock is held as long as any process has the descriptor open: a child that inherits it keeps
    the folder locked even if this process is killed. A lock that is held elsewhere is waited for
    for a moment, because workers of a killed process end by themselves. The lock file stays: a lock
    that can be deleted does not exclude anybody.

    Args:
      folder: folder to lock; created if it does not exist.

    Yields:
      The lock's file descriptor.

    Raises:
      UserError: if another process holds the lock.
      OSError: if the folder cannot be written.
    """
    os.makedirs(folder, exist_ok=True)
    lock = os.open(os.path.join(folder, LOCK), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
        while not filelock.lock_descriptor(lock, blocking=False):
            if time.monotonic() > deadline:
                raise UserError(f'another process is writing to {folder}; wait until it has ended')
            time.sleep(0.01)
        yield lock
    finally:
        os.close(lock)


def check_plain_name(name: str, what: str) -> None:
    """Raises a `UserError` if `name` is not a plain file name, which stays in its folder.

    >>> check_plain_name('../birds', 'a dataset')
    Traceback (most recent call last):
        ...
    slim.errors.UserError: '../birds' is not the name of a dataset; expected a name without a path
    """
    if name in ('', '.', '..') or os.path.basename(name) != name:
        raise UserError(f'{name!r} is not the name of {what}; expected a name without a path')
