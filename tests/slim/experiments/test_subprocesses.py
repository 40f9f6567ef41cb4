"""Commands that run in parallel."""

import os
import signal
import subprocess
import sys
import time

import pytest

from slim.errors import UserError
from slim.experiments import subprocesses


def python(code):
    return [sys.executable, '-c', code]


def stamp(path, seconds=0.0):
    """Returns a command that writes its start and end times to a file."""
    return python(
        'import time; began = time.time(); '
        f'time.sleep({seconds}); open({str(path)!r}, "w").write(f"{{began}} {{time.time()}}")'
    )


def test_commands_run_in_order_and_as_many_in_parallel_as_requested(tmp_path, capfd):
    paths = [tmp_path / name for name in 'abc']
    commands = {path.name: stamp(path, 0.6) for path in paths}
    commands['b'] = python('import sys; sys.stderr.write("hello\\nagain\\n")')
    subprocesses.run(commands, 2, {}, str(tmp_path / 'folder'))
    times = [list(map(float, path.read_text().split())) for path in (paths[0], paths[2])]
    assert times[1][0] < times[0][1]  # c began when b had ended, while a was running.
    assert capfd.readouterr().err == 'b: hello\nb: again\n'
    subprocesses.run({name: stamp(tmp_path / name, 0.3) for name in 'ab'}, 1, {}, str(tmp_path))
    times = [list(map(float, path.read_text().split())) for path in paths[:2]]
    assert times[0][1] < times[1][0]


def test_environment_is_added(tmp_path):
    path = tmp_path / 'out'
    code = f'import os; open({str(path)!r}, "w").write(os.environ["ONE"] + os.environ["PATH"])'
    subprocesses.run({'one': python(code)}, 1, {'ONE': 'more '}, str(tmp_path))
    assert path.read_text() == 'more ' + os.environ['PATH']


def test_a_command_that_fails_stops_the_others(tmp_path):
    done = tmp_path / 'done'
    good = python(
        'import signal, sys, time\n'
        f'signal.signal(15, lambda *_: (open({str(done)!r}, "w").write("saved"), sys.exit()))\n'
        f'open({str(tmp_path / "began")!r}, "w"); time.sleep(60)'
    )
    bad = python(
        f'import os, sys, time\nwhile not os.path.exists({str(tmp_path / "began")!r}): '
        'time.sleep(0.01)\nsys.stderr.write("first\\nno such thing\\n"); sys.exit(3)'
    )
    began = time.monotonic()
    with pytest.raises(UserError, match='^bad: no such thing$'):
        subprocesses.run(
            {'good': good, 'bad': bad, 'later': stamp(tmp_path / 'later')}, 2, {}, str(tmp_path)
        )
    assert time.monotonic() - began < 30
    assert done.read_text() == 'saved'
    assert not (tmp_path / 'later').exists()


def test_a_folder_stays_locked_while_a_child_of_a_killed_parent_runs(tmp_path, root):
    began, go = tmp_path / 'began', tmp_path / 'go'
    child = (
        f'import os, time; open({str(began)!r}, "w").write(str(os.getpid()))\n'
        f'while not os.path.exists({str(go)!r}): time.sleep(0.01)'
    )
    code = (
        'import sys; from slim.experiments import subprocesses as side; '
        f'side.run({{"one": [sys.executable, "-c", {child!r}]}}, 1, {{}}, {str(tmp_path)!r})'
    )
    starter = subprocess.Popen(python(code), cwd=root)
    deadline = time.monotonic() + 60
    while not (began.exists() and began.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    with pytest.raises(UserError, match='another process is writing to'):
        subprocesses.run({'two': stamp(tmp_path / 'two')}, 1, {}, str(tmp_path))
    assert not (tmp_path / 'two').exists()
    go.touch()
    while time.monotonic() < deadline:
        try:
            subprocesses.run({'two': stamp(tmp_path / 'two')}, 1, {}, str(tmp_path))
            break
        except UserError:
            time.sleep(0.05)
    assert (tmp_path / 'two').exists()


def test_log_and_working_directory(tmp_path, capfd):
    code = 'import os, sys; sys.stderr.write(os.getcwd())'
    lines = []
    subprocesses.run({'one': python(code)}, 1, {}, str(tmp_path / 'a'), lines.append, str(tmp_path))
    assert lines == [f'one: {tmp_path}'] and capfd.readouterr().err == ''
