"""Unpacks archives that nobody has looked into: no entry leaves its folder, whatever it says.

An archive is unpacked into a folder that gets its name once all of it is there, and from there its
entries are moved to where they belong. So neither a killed unpacking is taken for a whole one, nor
is anything overwritten.
"""

import bz2
import contextlib
import filecmp
import gzip
import lzma
import os
import posixpath
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator

from tqdm import tqdm

from slim.errors import UserError

# Ends the name of a folder that an archive is being unpacked into.
UNPACKING = '.unpacking'
BLOCK = 1 << 16  # bytes

# What the two libraries raise for an archive that is cut off, spoilt, or of an unknown kind.
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
)


class UnsafeArchive(UserError):
    """An archive with an entry that would leave the folder it is unpacked into."""


def kind(path: str) -> str | None:
    """'zip' or 'tar' (compressed or not), by what is in the file; None if it is neither.

    Raises:
      OSError: if it cannot be read.
    """
    with open(path, 'rb') as file:
        # Not zipfile.is_zipfile: that takes a tar whose last entry is a zip for one.
        if file.read(4) in (b'PK\x03\x04', b'PK\x05\x06'):
            return 'zip'
    return 'tar' if tarfile.is_tarfile(path) else None


def unpack(archive: str, folder: str, tars_to_folders: bool = False) -> None:
    """Unpacks a tar or zip file into a new folder, which is there whole or not at all.

    No more than a block of an entry is in memory at a time. Owners and special permissions are
    dropped.

    Args:
      archive: its path.
      folder: to be made.
      tars_to_folders: whether each tar in the archive becomes a folder of its name, without being
      written itself, as ImageNet's training images want it.

    Raises:
      UnsafeArchive: for an entry that is absolute, has '..' in its path or lies behind a link, a
      link that points outside, a device; nothing is left of what was unpacked before it.
      UserError: if it is no archive, or damaged.
      OSError: if it cannot be read or the folder not be written.
    """
    found = kind(archive)
    if found is None:
        raise UserError(f'{archive} is neither a tar nor a zip archive')
    unfinished = folder + UNPACKING
    shutil.rmtree(unfinished, ignore_errors=True)
    os.makedirs(unfinished)
    try:
        if found == 'zip':
            _unpack_zip(archive, unfinished)
        else:
            _unpack_tar_file(archive, unfinished, tars_to_folders)
        os.sync()  # On disk before it has its name, at once: there may be a million files.
        os.rename(unfinished, folder)
    except tarfile.FilterError as error:
        raise UnsafeArchive(f'{archive}: {error}; nothing of it was kept') from error
    except _DAMAGE as error:
        raise UserError(f'{archive} is damaged or cut off: {error}') from error
    except OSError as error:
        if error.errno is not None:  # None where it is gzip's or bz2's word for damage.
            raise
        raise UserError(f'{archive} is damaged: {error}') from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _relative(name: str, what: str) -> str:
    """An entry's path from the folder on, '' for the folder itself.

    Raises:
      UnsafeArchive: if it leaves the folder.
    """
    if '\0' in name or '\\' in name:
        raise UnsafeArchive(f'{what} {name!r} is no path; nothing of the archive was kept')
    if posixpath.isabs(name):
        raise UnsafeArchive(f'{what} {name} is absolute; nothing of the archive was kept')
    parts = [part for part in name.split('/') if part not in ('', '.')]
    if '..' in parts:
        raise UnsafeArchive(f'{what} {name} leaves its folder; nothing of the archive was kept')
    return '/'.join(parts)


def _check_link(path: str, target: str, what: str) -> None:
    """Refuses a symbolic link at `path` that points outside, by itself or by way of others.

    Steps up may only come first: then they start from a real folder, since no entry lies behind a
    link, and what follows goes down, through other links at most of which the same is true.
    """
    parts = [part for part in target.split('/') if part not in ('', '.')]
    steps_up = next((i for i, part in enumerate(parts) if part != '..'), len(parts))
    if posixpath.isabs(target) or '..' in parts[steps_up:] or steps_up > path.count('/'):
        raise UnsafeArchive(
            f'{what} {path} is a link to {target}, outside its folder; '
            'nothing of the archive was kept'
        )


def _unpack_zip(archive: str, folder: str) -> None:
    """Unpacks a zip file into an existing folder."""
    with zipfile.ZipFile(archive) as file:
        entries = []
        for entry in file.infolist():
            path = _relative(entry.filename, f'{archive}: the entry')
            mode = entry.external_attr >> 16  # 0 where the zip was not made on Unix.
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise UnsafeArchive(f'{archive}: {path} is a link or a device; nothing was kept')
            if entry.flag_bits & 1:
                raise UserError(f'{archive}: {path} is locked with a password; unpack it by hand')
            # What macOS adds to every zip that it makes.
            if path and path.split('/')[0] != '__MACOSX':
                entries.append((path, entry))
        size = sum(entry.file_size for _, entry in entries)
        check_space(folder, size, f'to unpack {archive}')
        with _bar(size, archive) as bar:
            for path, entry in entries:
                target = os.path.join(folder, path)
                if entry.is_dir():
                    os.makedirs(target, exist_ok=True)
                    continue
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with file.open(entry) as source, open(target, 'wb') as copy:
                    while block := source.read(BLOCK):
                        copy.write(block)
                        bar.update(len(block))


# How a compressed file begins, and what reads it. Not tarfile's own streams: they hold as much in
# memory as a block of the file grows to, and copy it with every read.
_COMPRESSIONS = ((b'\x1f\x8b', gzip.open), (b'BZh', bz2.open), (b'\xfd7zXZ\x00', lzma.open))


