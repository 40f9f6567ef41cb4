"""Downloads the items of the download index: datasets, checkpoints, features, the paper's lists.

A file is downloaded (http_download.py), its checksum is checked, and it gets its name. An archive
is then unpacked (archives.py), and its contents are moved into place. Until then everything is in a
folder next to it, `<file>.download`, from which the same command resumes.
"""

import errno
import glob
import itertools
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slim import configs, files
from slim.datasets import http_download
from slim.datasets.archives import check_space, kind, merge, size_text, unpack
from slim.datasets.download_index import File, Item, load_index, select
from slim.errors import UserError
from slim.tables import format_table
from slim.validation import first_few

REPOSITORY = str(Path(__file__).parents[2])
STAGING = '.download'  # suffix of the folder of an incomplete file
RECORDS = 'downloads.json'
HERE, MISSING, ARCHIVE, UNPACKED = 'here', 'missing', 'archive here', 'not all in place'


@dataclass(frozen=True)
class Folders:
    """Folders that the first part of an item's `folder` stands for."""

    data: str = configs.DATASET_DIR
    feature: str = configs.FEATURE_DIR
    checkpoints: str = configs.CHECKPOINT_DIR
    top: str = REPOSITORY

    def path(self, folder: str) -> str:
        """Returns the path of an item's folder, such as 'data/cub_200' or '.'."""
        first, _, rest = folder.partition('/')
        return self.top if first == '.' else os.path.join(getattr(self, first), rest)


def fetch(
    name: str,
    *,
    index: Mapping[str, Item] | None = None,
    folders: Folders | None = None,
    keep_archives: bool = False,
) -> str:
    """Downloads, checks and unpacks the files of an item that are not in place.

    Args:
      name: name of the item, or 'name/file' for one of its files.
      index: download index by name (see `load_index`); None: the project's own.
      folders: folders that the items' own folders are in.
      keep_archives: whether to keep unpacked archives. Archives that were not downloaded by this
        function are always kept.

    Returns:
      The path of the file if the item is a single file that is not unpacked, the prefix of the
      checkpoint if it is a checkpoint, and otherwise the folder.

    Raises:
      UserError: if there is no such item, or a file cannot be downloaded; says why and what to do.
        The other files are in place then.
      OSError: if a file cannot be written.
    """
    item = select(index or load_index(), name)
    folder = (folders or Folders()).path(item.folder)
    absent = [file for file in item.files if file.by_hand and state(file, folder) == MISSING]
    errors = []
    if absent:
        errors.append(
            f'{", ".join(file.file for file in absent)} cannot be downloaded without registration: '
            f'{absent[0].by_hand}; put the files into {folder} and run the same command again, '
            'which checks and unpacks them'
        )
    for file in item.files:
        if file not in absent:
            try:
                _fetch_file(file, folder, keep_archives)
            except UserError as error:
                errors.append(str(error))
    if errors:
        raise UserError('; '.join(errors))
    [*others, file] = item.files
    if others or file.unpack is not None:
        return folder
    return os.path.join(folder, file.checkpoint or file.file)


def state(file: File, folder: str) -> str:
    """Returns the state of a file according to the names in its folder; computes no checksum.

    It is HERE, MISSING, ARCHIVE (complete, but not unpacked), UNPACKED (but not moved into place),
    or the size of what has arrived.
    """
    path = os.path.join(folder, file.file)
    if os.path.isdir(_unpacked(path)):
        return UNPACKED
    if _in_place(file, folder):
        return HERE
    if os.path.isfile(path):
        return ARCHIVE
    parts = [entry for entry in _entries(path + STAGING) if not entry.name.endswith('.json')]
    have = max((part.stat().st_size for part in parts if part.is_file()), default=0)
    if not have:
        return MISSING
    total = file.bytes or file.about
    return f'{size_text(have)} of it' + (f', {have / total:.0%}' if total else '')


def _entries(folder: str) -> list[os.DirEntry]:
    """Returns the entries of a folder, which may be missing, without its lock."""
    try:
        return [entry for entry in os.scandir(folder) if entry.name != files.LOCK]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _remove_entries(folder: str) -> None:
    for entry in _entries(folder):
        shutil.rmtree(entry) if entry.is_dir() else os.remove(entry)


def _unpacked(path: str) -> str:
    """Returns the folder of an archive's contents until they are moved into place."""
    return os.path.join(path + STAGING, 'unpacked')


