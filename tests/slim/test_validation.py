"""Tests the checks of features, labels and weights."""

import numpy as np
import pytest

from slim import validation
from slim.errors import UserError


@pytest.mark.parametrize(
    'features, message',
    [
        (np.array([['a']]), 'a.npy: features must be numbers, not <U1'),
        (np.ones(3), r'a.npy: the shape is \[3\]; expected \[rows, feature_dim\]'),
        (np.ones([0, 3]), r'the shape is \[0, 3\]'),
    ],
)
def test_rejects_features(features, message):
    with pytest.raises(UserError, match=message):
        validation.check_features(features, 'a.npy')
    validation.check_features(np.ones([2, 3], np.uint8))


@pytest.mark.parametrize(
    'labels, message',
    [
        ([], r'l.npy: the shape is \[0\]; expected one label per image'),
        (['a'], 'l.npy: labels must be whole numbers, not <U1'),
        ([0.0, 0.5], 'l.npy: 0.5 is not a whole number'),
        ([0.0, np.inf], 'l.npy: inf is not a whole number'),
        ([0, -1], 'l.npy: -1 is negative; labels start at 0'),
        ([0, 2**31], 'l.npy: 2147483648 is not a label; they run from 0 without gaps'),
    ],
)
@pytest.mark.filterwarnings('error')
def test_rejects_labels(labels, message):
    with pytest.raises(UserError, match=message):
        validation.check_labels(labels, 'l.npy')


@pytest.mark.parametrize('dtype', [np.uint8, np.int64, np.float32])
def test_labels_of_any_numeric_type(dtype):
    labels = validation.check_labels(np.array([3, 0, 1], dtype))
    assert labels.dtype == np.int64 and labels.tolist() == [3, 0, 1]


def test_names_empty_classes_and_rows_that_are_not_finite():
    validation.check_classes([1, 2])
    with pytest.raises(UserError, match=r'labels: 2 of 3 classes have no images \(0, 2\)'):
        validation.check_classes(np.array([0, 1, 0]))
    with pytest.raises(UserError, match='row 12 is not finite'):
        validation.check_finite(np.array([[1.0], [2], [np.nan]]), first_row=10)
    with pytest.raises(UserError, match='there are 2 features, but 1 labels; expected one label'):
        validation.check_same_length([1, 2], [1])


def test_weights():
    weights = validation.check_weights([3, 1])
    assert weights.dtype == np.float64 and weights.tolist() == [3, 1]
    for wrong, message in (
        ([1, -1], 'w: a weight is negative or not finite: -1 of class 1'),
        ([0, 0], 'w: all weights are zero'),
        ([[1]], 'not a list of weights'),
    ):
        with pytest.raises(UserError, match=message):
            validation.check_weights(wrong, 'w')
