import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slim import files
from slim.datasets import workers
from slim.errors import UserError

ROOT = Path(__file__).parents[3]


def square(task, count):
    for _ in range(task):
        count()
    return task * task


def fail_at_three(task, count):
    if task == 3:
        raise OSError(28, 'No space left on device')
    for _ in range(10000):
        count()
        time.sleep(0.001)
    return task


def end_itself(task, count):
    os.kill(os.getpid(), signal.SIGKILL)


def double(task):
    return 2 * task


@pytest.mark.parametrize('num_workers', [1, 3])
def test_all_tasks_are_done_and_counted(num_workers):
    seen = []
    results = list(workers.run(square, range(20), num_workers, seen.append))
    assert sorted(results) == [task * task for task in range(20)]
    assert seen == sorted(seen)
    assert seen[-1] == sum(range(20))


@pytest.mark.parametrize('num_workers', [1, 3])
def test_mapped_results_are_in_the_order_of_the_tasks(num_workers):
    with workers.mapped(double, range(50), num_workers, chunk_size=4) as results:
        assert list(results) == [2 * task for task in range(50)]


def test_an_exception_in_a_task_stops_the_others_and_passes_through():
    began = time.monotonic()
    with pytest.raises(OSError, match='No space left'):
        list(workers.run(fail_at_three, [1, 3, 5, 7], 2))
    assert time.monotonic() - began < 8  # A task that is not stopped takes 10 s.


def test_closing_the_results_stops_the_tasks():
    results = workers.run(fail_at_three, [1, 2], 2)
    began = time.monotonic()
    results.close()  # before the first task
    results = workers.run(square, [1, 10**9], 2)
    assert next(results) == 1
    results.close()
    assert time.monotonic() - began < 30


def test_a_killed_worker_gets_one_line():
    with pytest.raises(UserError, match='a worker process was killed'):
        list(workers.run(end_itself, [1, 2], 2))
    with (
        pytest.raises(UserError, match='a worker process was killed'),
        workers.mapped(os._exit, [1], 2) as results,
    ):
        list(results)


# A process that is killed while its two workers, forked or spawned, are in the middle of a task.
KILLED_OWNER = """
import os, sys, time
from slim import files
from slim.datasets import workers

def work(task, count):
    os.write(1, f"{os.getpid()}\\n".encode())
    while True:
        time.sleep(0.01)
        count()

if __name__ == '__main__':
    if sys.argv[2] == 'spawn':
        sys.modules['tensorflow'] = None  # Its threads forbid forking.
    with files.lock_folder(sys.argv[1]) as lock:
        for _ in workers.run(work, [1, 2], 2, lock=lock):
            pass
"""


def state_of(pid):
    """Returns the state letter of a process, such as T for stopped; Z if it has ended."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]
    except FileNotFoundError:
        return 'Z'


def is_running(pid):
    return state_of(pid) != 'Z'


@pytest.fixture(params=['fork', 'spawn'])
def killed_owner(request, tmp_path):
    """The process above before it is killed, and the ids of its workers."""
    script = tmp_path / 'owner.py'
    script.write_text(KILLED_OWNER)
    owner = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path), request.param],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    pids = [int(owner.stdout.readline()) for _ in range(2)]
    assert all(is_running(pid) for pid in pids) and owner.pid not in pids
    yield owner, pids
    owner.kill()
    owner.wait()


def test_workers_end_with_their_parent_and_the_next_process_waits_for_them(killed_owner, tmp_path):
    owner, pids = killed_owner
    owner.kill()
    owner.wait()
    with files.lock_folder(str(tmp_path)):
        assert not any(is_running(pid) for pid in pids)


def test_a_worker_that_outlives_its_parent_keeps_the_folder_locked(
    killed_owner, tmp_path, monkeypatch
):
    owner, pids = killed_owner
    os.kill(pids[0], signal.SIGSTOP)
    while state_of(pids[0]) != 'T':  # Until then, a thread may still see the end of the parent.
        time.sleep(0.001)
    owner.kill()
    owner.wait()
    try:
        with monkeypatch.context() as patch, pytest.raises(UserError, match='is writing to'):
            patch.setattr(files, 'LOCK_PATIENCE_SECONDS', 0.3)
            files.lock_folder(str(tmp_path)).__enter__()
    finally:
        os.kill(pids[0], signal.SIGCONT)
    with files.lock_folder(str(tmp_path)):
        assert not any(is_running(pid) for pid in pids)
