import os

import pytest

from slim.datasets import dataset, manifest, split_lists
from slim.errors import UserError


def converted(parent, name='my_birds', num_classes=2):
    """Writes the files of a conversion; of the shards only the sizes are right."""
    folder = parent / name
    folder.mkdir()
    splits = {}
    for split, counts in {'train': (3, 2), 'validation': (1,)}.items():
        shards = []
        for index, count in enumerate(counts):
            shard = manifest.Shard(f'{split}_{index}', count, count * 10, '00', '11')
            (folder / shard.name).write_bytes(b'x' * shard.num_bytes)
            shards.append(shard)
        splits[split] = manifest.Split('00', 0, tuple(shards))
    names = [f'class {label}' for label in range(num_classes)]
    manifest.write_manifest(str(folder), manifest.Manifest(name, tuple(names), 0, splits))
    split_lists.write_labels(str(folder), names)
    return folder


def test_a_split_is_described_by_its_files(tmp_path):
    folder = converted(tmp_path)
    assert dataset.load_dataset(str(tmp_path), 'my_birds', 'train') == dataset.Dataset(
        name='my_birds',
        split_name='train',
        num_images=5,
        num_classes=2,
        class_names=('class 0', 'class 1'),
        shards=(str(folder / 'train_0'), str(folder / 'train_1')),
        images_per_shard=(3, 2),
    )
    validation = dataset.load_dataset(str(tmp_path), 'my_birds', 'validation')
    assert validation.num_images == 1
    assert validation.shards == (str(folder / 'validation_0'),)


def test_a_labels_offset_reduces_the_number_of_outputs(tmp_path):
    converted(tmp_path)
    train = dataset.load_dataset(str(tmp_path), 'my_birds', 'train')
    assert [train.num_output_classes(offset) for offset in (0, 1)] == [2, 1]
    for offset in (-1, 2):
        with pytest.raises(UserError, match=f'--labels_offset={offset} leaves no class of 2'):
            train.num_output_classes(offset)


def message_of(*arguments):
    with pytest.raises(UserError) as caught:
        dataset.load_dataset(*(str(argument) for argument in arguments))
    return str(caught.value)


def test_the_error_for_an_unknown_dataset_suggests_similar_names(tmp_path):
    converted(tmp_path)
    assert 'did you mean my_birds' in message_of(tmp_path, 'my_brids', 'train')
    assert 'cub_200' in message_of(tmp_path, 'cub200', 'train')
    assert 'did you mean demo' in message_of(tmp_path, 'dmeo', 'train')
    assert 'nabirds' in message_of(tmp_path / 'nowhere', 'nabird', 'train')
    assert 'unknown dataset' in message_of(tmp_path, 'zzz', 'train')


def test_the_error_for_a_known_dataset_without_a_folder_names_the_commands(tmp_path):
    assert 'prepare_dataset.py --dataset_name=demo' in message_of(tmp_path, 'demo', 'train')
    missing = message_of(tmp_path, 'cub_200', 'train')
    assert str(tmp_path / 'cub_200') in missing
    assert 'download.py cub_200' in missing and 'prepare_dataset.py' in missing


@pytest.mark.parametrize('name', ['', '.', '..', 'my_birds/', '../my_birds', '/my_birds'])
def test_a_path_is_not_a_name(tmp_path, name):
    converted(tmp_path)
    assert 'not the name of a dataset' in message_of(tmp_path, name, 'train')


def test_the_error_for_an_unknown_split_names_the_splits(tmp_path):
    converted(tmp_path)
    assert 'train, validation' in message_of(tmp_path, 'my_birds', 'xyz')
    assert 'did you mean train' in message_of(tmp_path, 'my_birds', 'trains')


def test_the_error_for_a_dataset_that_is_not_converted_names_the_command(tmp_path):
    folder = converted(tmp_path)
    os.remove(folder / 'manifest.json')
    assert 'convert_dataset.py --dataset_name=my_birds' in message_of(tmp_path, 'my_birds', 'train')


def remove_shard(folder):
    os.remove(folder / 'train_1')


def truncate_shard(folder):
    os.truncate(folder / 'train_1', 19)


def remove_labels(folder):
    os.remove(folder / 'labels.txt')


def add_label(folder):
    split_lists.write_labels(str(folder), ['a', 'b', 'c'])


def rename_label(folder):
    split_lists.write_labels(str(folder), ['class 0', 'wren'])


@pytest.mark.parametrize(
    ('spoil', 'problem'),
    [
        (rename_label, "calls class 1 'wren', but the shards were made with 'class 1'"),
        (remove_shard, 'train_1 is missing'),
        (truncate_shard, 'train_1 has 19 bytes instead of 20: truncated, or of another conversion'),
        (remove_labels, 'labels.txt is missing'),
        (add_label, 'labels.txt has 3 classes, but the shards were made with 2'),
    ],
)
def test_files_that_do_not_belong_together_are_refused(tmp_path, spoil, problem):
    spoil(converted(tmp_path))
    message = message_of(tmp_path, 'my_birds', 'train')
    assert problem in message
    assert 'convert_dataset.py --dataset_name=my_birds' in message


def test_catalogue_warnings_are_about_the_loaded_split(tmp_path):
    converted(tmp_path, name='cub_200')
    warnings = dataset.catalogue_warnings(dataset.load_dataset(str(tmp_path), 'cub_200', 'train'))
    assert len(warnings) == 2
    assert '2 classes' in warnings[0] and '200' in warnings[0]
    assert '5 train images' in warnings[1] and '5994' in warnings[1]
    converted(tmp_path)
    assert not dataset.catalogue_warnings(dataset.load_dataset(str(tmp_path), 'my_birds', 'train'))
