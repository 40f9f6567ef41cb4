"""Tests LogME and H-score by hand and against independent computations of their definitions."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from slim.errors import UserError
from slim.transfer import measures

RANDOM = np.random.default_rng(0)


def clustered(num_images, width, num_classes=4, apart=1.0):
    labels = np.arange(num_images) % num_classes
    places = RANDOM.normal(0, apart, [num_classes, width])
    return places[labels] + RANDOM.normal(size=[num_images, width]), labels


def log_evidence(log_alpha, log_beta, features, target):
    """Returns the density of a Gaussian: the linear model with its weights integrated out."""
    covariance = math.exp(-log_beta) * np.eye(len(target))
    covariance += math.exp(-log_alpha) * features @ features.T
    return multivariate_normal.logpdf(target, np.zeros(len(target)), covariance)


@pytest.mark.parametrize('num_images, width', [(40, 5), (24, 20)])
def test_log_me_is_the_largest_log_evidence(num_images, width):
    features, labels = clustered(num_images, width)
    largest = []
    for label in range(4):
        target = (labels == label).astype(float)
        found = minimize(
            lambda logs, target=target: -log_evidence(*logs, features, target),
            [1.0, 1.0],
            method='Nelder-Mead',
            options={'xatol': 1e-7, 'fatol': 1e-10, 'maxiter': 4000},
        )
        largest.append(-found.fun / num_images)
    assert measures.log_me(features, labels) == pytest.approx(np.mean(largest), abs=1e-6)


def test_log_me_by_hand():
    # One feature that is always 1; see the docstring.
    expected = (-2 * math.log(2 * math.pi) + 1.5 * math.log(3) - 2) / 4
    found = measures.log_me(np.ones([4, 1]), [0, 0, 1, 1])
    assert found == pytest.approx(expected, abs=1e-7)


def test_log_me_of_uninformative_features():
    # The best weights are zero, which leaves noise of variance 1/2.
    features = np.array([[1.0], [-1], [1], [-1]])
    expected = -(math.log(2 * math.pi * 0.5) + 1) / 2
    assert measures.log_me(features, [0, 0, 1, 1]) == pytest.approx(expected, abs=1e-6)


def test_log_me_of_features_that_fit_exactly_is_finite():
    assert np.isfinite(measures.log_me(np.eye(2)[[0, 0, 1, 1]], [0, 0, 1, 1]))
    assert np.isfinite(measures.log_me(*clustered(10, 50, 2)))


def test_h_score_is_the_trace_of_its_definition():
    features, labels = clustered(200, 6)
    features = features @ RANDOM.normal(size=[6, 6])
    means = np.stack([features[labels == label].mean(axis=0) for label in range(4)])[labels]
    covariances = [np.cov(array, rowvar=False) for array in (features, means)]
    expected = np.trace(np.linalg.solve(*covariances))
    assert measures.h_score(features, labels) == pytest.approx(expected, rel=1e-9)


def test_h_score_depends_on_the_subspace_only():
    features, labels = clustered(100, 3)
    # Rotated, stretched, shifted and duplicated features span the same directions.
    moved = np.hstack([features, features]) @ RANDOM.normal(size=[6, 6]) + 5
    expected = measures.h_score(features, labels)
    assert measures.h_score(moved, labels) == pytest.approx(expected, rel=1e-6)
    assert measures.h_score(*clustered(20, 50)) == pytest.approx(3)  # Saturated: classes - 1.


@pytest.mark.parametrize('measure', [measures.log_me, measures.h_score])
def test_well_separated_classes_score_higher(measure):
    scores = [measure(*clustered(200, 10, apart=apart)) for apart in (0.1, 0.5, 2.0)]
    assert scores == sorted(scores)


@pytest.mark.parametrize('measure', [measures.log_me, measures.h_score])
@pytest.mark.parametrize(
    'features, labels, message',
    [
        (np.ones([3, 2]), [0, 1], '3 features, but 2 labels'),
        (np.ones([3, 2]), [0, 0, 0], 'all features are of one class'),
        ([[1.0], [math.nan]], [0, 1], 'row 1 is not finite'),
        ([1.0, 2.0], [0, 1], r'the shape is \[2\]'),
    ],
)
def test_rejects_unusable_input(measure, features, labels, message):
    with pytest.raises(UserError, match=message):
        measure(features, labels)


def test_table_of_measures():
    features, labels = clustered(60, 5)
    scores = {name: measure(features, labels) for name, measure in measures.MEASURES.items()}
    assert scores == {
        'logme': measures.log_me(features, labels),
        'h_score': measures.h_score(features, labels),
    }
