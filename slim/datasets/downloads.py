"""Fetches what `downloads.toml` lists: datasets, checkpoints, features, the paper's lists.

A file is downloaded (http_download.py), its checksum is checked, and it gets its name; an archive
is then unpacked (archives.py) and its contents moved to where they belong. Until then everything
lies in a folder of its own beside it, `<file>.download`, from which the same command resumes.
"""

import contextlib
import errno
import fcntl
import glob
import json
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from slim import files
from slim.datasets.archives import check_space, kind, merge, size_text, unpack
from slim.errors import UserError, nearest

CATALOGUE_PATH = os.path.join(os.path.dirname(__file__), 'downloads.toml')
REPOSITORY = str(Path(__file__).parents[2])
STAGING = '.download'  # Ends the name of the folder of what is not in place yet.
RECORDS = 'downloads.json'
PAUSES = (1, 4, 16)  # seconds before each new try of a download that brings nothing

HERE, MISSING, ARCHIVE, UNPACKED = 'here', 'missing', 'archive here', 'not all in place'


@dataclass(frozen=True)
class Places:
    """The folders that the first part of an item's `folder` stands for."""

    data: str = './data/'
    feature: str = './feature/'
    checkpoints: str = './checkpoints/'
    top: str = REPOSITORY

    def path(self, folder: str) -> str:
        """The path of a folder of the catalogue, such as 'data/cub_200' or '.'."""
        first, _, rest = folder.partition('/')
        return self.top if first == '.' else os.path.join(getattr(self, first), rest)


@dataclass(frozen=True)
class File:
    """One file of an item; the head of downloads.toml says what its fields mean."""

    file: str
    urls: tuple[str, ...] = ()
    drive: str | None = None
    by_hand: str | None = None
    md5: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    about: int | None = None
    unpack: str | None = None
    inner: str | None = None
    tars_to_folders: bool = False
    checkpoint: str | None = None
    holds: tuple[str, ...] = ()

    @property
    def is_archive(self) -> bool:
        """Whether it is unpacked."""
        return self.unpack is not None or self.checkpoint is not None

    @property
    def known_hash(self) -> str | None:
        """Its checksum as pooch writes it, 'md5:...' or 'sha256:...'."""
        if self.sha256:
            return f'sha256:{self.sha256}'
        return f'md5:{self.md5}' if self.md5 else None

    def source(self) -> str:
        """Where it is from, in a word or a sentence."""
        from slim.datasets import http_download

        if self.by_hand:
            return f'by hand: {self.by_hand}'
        return http_download.host(
            self.urls[0] if self.urls else http_download.drive_address(self.drive)
        )


@dataclass(frozen=True)
class Item:
    """What one name on the command line stands for."""

    name: str
    what: str
    folder: str
    files: tuple[File, ...]


def load_catalogue(path: str | None = None) -> dict[str, Item]:
    """Reads a catalogue.

    Args:
      path: of a TOML file; the project's own by default.

    Returns:
      Its items by name, in order.

    Raises:
      UserError: if it is missing or no catalogue; it says which entry is wrong.
    """
    path = path or CATALOGUE_PATH
    try:
        with open(path, 'rb') as file:
            tables = tomllib.load(file)
    except FileNotFoundError as error:
        raise UserError(f'{path} is missing; --catalogue names a TOML file') from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f'{path} is no TOML file: {error}') from error
    return {name: _item(name, table, f'{path}: {name}') for name, table in tables.items()}


def _item(name: str, table: object, where: str) -> Item:
    """One table of a catalogue."""
    if not isinstance(table, dict) or set(table) - {'by_hand'} != {'what', 'folder', 'files'}:
        raise UserError(f'{where}: expected a table of what, folder, files, and perhaps by_hand')
    first = table['folder'].partition('/')[0]
    if first not in ('data', 'feature', 'checkpoints', '.') or not _stays(table['folder']):
        raise UserError(f'{where}: the folder {table["folder"]} is in none of data, feature, ...')
    by_hand = {'by_hand': table['by_hand']} if 'by_hand' in table else {}
    files = tuple(_file({**entry, **by_hand}, where) for entry in table['files'])
    names = [file.file for file in files]
    if not files or len(set(names)) < len(names):
        raise UserError(f'{where}: expected files, each of another name')
    return Item(name, table['what'], table['folder'], files)


