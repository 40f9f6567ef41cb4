"""Measures of transferability that look at the target's images through a pre-trained network.

Unlike the paper's domain similarity, which compares class means of source and target, LogME and
H-score take features of the target's training images by a network that was pre-trained on the
source. The larger, the better the source is expected to transfer. Values of one measure can be
compared between sources of one target, but not between targets or measures.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from slim.errors import UserError
from slim.validation import check_features, check_finite, check_labels, check_same_length


def _checked(features: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Returns features as float64 [n, feature_dim], and labels as int64 [n], renumbered from 0."""
    features = np.asarray(features)
    check_features(features)
    features = features.astype(np.float64)
    check_finite(features)
    labels = check_labels(labels)
    check_same_length(features, labels)
    classes, labels = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise UserError('all features are of one class; a transfer measure needs two or more')
    return features, labels


def _spectrum(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns left singular vectors and squared singular values of float64 [n, feature_dim].

    They are float64 [n, rank] and [rank], without those that are rounding. By way of the smaller of
    the two Gram matrices, in a fraction of the time of a decomposition.
    """
    is_tall = features.shape[0] > features.shape[1]
    gram = features.T @ features if is_tall else features @ features.T
    values, vectors = np.linalg.eigh(gram)
    kept = values > 1e-12 * max(values[-1], 0)
    values, vectors = values[kept], vectors[:, kept]
    return (features @ vectors / np.sqrt(values) if is_tall else vectors), values


def _log_evidence(
    squares: np.ndarray, outside: float, num_images: int, feature_dim: int, values: np.ndarray
) -> float:
    """Returns the largest log evidence of one target vector, divided by the number of images.

    Args:
      squares: float64 [rank], squared components of the vector along the singular vectors.
      outside: squared length of the vector outside their span.
      num_images: length of the vector.
      feature_dim: dimension of the features.
      values: float64 [rank], squared singular values.
    """
    alpha = beta = 1.0
    floor = 1e-12 * (squares.sum() + outside)  # Least residual, for features that fit exactly.
    for _ in range(1000):
        shrunk = alpha + beta * values
        effective = (beta * values / shrunk).sum()  # Number of parameters that the data determine.
        weights = (beta**2 * values * squares / shrunk**2).sum()  # |m|^2
        residual = max((alpha**2 * squares / shrunk**2).sum() + outside, floor)
        before = alpha / beta
        beta = max(num_images - effective, 1e-9) / residual
        # If the features carry no information about the vector, the best alpha is infinite.
        alpha = min(effective / max(weights, 1e-300), 1e12 * beta * values[-1])
        if abs(alpha / beta - before) <= 1e-8 * before:
            break
    shrunk = alpha + beta * values
    weights = (beta**2 * values * squares / shrunk**2).sum()
    residual = (alpha**2 * squares / shrunk**2).sum() + outside
    evidence = (
        num_images * math.log(beta)
        + feature_dim * math.log(alpha)
        - num_images * math.log(2 * math.pi)
        - beta * residual
        - alpha * weights
        - np.log(shrunk).sum()
        - (feature_dim - len(values)) * math.log(alpha)
    ) / 2
    return evidence / num_images


def log_me(features: ArrayLike, labels: ArrayLike) -> float:
    """Computes LogME, the logarithm of maximum evidence.

    You, Liu, Wang, Long, "LogME: Practical Assessment of Pre-trained Models for Transfer Learning",
    ICML 2021, arXiv 2102.11005.

    For each class, a linear model with Gaussian weights (precision alpha) and Gaussian noise
    (precision beta) predicts from the features whether an image belongs to the class. The evidence,
    with the weights integrated out, is maximised over alpha and beta by MacKay's fixed-point
    iteration, as in that paper. LogME is its logarithm divided by the number of images, averaged
    over the classes.

    Args:
      features: float [images, feature_dim], not centred: the model has no intercept.
      labels: int [images].

    Returns:
      LogME; the larger, the better the features suit the labels.

    Raises:
      UserError: if an array cannot be used, or there is only one class.

    One constant feature, two of four images in each class. The vector (1, 1, 0, 0) has component 1
    along (1, 1, 1, 1) / 2, and squared length 1 in the three other directions. The evidence is
    largest at variances of 1 and 1/3, where its logarithm is -2 ln(2 pi) + 1.5 ln(3) - 2:

    >>> round(log_me([[1.0], [1], [1], [1]], [0, 0, 1, 1]), 5)
    -1.00696
    """
    features, labels = _checked(features, labels)
    vectors, values = _spectrum(features)
    targets = np.eye(labels.max() + 1)[labels]  # [n, classes]
    squares = (vectors.T @ targets) ** 2  # [rank, classes]
    outside = np.maximum((targets**2).sum(axis=0) - squares.sum(axis=0), 0)
    num_images, feature_dim = features.shape
    evidences = [
        _log_evidence(squares[:, label], outside[label], num_images, feature_dim, values)
        for label in range(targets.shape[1])
    ]
    return float(np.mean(evidences))


def h_score(features: ArrayLike, labels: ArrayLike) -> float:
    """Computes the H-score, tr(cov(f)^-1 cov(E[f | class])).

    Bao, Li, Huang, Zhang, Zheng, Zamir, Guibas, "An Information-Theoretic Approach to
    Transferability in Task Transfer Learning", ICIP 2019.

    The fraction of the features' variance that lies between classes, summed over all independent
    directions. At most the number of classes minus one; if there are no more images than
    dimensions, it always reaches this maximum, and carries no information.

    Args:
      features: float [images, feature_dim].
      labels: int [images].

    Returns:
      The H-score; the larger, the better separated the classes.

    Raises:
      UserError: if an array cannot be used, or there is only one class.

    Class means 1 and 5 around 3 have variance 4, all features have 5:

    >>> round(h_score([[0.0], [2], [4], [6]], [0, 0, 1, 1]), 12)
    0.8
    """
    features, labels = _checked(features, labels)
    vectors, _ = _spectrum(features - features.mean(axis=0))
    # With f = U S V', cov(f)^-1 cancels S and V: what remains is U, its rows averaged over classes.
    counts = np.bincount(labels)
    means = np.stack([vectors[labels == label].mean(axis=0) for label in range(len(counts))])
    return float((counts[:, None] * means**2).sum())


# Name, as in tables of results -> function of features and labels.
MEASURES = {'logme': log_me, 'h_score': h_score}
