"""The input pipeline: each image once per epoch, in an order that only depends on the seed."""

import collections
import itertools
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from slim.datasets import input_pipeline
from slim.datasets.dataset import load_dataset
from slim.datasets.images import to_store
from slim.datasets.input_pipeline import HostShard
from slim.errors import UserError
from slim.preprocessing import preprocessing_factory

SIZE = 32


@pytest.fixture(scope='module')
def train(stripes):
    return load_dataset(str(stripes), 'stripes', 'train')


@pytest.fixture(scope='module')
def validation(stripes):
    return load_dataset(str(stripes), 'stripes', 'validation')


AUGMENT = preprocessing_factory.get_preprocessing('inception', is_training=True)
CENTRE = preprocessing_factory.get_preprocessing('inception', is_training=False)


def _images(dataset, count, batch_size=10, preprocess=AUGMENT, seed=1, **arguments):
    """Returns images and labels of the first `count` batches, each as one array."""
    batches = input_pipeline.training_batches(
        dataset, preprocess, SIZE, batch_size, seed, **arguments
    )
    images, labels = zip(*itertools.islice(batches, count), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _deterministic(encoded, height, width, seed):
    """Preprocesses an image in the same way for every seed, so that it can be recognised."""
    del seed
    return CENTRE(encoded, height, width)


def _identities(images):
    return [image.tobytes() for image in images]


def test_an_epoch_holds_every_image_once(train):
    images, _ = _images(train, 10, preprocess=_deterministic)
    first, second = _identities(images[:50]), _identities(images[50:])
    assert len(set(first)) == 50
    assert set(first) == set(second)
    assert first != second  # Each epoch has its own order.


def test_batches_may_cross_the_end_of_an_epoch(train):
    images, _ = _images(train, 25, batch_size=6, preprocess=_deterministic)
    counts = collections.Counter(_identities(images))
    assert set(counts.values()) == {3}


@pytest.mark.parametrize('position', [0, 20, 50, 70])
def test_training_from_a_position_sees_the_same_batches(train, position):
    images, labels = _images(train, 12)
    later, later_labels = _images(train, 3, position=position)
    np.testing.assert_array_equal(later, images[position : position + 30])
    np.testing.assert_array_equal(later_labels, labels[position : position + 30])


def test_threads_and_the_global_seed_change_nothing(train):
    want, _ = _images(train, 6)
    tf.random.set_seed(99)
    got, _ = _images(train, 6, num_threads=1)
    np.testing.assert_array_equal(got, want)


def test_another_seed_gives_another_order_of_the_same_images(train):
    first, second = (_images(train, 5, seed=seed, preprocess=_deterministic)[0] for seed in (1, 2))
    assert _identities(first) != _identities(second)
    assert set(_identities(first)) == set(_identities(second))


def test_an_image_is_augmented_differently_in_every_epoch(train):
    images, _ = _images(train, 10)
    assert len(set(_identities(images))) == 100


def test_hosts_and_devices_split_the_batches_of_a_single_device(train):
    want, want_labels = _images(train, 6, batch_size=8)
    for count, replicas in ((1, 2), (2, 1), (2, 2)):
        parts = [
            _images(train, 6 * replicas, batch_size=8, host_shard=HostShard(index, count, replicas))
            for index in range(count)
        ]
        images = np.concatenate([p.reshape(6, -1, SIZE, SIZE, 3) for p, _ in parts], axis=1)
        labels = np.concatenate([p.reshape(6, -1) for _, p in parts], axis=1)
        np.testing.assert_array_equal(images.reshape(want.shape), want)
        np.testing.assert_array_equal(labels.ravel(), want_labels)


@pytest.mark.parametrize('batch_size', [1, 3, 10, 100])
def test_evaluation_sees_every_image_once(validation, batch_size):
    batches = input_pipeline.evaluation_batches(validation, CENTRE, SIZE, batch_size)
    images, labels = zip(*batches, strict=True)
    assert len(set(_identities(np.concatenate(images)))) == 10
    assert sorted(np.concatenate(labels)) == sorted(n % 4 for n in range(10))


def test_several_networks_get_their_own_crops_of_the_same_images(validation):
    whole = preprocessing_factory.get_jpeg_crops('inception')
    wants = [
        list(input_pipeline.evaluation_batches(validation, *wanted, 4))
        for wanted in ((CENTRE, SIZE), (whole, 40))
    ]
    batches = list(input_pipeline.evaluation_batches(validation, (CENTRE, whole), (SIZE, 40), 4))
    assert [len(labels) for _, labels in batches] == [4, 4, 2]
    for (images, labels), *want in zip(batches, *wants, strict=True):
        for of_one, (want_images, want_labels) in zip(images, want, strict=True):
            np.testing.assert_array_equal(of_one, want_images)
            np.testing.assert_array_equal(labels, want_labels)


def test_a_label_out_of_range_is_refused(validation):
    batches = input_pipeline.evaluation_batches(validation, CENTRE, SIZE, 5, labels_offset=1)
    with pytest.raises(tf.errors.InvalidArgumentError) as failure:
        list(batches)
    explained = input_pipeline.explain_failure(failure.value, validation)
    assert isinstance(explained, UserError)
    assert 'a label is not in 0 to 2; is --labels_offset right?' in str(explained)


def test_the_error_names_a_damaged_shard(stripes, tmp_path, validation):
    content = bytearray(pathlib.Path(validation.shards[1]).read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged = tmp_path / 'validation_00001-of-00003.tfrecord'
    damaged.write_bytes(content)
    shards = (validation.shards[0], str(damaged), validation.shards[2])
    broken = type(validation)(**{**vars(validation), 'shards': shards})
    with pytest.raises(tf.errors.DataLossError) as failure:
        list(input_pipeline.evaluation_batches(broken, CENTRE, SIZE, 5))
    explained = str(input_pipeline.explain_failure(failure.value, broken))
    assert str(damaged) in explained and 'convert_dataset.py --dataset_name=stripes' in explained


def test_files_are_returned_with_their_indices(stripes):
    paths = sorted(str(path) for path in (stripes / 'stripes' / 'images').glob('val*.jpg'))
    indices = np.arange(len(paths))[::-1].copy()
    batches = input_pipeline.file_batches(paths, indices, CENTRE, SIZE, 4)
    got, images = (np.concatenate(part) for part in zip(*batches, strict=True))
    np.testing.assert_array_equal(got, indices)
    want = CENTRE(tf.io.read_file(paths[2]), SIZE, SIZE)
    np.testing.assert_array_equal(images[2], want)


@pytest.mark.parametrize('kind', ['PNG', 'WEBP', 'BMP', 'GIF'])
def test_a_file_in_another_format_is_read_as_after_a_conversion(tmp_path, kind):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    picture = tmp_path / 'picture.jpg'
    Image.fromarray(pixels).resize((60, 50)).save(picture, kind)
    converted = tmp_path / 'converted.jpg'
    converted.write_bytes(to_store(picture.read_bytes()).encoded)
    paths = [str(picture), str(converted)]
    [(_, images)] = input_pipeline.file_batches(paths, np.arange(2), CENTRE, SIZE, 2)
    np.testing.assert_array_equal(images[0], images[1])
    assert input_pipeline.explain_file_failure(None, paths) is None


def test_the_error_names_a_bad_file(stripes, tmp_path):
    bad = tmp_path / 'page.jpg'
    bad.write_text('<html>')
    half = tmp_path / 'half.jpg'
    Image.effect_noise((60, 60), 50).save(half, 'PNG')
    half.write_bytes(half.read_bytes()[:1000])
    good = str(next((stripes / 'stripes' / 'images').glob('*.jpg')))
    for paths, message in (
        ([good, str(bad)], f'{bad}: the file is not an image that can be decoded'),
        ([good, str(half)], f'{half}: the file is not an image that can be decoded'),
        ([good, str(tmp_path / 'none.jpg')], 'none.jpg: the file is missing'),
    ):
        with pytest.raises(tf.errors.OpError) as failure:
            list(input_pipeline.file_batches(paths, np.arange(2), CENTRE, SIZE, 2))
        assert message in str(input_pipeline.explain_file_failure(failure.value, paths))
