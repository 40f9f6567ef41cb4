import os
import signal
import subprocess
import sys

import pytest

from slim.datasets import preparation, split_lists
from slim.errors import UserError
from tests import archives

LISTS = ('train.txt', 'val.txt', 'labels.txt')


@pytest.fixture
def data(tmp_path):
    return tmp_path / 'data'


def contents(folder, suffix=''):
    """Returns the existing lists by name."""
    paths = {name: folder / f'{name}{suffix}' for name in LISTS}
    return {name: path.read_text('utf-8') for name, path in paths.items() if path.is_file()}


def prepare(data, name, **arguments):
    return preparation.prepare(str(data), name, **{k: str(v) for k, v in arguments.items()})


def refused(*arguments, **more):
    with pytest.raises(UserError) as caught:
        prepare(*arguments, **more)
    return str(caught.value)


def test_paths_are_relative_to_the_datasets_folder(data):
    (data / 'cub_200').mkdir(parents=True)
    expected = archives.cub_200(data / 'cub_200')
    found = prepare(data, 'cub_200')
    assert contents(data / 'cub_200') == expected.lists('CUB_200_2011')
    assert sorted(os.listdir(data / 'cub_200')) == sorted(('CUB_200_2011', *LISTS))
    assert found.num_images == {'train': 3, 'validation': 2}
    assert [warning.split(' here')[0] for warning in found.warnings] == [
        'cub_200 has 3 classes',
        'cub_200 has 3 train images',
        'cub_200 has 2 validation images',
    ]


@pytest.mark.parametrize('name', ['food_101', 'flower_102'])
def test_a_source_elsewhere_is_linked(data, tmp_path, name):
    source = tmp_path / 'my: archives'
    source.mkdir()
    expected = archives.MINIATURES[name](source)
    root = source / expected.top
    for _ in range(2):  # The second time, the link exists.
        prepare(data, name, source_dir=source)
        assert contents(data / name) == expected.lists(root.name)
        link = data / name / root.name
        assert link.is_symlink() and link.samefile(root)
    for image in split_lists.read_list(str(data / name / 'train.txt')):
        assert (data / name / image.path).is_file()
    # Without source_dir, an archive with its official name is found through the link.
    if name == 'food_101':
        assert prepare(data, name).kept == []


def test_another_path_to_the_datasets_folder_needs_no_link(data, tmp_path):
    (tmp_path / 'disk').mkdir()
    expected = archives.food_101(tmp_path / 'disk')
    data.mkdir()
    (data / 'food_101').symlink_to(tmp_path / 'disk')
    prepare(data, 'food_101', source_dir=tmp_path / 'disk/food-101')
    assert contents(data / 'food_101') == expected.lists('food-101')


@pytest.mark.parametrize('kind', ['folder', 'file', 'link elsewhere', 'dead link'])
def test_a_taken_name_of_the_link_is_refused(data, tmp_path, kind):
    source = tmp_path / 'source'
    source.mkdir()
    archives.food_101(source)
    link = data / 'food_101/food-101'
    link.parent.mkdir(parents=True)
    if kind == 'folder':
        link.mkdir()
    elif kind == 'file':
        link.touch()
    else:
        link.symlink_to(tmp_path / ('data' if kind == 'link elsewhere' else 'nowhere'))
    message = refused(data, 'food_101', source_dir=source)
    assert f'{link} must become a link to {source}/food-101, but the name is taken' in message
    assert os.listdir(link.parent) == ['food-101']


def test_nothing_is_written_for_an_archive_with_a_mistake(data, tmp_path):
    archives.food_101(tmp_path)
    archives.write(tmp_path / 'food-101/meta/test.txt', 'pho/1')
    refused(data, 'food_101', source_dir=tmp_path)
    assert not data.exists()


def test_earlier_lists_are_kept_unless_they_are_the_same(data):
    folder = data / 'birds'
    archives.touch(folder, *(f'{name}/{n}.jpg' for name in ('crow', 'wren') for n in range(5)))
    assert prepare(data, 'birds').kept == []
    first, times = contents(folder), [(folder / name).stat().st_mtime_ns for name in LISTS]
    assert prepare(data, 'birds').kept == []
    assert [(folder / name).stat().st_mtime_ns for name in LISTS] == times

    (folder / 'manifest.json').write_text('{}')
    archives.touch(folder, 'owl/1.jpg', 'owl/2.jpg')
    found = prepare(data, 'birds')
    assert set(found.kept) == {f'{name}.old' for name in LISTS}
    assert contents(folder, '.old') == first != contents(folder)
    [warning] = found.warnings
    assert 'shards' in warning and 'earlier lists' in warning


