"""Set-up: one clear line for a machine that it does not fit, nothing to do when it is done."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture
def checkout(tmp_path):
    """A folder with the set-up step and its locks."""
    for name in ('setup.sh', 'requirements.lock', 'requirements-gpu.lock'):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def _setup(checkout, *arguments, **environment):
    return subprocess.run(
        ['bash', str(checkout / 'setup.sh'), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def _fake_python(folder, version):
    """An interpreter of another version, as far as the set-up step asks."""
    path = folder / 'other-python'
    path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "Python {version}" && exit\nexit 1\n')
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize('version', ['3.10.4', '3.14.0'])
def test_another_python_gets_one_line(checkout, version):
    done = _setup(checkout, BASE_PYTHON=_fake_python(checkout, version))
    assert done.returncode == 1 and done.stdout == ''
    assert done.stderr == (
        f'setup.sh: needs Python 3.11, 3.12 or 3.13, found Python {version}; '
        'set BASE_PYTHON to one of them\n'
    )
    assert not (checkout / '.venv').exists()


def test_an_unknown_kind_gets_one_line(checkout):
    done = _setup(checkout, 'tpu')
    assert (done.returncode, done.stderr.count('\n')) == (1, 1)
    assert "'tpu' is not known" in done.stderr


def test_has_nothing_to_do_when_it_is_done_and_forgets_when_the_lock_changes(checkout):
    (checkout / '.venv' / 'bin').mkdir(parents=True)
    (checkout / '.venv' / 'bin' / 'python').symlink_to(sys.executable)
    with open(checkout / 'requirements.lock', 'rb') as lock:
        sum_ = subprocess.run(['cksum'], stdin=lock, capture_output=True, text=True).stdout.strip()
    (checkout / '.venv' / 'installed-from').write_text(f'cpu {sum_}\n')
    nowhere = _fake_python(checkout, '3.10.4')
    assert _setup(checkout, BASE_PYTHON=nowhere).returncode == 0
    with open(checkout / 'requirements.lock', 'a') as lock:
        lock.write('# changed\n')
    assert _setup(checkout, BASE_PYTHON=nowhere).returncode == 1


@pytest.mark.parametrize('name', ['requirements.lock', 'requirements-gpu.lock'])
def test_locks_have_a_hash_for_everything_and_name_no_index(name):
    text = (ROOT / name).read_text()
    assert '://' not in text and 'index' not in text
    requirements = [line for line in text.replace('\\\n', '').splitlines() if line.strip()]
    assert len(requirements) > 40
    for line in requirements:
        assert '==' in line and '--hash=sha256:' in line, line
