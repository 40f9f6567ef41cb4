"""Unpacks untrusted archives: no entry can leave the folder that the archive is unpacked into.

An archive is unpacked into a folder that gets its name once it is complete. From there its contents
are moved into place. An interrupted unpacking is therefore never mistaken for a complete one, and
nothing is overwritten.
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
from collections.abc import Iterator

from tqdm import tqdm
from tqdm.utils import CallbackIOWrapper

from slim.errors import UserError

UNPACKING = '.unpacking'  # suffix of the folder that an archive is being unpacked into
BLOCK = 1 << 16  # bytes

# Errors of the libraries for an archive that is truncated, damaged, or of an unknown kind.
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

    def __init__(self, entry: str):
        super().__init__(f'{entry}; nothing of the archive was kept')


def kind(path: str) -> str | None:
    """Returns 'zip', 'tar' (compressed or not) or None, judging by the contents of a file."""
    with open(path, 'rb') as file:
        # zipfile.is_zipfile also accepts a tar whose last entry is a zip.
        if file.read(4) in (b'PK\x03\x04', b'PK\x05\x06'):
            return 'zip'
    return 'tar' if tarfile.is_tarfile(path) else None


def unpack(archive: str, folder: str, tars_to_folders: bool = False) -> None:
    """Unpacks a tar or zip file atomically into a new folder.

    At most one block of an entry is in memory at a time. Owners and special permissions are
    dropped.

    Args:
      archive: path of the file.
      folder: folder to create.
      tars_to_folders: whether each tar in the archive becomes a folder of its name, without being
        written itself, as needed for ImageNet's training images.

    Raises:
      UnsafeArchive: for an entry that is absolute, has '..' in its path or is behind a link, a link
        that points outside, or a device; the entries before it are removed.
      UserError: if the file is not an archive, or damaged.
      OSError: if it cannot be read or the folder cannot be written.
    """
    archive_kind = kind(archive)
    if archive_kind is None:
        raise UserError(f'{archive} is neither a tar nor a zip archive')
    unfinished = folder + UNPACKING
    shutil.rmtree(unfinished, ignore_errors=True)
    os.makedirs(unfinished)
    try:
        if archive_kind == 'zip':
            _unpack_zip(archive, unfinished)
        else:
            _unpack_tar_file(archive, unfinished, tars_to_folders)
        # Written to disk before it gets its name. Not `files.atomic_folder`, which does this file
        # by file: there may be a million.
        os.sync()
        os.rename(unfinished, folder)
    except tarfile.FilterError as error:
        raise UnsafeArchive(f'{archive}: {error}') from error
    except _DAMAGE as error:
        raise UserError(f'{archive} is damaged or truncated: {error}') from error
    except OSError as error:
        if error.errno is not None:  # None if gzip or bz2 found damage.
            raise
        raise UserError(f'{archive} is damaged: {error}') from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _relative(name: str, what: str) -> str:
    """Returns the path of an entry below the folder, '' for the folder itself.

    Raises `UnsafeArchive` if the path leaves the folder.
    """
    if '\0' in name or '\\' in name:
        raise UnsafeArchive(f'{what} {name!r} is not a path')
    if posixpath.isabs(name):
        raise UnsafeArchive(f'{what} {name} is absolute')
    parts = [part for part in name.split('/') if part not in ('', '.')]
    if '..' in parts:
        raise UnsafeArchive(f'{what} {name} leaves its folder')
    return '/'.join(parts)


def _check_link(path: str, target: str, what: str) -> None:
    """Raises `UnsafeArchive` for a symbolic link that points outside, directly or through others.

    '..' may only come first: it then starts from a real folder, since no entry is behind a link.
    The rest of the target leads down, at most through other links, for which the same holds.
    """
    parts = [part for part in target.split('/') if part not in ('', '.')]
    steps_up = next((i for i, part in enumerate(parts) if part != '..'), len(parts))
    if posixpath.isabs(target) or '..' in parts[steps_up:] or steps_up > path.count('/'):
        raise UnsafeArchive(f'{what} {path} is a link to {target}, outside its folder')


def _unpack_zip(archive: str, folder: str) -> None:
    """Unpacks a zip file into an existing folder."""
    with zipfile.ZipFile(archive) as file:
        entries = []
        for entry in file.infolist():
            path = _relative(entry.filename, f'{archive}: the entry')
            mode = entry.external_attr >> 16  # 0 if the zip was not made on Unix.
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise UnsafeArchive(f'{archive}: {path} is a link or a device')
            if entry.flag_bits & 1:
                raise UserError(f'{archive}: {path} needs a password; unpack it by hand')
            if path.split('/')[0] not in ('', '__MACOSX'):  # macOS adds the latter to every zip.
                entries.append(entry)
        size = sum(entry.file_size for entry in entries)
        check_space(folder, size, f'to unpack {archive}')
        with byte_bar(f'unpacking {os.path.basename(archive)}', size) as bar:
            for entry in entries:
                file.extract(entry, folder)
                bar.update(entry.file_size)


# First bytes of a compressed file, and the function that opens it. tarfile's own streams hold a
# decompressed block of any size in memory, and copy it with every read.
_COMPRESSIONS = ((b'\x1f\x8b', gzip.open), (b'BZh', bz2.open), (b'\xfd7zXZ\x00', lzma.open))


def _unpack_tar_file(archive: str, folder: str, tars_to_folders: bool) -> None:
    """Unpacks a tar file, compressed or not, into an existing folder."""
    size = os.path.getsize(archive)
    check_space(folder, size, f'at least to unpack {archive}')
    bar = byte_bar(f'unpacking {os.path.basename(archive)}', size)
    with bar, open(archive, 'rb') as file:
        start = file.read(6)
        file.seek(0)
        counted = CallbackIOWrapper(bar.update, file)
        opened = (read(counted) for magic, read in _COMPRESSIONS if start.startswith(magic))
        with (
            next(opened, contextlib.nullcontext(counted)) as stream,
            tarfile.open(fileobj=stream, mode='r|', bufsize=BLOCK) as tar,
        ):
            _unpack_tar(tar, archive, folder, tars_to_folders)
            while stream.read(BLOCK):  # Up to the checksum at the end of the compressed data.
                pass


def _unpack_tar(tar: tarfile.TarFile, archive: str, folder: str, tars_to_folders: bool) -> None:
    """Unpacks an open tar stream into an existing folder."""
    links: set[str] = set()
    for member in _members(tar):
        path = _relative(member.name, f'{archive}: the entry')
        if not path:
            continue
        parts = path.split('/')
        if any('/'.join(parts[:end]) in links for end in range(1, len(parts) + 1)):
            raise UnsafeArchive(f'{archive}: {path} is behind a link')
        if member.issym():
            _check_link(path, member.linkname, f'{archive}: the entry')
            links.add(path)
        elif member.islnk():
            source = _relative(member.linkname, f'{archive}: {path} is a link;')
            if source in links or not os.path.isfile(os.path.join(folder, source)):
                raise UnsafeArchive(f'{archive}: {path} is a link to {source}, not an earlier file')
        elif not (member.isreg() or member.isdir()):
            raise UnsafeArchive(f'{archive}: {path} is a device or a pipe')
        if tars_to_folders and member.isreg() and path.endswith('.tar'):
            inner_folder = os.path.join(folder, path.removesuffix('.tar'))
            os.makedirs(inner_folder)
            with tarfile.open(fileobj=tar.extractfile(member), mode='r|') as inner:
                _unpack_tar(inner, f'{archive}: {path}', inner_folder, False)
        else:
            tar.extract(member, folder, filter='data')


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yields the members of a stream without keeping them: iNat2017's would fill the memory."""
    while (member := tar.next()) is not None:
        yield member
        tar.members = []  # type: ignore[attr-defined]  # Not in typeshed.


