import math

import numpy as np
import pytest

from tests.slim.learning.feature_differences import differences


def test_differences_of_known_features():
    # On a line, with queries near them.
    features = np.array([[1.0, 0], [2, 0], [10, 0], [11, 0], [20, 0]], np.float32)
    queries = features + np.array([0.4, 0], np.float32)
    moved = features.copy()
    moved[4, 0] = 12.5
    result = differences(features, queries, moved, queries)
    assert result['same_nearest'] == result['found'] == 1
    assert result['relative_error'] == pytest.approx(7.5 / math.sqrt(1 + 4 + 100 + 121 + 400))
    moved[4, 0] = 11.1  # Now the nearest to the query of 11.
    assert differences(features, queries, moved, queries)['same_nearest'] == pytest.approx(4 / 5)
    reverse = differences(features, queries[::-1], moved, queries[::-1])
    assert reverse['found'] == pytest.approx(1 / 5)
    same = differences(features, queries, features, queries)
    assert same == {'relative_error': 0, 'same_nearest': 1, 'found': 1}


@pytest.mark.parametrize('bad', [[[0.0, 0], [1, 1]], [[1, math.nan], [1, 1]]])
def test_features_that_cannot_be_compared(bad):
    with pytest.raises(ValueError, match='zero or not finite'):
        differences(np.array(bad), np.ones([2, 2]), np.ones([2, 2]), np.ones([2, 2]))
