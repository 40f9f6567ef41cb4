"""Worker processes that do tasks in parallel, count their progress and end with their parent."""

import concurrent.futures
import concurrent.futures.process
import contextlib
import itertools
import multiprocessing
import multiprocessing.connection
import multiprocessing.context
import multiprocessing.reduction
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

from slim.errors import UserError

# A forked process inherits the locks that other threads hold, but not these threads, so a process
# with threads must spawn its workers.
_spawn = multiprocessing.get_context('spawn')
REPORT_SECONDS = 0.2


class Stopped(Exception):
    """Raised in a task after another task failed or the caller stopped."""


class Counter:
    """Counts the progress of all workers. Tasks call it regularly; it raises `Stopped`."""

    def __init__(self) -> None:
        self._done = _spawn.Value('q', 0)
        self._stopped = _spawn.Value('b', 0)

    def __call__(self, count: int = 1) -> None:
        with self._done.get_lock():
            self._done.value += count
        if self._stopped.value:
            raise Stopped

    def value(self) -> int:
        return self._done.value

    def stop(self) -> None:
        self._stopped.value = 1


class _Descriptor:
    """A file descriptor that a worker process inherits and keeps open as long as it lives.

    A forked worker has all descriptors anyway; a spawned one has those that are duplicated while
    the arguments of the new process are pickled.
    """

    def __init__(self, number: int):
        self._number = number

    def __getstate__(self) -> Any:
        return multiprocessing.reduction.DupFd(self._number)

    def __setstate__(self, duplicate: Any) -> None:
        self._number = duplicate.detach()


def available_cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _fastest_context() -> multiprocessing.context.BaseContext:
    """Returns `fork`, which starts workers at once, if there is only one thread, else `spawn`."""
    # `threading` does not count TensorFlow's threads.
    if threading.active_count() == 1 and 'tensorflow' not in sys.modules:
        return multiprocessing.get_context('fork')
    return _spawn


def run(
    function: Callable[[Any, Callable], Any],
    tasks: Iterable,
    num_workers: int,
    on_progress: Callable[[int], None] = lambda done: None,
    lock: int | None = None,
) -> Generator[Any, None, None]:
    """Yields the results of `function(task, counter)` for all tasks, in order of completion.

    One worker is this process itself. Tasks are taken from the iterable as workers become free, a
    few ahead. When a task raises an exception, or the caller stops iterating, the other tasks stop
    at their next call of the counter; the exception passes through.

    Args:
      function: function of a module, so that other processes can import it.
      tasks: picklable tasks.
      num_workers: number of processes, at least 1.
      on_progress: called regularly with the sum of all counts so far.
      lock: file descriptor from `files.lock_folder` for the folder that the tasks write to. It
        stays locked until the last worker has ended, even if this process is killed.

    Raises:
      UserError: if a worker was killed, most likely for lack of memory.
    """
    counter = Counter()
    if num_workers == 1:

        def count_here(count: int = 1) -> None:
            counter(count)
            on_progress(counter.value())

        for task in tasks:
            yield function(task, count_here)
        return
    waiting = iter(tasks)
    descriptor = None if lock is None else _Descriptor(lock)
    with _pool(num_workers, _fastest_context(), counter, descriptor) as executor:
        running: set[concurrent.futures.Future] = set()
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
        finally:
            counter.stop()


@contextlib.contextmanager
def mapped(
    function: Callable[[Any], Any], tasks: Iterable, num_workers: int, chunk_size: int = 1
) -> Iterator[Iterator]:
    """Yields an iterator over the results of `function(task)` for all tasks, in their order.

    Args:
      function: function of a module, so that other processes can import it.
      tasks: picklable tasks.
      num_workers: number of processes, at least 1.
      chunk_size: number of tasks that a worker is given at once: many, if they are small.

    Raises:
      UserError: if a worker was killed, most likely for lack of memory.
    """
    if num_workers == 1:
        yield map(function, tasks)
        return
    with _pool(num_workers, _spawn) as executor:
        yield executor.map(function, tasks, chunksize=chunk_size)


@contextlib.contextmanager
def _pool(
    num_workers: int, context: multiprocessing.context.BaseContext, *arguments: Any
) -> Iterator[concurrent.futures.ProcessPoolExecutor]:
    executor = concurrent.futures.ProcessPoolExecutor(
        num_workers, context, _start_worker, arguments
    )
    try:
        yield executor
    except concurrent.futures.process.BrokenProcessPool as error:
        raise UserError(
            'a worker process was killed, perhaps for lack of memory; run it again, with fewer '
            'workers if this happens twice'
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


# Arguments of this worker process, which live as long as the process.
_counter: Any = None
_lock: _Descriptor | None = None


def _start_worker(counter: Counter | None = None, lock: _Descriptor | None = None) -> None:
    """Makes a new process a worker: it leaves Ctrl-C to its parent, and ends with its parent."""
    global _counter, _lock
    _counter, _lock = counter, lock
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process as soon as its parent ends, even if the parent is killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def _work(function: Callable[[Any, Callable], Any], task: Any) -> Any:
    return function(task, _counter)
