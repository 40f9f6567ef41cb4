import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from slim.configs import PreparationConfig
from slim.datasets import catalogue, split_lists
from slim.datasets.layouts import LAYOUTS
from tests import archives

SCRIPT = Path(__file__).parents[1] / 'prepare_dataset.py'

# Runs the script with a smaller demo dataset, which is rendered quickly.
RUN_SMALL = """
import dataclasses, runpy, sys
from slim import synthetic
small = {'num_classes': 3, 'train_images': (2, 2), 'val_images': 1}
synthetic.DATASETS['demo'] = dataclasses.replace(synthetic.DATASETS['demo'], **small)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


@pytest.fixture
def env(tmp_path):
    """Returns an environment in which importing TensorFlow raises an error."""
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


def test_renders_a_synthetic_dataset_and_its_lists(tmp_path, env):
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


def test_a_folder_with_other_files_is_not_changed(tmp_path, env):
    folder = tmp_path / 'data' / 'demo'
    folder.mkdir(parents=True)
    (folder / 'train.txt').write_text('mine.jpg: 0\n')
    result = run(env, '--dataset_name=demo', f'--dataset_dir={tmp_path / "data"}', small=True)
    assert_one_line(result, str(folder))
    assert os.listdir(folder) == ['train.txt']
    assert os.listdir(folder.parent) == ['demo']


def test_help_describes_the_lists(env):
    result = run(env, '--help')
    assert (result.returncode, result.stderr) == (0, '')
    for part in ('train.txt', 'val.txt', '0001.jpg: 0', '0:Black-footed', '--dataset_dir'):
        assert part in result.stdout


def test_help_names_the_files_of_each_layout_and_the_defaults(env):
    text = run(env, '--help').stdout
    assert f'--max_distance (default: {PreparationConfig.max_distance})' in text
    for name, layout in LAYOUTS.items():
        for part in (name, *layout.needs):
            assert part in text, part


@pytest.mark.parametrize(
    ('arguments', 'parts'),
    [
        ([], ['dataset_name']),
        (['--dataset_nmae=demo'], ['did you mean --dataset_name']),
        (['--dataset_name=dmeo'], ['did you mean demo', 'train.txt', 'a folder for each class']),
        (['--dataset_name=cub_200'], ['images.txt', 'CUB_200_2011', 'download.py cub_200']),
        (['--dataset_name=my birds', '--layout=cub-200'], ['did you mean cub_200']),
        (['--dataset_name=cub_200', '--seed=1'], ['--seed is for your own images']),
        (['--dataset_name=x', '--layout=cub_200', '--csv=a'], ['--csv is for your own images']),
        (
            ['--dataset_name=demo', '--class_list=a'],
            ['demo is a synthetic dataset', '--class_list'],
        ),
        (['--dataset_name=x', '--csv=no.csv', '--source_dir=.'], ['no.csv', 'No such file']),
        (['--dataset_name=cub_200', '--against=x'], ['--find_duplicates']),
        (['--dataset_name=x', '--max_distance=65'], ['--max_distance=65']),
        (['--dataset_name=../x'], ['not the name of a dataset']),
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


def listed(folder):
    """Returns the contents of the three lists."""
    return {
        name: (folder / name).read_text('utf-8') for name in ('train.txt', 'val.txt', 'labels.txt')
    }


@pytest.mark.parametrize('name', sorted(set(archives.MINIATURES) - {'inat2017'}))
def test_an_official_archive_gives_lists_and_warnings_about_counts(tmp_path, env, name):
    folder = tmp_path / 'data' / name
    folder.mkdir(parents=True)
    expected = archives.MINIATURES[name](folder)
    result = run(env, f'--dataset_name={name}', f'--dataset_dir={tmp_path / "data"}')
    assert result.returncode == 0, result.stderr
    assert listed(folder) == expected.lists(expected.top)
    row = catalogue.CATALOGUE[name]
    counts = [
        (len(expected.labels), 'classes', row.num_classes),
        (len(expected.train), 'train images', row.train),
        (len(expected.validation), 'validation images', row.validation),
    ]
    assert result.stderr.splitlines() == [
        f'warning: {name} has {found} {what} here, but {paper} in the catalogue.'
        for found, what, paper in counts
    ]
    last = result.stdout.splitlines()[-1]
    assert f'{counts[1][0]} train and {counts[2][0]} validation images of {counts[0][0]} c' in last
    assert f'convert_dataset.py --dataset_name={name} --dataset_dir={tmp_path / "data"}' in last
    if name == 'ILSVRC2012':
        assert 'skipped 1 files that are not images, such as train/n0144' in result.stdout


@pytest.fixture
def repository(tmp_path):
    """Returns a copy of the repository's top folder, and a function that runs the script in it."""
    top = tmp_path / 'repository'
    top.mkdir()
    shutil.copy(SCRIPT, top)
    (top / 'slim').symlink_to(SCRIPT.parent / 'slim')

    def run_there(*arguments):
        command = [sys.executable, str(top / SCRIPT.name), *arguments]
        return subprocess.run(command, cwd=top, capture_output=True, text=True, timeout=120)

    return top, run_there


