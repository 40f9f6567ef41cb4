"""Files and folders that are written atomically, and the lock of a folder.

A file is written under a temporary name, flushed to disk and renamed: whatever happens meanwhile, a
file with its final name is complete.
"""

import contextlib
import errno
import glob
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import filelock

from slim.errors import UserError

LOCK = '.lock'
LOCK_PATIENCE_SECONDS = 2
# Suffix of a file that is still being written. Nothing reads such files.
UNFINISHED = '.unfinished'


def flush_to_disk(path: str) -> None:
    """Waits until the contents of a file, or the entries of a folder, are on the disk.

    Raises an `OSError` that carries the path if they cannot be written.
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
    """Yields a temporary path to write to, which is renamed to `path` when the block succeeds.

    The temporary file is in the same folder, so that the renaming is atomic. If the block raises an
    exception, the temporary file is removed and an earlier file at `path` stays. A killed process
    leaves the temporary file behind: see `remove_unfinished`. Raises an `OSError` that carries a
    path if the file cannot be written.
    """
    with unfinished_file(path) as unfinished:
        yield unfinished
        finish(path)


@contextlib.contextmanager
def unfinished_file(path: str) -> Iterator[str]:
    """Yields the temporary path as `atomic_file` does, but leaves the renaming to `finish(path)`.

    Raises an `OSError` that carries a path if the file cannot be written.
    """
    unfinished = path + UNFINISHED
    try:
        yield unfinished
    except BaseException as error:
        Path(unfinished).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:  # write() does not set it.
            error.filename = unfinished
        raise


def finish(path: str) -> None:
    """Gives a file that was written by `unfinished_file(path)` its final name, replacing `path`.

    The file is first flushed to disk, because a power cut must not leave a file with its final name
    but no contents. Raises an `OSError` that carries a path if the file cannot be written.
    """
    flush_to_disk(path + UNFINISHED)
    os.replace(path + UNFINISHED, path)


def write_text(path: str, text: str) -> None:
    """Writes `text` to `path` atomically, in UTF-8; raises an `OSError` if it cannot be written."""
    with atomic_file(path) as unfinished, open(unfinished, 'w', encoding='utf-8') as file:
        file.write(text)


def check_absent_or_empty(folder: str) -> None:
    """Raises an `OSError` if `folder` is a file or a folder that holds something."""
    if os.path.lexists(folder) and (not os.path.isdir(folder) or os.listdir(folder)):
        number = errno.ENOTEMPTY if os.path.isdir(folder) else errno.ENOTDIR
        raise OSError(number, os.strerror(number), folder)


@contextlib.contextmanager
def atomic_folder(path: str) -> Iterator[str]:
    """Yields a temporary folder to fill, which is renamed to `path` when the block succeeds.

    The temporary folder is removed if the block raises an exception. A temporary folder that a
    killed process left behind is removed first.

    Raises:
      OSError: if `path` is a file or a folder that holds something, or cannot be written.
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
                flush_to_disk(os.path.join(folder, name))
        os.rename(unfinished, path)  # Replaces an empty folder, and no other.
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def check_writable(folder: str) -> None:
    """Checks, before any work is done, that `folder` can be written to or created.

    Raises:
      OSError: if it, or the nearest existing folder above it, is a file or not writable.
    """
    existing = os.path.abspath(folder)
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    if not os.path.isdir(existing):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), existing)
    if not os.access(existing, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), existing)


def remove_unfinished(folder: str, keep: str = '') -> None:
    """Removes unfinished files that killed processes left in `folder`, except the file `keep`."""
    for path in glob.glob(os.path.join(glob.escape(folder), '*' + UNFINISHED)):
        if os.path.basename(path) != keep:
            os.remove(path)


@contextlib.contextmanager
def lock_folder(folder: str) -> Iterator[int]:
    """Holds the lock of a folder, so that no two processes write to it at the same time.

    The lock is held as long as any process has the descriptor open: a child that inherits it keeps
    the folder locked even if this process is killed. If the lock is held elsewhere, this waits for
    two seconds, because workers of a killed process end by themselves. The lock file stays: a lock
    file that is deleted while it is waited for would lock nothing.

    Args:
      folder: folder to lock; created if it does not exist.

    Yields:
      File descriptor of the lock.

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
