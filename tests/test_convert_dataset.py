import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPT = Path(__file__).parents[1] / 'convert_dataset.py'


def make_dataset(parent, name='birds'):
    folder = parent / name
    for number in range(6):
        path = folder / 'images' / f'class {number % 2}' / f'{number}.jpg'
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    lines = [f'images/class {number % 2}/{number}.jpg: {number % 2}\n' for number in range(6)]
    (folder / 'train.txt').write_text(''.join(lines[:4]))
    (folder / 'val.txt').write_text(''.join(lines[4:]))
    return folder


@pytest.fixture
def without_tensorflow(tmp_path):
    """An environment in which importing TensorFlow ends in a traceback."""
    trap = tmp_path / 'trap' / 'tensorflow.py'
    trap.parent.mkdir()
    trap.write_text("raise RuntimeError('TensorFlow was imported')\n")
    return {**os.environ, 'PYTHONPATH': str(trap.parent)}


def run(*arguments, env=None):
    command = [sys.executable, str(SCRIPT), *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)


def own_lines(stderr):
    """The lines on stderr without what TensorFlow logs while it is imported."""
    chatter = re.compile(r'WARNING: All log messages before absl|[IW]\d{4} ')
    return [line for line in stderr.splitlines() if not chatter.match(line)]


def assert_one_line(result, *parts):
    assert result.returncode == 1
    assert result.stdout == ''
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith('convert_dataset.py: ')
    for part in parts:
        assert part in lines[0]


def made_files(folder):
    return sorted(set(os.listdir(folder)) - {'train.txt', 'val.txt', 'images'})


def test_converts_and_a_second_run_needs_no_tensorflow(tmp_path, without_tensorflow):
    folder = make_dataset(tmp_path)
    arguments = ('--dataset_name=birds', '--num_shards=2', f'--dataset_dir={tmp_path}')
    first = run(*arguments)
    assert (first.returncode, own_lines(first.stderr)) == (0, [])
    assert '4 train and 2 validation images of 2 classes' in first.stdout.splitlines()[-1]
    made = [f'{split}_0000{i}-of-00002.tfrecord' for split in ('train', 'validation') for i in '01']
    assert made_files(folder) == sorted([*made, 'labels.txt', 'manifest.json'])
    assert (folder / 'labels.txt').read_text() == '0:class 0\n1:class 1\n'
    assert json.loads((folder / 'manifest.json').read_text())['seed'] == 0

    second = run(*arguments, env=without_tensorflow)
    assert (second.returncode, second.stderr) == (0, '')
    assert 'already converted' in second.stdout

    # The trap works: to convert anew, TensorFlow is needed.
    third = run(*arguments, '--seed=1', env=without_tensorflow)
    assert 'TensorFlow was imported' in third.stderr


def test_help_shows_the_command_and_every_flag(without_tensorflow):
    result = run('--help', env=without_tensorflow)
    assert (result.returncode, result.stderr) == (0, '')
    assert 'python convert_dataset.py --dataset_name=cub_200' in result.stdout
    for flag in ('--dataset_name', '--num_shards (default: 10)', '--dataset_dir', '--seed'):
        assert flag in result.stdout


@pytest.mark.parametrize(
    ('arguments', 'parts'),
    [
        ([], ['dataset_name']),
        (['--dataset_name='], ['dataset_name']),
        (['--dataset_name=a', '--num_shards=0'], ['num_shards']),
        (['--dataset_name=a', '--num_shards=ten'], ['num_shards']),
        (['--dataset_nmae=a'], ['--dataset_name']),
        (['--dataset_name=a', 'stray'], ['stray']),
        (['--dataset_name=a/b'], ['a/b', 'not the name of a dataset']),
        (['--dataset_name=cub200'], ['unknown dataset cub200', 'cub_200']),
    ],
)
def test_mistakes_in_flags_get_one_line(tmp_path, without_tensorflow, arguments, parts):
    result = run(*arguments, f'--dataset_dir={tmp_path}', env=without_tensorflow)
    assert_one_line(result, *parts)


def spoil_line(folder):
    (folder / 'val.txt').write_text('images/class 0/4.jpg 0\n')
    return ['val.txt, line 1', 'relative/path.jpg: label']


def leave_folder(folder):
    (folder / 'val.txt').write_text('../secret.jpg: 0\n')
    return ['val.txt, line 1', '../secret.jpg leaves']


def remove_list(folder):
    (folder / 'val.txt').unlink()
    return ['val.txt is missing']


def empty_list(folder):
    (folder / 'train.txt').write_text('')
    return ['train.txt is empty']


def remove_image(folder):
    (folder / 'images/class 1/3.jpg').unlink()
    return ['class 1/3.jpg', 'missing']


@pytest.mark.parametrize('spoil', [spoil_line, leave_folder, remove_list, empty_list, remove_image])
def test_bad_input_gets_one_line(tmp_path, without_tensorflow, spoil):
    folder = make_dataset(tmp_path)
    parts = spoil(folder)
    arguments = ('--dataset_name=birds', '--num_shards=2', f'--dataset_dir={tmp_path}')
    assert_one_line(run(*arguments, env=without_tensorflow), *parts)
    assert made_files(folder) == []


def test_a_damaged_image_gets_one_line_and_leaves_nothing(tmp_path):
    folder = make_dataset(tmp_path)
    image = folder / 'images/class 1/5.jpg'
    image.write_bytes(image.read_bytes()[:-2])
    result = run('--dataset_name=birds', '--num_shards=1', f'--dataset_dir={tmp_path}')
    assert result.returncode == 1
    [line] = own_lines(result.stderr)
    assert line.startswith(f'convert_dataset.py: {image} is truncated or damaged')
    assert 'converted' not in result.stdout
    assert made_files(folder) == []
