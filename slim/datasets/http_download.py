"""Brings one file from a server: resumed where that is safe, checked, refused if it is another.

What has come so far lies in a folder of its own, so that a broken connection, a full disk or a
killed process costs nothing but what was still to come:

    part         the bytes so far
    known.json   what is known of the whole: address, size, ETag, date of the last change

The checksum is pooch's work, and so is the file-sharing site gdown's. This module adds what they
lack: resuming over several runs, and recognizing the web page that is sent instead of a file.
"""

import contextlib
import errno
import glob
import json
import os
import re
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import gdown
import pooch
import requests
import urllib3
from tqdm import tqdm

from slim import files
from slim.datasets.archives import check_space, size_text
from slim.errors import UserError

PART, KNOWN = 'part', 'known.json'
BLOCK = 1 << 16  # bytes
TIMEOUT = (30, 60)  # seconds: to connect, and between bytes


class Refused(UserError):
    """What the server sends is not what was asked for: nothing of it is kept."""


class NotHandedOut(UserError):
    """The file-sharing site keeps the file to itself: too many have asked, or it is not public."""


class _Broken(UserError):
    """The connection broke, or the server is busy: worth another try."""


class _Changed(Exception):
    """The file is another than when the part of it came, or its rest is not to be had."""


@dataclass(frozen=True)
class _Known:
    """What a server said of a file. Where all of it is still so, the rest can be fetched."""

    url: str
    size: int | None
    etag: str | None
    last_modified: str | None

    def validator(self) -> str | None:
        """What If-Range takes: it does not take a weak ETag, which allows for other bytes."""
        weak = self.etag is None or self.etag.startswith('W/')
        return self.last_modified if weak else self.etag


def looks_like_html(head: bytes) -> bool:
    """Whether a file that begins like this is a web page.

    >>> looks_like_html(b'\\n<!DOCTYPE html><html>'), looks_like_html(b'PK')
    (True, False)
    """
    return (
        head.removeprefix(b'\xef\xbb\xbf')
        .lstrip()[:14]
        .lower()
        .startswith((b'<!doctype html', b'<html'))
    )


def _check_not_html(path: str, source: str) -> None:
    """Refuses a file that is a web page.

    Raises:
      Refused: if it is one.
    """
    with open(path, 'rb') as file:
        if looks_like_html(file.read(512)):
            raise Refused(_html_text(source))


def _html_text(source: str) -> str:
    return (
        f'{source} sent a web page instead of the file; it is refused. Look at the address in a '
        'browser: it may ask for a login, or have moved'
    )


def from_address(
    url: str,
    folder: str,
    name: str,
    known_hash: str | None,
    size: int | None = None,
    pauses: tuple[float, ...] = (1, 4, 16),
) -> str:
    """Downloads a plain address.

    Args:
      url: the address, http or https.
      folder: an existing one, for this file alone; what an earlier run left in it is used.
      name: of the file in it.
      known_hash: 'md5:...' or 'sha256:...'; None checks the size alone.
      size: in bytes, where it is known; another one is refused.
      pauses: seconds to wait before each new try in a row that brings nothing.

    Returns:
      The path of the file, which has the checksum.

    Raises:
      Refused: for a web page, or another size or checksum; the file is removed.
      UserError: if the server cannot be reached or answers with an error, the connection breaks, or
      the disk is full; what has come is kept.
    """
    pooch.get_logger().setLevel('WARNING')  # It says on stderr what it is about to do.
    _recover(folder)
    download = _Download(folder, name, known_hash is not None, size, pauses)
    try:
        return pooch.retrieve(url, known_hash, name, folder, downloader=download)
    except UserError:
        raise
    except ValueError as error:  # Of pooch: the checksum.
        raise Refused(f'{url}: refused: {error}') from error


def _recover(folder: str) -> None:
    """Finds the part again where a killed run was about to look at its checksum.

    By then it bore the name of pooch's temporary file. Before, that is an empty one.
    """
    part = os.path.join(folder, PART)
    for other in glob.glob(os.path.join(glob.escape(folder), f'{tempfile.gettempprefix()}*')):
        if os.path.exists(part):
            os.remove(other)
        else:
            os.rename(other, part)


