"""Tests the linear classifier against scikit-learn, its metrics, and the selection of C."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from slim.errors import UserError
from slim.transfer import linear_classifier


def clustered(seed, num_images, num_classes=4, width=8, noise=1.0):
    places = np.random.default_rng(7).normal(size=[num_classes, width])
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(num_images) % num_classes)
    features = places[labels] + random.normal(0, noise, [num_images, width])
    return features.astype(np.float32), labels


TRAIN, VAL = clustered(0, 80), clustered(1, 61)


def test_equals_scikit_learn():
    result = linear_classifier.classify(*TRAIN, *VAL, C=0.5)
    expected = LogisticRegression(C=0.5, max_iter=100).fit(*TRAIN)
    np.testing.assert_array_equal(result.predictions, expected.predict(VAL[0]))
    np.testing.assert_allclose(
        result.probabilities, expected.predict_proba(VAL[0]).max(axis=1), rtol=1e-4
    )
    assert result.accuracy == pytest.approx((result.predictions == VAL[1]).mean())
    assert 0.5 < result.accuracy < 1
    assert result.converged and result.iterations == expected.n_iter_[0] < 100
    assert result.confusion.sum(axis=1).tolist() == np.bincount(VAL[1]).tolist()
    for label in range(4):
        right = result.predictions[VAL[1] == label] == label
        assert result.class_accuracy[label] == pytest.approx(right.mean())


def test_float64_and_memory_maps_are_classified_in_float32(tmp_path):
    np.save(tmp_path / 'train.npy', TRAIN[0].astype(np.float64))
    mapped = np.load(tmp_path / 'train.npy', mmap_mode='r')
    result = linear_classifier.classify(mapped, TRAIN[1], *VAL)
    expected = linear_classifier.classify(*TRAIN, *VAL)
    np.testing.assert_array_equal(result.probabilities, expected.probabilities)


def test_reports_missing_convergence():
    result = linear_classifier.classify(*TRAIN, *VAL, max_iterations=2)
    assert (result.converged, result.iterations) == (False, 2)


def test_class_without_validation_images_has_no_accuracy():
    kept = VAL[1] != 3
    result = linear_classifier.classify(*TRAIN, VAL[0][kept], VAL[1][kept])
    assert np.isnan(result.class_accuracy).tolist() == [False] * 3 + [True]
    assert result.confusion.shape == (4, 4)


def test_c_is_selected_on_the_training_images():
    # With many noisy dimensions and few images, weak regularisation fits the noise.
    train = clustered(0, 60, width=100, noise=4.0)
    chosen = linear_classifier.select_c_by_cross_validation(
        *train, choices=(1e-4, 1e-3, 100.0), seed=3
    )
    assert chosen in (1e-4, 1e-3)
    assert (
        linear_classifier.select_c_by_cross_validation(*train, choices=(1e-4, 1e-3, 100.0), seed=3)
        == chosen
    )


def test_hardest_pairs_count_both_directions():
    confusion = np.array([[5, 5, 0], [0, 10, 0], [0, 4, 6]])
    assert linear_classifier.hardest_pairs(confusion, 9) == [(0, 1, 0.25), (1, 2, 0.2)]
    assert linear_classifier.hardest_pairs(confusion, 1) == [(0, 1, 0.25)]
    assert linear_classifier.hardest_pairs(np.eye(3, dtype=int), 2) == []


def with_nan(features):
    return np.where(np.arange(len(features))[:, None] == 5, np.nan, features)


@pytest.mark.parametrize(
    'train, val, message',
    [
        ((TRAIN[0], TRAIN[1][:-1]), VAL, 'training features: there are 80 features, but 79 labels'),
        (TRAIN, (VAL[0], VAL[1][:-1]), 'validation features: there are 61 features'),
        (
            TRAIN,
            (VAL[0][:, :4], VAL[1]),
            'training features have dimension 8, validation features 4',
        ),
        ((with_nan(TRAIN[0]), TRAIN[1]), VAL, 'training features: row 5 is not finite'),
        (TRAIN, (with_nan(VAL[0]), VAL[1]), 'validation features: row 5 is not finite'),
        ((TRAIN[0], TRAIN[1] + 1), (VAL[0], VAL[1] + 1), r'1 of 5 classes have no images \(0\)'),
        (TRAIN, (VAL[0], VAL[1] + 1), r'1 of 5 classes have no images \(4\)'),
        ((TRAIN[0], TRAIN[1] * 0), (VAL[0], VAL[1] * 0), 'of one class'),
    ],
)
def test_rejects_unusable_input(train, val, message):
    with pytest.raises(UserError, match=message):
        linear_classifier.classify(*train, *val)


def test_rejects_too_few_images_to_select_c():
    few = TRAIN[0][:6], np.array([0, 0, 0, 0, 1, 1])
    with pytest.raises(UserError, match='class 1 has 2 training images'):
        linear_classifier.select_c_by_cross_validation(*few)
