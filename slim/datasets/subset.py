"""A more balanced part of a training set: at most so many images of each class (paper, section 3).

The paper's second stage trains on it with a small learning rate, after all images have been seen.
"""

import dataclasses

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from slim.datasets import input_pipeline
from slim.datasets.dataset import Dataset
from slim.errors import UserError


def choose(labels, maximum: int, seed: int) -> np.ndarray:
    """Which of the images to keep so that no class has more than `maximum`.

    Args:
      labels: int [images].
      maximum: images of a class; classes with fewer keep all.
      seed: of the choice.

    Returns:
      bool [images].

    >>> int(choose([0, 0, 0, 0, 1], maximum=2, seed=0).sum())
    3
    """
    labels = np.asarray(labels)
    # In a random order an image's rank within its class is the number of its class seen before it.
    order = np.random.RandomState(seed).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind='stable')]
    first_of_class = np.searchsorted(labels[by_class], labels[by_class])
    kept = np.zeros(len(labels), bool)
    kept[by_class] = np.arange(len(labels)) - first_of_class < maximum
    return kept


def read_labels(dataset: Dataset) -> np.ndarray:
    """The labels of all images, int64 [images], in the order of the shards.

    Reads every shard once without decoding an image: as long as it takes to read the files.

    Raises:
      UserError: if a shard is damaged.
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
    """The dataset without the images beyond `maximum` of each class, chosen by `seed`.

    Raises:
      UserError: if a shard is damaged.
    """
    kept = choose(read_labels(dataset), maximum, seed)
    return dataclasses.replace(dataset, num_images=int(kept.sum()), kept=kept)
