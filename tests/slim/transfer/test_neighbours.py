"""Tests nearest neighbours against a KD-tree."""

import numpy as np
import pytest
from sklearn.neighbors import KDTree

from slim.errors import UserError
from slim.transfer.neighbours import nearest_neighbours

RANDOM = np.random.default_rng(0)
FEATURES, QUERIES = (RANDOM.normal(size=[n, 8]).astype(np.float32) for n in (80, 61))


def test_neighbours_by_hand_and_by_a_tree():
    distances, rows = nearest_neighbours(FEATURES, QUERIES, 5)
    expected = KDTree(FEATURES).query(QUERIES, k=5)
    np.testing.assert_allclose(distances, expected[0], rtol=1e-6)
    np.testing.assert_array_equal(rows, expected[1])
    # Each feature is its own nearest neighbour, at distance 0.
    distances, rows = nearest_neighbours(FEATURES + 1000, FEATURES + 1000, 1)
    assert (distances == 0).all() and rows[:, 0].tolist() == list(range(80))
    with pytest.raises(UserError, match='81 neighbours among 80'):
        nearest_neighbours(FEATURES, QUERIES, 81)
    with pytest.raises(UserError, match='dimension 8, queries 3'):
        nearest_neighbours(FEATURES, QUERIES[:, :3], 1)