def _in_place(file: File, folder: str) -> bool:
    """Returns whether the contents of the file are in place."""
    if file.checkpoint is not None:
        prefix = os.path.join(folder, file.checkpoint)
        return os.path.isfile(prefix + '.index') or os.path.isfile(prefix)
    if file.unpack is None:
        return os.path.isfile(os.path.join(folder, file.file))
    if file.holds:
        return all(glob.glob(os.path.join(glob.escape(folder), path)) for path in file.holds)
    # The contents were not known before the archive was unpacked.
    placed = _read_record(folder, file).get('placed', [])
    target = os.path.join(folder, file.unpack)
    return bool(placed) and all(os.path.lexists(os.path.join(target, name)) for name in placed)


def format_states(items: Sequence[Item], folders: Folders) -> str:
    """Formats a table with the name, file, size, state and source of each file of the items."""
    rows = []
    for item in items:
        for file in item.files:
            known = file.bytes or file.about
            size = f'{"" if file.bytes else "~"}{size_text(known)}' if known else '?'
            found = state(file, folders.path(item.folder))
            row = {'name': item.name, 'file': file.file, 'size': size, 'state': found}
            rows.append({**row, 'from': file.source})
    here = sum(row['state'] == HERE for row in rows)
    return f'{format_table(rows)}\n{here} of {len(rows)} files are here'


def _read_records(folder: str) -> dict[str, dict[str, Any]]:
    """Reads the records of earlier downloads into a folder, by file.

    Raises a `UserError` if they are damaged.
    """
    path = os.path.join(folder, RECORDS)
    try:
        with open(path, encoding='utf-8') as file:
            records = json.load(file)
        if not isinstance(records, dict):
            raise ValueError('expected an object')
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UserError(f'{path} is damaged ({error}); remove it') from error
    return records


def _read_record(folder: str, file: File) -> dict[str, Any]:
    return _read_records(folder).get(file.file, {})


def _record(folder: str, file: File, **facts: object) -> None:
    """Adds facts about a file to the records in its folder."""
    records = _read_records(folder)
    records[file.file] = {**records.get(file.file, {}), **facts}
    path = os.path.join(folder, RECORDS)
    files.write_text(path, json.dumps(records, indent=2, sort_keys=True) + '\n')


def _fetch_file(file: File, folder: str, keep_archives: bool) -> None:
    """Puts one file of an item in place."""
    path = os.path.join(folder, file.file)
    if state(file, folder) == HERE:
        if not file.is_archive:
            _check_existing(file, path)
        print(f'{file.file}: is in place in {folder}', flush=True)
        return
    with files.lock_folder(path + STAGING) as lock:
        try:
            # Another process may have completed the file in the meantime, and removed the folder.
            if os.fstat(lock).st_nlink == 0 or state(file, folder) == HERE:
                return _fetch_file(file, folder, keep_archives)
            _complete(file, path, keep_archives)
            _remove_entries(path + STAGING)
        finally:
            if not _entries(path + STAGING):  # Otherwise the same command resumes from them.
                shutil.rmtree(path + STAGING, ignore_errors=True)
    print(f'{file.file}: {"unpacked" if file.is_archive else "saved"} into {folder}', flush=True)


def _complete(file: File, path: str, keep_archives: bool) -> None:
    """Downloads, checks, unpacks and moves into place, from the current state of the file on."""
    folder = os.path.dirname(path)
    found = state(file, folder)
    if found == ARCHIVE:
        _check_existing(file, path)
    elif found != UNPACKED:
        _download(file, path)
    if not file.is_archive:
        return
    if found != UNPACKED:
        print(f'{file.file}: unpacking', flush=True)
        _unpack(file, path)
    merge(_unpacked(path), os.path.normpath(os.path.join(folder, file.unpack or '.')))
    if _read_record(folder, file).get('downloaded') and not keep_archives and os.path.exists(path):
        os.remove(path)


def _download(file: File, path: str) -> None:
    """Downloads a file to `path` once it is known to be the right one."""
    staging, folder = path + STAGING, os.path.dirname(path)
    if size := file.bytes or file.about:
        have = sum(entry.stat().st_size for entry in _entries(staging) if entry.is_file())
        purpose = f'for {file.file}{" and its contents" if file.is_archive else ""}'
        check_space(staging, size * (2 if file.is_archive else 1) - have, purpose)
    size_note = f' {size_text(size)}' if size else ''
    print(f'{file.file}: downloading{size_note} from {file.source}', flush=True)
    known_hash = _known_hash(file, folder)
    try:
        complete = _download_first(file, staging, known_hash)
        if file.is_archive and kind(complete) is None:
            raise http_download.Refused(f'{file.source}: refused: {file.file} is not an archive')
    except http_download.NotShared as error:
        raise UserError(
            f'{error}; open it in a browser, save it as {path}, whatever its name is there, and '
            'run the same command again'
        ) from error
    except http_download.Refused:
        _remove_entries(staging)
        raise
    if file.is_archive:
        _record(folder, file, downloaded=True)
    if known_hash is None:
        _record_hash(file, complete, folder)
    os.replace(complete, path)


