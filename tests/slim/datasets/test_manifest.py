import json
import os

import pytest

from slim.datasets import manifest
from slim.datasets.problems import Problem
from slim.errors import UserError


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / 'birds'
    path.mkdir()
    return path


def example():
    bad = Problem('train.txt', 3, 'a b.jpg', 'empty', 'is empty')
    train = (
        manifest.Shard('t0', 3, 300, 'aa' * 32, 'bb' * 32, 1, (bad,)),
        manifest.Shard('t1', 2, 200, 'cc' * 32, 'dd' * 32),
    )
    validation = (manifest.Shard('v0', 1, 99, 'ee' * 32, 'ff' * 32),)
    return manifest.Manifest(
        dataset_name='birds',
        class_names=('a', 'b', 'ü: c', 'd'),
        seed=7,
        splits={
            'train': manifest.Split('ab' * 32, 1, train),
            'validation': manifest.Split('cd' * 32, 0, validation),
        },
        apply_exif_rotation=True,
    )


def test_reading_reverses_writing(folder):
    manifest.write_manifest(str(folder), example())
    assert manifest.read_manifest(str(folder)) == example()
    assert manifest.read_manifest(f'{folder}{os.sep}') == example()
    assert os.listdir(folder) == ['manifest.json']


def test_the_file_is_readable_json(folder):
    manifest.write_manifest(str(folder), example())
    content = json.loads((folder / 'manifest.json').read_text())
    assert content['version'] == 2
    assert content['num_classes'] == 4
    assert content['class_names'][2] == 'ü: c'
    assert content['splits']['train']['num_images'] == 5
    assert content['splits']['train']['num_shards'] == 2
    assert content['splits']['train']['shards']['t1'] == {
        'images': 2,
        'bytes': 200,
        'sha256': 'cc' * 32,
        'source_sha256': 'dd' * 32,
        'encoded_anew': 0,
        'left_out': [],
    }


def test_the_error_for_a_missing_manifest_names_the_command(folder):
    with pytest.raises(UserError, match='not converted yet') as caught:
        manifest.read_manifest(str(folder))
    assert 'python convert_dataset.py --dataset_name=birds' in str(caught.value)


def set_version(content):
    content['version'] = 99


def first_version(content):
    content['version'] = 1


def set_name(content):
    content['dataset_name'] = 'cars'


def drop_splits(content):
    del content['splits']


def miscount(content):
    content['splits']['train']['num_images'] = 6


def point_elsewhere(content):
    shards = content['splits']['validation']['shards']
    shards['../v0'] = shards.pop('v0')


def spoil_type(content):
    content['splits']['train']['shards']['t0']['images'] = 'three'


def spoil_shape(content):
    content['splits']['train'] = [1, 2]


@pytest.mark.parametrize(
    ('spoil', 'problem'),
    [
        (set_version, 'has version 99'),
        (first_version, 'has version 1, not 2'),
        (set_name, 'manifest of cars'),
        (drop_splits, 'is not a manifest'),
        (miscount, 'is not a manifest'),
        (point_elsewhere, 'is not a manifest'),
        (spoil_type, 'is not a manifest'),
        (spoil_shape, 'is not a manifest'),
    ],
)
def test_a_foreign_manifest_is_refused(folder, spoil, problem):
    manifest.write_manifest(str(folder), example())
    content = json.loads((folder / 'manifest.json').read_text())
    spoil(content)
    (folder / 'manifest.json').write_text(json.dumps(content))
    with pytest.raises(UserError, match=problem) as caught:
        manifest.read_manifest(str(folder))
    assert 'python convert_dataset.py --dataset_name=birds' in str(caught.value)


@pytest.mark.parametrize('content', [b'', b'{"version": 2,', b'\xff\xfe', b'[]', b'null', b'3'])
def test_other_content_is_refused(folder, content):
    (folder / 'manifest.json').write_bytes(content)
    with pytest.raises(UserError, match='manifest.json is') as caught:
        manifest.read_manifest(str(folder))
    assert 'python convert_dataset.py --dataset_name=birds' in str(caught.value)


def test_a_manifest_that_cannot_be_opened_is_refused(folder):
    (folder / 'manifest.json').mkdir()
    with pytest.raises(UserError, match='cannot be read'):
        manifest.read_manifest(str(folder))