def byte_bar(name: str, total: int | None, have: int = 0) -> tqdm:
    """Returns a progress bar in bytes, shown only on a terminal."""
    return tqdm(
        desc=name, total=total, initial=have, unit='B', unit_scale=True, disable=None, leave=False
    )


def size_text(count: float) -> str:
    """Formats a number of bytes.

    >>> [size_text(count) for count in (784530, 502, 186e9, 999_600, 1_150_585_339)]
    ['785 kB', '502 B', '186 GB', '1.00 MB', '1.15 GB']
    """
    for unit in ('B', 'kB', 'MB', 'GB'):
        if count < 999.5:
            digits = 0 if unit == 'B' else max(0, 3 - len(str(int(count))))
            return f'{count:.{digits}f} {unit}'
        count /= 1000
    return f'{count:.2f} TB'


def check_space(folder: str, size: int, purpose: str) -> None:
    """Raises a `UserError` if the disk of an existing folder has fewer than `size` bytes free."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise UserError(
            f'{folder}: {size_text(size)} are needed {purpose}, but {size_text(free)} are free; '
            'make room, or choose a folder on another disk'
        )


def merge(source: str, target: str) -> None:
    """Moves the contents of the folder `source` into the folder `target`; overwrites nothing.

    Folders that both have are merged; a file that both have is kept if it is the same. An
    interrupted merge is completed by a second call. `source` must be on the same disk, and is empty
    or gone afterwards; `target` need not exist.

    Raises:
      UserError: if a different file is in the way; nothing was moved then.
      OSError: if something cannot be moved.
    """
    if not os.path.lexists(target):
        os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
        os.rename(source, target)
        return
    pairs = list(_merge_pairs(source, target))
    for path, goal in pairs:
        if os.path.lexists(goal) and not same_file(path, goal):
            raise UserError(
                f'{goal} exists and differs from that in the archive; nothing is overwritten: move '
                'it away and run the same command again'
            )
    for path, goal in pairs:
        if os.path.lexists(goal):
            os.remove(path)
        else:
            os.rename(path, goal)


def _merge_pairs(source: str, target: str) -> Iterator[tuple[str, str]]:
    """Yields the old and new paths of `merge`: whole folders where `target` has none."""
    for name in sorted(os.listdir(source)):
        path, goal = os.path.join(source, name), os.path.join(target, name)
        if os.path.isdir(path) and not os.path.islink(path) and os.path.isdir(goal):
            yield from _merge_pairs(path, goal)
        else:
            yield path, goal


def same_file(path: str, other: str) -> bool:
    """Returns whether two paths are files with the same bytes."""
    return os.path.isfile(path) and os.path.isfile(other) and filecmp.cmp(path, other, False)
