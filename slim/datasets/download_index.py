"""The download index, `downloads.toml`: everything that can be downloaded, and its checks."""

import os
import re
import tomllib
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from slim.errors import UserError, nearest
from slim.files import check_plain_name

INDEX_PATH = os.path.join(os.path.dirname(__file__), 'downloads.toml')


@dataclass(frozen=True)
class File:
    """One file of an item; the head of downloads.toml describes the fields."""

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
        """Whether the file is unpacked."""
        return self.unpack is not None or self.checkpoint is not None

    @property
    def known_hash(self) -> str | None:
        """Checksum with its algorithm, 'md5:...' or 'sha256:...'."""
        if self.sha256:
            return f'sha256:{self.sha256}'
        return f'md5:{self.md5}' if self.md5 else None

    @property
    def address(self) -> str:
        """First address; for a file on the file-sharing site, its page."""
        if not self.drive:
            return self.urls[0]
        is_address = '://' in self.drive
        return self.drive if is_address else f'https://drive.google.com/open?id={self.drive}'

    @property
    def source(self) -> str:
        """Name of the server, or how to get the file by hand."""
        if self.by_hand:
            return f'by hand: {self.by_hand}'
        return urllib.parse.urlsplit(self.address).netloc


@dataclass(frozen=True)
class Item:
    """The files that one name on the command line stands for."""

    name: str
    what: str
    folder: str
    files: tuple[File, ...]


def load_index(path: str | None = None) -> dict[str, Item]:
    """Reads a download index, a TOML file (None: the project's own), as items by name, in order.

    Raises a `UserError` if the file is missing or not a download index; names the wrong entry.
    """
    path = path or INDEX_PATH
    try:
        with open(path, 'rb') as file:
            tables = tomllib.load(file)
    except FileNotFoundError as error:
        raise UserError(f'{path} is missing; --catalogue names a TOML file') from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f'{path} is not a TOML file: {error}') from error
    return {name: _parse_item(name, table, f'{path}: {name}') for name, table in tables.items()}


def _parse_item(name: str, table: object, location: str) -> Item:
    if not isinstance(table, dict) or set(table) - {'by_hand'} != {'what', 'folder', 'files'}:
        raise UserError(f'{location}: expected a table of what, folder, files, and maybe by_hand')
    top = table['folder'].partition('/')[0]
    if top not in ('data', 'feature', 'checkpoints', '.') or not _stays_inside(table['folder']):
        raise UserError(
            f'{location}: the folder {table["folder"]} is not in data, feature or checkpoints'
        )
    by_hand = {'by_hand': table['by_hand']} if 'by_hand' in table else {}
    files = tuple(_parse_file({**entry, **by_hand}, location) for entry in table['files'])
    if not files or len({file.file for file in files}) < len(files):
        raise UserError(f'{location}: expected one or more files with different names')
    return Item(name, table['what'], table['folder'], files)


def _parse_file(entry: Mapping, location: str) -> File:
    if unknown := set(entry) - {field.name for field in fields(File)}:
        raise UserError(f'{location}: there is no {", ".join(sorted(unknown))}')
    if not isinstance(entry.get('file'), str):
        raise UserError(f'{location}: a file has no name')
    location = f'{location}: {entry["file"]}'
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
    file = File(**values)
    if sum(bool(source) for source in (file.urls, file.drive, file.by_hand)) != 1:
        raise UserError(f'{location}: expected exactly one of urls, drive and by_hand')
    for url in file.urls:
        if not url.startswith(('http://', 'https://')):
            raise UserError(f'{location}: the address {url} is neither http nor https')
    for name, value, digits in (('md5', file.md5, 32), ('sha256', file.sha256, 64)):
        if value is not None and re.fullmatch(f'[0-9a-f]{{{digits}}}', value) is None:
            raise UserError(f'{location}: {name} {value} is not {digits} hexadecimal digits')
    try:
        check_plain_name(file.file, 'a file')
    except UserError as error:
        raise UserError(f'{location}: {error}') from error
    for path in (file.unpack, file.inner, file.checkpoint, *file.holds):
        if path is not None and not _stays_inside(path):
            raise UserError(f'{location}: {path} leaves the folder')
    return file


def _stays_inside(path: str) -> bool:
    """Returns whether a relative path stays below the folder that it starts from."""
    return not os.path.isabs(path) and '..' not in path.split('/')


def select(index: Mapping[str, Item], name: str) -> Item:
    """Returns the item of a name, or its one file for 'name/file'.

    Raises a `UserError` if there is none; suggests similar names.
    """
    name, slash, file_name = name.partition('/')
    if name not in index:
        raise UserError(f'there is no {name} to download{nearest(name, index)}')
    item = index[name]
    if not slash:
        return item
    files = {file.file: file for file in item.files}
    if file_name not in files:
        raise UserError(f'{name} has no file {file_name}{nearest(file_name, files)}')
    return replace(item, files=(files[file_name],))
