"""The arguments of demo.sh. What it does with `data`, test_notebooks.py sees."""

import shutil
import subprocess

import pytest


@pytest.fixture
def demo(root, tmp_path):
    """`demo(*arguments)` runs demo.sh where it can do nothing: there is no setup.sh beside it."""
    shutil.copy(root / 'demo.sh', tmp_path)

    def run(*arguments):
        command = ['bash', str(tmp_path / 'demo.sh'), *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    return run


@pytest.mark.parametrize('flag', ['--help', '-h'])
def test_help_says_how_it_is_used(demo, flag):
    done = demo(flag)
    assert (done.returncode, done.stderr) == (0, '')
    assert len(done.stdout.splitlines()) == 2
    assert './demo.sh data' in done.stdout


@pytest.mark.parametrize('arguments', [['dta'], ['data', 'all'], ['']])
def test_a_wrong_argument_gets_the_same_and_nothing_is_done(demo, arguments):
    done = demo(*arguments)
    assert (done.returncode, done.stdout) == (1, '')
    assert done.stderr == demo('--help').stdout


@pytest.mark.parametrize('arguments', [[], ['data']])
def test_a_right_one_sets_up_first(demo, arguments):
    done = demo(*arguments)
    assert done.returncode == 127 and 'setup.sh' in done.stderr
