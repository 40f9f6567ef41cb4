"""A limited number of images per class."""

import collections
import dataclasses
import itertools
import pathlib

import numpy as np
import pytest

from slim.datasets import input_pipeline, subset
from slim.datasets.dataset import load_dataset
from slim.errors import UserError
from slim.preprocessing import preprocessing_factory


def test_limits_large_classes_and_keeps_small_ones():
    labels = np.repeat([3, 0, 1], [100, 5, 20])
    kept = subset.choose(labels, 10, seed=0)
    assert collections.Counter(labels[kept].tolist()) == {3: 10, 0: 5, 1: 10}


def test_every_image_has_the_same_chance():
    labels = np.zeros(20, int)
    counts = sum(subset.choose(labels, 5, seed).astype(int) for seed in range(2000))
    # 500 of each are expected, with a standard deviation of 19.
    assert counts.min() > 400 and counts.max() < 600


def test_the_choice_depends_on_the_seed():
    labels = np.arange(300) % 3
    first, again, other = (subset.choose(labels, 30, seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


@pytest.fixture(scope='module')
def train(stripes):
    return load_dataset(str(stripes), 'stripes', 'train')


def _deterministic(encoded, height, width, seed=None):
    """Preprocesses an image in the same way for every seed, so that it can be recognised."""
    preprocess = preprocessing_factory.get_preprocessing('inception', is_training=False)
    return preprocess(encoded, height, width)


def _epochs(dataset, count, **arguments):
    """Returns the images of `count` epochs, as bytes, and their labels."""
    batches = input_pipeline.training_batches(dataset, _deterministic, 16, 1, seed=3, **arguments)
    taken = list(itertools.islice(batches, count * dataset.num_images))
    return [image.numpy().tobytes() for image, _ in taken], [int(label[0]) for _, label in taken]


def test_an_epoch_holds_the_chosen_images_once(train):
    limited = subset.limit_images_per_class(train, 7, seed=0)
    assert limited.num_images == 28
    images, labels = _epochs(limited, 2)
    assert collections.Counter(labels[:28]) == dict.fromkeys(range(4), 7)
    assert len(set(images[:28])) == 28
    assert set(images[:28]) == set(images[28:])
    assert set(images) < set(_epochs(train, 1)[0])
    other, _ = _epochs(subset.limit_images_per_class(train, 7, seed=1), 1)
    assert set(other) != set(images)


def test_labels_are_in_the_order_of_the_shards(train):
    labels = subset.read_labels(train)
    evaluated = input_pipeline.evaluation_batches(train, _deterministic, 16, 50)
    (batch,) = evaluated
    assert labels.tolist() == batch[1].numpy().tolist()


def test_training_resumes_within_an_epoch_of_the_subset(train):
    limited = subset.limit_images_per_class(train, 7, seed=0)
    images, _ = _epochs(limited, 2)
    resumed, _ = _epochs(limited, 1, position=19)
    assert resumed == images[19 : 19 + 28]


def test_a_limit_above_all_classes_changes_nothing(train):
    limited = subset.limit_images_per_class(train, 1000, seed=0)
    assert limited.num_images == train.num_images
    assert _epochs(limited, 1) == _epochs(train, 1)


def test_the_error_names_a_damaged_shard(train, tmp_path):
    damaged = tmp_path / 'damaged.tfrecord'
    damaged.write_bytes(pathlib.Path(train.shards[0]).read_bytes()[:-10])
    spoilt = dataclasses.replace(train, shards=(str(damaged), *train.shards[1:]))
    with pytest.raises(UserError, match='damaged.tfrecord: the file is damaged'):
        subset.limit_images_per_class(spoilt, 7, seed=0)