@dataclass(frozen=True)
class _Download:
    """What pooch calls to bring a file; arguments as in `from_address`."""

    folder: str
    name: str
    has_hash: bool
    size: int | None
    pauses: tuple[float, ...]

    def __call__(self, url: str, output_file: str, _pooch) -> None:
        """Brings all of `url`, and leaves it at `output_file`."""
        pauses = iter(self.pauses)
        while True:
            before = self._have()
            try:
                self._request(url)
                break
            except _Changed:
                os.remove(self._part)  # Without one, all of the file is asked for.
            except _Broken:
                if self._have() > before:
                    pauses = iter(self.pauses)
                pause = next(pauses, None)
                # Nothing at all has come: the address or the network is wrong, waiting won't help.
                if pause is None or not self._have():
                    raise
                time.sleep(pause)
        if self.has_hash:
            print(f'{self.name}: checking', flush=True)  # Takes minutes where there are many GB.
        os.replace(self._part, output_file)

    @property
    def _part(self) -> str:
        return os.path.join(self.folder, PART)

    def _have(self) -> int:
        return os.path.getsize(self._part) if os.path.exists(self._part) else 0

    def _read_known(self, url: str) -> _Known | None:
        """What an earlier run knew of the file, if its part of it can be used."""
        known = _read_json(os.path.join(self.folder, KNOWN))
        fields = {'url', 'size', 'etag', 'last_modified'}
        if not self._have() or set(known) != fields or known['url'] != url:
            return None
        known = _Known(**known)
        # With neither, a file that has changed since could not be told from the same one.
        return known if known.validator() or self.has_hash else None

    def _request(self, url: str) -> None:
        """Asks for what is missing, and writes what comes to the part."""
        known, have = self._read_known(url), self._have()
        if known and known.size == have:
            return  # Whole; an earlier run was killed before the checksum.
        headers = {'Accept-Encoding': 'identity'}  # Ranges count the bytes of the file itself.
        if known:
            headers['Range'] = f'bytes={have}-'
            if known.validator():
                headers['If-Range'] = known.validator()
        try:
            with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
                self._receive(response, url, known, have)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            kept = self._have()
            raise _Broken(
                f'{url}: {_reason(error)}; '
                + (f'{size_text(kept)} are kept, the same command goes on' if kept else 'try later')
            ) from error

    def _receive(
        self, response: requests.Response, url: str, known: _Known | None, have: int
    ) -> None:
        """Writes an answer to the part, at its end if the answer is what is missing there."""
        status = f'the server answers {response.status_code} {response.reason}'
        if known and response.status_code in (206, 416) and not _continues(response, known, have):
            raise _Changed
        if response.status_code == 429 or response.status_code >= 500:
            raise _Broken(f'{url}: {status}; the same command tries again')
        if response.status_code not in (200, 206):
            raise UserError(f'{url}: {status}; has the file moved?')
        if response.headers.get('Content-Type', '').startswith('text/html'):
            raise Refused(_html_text(url))
        if response.status_code == 200:
            have = 0
            known = _said(response, url)
            if self.size is not None and known.size not in (None, self.size):
                raise Refused(
                    f'{url}: refused: the server has {known.size} bytes, expected are {self.size}'
                )
            with contextlib.suppress(FileNotFoundError):
                os.remove(self._part)  # Before what is known of it changes.
            files.write_text(os.path.join(self.folder, KNOWN), json.dumps(asdict(known)))
        if known.size is not None:
            check_space(self.folder, known.size - have, f'for the rest of {self.name}')
        bar = _progress_bar(self.name, known.size, have)
        with bar, _writing(self._part), open(self._part, 'ab') as file:
            # Undecoded: some servers say of a .tgz that its gzip is an encoding for the way.
            for block in response.raw.stream(BLOCK, decode_content=False):
                file.write(block)
                bar.update(len(block))
        expected = known.size if self.size is None else self.size
        _check_not_html(self._part, url)
        if expected is not None and self._have() < expected:
            raise _Broken(f'{url}: the connection ended early; the same command goes on')
        if expected is not None and self._have() > expected:
            raise Refused(f'{url}: refused: {self._have()} bytes came, expected are {expected}')


def _continues(response: requests.Response, known: _Known, have: int) -> bool:
    """Whether a 206 is the rest of the file that is known, from byte `have` on."""
    found = re.fullmatch(r'bytes (\d+)-\d+/(\d+)', response.headers.get('Content-Range', ''))
    etag = response.headers.get('ETag')
    return (
        response.status_code == 206
        and found is not None
        and int(found[1]) == have
        and int(found[2]) == known.size
        and etag in (None, known.etag)
    )


def _said(response: requests.Response, url: str) -> _Known:
    """What the answer to a request for a whole file says of it."""
    headers = response.headers
    length = headers.get('Content-Length', '')
    size = int(length) if length.isdecimal() else None
    return _Known(url, size, headers.get('ETag'), headers.get('Last-Modified'))


