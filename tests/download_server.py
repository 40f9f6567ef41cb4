"""A local HTTP server with the faults of real ones."""

import contextlib
import hashlib
import http.server
import io
import tarfile
import threading
import time
import zipfile
from dataclasses import dataclass, field


@dataclass
class Served:
    """Response of the server to one path.

    Attributes:
      content: contents of the file.
      etag: header ETag; None: not sent.
      last_modified: header Last-Modified; None: not sent.
      ranges: whether Range requests are supported.
      content_type: header Content-Type.
      status: status code.
      breaks: number of bytes after which the connection is cut, for each request in turn.
      hold: number of bytes after which the server stalls, for each request in turn.
      length: whether Content-Length is sent.
      encoding: header Content-Encoding, regardless of the content.
      pause: seconds before each 16 kB.
    """

    content: bytes = b''
    etag: str | None = '"1"'
    last_modified: str | None = None
    ranges: bool = True
    content_type: str = 'application/octet-stream'
    status: int = 200
    breaks: list[int] = field(default_factory=list)
    hold: list[int] = field(default_factory=list)
    length: bool = True
    encoding: str | None = None
    pause: float = 0


class Server:
    """State of the server: responses by name, and a log of the requests."""

    def __init__(self, port):
        self.port = port
        self.served = {}
        self.requests = []  # (name, headers) of each
        self.sent = []  # number of body bytes of each response that was received
        self.released = threading.Event()

    def url(self, name):
        """Returns the address of a file."""
        return f'http://127.0.0.1:{self.port}/{name}'

    def ranges(self):
        """Returns the Range header of each request, or None."""
        return [headers.get('Range') for _, headers in self.requests]


class _Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server.state
        name = self.path.lstrip('/')
        headers = dict(self.headers.items())
        server.requests.append((name, headers))
        served = server.served.get(name, Served(b'no such file', status=404))
        start, status = 0, served.status
        wanted = headers.get('Range')
        unchanged = headers.get('If-Range') in (None, served.etag, served.last_modified)
        if served.ranges and wanted and status == 200 and unchanged:
            start, status = int(wanted.removeprefix('bytes=').removesuffix('-')), 206
            if start >= len(served.content):
                status = 416
        body = served.content[start:] if status != 416 else b''
        self.send_response(status)
        self.send_header('Content-Type', served.content_type)
        if served.length:
            self.send_header('Content-Length', str(len(body)))
        if served.encoding:
            self.send_header('Content-Encoding', served.encoding)
        if served.etag:
            self.send_header('ETag', served.etag)
        if served.last_modified:
            self.send_header('Last-Modified', served.last_modified)
        total = len(served.content)
        if status == 206:
            self.send_header('Content-Range', f'bytes {start}-{total - 1}/{total}')
        if status == 416:
            self.send_header('Content-Range', f'bytes */{total}')
        self.end_headers()
        cut = served.breaks.pop(0) if served.breaks else len(body)
        hold = served.hold.pop(0) if served.hold else None
        with contextlib.suppress(ConnectionError):
            if hold is not None:
                self.wfile.write(body[:hold])
                self.wfile.flush()
                server.released.wait(60)
                self.close_connection = True
                server.sent.append(hold)
                return
            for first in range(0, cut, 1 << 14):
                time.sleep(served.pause)
                self.wfile.write(body[first : min(first + (1 << 14), cut)])
            server.sent.append(min(cut, len(body)))
        self.close_connection = True


@contextlib.contextmanager
def serve():
    """Runs a server during the block."""
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), _Handler) as http_server:
        http_server.state = Server(http_server.server_address[1])
        thread = threading.Thread(target=http_server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield http_server.state
        finally:
            http_server.state.released.set()
            http_server.shutdown()
            thread.join()


def md5(content):
    """Returns the MD5 of bytes, in hexadecimal digits."""
    return hashlib.md5(content).hexdigest()


def sha256(content):
    """Returns the SHA-256 of bytes, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def tar_bytes(files, mode='w:gz'):
    """Returns a tar file of names, or `tarfile.TarInfo` objects, and contents."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name, content in files.items():
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zip_bytes(files):
    """Returns a zip file of names and contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return buffer.getvalue()