def test_inaturalist_with_the_papers_list(repository, official_minival):
    top, run_there = repository
    shutil.copy(official_minival, top / 'inat_minival.txt')
    images = official_minival.read_text('utf-8').split('\n')[:-1]
    folder = top / 'data/inat2017'
    folder.mkdir(parents=True)
    archives.inat2017_for(folder, images)
    result = run_there('--dataset_name=inat2017')
    assert result.returncode == 0, result.stderr
    assert '9697 validation images' in result.stdout
    assert 'validation' not in result.stderr and 'train images here, but 665473' in result.stderr
    assert 'listed images are missing' in result.stderr  # all but those of one species
    found = split_lists.read_list(str(folder / 'val.txt'))
    assert [image.path for image in found] == images


def test_inaturalist_with_another_list_is_refused(repository):
    top, run_there = repository
    (top / 'inat_minival.txt').write_text('a.jpg\n')
    (top / 'data/inat2017').mkdir(parents=True)
    archives.inat2017(top / 'data/inat2017')
    result = run_there('--dataset_name=inat2017')
    assert_one_line(result, f'{top / "inat_minival.txt"} has 6 bytes', 'remove it')


def test_own_images_in_folders(tmp_path, env):
    source = tmp_path / 'my birds'
    for name in ('Wren', 'Crow: é'):
        archives.touch(source / name, *(f'{number}.jpg' for number in range(4)))
    (tmp_path / 'keep.txt').write_text('0:Wren\n1:Crow: é\n', 'utf-8')
    arguments = [
        '--dataset_name=birds',
        f'--dataset_dir={tmp_path / "data"}',
        f'--source_dir={source}',
        f'--class_list={tmp_path / "keep.txt"}',
        '--validation_share=0.5',
        '--seed=3',
    ]
    result = run(env, *arguments)
    assert (result.returncode, result.stderr) == (0, '')
    assert 'birds: 4 train and 4 validation images of 2 classes' in result.stdout
    folder = tmp_path / 'data/birds'
    lists = listed(folder)
    assert lists['labels.txt'] == '0:Wren\n1:Crow: é\n'
    for image in split_lists.read_list(str(folder / 'train.txt')):
        assert (folder / image.path).is_file()
    # The earlier lists are kept when new ones replace them.
    result = run(env, *arguments[:-1], '--seed=4')
    assert 'train.txt.old' in result.stdout
    assert (folder / 'train.txt.old').read_text('utf-8') == lists['train.txt']


def test_own_images_in_a_csv_file(tmp_path, env):
    archives.touch(tmp_path / 'photos', 'a.jpg', 'b.jpg', 'c.jpg', 'd.jpg')
    lines = ('path,label,split', 'a.jpg,1,train', 'b.jpg,2,train', 'c.jpg,2,val', 'd.jpg,1,val')
    archives.write(tmp_path / 'photos/list.csv', *lines)
    result = run(
        env,
        '--dataset_name=mine',
        f'--dataset_dir={tmp_path / "data"}',
        f'--csv={tmp_path / "photos/list.csv"}',
    )
    assert result.returncode == 0
    [warning] = result.stderr.splitlines()
    assert warning.startswith('warning: the 2 class numbers run from 1 to 2')
    assert listed(tmp_path / 'data/mine')['val.txt'] == 'photos/c.jpg: 1\nphotos/d.jpg: 0\n'


def test_duplicates_of_existing_lists(tmp_path, env):
    random = np.random.default_rng(0)
    for path in ('mine/a.png', 'mine/b.png', 'mine/c.png', 'other/d.png', 'other/e.png'):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (40, 40, 3), np.uint8)).save(tmp_path / path)
    shutil.copy(tmp_path / 'mine/a.png', tmp_path / 'mine/a again.png')
    shutil.copy(tmp_path / 'mine/c.png', tmp_path / 'other/f.png')
    (tmp_path / 'mine/bad.jpg').write_text('<html>')
    archives.write(tmp_path / 'mine/train.txt', 'a.png: 0', 'b.png: 1')
    archives.write(tmp_path / 'mine/val.txt', 'a again.png: 0', 'c.png: 1', 'bad.jpg: 0')
    archives.write(tmp_path / 'mine/labels.txt', '0:x', '1:y')
    archives.write(tmp_path / 'other/train.txt', 'd.png: 0')
    archives.write(tmp_path / 'other/val.txt', 'e.png: 0', 'f.png: 0')
    before = listed(tmp_path / 'mine')
    result = run(
        env,
        '--dataset_name=mine',
        f'--dataset_dir={tmp_path}',
        '--find_duplicates',
        '--against=other',
        '--num_workers=1',
    )
    assert result.returncode == 0, result.stderr
    assert listed(tmp_path / 'mine') == before
    with open(tmp_path / 'mine/duplicates.csv', newline='') as file:
        assert list(csv.reader(file)) == [
            ['kind', 'distance', 'list', 'path', 'other dataset', 'other list', 'other path'],
            ['identical', '0', 'validation', 'a again.png', 'mine', 'train', 'a.png'],
            ['identical', '0', 'validation', 'c.png', 'other', 'validation', 'f.png'],
        ]
    assert '1 validation images are also in the train list of mine: 1 with id' in result.stdout
    assert '1 validation images are also in the validation list of other' in result.stdout
    assert f'2 pairs in {tmp_path}/mine/duplicates.csv' in result.stdout
    assert result.stderr.splitlines() == [
        'warning: 1 of the 8 images could not be read',
        f'warning: {tmp_path}/mine/bad.jpg: not an image',
    ]
