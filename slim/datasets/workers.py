"""Worker processes that share out tasks, report what they did, and never outlive their parent."""

import concurrent.futures
import concurrent.futures.process
import contextlib
import errno
import fcntl
import itertools
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from slim.errors import UserError

# A copy of a process takes over its threads' locks, but not its threads: those are spawned.
_processes = multiprocessing.get_context('spawn')
REPORT_SECONDS = 0.2
# How long the workers of a killed process may take to notice. They look at every moment.
PATIENCE_SECONDS = 10
KILLED = (
    'a worker process was killed, for lack of memory perhaps; run it again, with fewer workers if '
    'it happens twice'
)
# Two bytes of a lock file: who owns the folder, and who still writes to it.
OWNER, WRITERS = 0, 1


class Stopped(Exception):
    """Raised in a task when the others have come to an end."""


class Counter:
    """Counts what all workers have done. A task calls it now and then; it raises `Stopped`."""

    def __init__(self):
        self._done = _processes.Value('q', 0)
        self._stopped = _processes.Value('b', 0)

    def __call__(self, count: int = 1) -> None:
        with self._done.get_lock():
            self._done.value += count
        if self._stopped.value:
            raise Stopped

    def value(self) -> int:
        return self._done.value

    def stop(self) -> None:
        self._stopped.value = 1


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _quickest_processes():
    """Copies of this process, which are there at once, if it has a single thread; else `spawn`."""
    # TensorFlow's threads are none of Python's, and not counted.
    if threading.active_count() == 1 and 'tensorflow' not in sys.modules:
        return multiprocessing.get_context('fork')
    return _processes


def run(
    function: Callable,
    tasks: Iterable,
    num_workers: int,
    on_progress: Callable[[int], None] = lambda done: None,
    lock_path: str | None = None,
) -> Iterator:
    """The results of `function(task, counter)` for all tasks, in the order in which they are done.

    With one worker they are done in this process. Tasks are taken from the iterable as workers get
    free, a few ahead. When one fails, or the caller stops asking, the others are stopped at their
    next call of the counter; what it raised passes through.

    Args:
      function: of a module, so that other processes find it.
      tasks: whatever can be pickled.
      num_workers: processes, at least one.
      on_progress: called now and then with how often the tasks have called the counter.
      lock_path: of the lock file of the folder that the tasks write to, see `own_folder`.

    Raises:
      UserError: if a worker was killed, for lack of memory most likely.
    """
    counter = Counter()
    if num_workers == 1:
        count = counter.__call__

        def counted(number=1):
            count(number)
            on_progress(counter.value())

        for task in tasks:
            yield function(task, counted)
        return
    waiting = iter(tasks)
    executor = concurrent.futures.ProcessPoolExecutor(
        num_workers, _quickest_processes(), _begin_work, (counter, lock_path)
    )
    running = set()
    try:
        for task in itertools.islice(waiting, num_workers + 1):
            running.add(executor.submit(_work, function, task))
        while running:
            done, running = concurrent.futures.wait(
                running, REPORT_SECONDS, concurrent.futures.FIRST_COMPLETED
            )
            on_progress(counter.value())
            for task in itertools.islice(waiting, len(done)):
                running.add(executor.submit(_work, function, task))
            for future in done:
                yield future.result()
    except concurrent.futures.process.BrokenProcessPool as error:
        raise UserError(KILLED) from error
    finally:
        counter.stop()
        executor.shutdown(cancel_futures=True)


@contextlib.contextmanager
def mapped(
    function: Callable, tasks: Iterable, num_workers: int, chunk_size: int = 1
) -> Iterator[Iterator]:
    """The results of `function(task)` for all tasks, an iterator in their order.

    Args:
      function, tasks, num_workers: as of `run`.
      chunk_size: tasks that a worker is given at once: many, if they are small.

    Raises:
      UserError: as `run`.
    """
    if num_workers == 1:
        yield map(function, tasks)
        return
    executor = concurrent.futures.ProcessPoolExecutor(num_workers, _processes, _begin_work)
    try:
        yield executor.map(function, tasks, chunksize=chunk_size)
    except concurrent.futures.process.BrokenProcessPool as error:
        raise UserError(KILLED) from error
    finally:
        executor.shutdown(cancel_futures=True)


_counter = None  # A worker's own, which the process is given as it begins.


def _begin_work(counter=None, lock_path=None):
    """Makes a new process a worker: it leaves Ctrl-C to its parent, and ends with it."""
    global _counter
    _counter = counter
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if lock_path is not None:
        # Kept open for as long as this process lives.
        _counter.lock_file = os.open(lock_path, os.O_RDWR)
        fcntl.lockf(_counter.lock_file, fcntl.LOCK_SH, 1, WRITERS)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent():
    """Ends this process at the moment in which its parent ends, killed or not."""
    multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _work(function, task):
    return function(task, _counter)


@contextlib.contextmanager
def own_folder(lock_path: str) -> Iterator[None]:
    """Holds a folder's lock, so that no two processes write to it at once.

    Waits for the workers of an owner that was killed: they end by themselves, but may be amid a
    file. The lock file stays; a lock that could be removed would be none.

    Raises:
      UserError: if another process holds the lock.
    """
    file = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, OWNER)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            raise UserError(
                f'{os.path.dirname(lock_path)} is being written to by another process; wait for '
                'it to end'
            ) from error
        _wait_for_writers(file, lock_path)
        yield
    finally:
        os.close(file)  # Which gives the lock back, as the end of the process would.


def _wait_for_writers(file, lock_path):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, WRITERS)
            fcntl.lockf(file, fcntl.LOCK_UN, 1, WRITERS)
            return
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            if time.monotonic() > deadline:
                raise UserError(
                    f'{os.path.dirname(lock_path)}: worker processes of an earlier run still write '
                    'there; end them first'
                ) from error
        time.sleep(0.01)