def _read_json(path: str) -> dict:
    """What a JSON file holds; nothing if it is missing or spoilt."""
    try:
        with open(path, encoding='utf-8') as file:
            content = json.load(file)
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _reason(error: Exception) -> str:
    """Why a connection failed, without the names of the library's objects."""
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.ReadTimeout):
        return 'the server does not answer'
    if isinstance(error, requests.HTTPError):
        return f'the server answers {error.response.status_code} {error.response.reason}'
    text = str(error)
    if 'IncompleteRead' in text:
        return 'the connection broke off'
    for pattern in (r'\[Errno -?\d+\] ([^\')"]+)', r'(Read timed out)'):
        if found := re.search(pattern, text):
            return f'the connection failed ({found[1].strip()})'
    return f'the connection failed ({text})'


@contextlib.contextmanager
def _writing(path: str) -> Iterator[None]:
    """In this block, a disk that is full is a `UserError` that says what is kept."""
    try:
        yield
    except requests.RequestException:  # They are OSErrors too.
        raise
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise UserError(
            f'{path}: {os.strerror(error.errno)}; what has come is kept: '
            'make room, and the same command goes on'
        ) from error


def _progress_bar(name: str, total: int | None, have: int = 0) -> tqdm:
    """A progress bar in bytes; it shows on a terminal only."""
    return tqdm(
        total=total, initial=have, desc=name, unit='B', unit_scale=True, disable=None, leave=False
    )


def drive_address(drive: str) -> str:
    """The address for people of a file on the file-sharing site; an address is one already.

    >>> drive_address('1g3bsmBrKPRbah4EDNnC_IgDk8N4uAZaY')
    'https://drive.google.com/open?id=1g3bsmBrKPRbah4EDNnC_IgDk8N4uAZaY'
    """
    return drive if '://' in drive else f'https://drive.google.com/open?id={drive}'


def from_drive(
    drive: str,
    folder: str,
    name: str,
    size: int | None = None,
    pauses: tuple[float, ...] = (1, 4, 16),
) -> str:
    """Downloads a file of the file-sharing site.

    That site says neither a checksum nor anything else by which a file could be known again, so
    that only a change of its size is seen when a download is resumed. An archive has sums of its
    own, which are checked when it is unpacked.

    Args:
      drive: its id, or its address.
      folder, name, size: as in `from_address`.
      pauses: as many tries are made anew.

    Returns:
      The path of the file. Its checksum was not looked at.

    Raises:
      Refused: for a web page, or another size; the file is removed.
      NotHandedOut: if the site does not let this program have it.
      UserError: as in `from_address`.
    """
    address, output = drive_address(drive), os.path.join(folder, name)
    known = os.path.join(folder, KNOWN)

    with _progress_bar(name, size) as bar:

        def seen(have: int, total: int | None) -> None:
            if total is not None and bar.total != total:
                said = {'url': address, 'size': total}
                if size not in (None, total):
                    raise Refused(
                        f'{address}: refused: the file has {total} bytes, expected are {size}'
                    )
                if _read_json(known) not in ({}, said):
                    raise _Changed
                check_space(folder, total - have, f'for the rest of {name}')
                files.write_text(known, json.dumps(said))
                bar.total = total
            bar.update(have - bar.n)

        def download() -> None:
            try:
                gdown.download(
                    address,
                    output,
                    quiet=True,
                    resume=True,
                    use_cookies=False,  # They would be written to the user's home.
                    timeout=TIMEOUT,
                    retries=len(pauses),
                    progress=seen,
                )
            except gdown.exceptions.DownloadError as error:
                if 'byte range' in str(error):  # It keeps the part, and would say so for ever.
                    raise _Changed from error
                raise

        try:
            with _writing(output):
                try:
                    download()
                except _Changed:
                    for part in (known, *glob.glob(glob.escape(output) + '*.part')):
                        with contextlib.suppress(FileNotFoundError):
                            os.remove(part)
                    download()
        except gdown.exceptions.FileURLRetrievalError as error:
            # Its cause is what the site says, and it the same with advice around it.
            raise NotHandedOut(
                f'{address} is not handed out ({error.__context__ or error})'
            ) from error
        except (gdown.exceptions.DownloadError, requests.RequestException) as error:
            raise UserError(
                f'{address}: {_reason(error)}; what has come is kept, the same command goes on'
            ) from error
    _check_not_html(output, address)
    if size is not None and os.path.getsize(output) != size:
        raise Refused(
            f'{address}: refused: {os.path.getsize(output)} bytes came, expected are {size}'
        )
    return output


def host(address: str) -> str:
    """The name of the server in an address.

    >>> host('https://data.caltech.edu/records/x')
    'data.caltech.edu'
    """
    return urllib.parse.urlsplit(address).netloc