def _file(entry: Mapping, where: str) -> File:
    """One file of a table of a catalogue, checked."""
    unknown = set(entry) - {field.name for field in fields(File)}
    if unknown or not isinstance(entry.get('file'), str):
        wrong = f'there is no {", ".join(sorted(unknown))}' if unknown else 'a file has no name'
        raise UserError(f'{where}: {wrong}')
    where = f'{where}: {entry["file"]}'
    file = File(**{k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()})
    if sum(bool(source) for source in (file.urls, file.drive, file.by_hand)) != 1:
        raise UserError(f'{where}: expected one of urls, drive and by_hand')
    for url in file.urls:
        if not url.startswith(('http://', 'https://')):
            raise UserError(f'{where}: the address {url} is neither http nor https')
    for sum_name, digits in (('md5', 32), ('sha256', 64)):
        value = getattr(file, sum_name)
        if value is not None and re.fullmatch(f'[0-9a-f]{{{digits}}}', value) is None:
            raise UserError(f'{where}: {sum_name} {value} is not {digits} hexadecimal digits')
    if os.path.basename(file.file) != file.file or file.file in ('', '.', '..'):
        raise UserError(f'{where}: it is not the name of a file')
    for path in (file.unpack, file.inner, file.checkpoint, *file.holds):
        if path is not None and not _stays(path):
            raise UserError(f'{where}: {path} leaves the folder')
    return file


def _stays(path: str) -> bool:
    """Whether a relative path of the catalogue stays below the folder that it starts from."""
    return not os.path.isabs(path) and '..' not in path.split('/')


def select(catalogue: Mapping[str, Item], name: str) -> Item:
    """The item that a name stands for, or the one file of it that 'name/file' stands for.

    Raises:
      UserError: if there is none; it names the nearest ones.
    """
    name, slash, file_name = name.partition('/')
    if name not in catalogue:
        raise UserError(f'there is no {name} to download{nearest(name, catalogue)}')
    item = catalogue[name]
    if not slash:
        return item
    files = {file.file: file for file in item.files}
    if file_name not in files:
        raise UserError(f'{name} has no file {file_name}{nearest(file_name, files)}')
    return Item(item.name, item.what, item.folder, (files[file_name],))


def fetch(
    name: str,
    folder: str | None = None,
    *,
    catalogue: Mapping[str, Item] | None = None,
    places: Places | None = None,
    keep_archives: bool = False,
    pauses: Sequence[float] = PAUSES,
) -> str:
    """Sees to it that an item is in place: downloads, checks and unpacks what is missing of it.

    Args:
      name: of the item, or 'name/file' for one file of it.
      folder: to put it into; by default the item's own.
      catalogue: see `load_catalogue`; by default the project's own.
      places: what the item's own folder lies in.
      keep_archives: whether archives stay once they are unpacked. Those that were put there by
      hand stay in any case.
      pauses: seconds before each new try of a download that brings nothing.

    Returns:
      The path of the file if the item is one that is not unpacked, the prefix of the checkpoint if
      it is one, and otherwise the folder.

    Raises:
      UserError: if there is no such item, or one of its files cannot be had; the message says why
      and what to do. The other files are in place then.
      OSError: if a file cannot be written.
    """
    item = select(catalogue or load_catalogue(), name)
    folder = folder or (places or Places()).path(item.folder)
    absent = [file for file in item.files if file.by_hand and state(file, folder) == MISSING]
    errors = [_by_hand_text(absent, folder)] if absent else []
    for file in item.files:
        if file in absent:
            continue
        try:
            _fetch_file(file, folder, keep_archives, tuple(pauses))
        except UserError as error:
            errors.append(str(error))
    if errors:
        raise UserError('; '.join(errors))
    [*others, file] = item.files
    if others or file.unpack is not None:
        return folder
    return os.path.join(folder, file.checkpoint or file.file)


