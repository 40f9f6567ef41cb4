"""Downloads one file: resumes where that is safe, checks the file, and refuses a wrong one.

What has arrived is kept in a folder of its own, so that a broken connection, a full disk or a
killed process costs nothing but the rest of the download:

    part         the bytes so far
    known.json   properties of the complete file: address, size, ETag, date of the last change

gdown downloads from the file-sharing site. This module adds what it lacks: resuming over several
runs, and detecting a web page that is sent instead of a file.
"""

import contextlib
import errno
import glob
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import gdown
import requests
import urllib3

from slim import files
from slim.datasets.archives import BLOCK, byte_bar, check_space, size_text
from slim.datasets.download_index import File
from slim.errors import UserError

TIMEOUT = (30, 60)  # seconds to connect, and between bytes
PAUSES = (1, 4, 16)  # seconds before each consecutive retry that receives nothing
RESUMES = 'the same command resumes'
WEB_PAGE = (
    'is a web page; open the address in a browser: it may ask for a login, or the file may have '
    'moved'
)


class Refused(UserError):
    """The server does not send the expected file: nothing of it is kept."""


class NotShared(UserError):
    """The file-sharing site withholds the file: too many requests, or it is not public."""


class _Broken(UserError):
    """The connection broke, or the server is busy: worth a retry."""


class _Changed(Exception):
    """The file changed since its part was downloaded, or the server does not send the rest."""


@dataclass(frozen=True)
class _Known:
    """Properties of a file according to its server. If they still hold, the rest can be fetched."""

    url: str
    size: int | None
    etag: str | None = None
    last_modified: str | None = None

    def validator(self) -> str | None:
        """Returns the value of If-Range, which cannot be a weak ETag: that allows other bytes."""
        weak = self.etag is None or self.etag.startswith('W/')
        return self.last_modified if weak else self.etag


def _read_known(folder: str) -> _Known | None:
    try:
        with open(os.path.join(folder, 'known.json'), encoding='utf-8') as file:
            return _Known(**json.load(file))
    except (FileNotFoundError, TypeError, ValueError):
        return None


def _write_known(folder: str, known: _Known) -> None:
    files.write_text(os.path.join(folder, 'known.json'), json.dumps(asdict(known)))


def is_html(path: str) -> bool:
    """Returns whether a file is a web page."""
    with open(path, 'rb') as file:
        start = file.read(512).removeprefix(b'\xef\xbb\xbf').lstrip().lower()
    return start.startswith((b'<!doctype html', b'<html'))


def file_hash(path: str, algorithm: str = 'sha256') -> str:
    """Returns the checksum of a file in hexadecimal digits."""
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def find_mistake(path: str, size: int | None, known_hash: str | None) -> str | None:
    """Returns the reason why a file cannot be the expected one, as a verb phrase, or None.

    `size` is the expected one in bytes, `known_hash` is 'md5:...' or 'sha256:...'; None matches
    every file.
    """
    if is_html(path):
        return WEB_PAGE
    if mistake := _wrong_size(os.path.getsize(path), size):
        return mistake
    if known_hash is not None:
        algorithm, _, expected = known_hash.partition(':')
        actual = file_hash(path, algorithm)
        if actual != expected:
            known = f'but the download index or downloads.json has {expected}'
            return f'is damaged or another file: its {algorithm} is {actual}, {known}'
    return None


def _wrong_size(size: int | None, expected: int | None) -> str | None:
    differs = None not in (size, expected) and size != expected
    return f'has {size} bytes, expected {expected}' if differs else None


def _refuse(source: str, mistake: str | None) -> None:
    """Raises `Refused` if there is a mistake."""
    if mistake:
        raise Refused(f'{source}: refused: the file {mistake}')


def _checked(path: str, source: str, file: File, known_hash: str | None) -> str:
    """Returns the path of a complete file; raises `Refused` if it is not the expected one."""
    if known_hash:
        print(f'{file.file}: computing the checksum', flush=True)  # Takes minutes for many GB.
    _refuse(source, find_mistake(path, file.bytes, known_hash))
    return path


