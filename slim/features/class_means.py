"""The mean feature of each class, and how many images it was taken over.

Classes, not images, are what domains are compared by: the paper (section 4) takes the mean
feature of a class for all of its images, and their number for its weight.
"""

from typing import NamedTuple

import numpy as np

from slim.errors import UserError
from slim.validation import (
    check_classes,
    check_features,
    check_finite,
    check_labels,
    check_same_length,
)

CHUNK_BYTES = 2**26  # Of float64. What is read at a time, so that memory does not grow with rows.


class ClassFeatures(NamedTuple):
    """What is known of a dataset's classes.

    Attributes:
      means: float32 [classes, width], the mean feature of each class.
      num_images: int64 [classes].
    """

    means: np.ndarray
    num_images: np.ndarray


def class_features(
    features,
    labels,
    num_classes: int | None = None,
    where: str = 'features',
    chunk_bytes: int = CHUNK_BYTES,
) -> ClassFeatures:
    """Means the features of each class.

    The rows are read once, in order, a chunk at a time, and added up in float64: `features` may be
    a memory-mapped file that is larger than memory.

    Args:
      features: float [images, width], an array or a memory map.
      labels: int [images], from 0 without gaps.
      num_classes: number of classes; by default what the labels say.
      where: the features come from, for messages.
      chunk_bytes: size of a chunk in float64.

    Raises:
      UserError: if the lengths differ, a feature is not finite, or a class has no image.

    >>> class_features([[0, 0], [4, 2], [1, 1]], [0, 0, 1])
    ClassFeatures(means=array([[2., 1.],
           [1., 1.]], dtype=float32), num_images=array([2, 1]))
    """
    features = features if isinstance(features, np.ndarray) else np.asarray(features)
    labels = check_labels(labels, where)
    check_features(features, where)
    check_same_length(features, labels, where)
    num_classes = labels.max() + 1 if num_classes is None else num_classes
    if labels.max() >= num_classes:
        raise UserError(f'{where}: there is label {labels.max()}, but {num_classes} classes')
    num_images = np.bincount(labels, minlength=num_classes)
    check_classes(num_images, where)
    width = features.shape[1]
    sums = np.zeros([num_classes, width])
    rows = max(1, chunk_bytes // (8 * width))
    for start in range(0, len(features), rows):
        chunk = np.asarray(features[start : start + rows], np.float64)
        check_finite(chunk, where, start)
        part = labels[start : start + rows]
        order = np.argsort(part, kind='stable')
        present, firsts = np.unique(part[order], return_index=True)
        sums[present] += np.add.reduceat(chunk[order], firsts)
    return ClassFeatures((sums / num_images[:, None]).astype(np.float32), num_images)
