"""The nearest neighbours of a feature among others: which images does a network find alike?"""

import numpy as np

from slim.errors import UserError
from slim.validation import check_features, check_finite


def nearest_neighbours(features, queries, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest features of each query, by Euclidean distance.

    By brute force. A KD-tree, which the release of 2018 used, saves nothing at 2048 dimensions: for
    almost every query it visits almost every point, one at a time, where brute force is a matrix
    product (benchmarks/README.md has the figures). The distances are then computed by
    differences, so that equal features are 0 apart.

    Args:
      features: float [n, width].
      queries: float [m, width].
      count: neighbours of each query, at most n. A query that is among the features is its own.

    Returns:
      (float64 [m, count] distances, int64 [m, count] rows of `features`), nearest first.

    Raises:
      UserError: if the widths differ, a value is not finite, or there are too few features.

    >>> nearest_neighbours([[0.0, 0.0], [3.0, 4.0], [9.0, 9.0]], [[0.0, 0.0]], 2)
    (array([[0., 5.]]), array([[0, 1]]))
    """
    from sklearn.neighbors import NearestNeighbors

    features, queries = np.asarray(features), np.asarray(queries)
    for array, where in ((features, 'features'), (queries, 'queries')):
        check_features(array, where)
        check_finite(array, where)
    if features.shape[1] != queries.shape[1]:
        raise UserError(
            f'features are {features.shape[1]} wide, queries {queries.shape[1]}; both must be of '
            'the same network'
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
