"""Runs scripts of this repository as parallel processes and stops them when their parent ends."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from slim.errors import UserError
from slim.files import lock_folder

ROOT = Path(__file__).parents[2]
POLL_SECONDS = 0.1


def command(script: str, *arguments: str, **flags: object) -> list[str]:
    """Returns the command that runs a script of this repository.

    >>> command('train.py', '--flagfile=a.flags', seed=1, deterministic=True)[2:]
    ['--flagfile=a.flags', '--seed=1', '--deterministic=True']
    """
    named = (f'--{name}={value}' for name, value in flags.items())
    return [sys.executable, str(ROOT / script), *arguments, *named]


def print_to_stderr(line: str) -> None:
    """Prints a line to stderr at once."""
    print(line, file=sys.stderr, flush=True)


def run(
    commands: Mapping[str, Sequence[str]],
    num_parallel: int,
    environment: Mapping[str, str],
    folder: str,
    log: Callable[[str], None] = print_to_stderr,
    working_dir: str | None = None,
) -> None:
    """Runs commands in their order, up to `num_parallel` at the same time.

    If a command fails or this process is interrupted, the other commands get SIGTERM, and this
    function returns after they have ended.

    Args:
      commands: name of each command -> its arguments.
      num_parallel: largest number of processes at the same time.
      environment: variables added to those of this process.
      folder: folder that the commands write to. It stays locked as long as any of them runs, even
        if this process has been killed.
      log: function that gets each line that a command writes to stderr, after the command's name.
      working_dir: working directory of the commands; by default that of this process.

    Raises:
      UserError: if a command fails, with the last line that it wrote to stderr; or if another
        process holds the lock of `folder`.
      OSError: if a command cannot be started.
    """
    waiting = list(commands.items())
    running: dict[str, _Process] = {}
    with lock_folder(folder) as lock:
        try:
            while waiting or running:
                while waiting and len(running) < num_parallel:
                    name, arguments = waiting.pop(0)
                    popen = subprocess.Popen(
                        arguments,
                        cwd=working_dir,
                        env={**os.environ, **environment},
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.PIPE,
                        text=True,
                        pass_fds=(lock,),
                        # Ctrl-C reaches the parent only, which sends SIGTERM to its children.
                        start_new_session=True,
                    )
                    running[name] = _Process(name, popen, log)
                for name, process in list(running.items()):
                    if process.popen.poll() is not None:
                        running.pop(name).check()
                time.sleep(POLL_SECONDS)
        finally:
            for process in running.values():
                process.stop()
            for process in running.values():
                process.wait()


class _Process:
    """A running command, with a thread that forwards its stderr to a log function."""

    def __init__(self, name: str, popen: subprocess.Popen, log: Callable[[str], None]) -> None:
        self._name, self.popen, self._log = name, popen, log
        self._last_line = ''
        self._reader = threading.Thread(target=self._forward, daemon=True)
        self._reader.start()

    def _forward(self) -> None:
        assert self.popen.stderr is not None
        for line in self.popen.stderr:
            self._last_line = line.strip()
            self._log(f'{self._name}: {self._last_line}')

    def check(self) -> None:
        """Raises a `UserError` if the command, which has ended, failed."""
        self.wait()
        if self.popen.returncode:
            reason = self._last_line or f'exit status {self.popen.returncode}'
            raise UserError(f'{self._name}: {reason}')

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.popen.send_signal(signal.SIGTERM)

    def wait(self) -> None:
        self.popen.wait()
        self._reader.join()
