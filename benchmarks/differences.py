"""How far features computed in one precision are from those computed in another."""

import numpy as np


def differences(features, others):
    """Compares two sets of features of the same images.

    Args:
      features: float [images, width], at least two images: those to compare with.
      others: float [images, width].

    Returns:
      A dictionary:
        relative_error: Frobenius norm of the difference, over that of `features`.
        worst_relative_error: the same of one image, the largest over all.
        same_nearest: share of the images whose nearest neighbour among the other images, by
          Euclidean distance, is the same in both sets.

    Raises:
      ValueError: if a feature is zero, or not finite.
    """
    features, others = np.asarray(features, np.float64), np.asarray(others, np.float64)
    sizes = np.linalg.norm(features, axis=1)
    errors = np.linalg.norm(others - features, axis=1)
    if not (np.isfinite(errors).all() and np.isfinite(sizes).all() and sizes.all()):
        raise ValueError('a feature is zero or not finite')
    return {
        'relative_error': relative_error(features, others),
        'worst_relative_error': float((errors / sizes).max()),
        'same_nearest': float((nearest(features) == nearest(others)).mean()),
    }


def relative_error(values, others):
    """Frobenius norm of `others` - `values` over that of `values`, arrays of one shape."""
    values, others = np.asarray(values, np.float64), np.asarray(others, np.float64)
    return float(np.linalg.norm(others - values) / np.linalg.norm(values))


def nearest(features):
    """Index of the nearest other row of each row of `features` [n, width]: int64 [n]."""
    from sklearn.neighbors import NearestNeighbors

    # Asked about no rows in particular, it leaves out each row itself.
    neighbours = NearestNeighbors(n_neighbors=1).fit(features)
    return neighbours.kneighbors(return_distance=False)[:, 0]
