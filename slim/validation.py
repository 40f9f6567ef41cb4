"""Checks of arrays that come from files: features, labels, weights and finiteness."""

from collections.abc import Iterable, Sized

import numpy as np
from numpy.typing import ArrayLike

from slim.errors import UserError


def first_few(items: Iterable[object]) -> str:
    """Returns the first five items as text for a message.

    >>> first_few(range(3)), first_few(range(100))
    ('0, 1, 2', '0, 1, 2, 3, 4, ...')
    """
    items = list(items)
    return ', '.join(map(str, items[:5])) + (', ...' if len(items) > 5 else '')


def check_features(features: np.ndarray, where: str = 'features') -> None:
    """Raises a `UserError` if `features` is not an array of numbers, [rows, feature_dim]."""
    if features.dtype.kind not in 'iuf':
        raise UserError(f'{where}: features must be numbers, not {features.dtype}')
    if features.ndim != 2 or not all(features.shape):
        raise UserError(
            f'{where}: the shape is {list(features.shape)}; expected [rows, feature_dim], one '
            'feature per row'
        )


def check_labels(labels: ArrayLike, where: str = 'labels') -> np.ndarray:
    """Returns labels as int64 [images].

    Args:
      labels: whole numbers from 0, of any numeric type; some released files hold floats.
      where: origin of the labels, for messages.

    Raises:
      UserError: if they are anything else.

    >>> check_labels([0.0, 2.0, 1.0])
    array([0, 2, 1])
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or not len(labels):
        raise UserError(f'{where}: the shape is {list(labels.shape)}; expected one label per image')
    if labels.dtype.kind not in 'iuf':
        raise UserError(f'{where}: labels must be whole numbers, not {labels.dtype}')
    whole = np.isfinite(labels) & (labels == np.floor(labels))
    if not whole.all():
        raise UserError(f'{where}: {labels[~whole][0]} is not a whole number')
    if labels.min() < 0:
        raise UserError(f'{where}: {labels.min():.0f} is negative; labels start at 0')
    if labels.max() >= 2**31:
        raise UserError(f'{where}: {labels.max():.0f} is not a label; they run from 0 without gaps')
    return labels.astype(np.int64)


def check_classes(num_images: ArrayLike, where: str = 'labels') -> None:
    """Raises a `UserError` that names the classes without images, if any, of int [classes]."""
    num_images = np.asarray(num_images)
    empty = np.flatnonzero(num_images == 0)
    if len(empty):
        raise UserError(
            f'{where}: {len(empty)} of {len(num_images)} classes have no images '
            f'({first_few(empty)}); labels run from 0 without gaps'
        )


def check_same_length(features: Sized, labels: Sized, where: str = 'features') -> None:
    """Raises a `UserError` if the numbers of features and labels differ."""
    if len(features) != len(labels):
        raise UserError(
            f'{where}: there are {len(features)} features, but {len(labels)} labels; expected one '
            'label per feature, in the same order'
        )


def check_finite(features: np.ndarray, where: str = 'features', first_row: int = 0) -> None:
    """Raises a `UserError` that names the first row that is not finite, counted from `first_row`.

    >>> check_finite(np.array([[1.0, 2], [3, np.inf]]), 'a.npy')
    Traceback (most recent call last):
        ...
    slim.errors.UserError: a.npy: row 1 is not finite; extract the features again
    """
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        row = first_row + np.argmin(finite)
        raise UserError(f'{where}: row {row} is not finite; extract the features again')


def check_weights(weights: ArrayLike, where: str = 'weights') -> np.ndarray:
    """Returns weights of classes as float64 [classes].

    Args:
      weights: numbers [classes], 0 or more, such as the number of images of each class.
      where: origin of the weights, for messages.

    Raises:
      UserError: if a weight is negative or not finite, or all are zero.
    """
    weights = np.asarray(weights)
    if weights.ndim != 1 or not len(weights) or weights.dtype.kind not in 'iuf':
        raise UserError(
            f'{where}: {weights.dtype} {list(weights.shape)} is not a list of weights; expected '
            'one number per class'
        )
    weights = weights.astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(weights) | (weights < 0))
    if len(wrong):
        examples = first_few(f'{weights[i]:g} of class {i}' for i in wrong)
        raise UserError(f'{where}: a weight is negative or not finite: {examples}')
    if not weights.any():
        raise UserError(f'{where}: all weights are zero; expected the number of images per class')
    return weights