DIE = """
import os, signal, sys
from slim.datasets import preparation
calls, replace = int(sys.argv[2]), os.replace
def dying(source, target):
    global calls
    if not calls:
        os.kill(os.getpid(), signal.SIGKILL)
    calls -= 1
    replace(source, target)
os.replace = dying
preparation.prepare(sys.argv[1], 'birds')
"""


def test_a_killed_run_leaves_old_lists_new_lists_or_no_train_list(data, root):
    """The run is killed before each of its nine renames."""
    folder = data / 'birds'
    archives.touch(folder, *(f'{name}/{n}.jpg' for name in ('crow', 'wren') for n in range(5)))
    prepare(data, 'birds')
    old = contents(folder)
    archives.touch(folder, 'auk/1.jpg', 'auk/2.jpg')
    seen = set()
    new = None
    for calls in range(10):
        for path in folder.glob('*.txt*'):
            path.unlink()
        for name, text in old.items():
            (folder / name).write_text(text, 'utf-8')
        command = [sys.executable, '-c', DIE, str(data), str(calls)]
        status = subprocess.run(command, cwd=root, timeout=60).returncode
        assert status == (-signal.SIGKILL if calls < 9 else 0)
        found = contents(folder)
        prepare(data, 'birds')
        new = new or contents(folder)
        seen.add(
            'no train list'
            if 'train.txt' not in found
            else {True: 'old', False: 'new'}[found == old]
        )
        assert 'train.txt' not in found or found in (old, new)
        assert contents(folder) == new
        assert contents(folder, '.old') == old
        assert not (folder / preparation.STAGING).exists()
    assert seen == {'old', 'new', 'no train list'}


def test_an_official_layout_under_another_name_with_some_of_its_classes(data, tmp_path):
    archives.cub_200(tmp_path)
    archives.write(tmp_path / 'keep.txt', '003.Émeraude', '001.Black_footed_Albatross')
    found = prepare(
        data, 'two', source_dir=tmp_path, layout='cub_200', class_list_path=tmp_path / 'keep.txt'
    )
    assert contents(data / 'two')['labels.txt'] == '0:003.Émeraude\n1:001.Black_footed_Albatross\n'
    assert contents(data / 'two')['val.txt'] == (
        'CUB_200_2011/images/001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg: 1\n'
    )
    # The counts are those of the archive, before classes are removed.
    assert 'cub_200 has 3 classes here, but 200 in the catalogue.' in found.warnings
    message = refused(data, 'two', source_dir=tmp_path, layout='cub200')
    assert 'there is no layout cub200; did you mean cub_200?' in message


def test_classes_without_validation_images_are_refused(data, tmp_path):
    archives.cub_200(tmp_path)
    archives.write(tmp_path / 'keep.txt', '003.Émeraude')
    arguments = {'source_dir': tmp_path, 'class_list_path': tmp_path / 'keep.txt'}
    assert 'there are no validation images' in refused(data, 'cub_200', **arguments)
    assert not data.exists()


def test_a_csv_file_of_images_in_the_datasets_folder(data, tmp_path):
    archives.touch(data / 'birds', 'images/a.jpg', 'images/b.jpg')
    csv_path = tmp_path / 'list.csv'
    archives.write(csv_path, 'data/birds/images/a.jpg,x,train', 'data/birds/images/b.jpg,y,val')
    prepare(data, 'birds', csv_path=csv_path)
    assert contents(data / 'birds')['train.txt'] == 'images/a.jpg: 0\n'
    assert sorted(os.listdir(data / 'birds')) == sorted(('images', *LISTS))
    archives.touch(tmp_path, 'c.jpg')
    with open(csv_path, 'a') as file:
        file.write('c.jpg,y,train\n')
    message = refused(data, 'birds', csv_path=csv_path)
    assert f'{tmp_path} holds {data}/birds, but also images outside it, such as c.jpg' in message


@pytest.mark.parametrize('name', ['', '.', '..', 'a/b', '/a'])
def test_a_name_with_a_path_is_refused(data, name):
    assert 'not the name of a dataset' in refused(data, name)


def test_an_unknown_dataset_without_a_folder(data):
    message = refused(data, 'cub-200')
    assert f'{data}/cub-200 does not exist' in message and message.endswith('did you mean cub_200?')
    message = refused(data, 'birds', source_dir=data / 'absent')
    assert f'{data}/absent does not exist' in message


@pytest.mark.parametrize('share', [0.0, 1.0, -0.2, float('nan')])
def test_the_validation_share_is_between_0_and_1(data, share):
    archives.touch(data / 'birds', 'a/1.jpg', 'b/1.jpg')
    with pytest.raises(UserError, match='validation share'):
        preparation.prepare(str(data), 'birds', validation_share=share)
