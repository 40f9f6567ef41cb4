"""More balanced subset of a training set: a maximum number of images per class (paper, section 3).

The paper's second training stage uses it, with a small learning rate, after one on all images.
"""

import dataclasses

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike
from tqdm import tqdm

from slim.datasets import input_pipeline
from slim.datasets.dataset import Dataset
from slim.errors import UserError


def choose(labels: ArrayLike, maximum: int, seed: int) -> np.ndarray:
    """Selects images at random so that no class has more than `maximum`.

    Args:
      labels: int [images], labels.
      maximum: number of images per class; smaller classes keep all of theirs.
      seed: random seed of the selection.

    Returns:
      bool [images], True for the selected images.

    >>> int(choose([0, 0, 0, 0, 1], maximum=2, seed=0).sum())
    3
    """
    labels = np.asarray(labels)
    # An image's rank within its class, in a random order, is the number of images of its class that
    # come before it.
    order = np.random.RandomState(seed).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind='stable')]
    first_of_class = np.searchsorted(labels[by_class], labels[by_class])
    selected = np.zeros(len(labels), bool)
    selected[by_class] = np.arange(len(labels)) - first_of_class < maximum
    return selected


def read_labels(dataset: Dataset) -> np.ndarray:
    """Returns the labels of all images, int64 [images], in the order of the shards.

    Reads every shard once without decoding images, so it takes as long as reading the files.
    Raises a `UserError` if a shard is damaged.
    """
    labels = []
    progress = tqdm(
        total=dataset.num_images, unit='image', desc='reading labels', leave=False, disable=None
    )
    with progress:
        for shard in dataset.shards:
            records = tf.data.TFRecordDataset(shard).batch(1024).prefetch(1)
            try:
                for batch in records.map(input_pipeline.parse_labels).as_numpy_iterator():
                    labels.append(batch)
                    progress.update(len(batch))
            except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
                raise UserError(
                    f'{shard}: the file is damaged; remove it and run python convert_dataset.py '
                    f'--dataset_name={dataset.name}'
                ) from error
    return np.concatenate(labels)


def limit_images_per_class(dataset: Dataset, maximum: int, seed: int) -> Dataset:
    """Returns the dataset with at most `maximum` images of each class, chosen by `seed`.

    Raises a `UserError` if a shard is damaged.
    """
    selected = choose(read_labels(dataset), maximum, seed)
    return dataclasses.replace(dataset, num_images=int(selected.sum()), selected=selected)