def _by_hand_text(absent: Sequence[File], folder: str) -> str:
    """What to say of an item's files that have to be got by hand, and are not there."""
    names = ', '.join(file.file for file in absent)
    return (
        f'no open link leads to {names}: {absent[0].by_hand}; put what you get into {folder} and '
        'run the same command again, which checks and unpacks it'
    )


def state(file: File, folder: str) -> str:
    """Whether a file of an item is in place, by what lies in its folder; no checksum is looked at.

    Args:
      file: of an item.
      folder: the item's.

    Returns:
      HERE, MISSING, ARCHIVE (complete, but not unpacked), UNPACKED (but not moved into place), or
      how many bytes of it have come.
    """
    path = os.path.join(folder, file.file)
    if os.path.isdir(_unpacked(path)):
        return UNPACKED
    if _in_place(file, folder):
        return HERE
    if os.path.isfile(path):
        return ARCHIVE
    parts = [entry for entry in _scan(path + STAGING) if not entry.name.endswith('.json')]
    have = max((part.stat().st_size for part in parts if part.is_file()), default=0)
    if not have:
        return MISSING
    total = file.bytes or file.about
    return f'{size_text(have)} of it' + (f', {have / total:.0%}' if total else '')


def _scan(folder: str) -> list[os.DirEntry]:
    """What is in a folder, which may be missing."""
    try:
        return list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _unpacked(path: str) -> str:
    """The folder of an archive's contents until they are moved to where they belong."""
    return os.path.join(path + STAGING, 'unpacked')


def _in_place(file: File, folder: str) -> bool:
    """Whether what the file holds is where it belongs."""
    if file.checkpoint is not None:
        prefix = os.path.join(folder, file.checkpoint)
        return os.path.isfile(prefix + '.index') or os.path.isfile(prefix)
    if not file.is_archive:
        return os.path.isfile(os.path.join(folder, file.file))
    if file.holds:
        return all(glob.glob(os.path.join(glob.escape(folder), path)) for path in file.holds)
    # What is in it was not known before it was unpacked.
    placed = _read_records(folder).get(file.file, {}).get('placed', [])
    target = os.path.join(folder, file.unpack)
    return bool(placed) and all(os.path.lexists(os.path.join(target, name)) for name in placed)


def table(items: Sequence[Item], places: Places) -> list[str]:
    """The lines of a table of items: name, file, size, state and source of each of their files."""
    rows = [('name', 'file', 'size', 'state', 'from')]
    for item in items:
        for file in item.files:
            size = size_text(file.bytes) if file.bytes else ''
            size = size or (f'~{size_text(file.about)}' if file.about else '?')
            found = state(file, places.path(item.folder))
            rows.append((item.name, file.file, size, found, file.source()))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for row in rows:
        cells = [text.ljust(width) for text, width in zip(row, widths, strict=False)]
        cells[2] = row[2].rjust(widths[2])
        lines.append('  '.join([*cells, row[4]]))
    here = sum(row[3] == HERE for row in rows)
    return [*lines, f'{here} of {len(rows) - 1} files are here']


def _read_records(folder: str) -> dict[str, dict]:
    """What earlier downloads into a folder wrote down, by file.

    Raises:
      UserError: if it cannot be read back.
    """
    path = os.path.join(folder, RECORDS)
    try:
        with open(path, encoding='utf-8') as file:
            records = json.load(file)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UserError(f'{path} is spoilt ({error}); remove it') from error
    if not isinstance(records, dict):
        raise UserError(f'{path} is spoilt; remove it')
    return records


def _record(folder: str, file: File, **facts: object) -> None:
    """Writes down facts of a file beside it."""
    records = _read_records(folder)
    records[file.file] = {**records.get(file.file, {}), **facts}
    path = os.path.join(folder, RECORDS)
    files.write_text(path, json.dumps(records, indent=2, sort_keys=True) + '\n')


