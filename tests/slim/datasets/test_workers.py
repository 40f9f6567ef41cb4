import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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
def test_results_in_the_order_of_the_tasks(num_workers):
    with workers.mapped(double, range(50), num_workers, chunk_size=4) as results:
        assert list(results) == [2 * task for task in range(50)]


def test_what_a_task_raises_stops_the_others_and_passes_through():
    began = time.monotonic()
    with pytest.raises(OSError, match='No space left'):
        list(workers.run(fail_at_three, [1, 3, 5, 7], 2))
    assert time.monotonic() - began < 8  # A task that is not stopped takes ten seconds.


def test_who_stops_asking_stops_the_tasks():
    results = workers.run(fail_at_three, [1, 2], 2)
    began = time.monotonic()
    results.close()  # Before it began.
    results = workers.run(square, [1, 10**9], 2)
    assert next(results) == 1
    results.close()
    assert time.monotonic() - began < 30


def test_a_killed_worker_is_told_of_in_one_sentence():
    with pytest.raises(UserError, match='a worker process was killed'):
        list(workers.run(end_itself, [1, 2], 2))
    with (
        pytest.raises(UserError, match='a worker process was killed'),
        workers.mapped(os._exit, [1], 2) as results,
    ):
        list(results)


def test_a_folder_has_one_owner(tmp_path):
    lock = str(tmp_path / '.lock')
    program = (
        'import sys, time\n'
        'from slim.datasets import workers\n'
        'with workers.own_folder(sys.argv[1]):\n'
        '    print("mine", flush=True)\n'
        '    time.sleep(60)\n'
    )
    other = subprocess.Popen(
        [sys.executable, '-c', program, lock], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout.readline() == 'mine\n'
        refused = subprocess.run(
            [sys.executable, '-c', program, lock], cwd=ROOT, capture_output=True, text=True
        )
        assert 'is being written to by another process' in refused.stderr
    finally:
        other.kill()
        other.wait()
    with workers.own_folder(lock):
        pass


# A killed owner, whose two workers are amid a task; the last line tells who they are.
KILLED_OWNER = """
import os, sys, time
from slim.datasets import workers

def work(task, count):
    print(os.getpid(), flush=True)
    while True:
        time.sleep(0.01)
        count()

if __name__ == '__main__':
    with workers.own_folder(sys.argv[1]):
        for _ in workers.run(work, [1, 2], 2, lock_path=sys.argv[1]):
            pass
"""


def is_running(pid):
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def test_workers_end_with_their_parent_and_the_next_owner_waits_for_them(tmp_path):
    script, lock = tmp_path / 'owner.py', tmp_path / '.lock'
    script.write_text(KILLED_OWNER)
    owner = subprocess.Popen(
        [sys.executable, str(script), str(lock)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    pids = [int(owner.stdout.readline()) for _ in range(2)]
    assert all(is_running(pid) for pid in pids) and owner.pid not in pids
    owner.kill()
    owner.wait()
    with workers.own_folder(str(lock)):
        assert not any(is_running(pid) for pid in pids)
