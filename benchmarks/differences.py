"""How far features computed in one precision are from those computed in another."""

import numpy as np


def differences(features, queries, other_features, other_queries):
    """Compares features of the same images, and of queries, in two precisions.

    Args:
      features: float [images, width].
      queries: float [images, width], of one query for each image, that image changed a little.
      other_features, other_queries: the same in the precision that is compared.

    Returns:
      A dictionary:
        relative_error: Frobenius norm of the difference of the features, over that of `features`.
        worst_relative_error: the same of one image, the largest over all.
        same_nearest: share of the queries whose nearest image, by Euclidean distance, is the same
          in both precisions.
        found: share of the queries whose nearest image in the first precision is their own.

    Raises:
      ValueError: if a feature is zero, or not finite.
    """
    features, others = np.asarray(features, np.float64), np.asarray(other_features, np.float64)
    sizes = np.linalg.norm(features, axis=1)
    errors = np.linalg.norm(others - features, axis=1)
    if not (np.isfinite(errors).all() and np.isfinite(sizes).all() and sizes.all()):
        raise ValueError('a feature is zero or not finite')
    nearest_one = nearest(features, queries)
    return {
        'relative_error': relative_error(features, others),
        'worst_relative_error': float((errors / sizes).max()),
        'same_nearest': float((nearest_one == nearest(others, other_queries)).mean()),
        'found': float((nearest_one == np.arange(len(features))).mean()),
    }


def relative_error(values, others):
    """Frobenius norm of `others` - `values` over that of `values`, arrays of one shape."""
    values, others = np.asarray(values, np.float64), np.asarray(others, np.float64)
    return float(np.linalg.norm(others - values) / np.linalg.norm(values))


def nearest(features, queries):
    """Index of the row of `features` [n, width] nearest to each of `queries` [m, width]: [m]."""
    from sklearn.neighbors import NearestNeighbors

    neighbours = NearestNeighbors(n_neighbors=1).fit(features)
    return neighbours.kneighbors(queries, return_distance=False)[:, 0]