def from_address(url: str, folder: str, file: File, known_hash: str | None) -> str:
    """Downloads a file from a plain address; returns its path once size and checksum are right.

    Args:
      url: http or https address.
      folder: existing folder for this file alone; the part that an earlier run left is resumed.
      file: name and size of the file.
      known_hash: 'md5:...' or 'sha256:...'; None: only the size is checked.

    Raises:
      Refused: for a web page, or another size or checksum.
      UserError: if the server cannot be reached or answers with an error, the connection breaks, or
        the disk is full; what has arrived is kept.
    """
    download = _Download(url, folder, file, known_hash is not None)
    remaining = iter(PAUSES)
    while True:
        before = download.have()
        try:
            download.request()
            break
        except _Changed:
            os.remove(download.part)  # Without a part, the whole file is requested.
        except _Broken:
            if download.have() > before:
                remaining = iter(PAUSES)
            pause = next(remaining, None)
            # If nothing has ever arrived, the address or the network is wrong: waiting is no help.
            if pause is None or not download.have():
                raise
            time.sleep(pause)
    return _checked(download.part, url, file, known_hash)


@dataclass(frozen=True)
class _Download:
    """A download from a plain address, over several requests."""

    url: str
    folder: str
    file: File
    has_hash: bool

    @property
    def part(self) -> str:
        return os.path.join(self.folder, 'part')

    def have(self) -> int:
        """Returns the number of bytes that have arrived."""
        return os.path.getsize(self.part) if os.path.exists(self.part) else 0

    def request(self) -> None:
        """Requests the missing bytes and appends them to the part.

        Raises `_Broken` if the connection breaks or the server is busy, `_Changed` if the part is
        useless, and a `UserError` for other errors.
        """
        known, have = _read_known(self.folder), self.have()
        # Without a checksum and a validator, a file that has changed could not be detected.
        usable = known and known.url == self.url and (known.validator() or self.has_hash)
        known = known if have and usable else None
        if known and known.size == have:
            return  # An earlier run was killed before the checksum.
        headers = {'Accept-Encoding': 'identity'}  # Ranges count the bytes of the file itself.
        if known:
            headers['Range'] = f'bytes={have}-'
            if validator := known.validator():
                headers['If-Range'] = validator
        try:
            with requests.get(self.url, headers=headers, stream=True, timeout=TIMEOUT) as response:
                self._receive(response, known, have)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            kept = self.have()
            advice = f'{size_text(kept)} are kept, {RESUMES}' if kept else 'try again later'
            raise _Broken(f'{self.url}: {_reason(error)}; {advice}') from error

    def _receive(self, response: requests.Response, known: _Known | None, have: int) -> None:
        """Writes a response to the part, at its end if the response is the rest of the file."""
        status = f'the server answers {response.status_code} {response.reason}'
        if known and response.status_code in (206, 416) and not _continues(response, known, have):
            raise _Changed
        if response.status_code == 429 or response.status_code >= 500:
            raise _Broken(f'{self.url}: {status}; try again later')
        if response.status_code not in (200, 206):
            raise UserError(f'{self.url}: {status}; has the file moved?')
        headers = response.headers
        if headers.get('Content-Type', '').startswith('text/html'):
            _refuse(self.url, WEB_PAGE)
        if known is None or response.status_code == 200:
            length = headers.get('Content-Length', '')
            total = int(length) if length.isdecimal() else None
            known = _Known(self.url, total, headers.get('ETag'), headers.get('Last-Modified'))
            _refuse(self.url, _wrong_size(total, self.file.bytes))
            have = 0
            Path(self.part).unlink(missing_ok=True)  # Before its file's properties are replaced.
            _write_known(self.folder, known)
        if known.size is not None:
            check_space(self.folder, known.size - have, f'for the rest of {self.file.file}')
        with (
            byte_bar(self.file.file, known.size, have) as bar,
            _report_full_disk(self.part),
            open(self.part, 'ab') as output,
        ):
            # Not decoded: some servers declare the gzip of a .tgz as a transfer encoding.
            for block in response.raw.stream(BLOCK, decode_content=False):
                output.write(block)
                bar.update(len(block))
        expected = known.size if self.file.bytes is None else self.file.bytes
        if is_html(self.part):
            _refuse(self.url, WEB_PAGE)
        if expected is not None and self.have() < expected:
            raise _Broken(f'{self.url}: the connection ended early; {RESUMES}')
        _refuse(self.url, _wrong_size(self.have(), expected))