def _download_first(file: File, staging: str, known_hash: str | None) -> str:
    """Downloads a file from the first of its addresses that has it; returns its path."""
    if file.drive:
        return http_download.from_drive(staging, file, known_hash)
    for url, following in itertools.pairwise(file.urls):
        try:
            return http_download.from_address(url, staging, file, known_hash)
        except UserError as error:
            print(f'{error}; trying {following}', file=sys.stderr, flush=True)
            if isinstance(error, http_download.Refused):
                _remove_entries(staging)
    return http_download.from_address(file.urls[-1], staging, file, known_hash)


def _check_existing(file: File, path: str) -> None:
    """Checks a file that was there before, without changing it.

    Raises a `UserError` if it is a web page, or has a wrong size or checksum.
    """
    folder = os.path.dirname(path)
    known_hash = _known_hash(file, folder)
    if mistake := http_download.find_mistake(path, file.bytes, known_hash):
        advice = 'get it again' if file.by_hand else 'run the same command again'
        raise UserError(f'{path} {mistake}; remove it and {advice}')
    if known_hash is None:
        _record_hash(file, path, folder)


def _known_hash(file: File, folder: str) -> str | None:
    """Returns the checksum of the download index, or else that of an earlier download."""
    recorded = _read_record(folder, file).get('sha256')
    return file.known_hash or (f'sha256:{recorded}' if recorded else None)


def _record_hash(file: File, path: str, folder: str) -> None:
    """Records the checksum of a file whose checksum was not known."""
    sha256 = http_download.file_hash(path)
    _record(folder, file, sha256=sha256)
    print(
        f'{file.file}: its checksum is not known; recorded its SHA-256 {sha256} in '
        f'{os.path.join(folder, RECORDS)}, which later downloads must have',
        flush=True,
    )


def _unpack(file: File, path: str) -> None:
    """Unpacks an archive into the staging folder, up to moving its contents into place."""
    staging, folder = path + STAGING, os.path.dirname(path)
    contents, chosen = (os.path.join(staging, name) for name in ('contents', 'checkpoint'))
    _remove_entries(staging)  # Left by a killed process.
    try:
        unpack(path, contents, file.tars_to_folders)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(
            f'{folder}: the disk is full; {path} is kept: make room, and the same command unpacks '
            'it'
        ) from error
    if file.checkpoint is not None:
        renamed = _checkpoint_files(path, file.checkpoint, contents)
        os.makedirs(chosen)
        for source, name in renamed:
            os.rename(source, os.path.join(chosen, name))
    else:
        inner = os.path.join(contents, file.inner or '')
        chosen = inner if os.path.isdir(inner) else contents
    _record(folder, file, placed=sorted(os.listdir(chosen)))
    os.rename(chosen, _unpacked(path))


def _checkpoint_files(path: str, checkpoint: str, contents: str) -> list[tuple[str, str]]:
    """Returns the files of the one checkpoint in an unpacked archive, with their new names.

    The files of a checkpoint only share a prefix, so that it can be replaced. Raises a `UserError`
    if there is not exactly one checkpoint; the archive is kept.
    """
    paths = [
        os.path.join(folder, name)
        for folder, _, names in os.walk(contents)
        for name in names
        if not name.startswith('.')
    ]
    prefixes = [each.removesuffix('.index') for each in paths if each.endswith('.index')]
    # Before TensorFlow 1, a checkpoint was one file.
    prefixes = prefixes or [each for each in paths if each.endswith('.ckpt')]
    if len(prefixes) != 1:
        found = first_few(sorted(os.path.relpath(each, contents) for each in paths)) or 'nothing'
        shutil.rmtree(contents)
        raise UserError(
            f'{path} does not hold exactly one checkpoint, but {found}; unpack it by hand, so that '
            f'{os.path.join(os.path.dirname(path), checkpoint)}.index exists'
        )
    [prefix] = prefixes
    return [
        (each, checkpoint + each.removeprefix(prefix))
        for each in paths
        if each == prefix or each.startswith(prefix + '.')
    ]
