import os
import subprocess
import sys
from pathlib import Path

import pytest

from slim.datasets import embedded, split_lists

SCRIPT = Path(__file__).parents[1] / 'prepare_dataset.py'

# Runs the script on a demo dataset of three classes and few images, which is soon drawn.
RUN_SMALL = """
import dataclasses, runpy, sys
from slim.datasets import embedded
small = {'num_classes': 3, 'train_images': (2, 2), 'val_images': 1}
embedded.DOMAINS['demo'] = dataclasses.replace(embedded.DOMAINS['demo'], **small)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


@pytest.fixture
def env(tmp_path):
    """An environment in which importing TensorFlow ends in a traceback."""
    trap = tmp_path / 'trap' / 'tensorflow.py'
    trap.parent.mkdir()
    trap.write_text("raise RuntimeError('TensorFlow was imported')\n")
    return {**os.environ, 'PYTHONPATH': os.pathsep.join([str(trap.parent), str(SCRIPT.parent)])}


def run(env, *arguments, small=False):
    before = [sys.executable, '-c', RUN_SMALL] if small else [sys.executable]
    command = [*before, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)


def assert_one_line(result, *parts):
    assert result.returncode == 1
    assert result.stdout == ''
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith('prepare_dataset.py: ')
    for part in parts:
        assert part in lines[0]


def test_draws_a_dataset_that_its_lists_describe(tmp_path, env):
    data = tmp_path / 'data'
    arguments = ('--dataset_name=demo', f'--dataset_dir={data}')
    result = run(env, *arguments, small=True)
    assert result.returncode == 0, result.stderr
    assert 'demo: 6 train and 3 validation images of 3 classes' in result.stdout
    assert 'convert_dataset.py --dataset_name=demo' in result.stdout
    names = split_lists.read_labels(str(data / 'demo'))
    assert len(names) == 3
    for split, count in (('train', 2), ('validation', 1)):
        images = split_lists.read_list(split_lists.list_path(str(data / 'demo'), split), 3)
        assert sorted(image.label for image in images) == sorted([0, 1, 2] * count)
        assert all((data / 'demo' / image.path).is_file() for image in images)

    again = run(env, *arguments, small=True)
    assert (again.returncode, again.stdout) == (0, result.stdout)


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path, env):
    folder = tmp_path / 'data' / 'demo'
    folder.mkdir(parents=True)
    (folder / 'train.txt').write_text('mine.jpg: 0\n')
    result = run(env, '--dataset_name=demo', f'--dataset_dir={tmp_path / "data"}', small=True)
    assert_one_line(result, str(folder))
    assert os.listdir(folder) == ['train.txt']
    assert os.listdir(folder.parent) == ['demo']


def test_help_teaches_the_lists(env):
    result = run(env, '--help')
    assert (result.returncode, result.stderr) == (0, '')
    for part in ('train.txt', 'val.txt', '0001.jpg: 0', '0:Black-footed', '--dataset_dir'):
        assert part in result.stdout


@pytest.mark.parametrize(
    ('arguments', 'parts'),
    [
        ([], ['dataset_name']),
        (['--dataset_nmae=demo'], ['did you mean --dataset_name']),
        (['--dataset_name=dmeo'], ['did you mean demo', 'train.txt', *embedded.DOMAINS]),
        (['--dataset_name=cub_200'], ['cub_200', 'train.txt', *embedded.DOMAINS]),
    ],
)
def test_mistakes_get_one_line_and_write_nothing(tmp_path, env, arguments, parts):
    data = tmp_path / 'data'
    assert_one_line(run(env, *arguments, f'--dataset_dir={data}'), *parts)
    assert not data.exists()


def test_a_folder_that_cannot_be_written_gets_one_line(tmp_path, env):
    (tmp_path / 'file').touch()
    result = run(env, '--dataset_name=demo', f'--dataset_dir={tmp_path / "file"}', small=True)
    assert_one_line(result)