def _unpack_tar_file(archive: str, folder: str, tars_to_folders: bool) -> None:
    """Unpacks a tar file, compressed or not, into an existing folder."""
    size = os.path.getsize(archive)
    check_space(folder, size, f'at least to unpack {archive}')
    with open(archive, 'rb') as file, _bar(size, archive) as bar:
        start = file.read(6)
        file.seek(0)
        opened = (read(file) for magic, read in _COMPRESSIONS if start.startswith(magic))
        with (
            next(opened, contextlib.nullcontext(file)) as stream,
            tarfile.open(fileobj=stream, mode='r|', bufsize=BLOCK) as tar,
        ):
            _unpack_tar(
                tar, archive, folder, tars_to_folders, lambda: bar.update(file.tell() - bar.n)
            )
            while stream.read(BLOCK):  # To the checksum at the end of what is compressed.
                pass


def _unpack_tar(
    tar: tarfile.TarFile,
    archive: str,
    folder: str,
    tars_to_folders: bool,
    tick: Callable[[], None],
) -> None:
    """Unpacks an open tar stream into an existing folder; calls `tick` after each entry."""
    links = set()
    for member in _members(tar):
        path = _relative(member.name, f'{archive}: the entry')
        if not path:
            continue
        parts = path.split('/')
        if any('/'.join(parts[:end]) in links for end in range(1, len(parts) + 1)):
            raise UnsafeArchive(f'{archive}: {path} lies behind a link; nothing was kept')
        if member.issym():
            _check_link(path, member.linkname, f'{archive}: the entry')
            links.add(path)
        elif member.islnk():
            source = _relative(member.linkname, f'{archive}: {path} is a link;')
            if source in links or not os.path.isfile(os.path.join(folder, source)):
                raise UnsafeArchive(f'{archive}: {path} is a link to {source}, no file before it')
        elif not (member.isreg() or member.isdir()):
            raise UnsafeArchive(f'{archive}: {path} is a device or a pipe; nothing was kept')
        if tars_to_folders and member.isreg() and path.endswith('.tar'):
            inner_folder = os.path.join(folder, path.removesuffix('.tar'))
            os.makedirs(inner_folder)
            with tarfile.open(fileobj=tar.extractfile(member), mode='r|') as inner:
                _unpack_tar(inner, f'{archive}: {path}', inner_folder, False, tick)
        else:
            tar.extract(member, folder, filter='data')
        tick()


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members of a stream, which does not keep them: iNat2017's would fill the memory."""
    while (member := tar.next()) is not None:
        yield member
        tar.members = []


def _bar(total: int, archive: str) -> tqdm:
    """A progress bar in bytes; it shows on a terminal only."""
    name = f'unpacking {os.path.basename(archive)}'
    return tqdm(total=total, desc=name, unit='B', unit_scale=True, disable=None, leave=False)


def size_text(count: float) -> str:
    """A number of bytes for people.

    >>> size_text(784530), size_text(502), size_text(186e9)
    ('785 kB', '502 B', '186 GB')
    >>> size_text(999_600), size_text(1_150_585_339)
    ('1.00 MB', '1.15 GB')
    """
    for unit in ('B', 'kB', 'MB', 'GB'):
        if count < 999.5:
            digits = 0 if unit == 'B' else max(0, 3 - len(str(int(count))))
            return f'{count:.{digits}f} {unit}'
        count /= 1000
    return f'{count:.2f} TB'


def check_space(folder: str, size: int, purpose: str) -> None:
    """Makes sure that the disk of an existing folder has `size` bytes free.

    Raises:
      UserError: if it has not; it names both numbers.
    """
    free = shutil.disk_usage(folder).free
    if size > free:
        raise UserError(
            f'{folder}: {size_text(size)} are needed {purpose}, but {size_text(free)} are free; '
            'make room, or choose a folder on another disk'
        )


def merge(source: str, target: str) -> None:
    """Moves what is in the folder `source` into the folder `target`, and overwrites nothing.

    A folder that both have is merged, a file that both have stays if it is the same. A merge that
    was broken off is finished by another one.

    Args:
      source: a folder on the same disk as `target`. It is empty or gone afterwards.
      target: a folder, or nothing.

    Raises:
      UserError: if another file is where one shall be; then nothing was moved.
      OSError: if something cannot be moved.
    """
    if not os.path.lexists(target):
        os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
        os.rename(source, target)
        return
    for path, goal in _pairs(source, target):
        if os.path.lexists(goal) and not _same(path, goal):
            raise UserError(
                f'{goal} is there already, and another than in the archive; nothing is '
                'overwritten: move it away and run the same command again'
            )
    for path, goal in list(_pairs(source, target)):
        if os.path.lexists(goal):
            os.remove(path)
        else:
            os.rename(path, goal)


def _pairs(source: str, target: str) -> Iterator[tuple[str, str]]:
    """What `merge` has to move, and where to: whole folders where there is none yet."""
    for name in sorted(os.listdir(source)):
        path, goal = os.path.join(source, name), os.path.join(target, name)
        if os.path.isdir(path) and not os.path.islink(path) and os.path.isdir(goal):
            yield from _pairs(path, goal)
        else:
            yield path, goal


def _same(path: str, other: str) -> bool:
    """Whether two paths are files with the same bytes."""
    return os.path.isfile(path) and os.path.isfile(other) and filecmp.cmp(path, other, False)
