"""Arguments of demo.sh. test_notebooks.py runs it with `data`."""

import shutil
import subprocess

import pytest


@pytest.fixture
def demo(root, tmp_path):
    """Returns `demo(*arguments)`, which runs demo.sh in a folder without setup.sh."""
    shutil.copy(root / 'demo.sh', tmp_path)

    def run(*arguments):
        command = ['bash', str(tmp_path / 'demo.sh'), *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    return run


@pytest.mark.parametrize('flag', ['--help', '-h'])
def test_help_prints_the_usage(demo, flag):
    done = demo(flag)
    assert (done.returncode, done.stderr) == (0, '')
    assert len(done.stdout.splitlines()) == 2
    assert './demo.sh data' in done.stdout


@pytest.mark.parametrize('arguments', [['dta'], ['data', 'all'], ['']])
def test_a_wrong_argument_prints_the_usage_and_does_nothing(demo, arguments):
    done = demo(*arguments)
    assert (done.returncode, done.stdout) == (1, '')
    assert done.stderr == demo('--help').stdout


@pytest.mark.parametrize('arguments', [[], ['data']])
def test_a_valid_argument_runs_setup_first(demo, arguments):
    done = demo(*arguments)
    assert done.returncode == 127 and 'setup.sh' in done.stderr
