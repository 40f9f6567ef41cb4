"""Installation: one clear line if the machine is not supported; no work if it is up to date."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture
def checkout(tmp_path):
    """Returns a folder with setup.sh and the lock files."""
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
    """Writes a script that setup.sh takes for a Python interpreter of `version`."""
    path = folder / 'other-python'
    path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "Python {version}" && exit\nexit 1\n')
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize('version', ['3.10.4', '3.14.0'])
def test_an_unsupported_python_gets_one_line(checkout, version):
    done = _setup(checkout, BASE_PYTHON=_fake_python(checkout, version))
    assert done.returncode == 1 and done.stdout == ''
    assert done.stderr == (
        f'setup.sh: needs Python 3.11, 3.12 or 3.13, found Python {version}; '
        'set BASE_PYTHON to one of them\n'
    )
    assert not (checkout / '.venv').exists()


def test_an_unknown_argument_gets_one_line(checkout):
    done = _setup(checkout, 'tpu')
    assert (done.returncode, done.stderr.count('\n')) == (1, 1)
    assert "unknown argument 'tpu'" in done.stderr


def test_does_nothing_until_the_lock_changes(checkout):
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
def test_locks_have_a_hash_for_every_package_and_name_no_index(name):
    text = (ROOT / name).read_text()
    assert '://' not in text and 'index' not in text
    requirements = [line for line in text.replace('\\\n', '').splitlines() if line.strip()]
    assert len(requirements) > 40
    for line in requirements:
        assert '==' in line and '--hash=sha256:' in line, line
