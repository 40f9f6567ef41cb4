"""Nearest neighbours among features: the images that a network finds most similar."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.neighbors import NearestNeighbors

from slim.errors import UserError
from slim.validation import check_features, check_finite


def nearest_neighbours(
    features: ArrayLike, queries: ArrayLike, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the nearest features of each query, by Euclidean distance.

    By brute force, a chunk of queries at a time. A KD-tree, which the original code used, saves
    nothing at 2048 dimensions: for almost every query it visits almost every point, one at a time,
    where brute force is a matrix product (numbers in benchmarks/README.md). The distances are then
    computed from differences, so that equal features are at distance 0.

    Args:
      features: float [n, feature_dim].
      queries: float [m, feature_dim].
      count: number of neighbours per query, at most n. The nearest neighbour of a query that is
        among the features is itself.

    Returns:
      (float64 [m, count] distances, int64 [m, count] rows of `features`), nearest first.

    Raises:
      UserError: if the dimensions differ, a value is not finite, or there are too few features.

    >>> nearest_neighbours([[0.0, 0.0], [3.0, 4.0], [9.0, 9.0]], [[0.0, 0.0]], 2)
    (array([[0., 5.]]), array([[0, 1]]))
    """
    features, queries = np.asarray(features), np.asarray(queries)
    for array, where in ((features, 'features'), (queries, 'queries')):
        check_features(array, where)
        check_finite(array, where)
    if features.shape[1] != queries.shape[1]:
        raise UserError(
            f'features have dimension {features.shape[1]}, queries {queries.shape[1]}; both must '
            'come from the same network'
        )
    if not 1 <= count <= len(features):
        raise UserError(f'{count} neighbours among {len(features)} features; expected 1 or more')
    search = NearestNeighbors(n_neighbors=count, algorithm='brute').fit(features)
    rows = search.kneighbors(queries, return_distance=False)
    distances = np.empty(rows.shape)
    for query, near, out in zip(queries, rows, distances, strict=True):
        differences = features[near].astype(np.float64) - query
        out[:] = np.linalg.norm(differences, axis=1)
        order = np.argsort(out, kind='stable')
        out[:], near[:] = out[order], near[order]
    return distances, rows
