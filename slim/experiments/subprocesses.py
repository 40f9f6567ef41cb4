"""Scripts of this repository as processes side by side, which are stopped when their starter is."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from slim.errors import UserError

ROOT = Path(__file__).parents[2]
LOCK = '.running.lock'
POLL_SECONDS = 0.1


def command(script: str, **flags) -> list[str]:
    """The command that runs a script of this repository.

    >>> command('train.py', seed=1, deterministic=True)[2:]
    ['--seed=1', '--deterministic=True']
    """
    return [sys.executable, str(ROOT / script), *(f'--{key}={flags[key]}' for key in flags)]


def run(
    commands: Mapping[str, Sequence[str]], at_once: int, environment: Mapping[str, str], folder: str
) -> None:
    """Runs commands, so many at once, in their order; what they log goes to stderr with their name.

    If one fails or this process is told to stop, the others get SIGTERM and are waited for.

    Args:
      commands: by name.
      at_once: how many.
      environment: variables beside those of this process.
      folder: that they write to. As long as one of them lives no other call may run in it, even if
        this process has been killed.

    Raises:
      UserError: if one fails, with the last line that it logged; or if the folder is being
        written to.
      OSError: if one cannot be started.
    """
    waiting = list(commands.items())
    running: dict[str, _Process] = {}
    with _locked(folder) as lock:
        try:
            while waiting or running:
                while waiting and len(running) < at_once:
                    name, arguments = waiting.pop(0)
                    running[name] = _Process(name, arguments, environment, lock)
                for name in [name for name, one in running.items() if one.has_ended()]:
                    running.pop(name).check()
                time.sleep(POLL_SECONDS)
        finally:
            for one in running.values():
                one.stop()
            for one in running.values():
                one.wait()


class _Process:
    """A command under way."""

    def __init__(self, name, arguments, environment, lock):
        self._name, self._last_line = name, ''
        self._process = subprocess.Popen(
            arguments,
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=(lock,),
            # Ctrl-C is for the starter, which passes it on as SIGTERM.
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._pass_on, daemon=True)
        self._reader.start()

    def _pass_on(self):
        for line in self._process.stderr:
            self._last_line = line.strip()
            print(f'{self._name}: {self._last_line}', file=sys.stderr, flush=True)

    def has_ended(self):
        return self._process.poll() is not None

    def check(self):
        self.wait()
        if self._process.returncode:
            reason = self._last_line or f'exit status {self._process.returncode}'
            raise UserError(f'{self._name}: {reason}')

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def wait(self):
        self._process.wait()
        self._reader.join()


@contextlib.contextmanager
def _locked(folder) -> Iterator[int]:
    """Holds a folder's lock, a file descriptor: whoever inherits it holds the lock, too."""
    os.makedirs(folder, exist_ok=True)
    lock = os.open(os.path.join(folder, LOCK), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f'{folder} is being written to by another process; wait for it to end'
            ) from error
        yield lock
    finally:
        os.close(lock)
