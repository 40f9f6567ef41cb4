"""The mean feature of each class, and how many images it was taken over.

Classes, not images, are what domains are compared by: the paper (section 4) takes the mean
feature of a class for all of its images, and their number for its weight.
"""

from typing import NamedTuple

import numpy as np

from slim.errors import UserError

CHUNK_BYTES = 2**26  # Of float64. What is read at a time, so that memory does not grow with rows.


class ClassFeatures(NamedTuple):
    """What is known of a dataset's classes.

    Attributes:
      means: float32 [classes, width], the mean feature of each class.
      num_images: int64 [classes].
    """

    means: np.ndarray
    num_images: np.ndarray


def some(items) -> str:
    """The first five of the items for a message.

    >>> some(range(3)), some(range(100))
    ('0, 1, 2', '0, 1, 2, 3, 4, ...')
    """
    items = list(items)
    return ', '.join(map(str, items[:5])) + (', ...' if len(items) > 5 else '')


def check_labels(labels, where: str = 'labels') -> np.ndarray:
    """Labels as int64 [images].

    Args:
      labels: whole numbers from 0, of any numeric type; 2018's files hold some as floats.
      where: they come from, for messages.

    Raises:
      UserError: if they are anything else.

    >>> check_labels([0.0, 2.0, 1.0])
    array([0, 2, 1])
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or not len(labels):
        raise UserError(f'{where}: the shape is {list(labels.shape)}; expected a label an image')
    if labels.dtype.kind not in 'iuf':
        raise UserError(f'{where}: {labels.dtype} is no type of labels; expected whole numbers')
    whole = np.isfinite(labels) if labels.dtype.kind == 'f' else np.ones(len(labels), bool)
    whole &= np.where(whole, labels, 0) == np.floor(np.where(whole, labels, 0))
    if not whole.all():
        raise UserError(f'{where}: {labels[~whole][0]} is not a whole number')
    if labels.min() < 0:
        raise UserError(f'{where}: {labels.min():.0f} is negative; labels start at 0')
    if labels.max() >= 2**31:
        raise UserError(f'{where}: {labels.max():.0f} is no label; they run from 0 without gaps')
    return labels.astype(np.int64)


def check_classes(num_images, where: str = 'labels') -> None:
    """Raises a `UserError` that names the classes without an image, int [classes], if there are."""
    empty = np.flatnonzero(np.asarray(num_images) == 0)
    if len(empty):
        raise UserError(
            f'{where}: {len(empty)} of {len(num_images)} classes have no images ({some(empty)}); '
            'labels run from 0 without gaps'
        )


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


def check_features(features: np.ndarray, where: str = 'features') -> None:
    """Raises a `UserError` if `features` is not [rows, width] of numbers."""
    if features.dtype.kind not in 'iuf':
        raise UserError(f'{where}: {features.dtype} is no type of features; expected numbers')
    if features.ndim != 2 or not all(features.shape):
        raise UserError(
            f'{where}: the shape is {list(features.shape)}; expected [rows, width], a feature a row'
        )


def check_same_length(features, labels, where: str = 'features') -> None:
    """Raises a `UserError` if there are not as many labels as features."""
    if len(features) != len(labels):
        raise UserError(
            f'{where}: there are {len(features)} features, but {len(labels)} labels; they must '
            'belong together, row by row'
        )


def check_finite(features: np.ndarray, where: str = 'features', first_row: int = 0) -> None:
    """Raises a `UserError` that names the first row, counted from `first_row`, that is not finite.

    >>> check_finite(np.array([[1.0, 2], [3, np.inf]]), 'a.npy')
    Traceback (most recent call last):
        ...
    slim.errors.UserError: a.npy: row 1 is not finite; extract the features again
    """
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        row = first_row + np.argmin(finite)
        raise UserError(f'{where}: row {row} is not finite; extract the features again')