@contextlib.contextmanager
def _alone(staging: str) -> Iterator[None]:
    """Makes the folder of an unfinished file, in which only one process works at a time.

    Raises:
      UserError: if another one does.
    """
    os.makedirs(staging, exist_ok=True)
    lock = os.open(staging, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f'another process is at work in {staging}; wait for it') from error
        yield
    finally:
        with contextlib.suppress(OSError):
            os.rmdir(staging)  # Unless there is something to go on with.
        os.close(lock)


def _fetch_file(file: File, folder: str, keep_archives: bool, pauses: tuple[float, ...]) -> None:
    """Sees to it that one file of an item is in place."""
    path = os.path.join(folder, file.file)
    staging = path + STAGING
    found = state(file, folder)
    if found == HERE:
        if not file.is_archive:
            _check(file, path)
        print(f'{file.file}: is in place in {folder}', flush=True)
        return
    with _alone(staging):
        if found == ARCHIVE:
            _check(file, path)
        elif found != UNPACKED:
            _download(file, path, pauses)
        if file.is_archive:
            if found != UNPACKED:
                print(f'{file.file}: unpacking', flush=True)
                _unpack(file, path)
            merge(_unpacked(path), os.path.normpath(os.path.join(folder, file.unpack or '.')))
            # An archive that somebody put there is theirs.
            downloaded = _read_records(folder).get(file.file, {}).get('downloaded')
            if downloaded and not keep_archives and os.path.exists(path):
                os.remove(path)
        shutil.rmtree(staging)
    print(f'{file.file}: {"unpacked" if file.is_archive else "fetched"} into {folder}', flush=True)


def _download(file: File, path: str, pauses: tuple[float, ...]) -> None:
    """Brings a file to `path`, once it is known to be the right one."""
    import pooch

    from slim.datasets import http_download

    staging, folder = path + STAGING, os.path.dirname(path)
    size = file.bytes or file.about
    known_hash = file.known_hash or _recorded_hash(file, folder)
    have = sum(entry.stat().st_size for entry in _scan(staging) if entry.is_file())
    if size:
        purpose = f'for {file.file}{" and what is in it" if file.is_archive else ""}'
        check_space(staging, size * (2 if file.is_archive else 1) - have, purpose)
    print(
        f'{file.file}: downloading{f" {size_text(size)}" if size else ""} from {file.source()}',
        flush=True,
    )
    try:
        if file.drive:
            source = http_download.drive_address(file.drive)
            try:
                whole = http_download.from_drive(file.drive, staging, file.file, file.bytes, pauses)
            except http_download.NotHandedOut as error:
                raise UserError(
                    f'{error}; open it in a browser, save it as {path}, whatever its name is '
                    'there, and run the same command again'
                ) from error
            if not pooch.hashes.hash_matches(whole, known_hash):
                raise http_download.Refused(f'{source}: refused: {_other_sum(known_hash, folder)}')
        else:
            source, whole = _from_addresses(file, staging, known_hash, pauses)
        if file.is_archive and kind(whole) is None:
            raise http_download.Refused(f'{source}: refused: what came is no archive')
    except http_download.Refused:
        shutil.rmtree(staging)
        raise
    if file.is_archive:
        _record(folder, file, downloaded=True)
    if known_hash is None:
        _record_hash(file, whole, folder)
    os.replace(whole, path)
    for entry in _scan(staging):
        if entry.is_file():
            os.remove(entry)


def _from_addresses(
    file: File, staging: str, known_hash: str | None, pauses: tuple[float, ...]
) -> tuple[str, str]:
    """Downloads a file from the first of its addresses that has it: address and path."""
    from slim.datasets import http_download

    for number, url in enumerate(file.urls, 1):
        try:
            return url, http_download.from_address(
                url, staging, file.file, known_hash, file.bytes, pauses
            )
        except UserError as error:
            if number == len(file.urls):
                raise
            print(f'{error}; trying {file.urls[number]}', file=sys.stderr, flush=True)


