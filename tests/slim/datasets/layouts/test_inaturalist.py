import collections
import json

import pytest

from slim.datasets import downloads
from slim.datasets.layouts import LAYOUTS, listing
from slim.errors import UserError
from tests import archives

MINIVAL_IMAGES = 9697


@pytest.fixture
def folder(miniature):
    return miniature('inat2017')


def refused(read, folder):
    with pytest.raises(UserError) as caught:
        read('inat2017', folder)
    return str(caught.value)


def change(path, key, value):
    content = json.loads(path.read_text('utf-8'))
    content[key] = value(content[key])
    path.write_text(json.dumps(content), 'utf-8')


@pytest.mark.parametrize(
    ('file', 'key', 'value', 'problem'),
    [
        ('train2017.json', 'annotations', lambda all: all[1:], 'image 80 (train_val_images/Aves/'),
        ('train2017.json', 'images', lambda all: all[:-1], 'an annotation of image 2, but no such'),
        ('train2017.json', 'images', lambda all: all + [all[0] | {'id': 9}], 'image 9'),
        ('val2017.json', 'categories', lambda all: all[:2], 'the unknown category 2'),
        (
            'val2017.json',
            'categories',
            lambda all: [one | {'name': one['name'] + '!'} for one in all],
            'have different categories',
        ),
        (
            'train2017.json',
            'categories',
            lambda all: [one | {'id': one['id'] * 2} for one in all],
            'the ids of the 3 categories are not 0, 1, 2, ... without gaps',
        ),
        (
            'train2017.json',
            'annotations',
            lambda all: all + [all[0] | {'category_id': 2}],
            'image 80 has two categories, 1 and 2',
        ),
        ('val2017.json', 'images', lambda all: {}, "no list 'images'"),
        ('val2017.json', 'images', lambda all: [{'id': 31}], "is incomplete ('file_name')"),
        ('val2017.json', 'annotations', lambda all: [3], 'is incomplete'),
    ],
)
def test_a_mistake_in_the_annotations_is_named(read, folder, file, key, value, problem):
    change(folder / file, key, value)
    message = refused(read, folder)
    assert problem in message
    assert str(folder / file) in message


@pytest.mark.parametrize('name', ['Corvus\ncornix', 'Corvus \ud800'])
def test_a_class_name_that_a_list_cannot_hold_is_refused(read, folder, name):
    for file in ('train2017.json', 'val2017.json'):
        change(folder / file, 'categories', lambda all: [all[0] | {'name': name}, *all[1:]])
    assert f'the class name {name!r}' in refused(read, folder)


@pytest.mark.parametrize('content', [b'', b'{"images": [', b'\xff', b'[]'])
def test_a_file_that_is_not_json_is_named(read, folder, content):
    (folder / 'val2017.json').write_bytes(content)
    assert str(folder / 'val2017.json') in refused(read, folder)


def test_images_of_the_list_that_are_not_in_val_are_reported(read, folder):
    with open(folder / 'minival.txt', 'a') as file:
        file.write('train_val_images/Aves/Corvus cornix/77.jpg\n')
    found, _ = read('inat2017', folder)
    assert len(found.images['validation']) == 2
    assert '1 of the 3 images of' in found.notes[0]
    archives.write(folder / 'minival.txt', 'a.jpg')
    assert 'no image of' in refused(read, folder) and 'such as a.jpg' in refused(read, folder)


def test_an_image_twice_in_the_list_is_an_error(read, folder):
    line = 'train_val_images/Aves/Corvus cornix/40.jpg'
    archives.write(folder / 'minival.txt', line, line)
    assert 'minival.txt, line 2' in refused(read, folder)


@pytest.mark.parametrize(
    ('size', 'mistake'), [(6, 'has 6 bytes, expected 784530'), (784530, 'its sha256 is')]
)
def test_a_list_other_than_the_papers_is_refused(tmp_path, monkeypatch, size, mistake):
    path = tmp_path / 'inat_minival.txt'
    path.write_text('a' * size)
    monkeypatch.setattr(downloads.Folders, 'path', lambda self, folder: str(tmp_path))
    with pytest.raises(UserError, match=f'{path} .*{mistake}.*; remove it and run the same'):
        LAYOUTS['inat2017'].read(str(tmp_path))
    assert path.read_text() == 'a' * size


def test_the_papers_list(tmp_path, official_minival, monkeypatch):
    """Reads the real list, with annotations of iNaturalist 2017 made for it."""
    images = official_minival.read_text('utf-8').split('\n')[:-1]
    assert len(images) == MINIVAL_IMAGES
    archives.inat2017_for(tmp_path, images)
    (tmp_path / 'inat_minival.txt').symlink_to(official_minival)
    monkeypatch.setattr(downloads.Folders, 'path', lambda self, folder: str(tmp_path))
    found = LAYOUTS['inat2017'].read(str(tmp_path))
    [warning] = listing.check(found)
    assert 'listed images are missing' in warning and list(found.notes) == []
    assert [path for path, _ in found.images['validation']] == images
    for path, label in found.images['validation'] + found.images['train']:
        assert path.split('/')[2] == found.class_names[label]
    # Each species has one image of train, and one of val that is not in the list.
    count = collections.Counter(label for _, label in found.images['train'])
    assert set(count.values()) == {2} and len(count) == len(found.class_names)