def _continues(response: requests.Response, known: _Known, have: int) -> bool:
    """Returns whether a response is the rest of the known file from byte `have` on."""
    content_range = response.headers.get('Content-Range', '')
    return (
        response.status_code == 206
        and re.fullmatch(rf'bytes {have}-\d+/{known.size}', content_range) is not None
        and response.headers.get('ETag') in (None, known.etag)
    )


def _reason(error: Exception) -> str:
    """Describes a connection error without the names of the library's objects."""
    if isinstance(error, requests.Timeout):
        return 'the server does not answer'
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f'the server answers {error.response.status_code} {error.response.reason}'
    text = str(error)
    if 'IncompleteRead' in text:
        return 'the connection broke off'
    match = re.search(r'\[Errno -?\d+\] ([^\')"]+)|(Read timed out)', text)
    return f'the connection failed ({(match[1] or match[2]).strip() if match else text})'


@contextlib.contextmanager
def _report_full_disk(path: str) -> Iterator[None]:
    """Turns the OSError of a full disk into a `UserError`."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        advice = f'what has arrived is kept: make room, and {RESUMES}'
        raise UserError(f'{path}: {os.strerror(error.errno)}; {advice}') from error


def from_drive(folder: str, file: File, known_hash: str | None) -> str:
    """Downloads a file from the file-sharing site.

    The site gives neither a checksum nor an ETag, so that a change of the file between two runs is
    only detected by its size. Archives have checksums of their own, which are checked when they are
    unpacked. Of `PAUSES`, only the number counts. Arguments, result and errors are those of
    `from_address`, for a file with the field `drive`; raises `NotShared`, too, if the site does not
    let this program download the file.
    """
    address, output = file.address, os.path.join(folder, file.file)
    try:
        with _report_full_disk(output):
            try:
                _download_shared(file, output)
            except _Changed:
                for part in glob.glob(glob.escape(output) + '*.part'):
                    os.remove(part)
                Path(folder, 'known.json').unlink(missing_ok=True)
                _download_shared(file, output)
    except gdown.exceptions.FileURLRetrievalError as error:
        # Its context is the site's message; the error itself adds advice to it.
        raise NotShared(f'{address} cannot be downloaded ({error.__context__ or error})') from error
    except (gdown.exceptions.DownloadError, requests.RequestException) as error:
        advice = f'what has arrived is kept, {RESUMES}'
        raise UserError(f'{address}: {_reason(error)}; {advice}') from error
    return _checked(output, address, file, known_hash)


def _download_shared(file: File, output: str) -> None:
    """Runs gdown, which keeps a part of its own beside `output`.

    Raises `_Changed` if the part is useless, and `Refused` if the site announces a wrong size.
    """
    folder = os.path.dirname(output)

    def on_progress(have: int, total: int | None) -> None:
        if total is not None and bar.total != total:
            _refuse(file.address, _wrong_size(total, file.bytes))
            if _read_known(folder) not in (None, known := _Known(file.address, total)):
                raise _Changed
            check_space(folder, total - have, f'for the rest of {file.file}')
            _write_known(folder, known)
            bar.total = total
        bar.update(have - bar.n)

    with byte_bar(file.file, None) as bar:
        try:
            gdown.download(
                file.address,
                output,
                quiet=True,
                resume=True,
                use_cookies=False,  # gdown would write them to the user's home.
                timeout=TIMEOUT,
                retries=len(PAUSES),
                progress=on_progress,
            )
        except gdown.exceptions.DownloadError as error:
            if 'byte range' in str(error):  # gdown keeps the part and would repeat this forever.
                raise _Changed from error
            raise