def _check(file: File, path: str) -> None:
    """Checks a file that was there before, and does not touch it.

    Raises:
      UserError: if it is a web page, or has another size or checksum than it should have.
    """
    import pooch

    from slim.datasets import http_download

    folder = os.path.dirname(path)
    size = os.path.getsize(path)
    wrong = None
    known_hash = file.known_hash or _recorded_hash(file, folder)
    with open(path, 'rb') as start:
        if http_download.looks_like_html(start.read(512)):
            wrong = 'is a web page that was saved under this name'
    if not wrong and file.bytes is not None and size != file.bytes:
        wrong = f'has {size} bytes, and should have {file.bytes}'
    if not wrong and not pooch.hashes.hash_matches(path, known_hash):
        wrong = f'is damaged or another file: {_other_sum(known_hash, folder)}'
    if wrong:
        raise UserError(f'{path} {wrong}; remove it, and get it anew')
    if known_hash is None:
        _record_hash(file, path, folder)


def _recorded_hash(file: File, folder: str) -> str | None:
    """The checksum that an earlier download of a file had."""
    recorded = _read_records(folder).get(file.file, {}).get('sha256')
    return recorded and f'sha256:{recorded}'


def _record_hash(file: File, path: str, folder: str) -> None:
    """Writes down the checksum of a file of which none was known, and says so."""
    import pooch

    sha256 = pooch.file_hash(path)
    _record(folder, file, sha256=sha256)
    print(
        f'{file.file}: no checksum of it is known; recorded its SHA-256 {sha256} in '
        f'{os.path.join(folder, RECORDS)}, from now on it must have this one',
        flush=True,
    )


def _other_sum(known_hash: str, folder: str) -> str:
    """What to say of a file with another checksum."""
    algorithm, _, digits = known_hash.partition(':')
    return (
        f'its {algorithm} is not {digits}, which the catalogue or '
        f'{os.path.join(folder, RECORDS)} has'
    )


def _unpack(file: File, path: str) -> None:
    """Unpacks an archive so far that all that belongs somewhere lies in one folder beside it."""
    staging, folder = path + STAGING, os.path.dirname(path)
    contents = os.path.join(staging, 'contents')
    shutil.rmtree(contents, ignore_errors=True)  # Of a killed process.
    try:
        unpack(path, contents, file.tars_to_folders)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(
            f'{folder}: the disk is full; {path} is kept: make room, and the same command '
            'unpacks it'
        ) from error
    meant = contents
    if file.checkpoint is not None:
        sources = _checkpoint_files(file, path, contents)
        meant = os.path.join(staging, 'checkpoint')
        shutil.rmtree(meant, ignore_errors=True)
        os.makedirs(meant)
        for source, name in sources:
            os.rename(source, os.path.join(meant, name))
    elif file.inner and os.path.isdir(os.path.join(contents, file.inner)):
        meant = os.path.join(contents, file.inner)
    _record(folder, file, placed=sorted(os.listdir(meant)))
    os.rename(meant, _unpacked(path))


def _checkpoint_files(file: File, path: str, contents: str) -> list[tuple[str, str]]:
    """The files of the one checkpoint in an unpacked archive, and what they shall be called.

    A checkpoint's files find each other by their common name, so that it may be another one.

    Raises:
      UserError: if there is none, or several; the archive stays.
    """
    found = [os.path.join(place, name) for place, _, names in os.walk(contents) for name in names]
    found = [each for each in sorted(found) if not os.path.basename(each).startswith('.')]
    prefixes = [each.removesuffix('.index') for each in found if each.endswith('.index')]
    # Before TensorFlow 1, a checkpoint was one file.
    prefixes = prefixes or [each for each in found if each.endswith('.ckpt')]
    if len(prefixes) != 1:
        shutil.rmtree(contents)
        names = ', '.join(os.path.relpath(each, contents) for each in found[:10])
        raise UserError(
            f'{path} has not one checkpoint in it, but {names or "nothing"}; unpack it by hand, '
            f'so that {os.path.join(os.path.dirname(path), file.checkpoint)}.index is there'
        )
    [prefix] = prefixes
    return [
        (each, file.checkpoint + each.removeprefix(prefix))
        for each in found
        if each == prefix or each.startswith(prefix + '.')
    ]
