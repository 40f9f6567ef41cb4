"""Class means: the mean feature of each class, and the number of images that it is computed over.

Domains are compared by their classes, not by their images: the paper (section 4) represents a class
by the mean feature of its images and weights it by their number.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from slim import validation
from slim.errors import UserError

CHUNK_BYTES = 2**26  # Size in float64 of the rows that are read at a time, to limit memory.


class ClassMeans(NamedTuple):
    """Means and sizes of the classes of a dataset.

    Attributes:
      means: float32 [classes, feature_dim], mean feature of each class.
      num_images: int64 [classes], number of images of each class.
    """

    means: np.ndarray
    num_images: np.ndarray


def compute_class_means(
    features: npt.ArrayLike,
    labels: npt.ArrayLike,
    num_classes: int | None = None,
    where: str = 'features',
    chunk_bytes: int = CHUNK_BYTES,
) -> ClassMeans:
    """Computes the mean feature of each class.

    Reads the rows once, in order, in chunks, and accumulates in float64: `features` may be a
    memory-mapped file that is larger than memory.

    Args:
      features: float [images, feature_dim], an array or a memory map.
      labels: int [images], from 0 without gaps.
      num_classes: number of classes; by default the largest label plus 1.
      where: source of the features, for messages.
      chunk_bytes: size of a chunk in float64.

    Raises:
      UserError: if the lengths differ, a feature is not finite, or a class has no image.

    >>> compute_class_means([[0, 0], [4, 2], [1, 1]], [0, 0, 1])
    ClassMeans(means=array([[2., 1.],
           [1., 1.]], dtype=float32), num_images=array([2, 1]))
    """
    features = features if isinstance(features, np.ndarray) else np.asarray(features)
    labels = validation.check_labels(labels, where)
    validation.check_features(features, where)
    validation.check_same_length(features, labels, where)
    num_classes = labels.max() + 1 if num_classes is None else num_classes
    if labels.max() >= num_classes:
        raise UserError(f'{where}: there is label {labels.max()}, but {num_classes} classes')
    num_images = np.bincount(labels, minlength=num_classes)
    validation.check_classes(num_images, where)
    feature_dim = features.shape[1]
    sums = np.zeros([num_classes, feature_dim])
    rows = max(1, chunk_bytes // (8 * feature_dim))
    for start in range(0, len(features), rows):
        chunk = np.asarray(features[start : start + rows], np.float64)
        validation.check_finite(chunk, where, start)
        part = labels[start : start + rows]
        order = np.argsort(part, kind='stable')
        present, firsts = np.unique(part[order], return_index=True)
        sums[present] += np.add.reduceat(chunk[order], firsts)
    return ClassMeans((sums / num_images[:, None]).astype(np.float32), num_images)
