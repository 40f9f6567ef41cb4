"""Measures of how well a source will transfer to a target: the rows of one table, one interface.

Each takes a `TransferCase` and gives a number, the larger the better. The paper's needs the class
features of source and target by one network. The others never see the source: they look at features
of the target's images, by a network that was pre-trained on the source.

Numbers of one measure can be compared between sources of one target; those of two measures cannot,
and LogME and H-score cannot between targets, either.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from slim.errors import UserError, nearest
from slim.features.domains import Domain
from slim.transfer.domain_similarity import GAMMA, measure_similarity
from slim.validation import check_features, check_finite, check_labels, check_same_length

# Eigenvalues below this share of the largest are rounding.
RANK_TOLERANCE = 1e-12
LOGME_TOLERANCE = 1e-8
LOGME_ITERATIONS = 1000


@dataclass(frozen=True, eq=False)
class TransferCase:
    """What is known of a source and a target; a measure says which of it it needs.

    Attributes:
      source: class features of the source.
      target: class features of the target, by the same network.
      features: float [images, width], of the target's training images, by a network that was
        pre-trained on the source.
      labels: int [images], their labels.
      gamma: of the similarity.
    """

    source: Domain | None = None
    target: Domain | None = None
    features: np.ndarray | None = None
    labels: np.ndarray | None = None
    gamma: float = GAMMA


@dataclass(frozen=True)
class Measure:
    """A row of the table.

    Attributes:
      title: what it is called.
      compute: function of a `TransferCase`.
      needs: the attributes of it that must be there.
      reference: where it was published.
    """

    title: str
    compute: Callable[[TransferCase], float]
    needs: tuple[str, ...]
    reference: str


def _checked(features, labels):
    """Features as float64 [n, width], and labels as int64 [n] from 0, those that occur."""
    features = np.asarray(features)
    check_features(features)
    features = features.astype(np.float64)
    check_finite(features)
    labels = check_labels(labels)
    check_same_length(features, labels)
    classes, labels = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise UserError('all features are of one class; a measure of transfer takes two or more')
    return features, labels


def _spectrum(features):
    """Left singular vectors and squared singular values, those that are not rounding.

    By way of the smaller of the two Gram matrices: a fraction of a decomposition's time.

    Args:
      features: float64 [n, width].

    Returns:
      (float64 [n, rank], float64 [rank]).
    """
    is_tall = features.shape[0] > features.shape[1]
    gram = features.T @ features if is_tall else features @ features.T
    values, vectors = np.linalg.eigh(gram)
    kept = values > RANK_TOLERANCE * max(values[-1], 0)
    values, vectors = values[kept], vectors[:, kept]
    return (features @ vectors / np.sqrt(values) if is_tall else vectors), values


def _log_evidence(squares, outside, num_images, width, values):
    """The largest log evidence of one target vector, over the images.

    Args:
      squares: float64 [rank], squared components of the vector along the singular vectors.
      outside: its squared length outside their span.
      num_images: its length.
      width: of the features.
      values: float64 [rank], squared singular values.
    """
    alpha = beta = 1.0
    floor = 1e-12 * (squares.sum() + outside)  # Of a residual, for features that fit exactly.
    for _ in range(LOGME_ITERATIONS):
        shrunk = alpha + beta * values
        effective = (beta * values / shrunk).sum()  # Number of parameters that the data determine.
        weights = (beta**2 * values * squares / shrunk**2).sum()  # |m|^2
        residual = max((alpha**2 * squares / shrunk**2).sum() + outside, floor)
        before = alpha / beta
        beta = max(num_images - effective, 1e-9) / residual
        # Where the features say nothing of the vector, the best alpha is infinite.
        alpha = min(effective / max(weights, 1e-300), 1e12 * beta * values[-1])
        if abs(alpha / beta - before) <= LOGME_TOLERANCE * before:
            break
    shrunk = alpha + beta * values
    weights = (beta**2 * values * squares / shrunk**2).sum()
    residual = (alpha**2 * squares / shrunk**2).sum() + outside
    evidence = (
        num_images * math.log(beta)
        + width * math.log(alpha)
        - num_images * math.log(2 * math.pi)
        - beta * residual
        - alpha * weights
        - np.log(shrunk).sum()
        - (width - len(values)) * math.log(alpha)
    ) / 2
    return evidence / num_images


def log_me(features, labels) -> float:
    """LogME: logarithm of maximum evidence (You, Liu, Wang, Long, ICML 2021, arXiv 2102.11005).

    For each class, a linear model with Gaussian weights (precision alpha) and Gaussian noise
    (precision beta) predicts from the features whether an image is of the class. The evidence, with
    the weights integrated out, is maximised over alpha and beta by MacKay's fixed-point iteration,
    as in that paper. The mean over the classes of its logarithm, divided by the number of images.

    Args:
      features: float [images, width], not centred: there is no intercept.
      labels: int [images].

    Returns:
      The larger, the better the features suit the labels.

    Raises:
      UserError: if the arrays cannot be what they should be, or there is only one class.

    A feature that is always 1, two of four images in each class. Along (1, 1, 1, 1) / 2 the vector
    (1, 1, 0, 0) has length 1, and square 1 over the three directions outside: the evidence is
    largest at variances of 1 and 1/3, where its logarithm is -2 ln(2 pi) + 1.5 ln(3) - 2:

    >>> round(log_me([[1.0], [1], [1], [1]], [0, 0, 1, 1]), 5)
    -1.00696
    """
    features, labels = _checked(features, labels)
    vectors, values = _spectrum(features)
    targets = np.eye(labels.max() + 1)[labels]  # [n, classes]
    squares = (vectors.T @ targets) ** 2  # [rank, classes]
    outside = np.maximum((targets**2).sum(axis=0) - squares.sum(axis=0), 0)
    size = features.shape
    evidences = [
        _log_evidence(squares[:, label], outside[label], *size, values)
        for label in range(targets.shape[1])
    ]
    return float(np.mean(evidences))


def h_score(features, labels) -> float:
    """H-score (Bao, Li, Huang, Zhang, Zheng, Zamir, Guibas, ICIP 2019).

    tr(cov(f)^-1 cov(E[f | class])): the share of the features' variance that lies between classes,
    summed over all independent directions. At most the number of classes less one; where there are
    no more images than features are wide it reaches that, and says nothing.

    Args:
      features: float [images, width].
      labels: int [images].

    Returns:
      The larger, the better the classes are apart.

    Raises:
      UserError: if the arrays cannot be what they should be, or there is only one class.

    Class means 1 and 5 around 3 have variance 4, all features have 5:

    >>> round(h_score([[0.0], [2], [4], [6]], [0, 0, 1, 1]), 12)
    0.8
    """
    features, labels = _checked(features, labels)
    vectors, _ = _spectrum(features - features.mean(axis=0))
    # With f = U S V', cov(f)^-1 undoes S and V: what is left is U, its rows averaged over classes.
    counts = np.bincount(labels)
    means = np.stack([vectors[labels == label].mean(axis=0) for label in range(len(counts))])
    return float((counts[:, None] * means**2).sum())


def _similarity(case):
    return measure_similarity(case.source, case.target, case.gamma).similarity


MEASURES = {
    'emd': Measure(
        'domain similarity', _similarity, ('source', 'target'), 'Cui et al., CVPR 2018, 1806.06193'
    ),
    'logme': Measure(
        'LogME',
        lambda case: log_me(case.features, case.labels),
        ('features', 'labels'),
        'You et al., ICML 2021, 2102.11005',
    ),
    'h_score': Measure(
        'H-score',
        lambda case: h_score(case.features, case.labels),
        ('features', 'labels'),
        'Bao et al., ICIP 2019',
    ),
}


def measure(name: str, case: TransferCase) -> float:
    """The value of the measure `name`, a key of `MEASURES`; the larger, the better.

    Raises:
      UserError: if there is no such measure, or the case lacks what it needs.

    >>> features, labels = np.array([[0.0], [2], [4], [6]]), np.array([0, 0, 1, 1])
    >>> round(measure('h_score', TransferCase(features=features, labels=labels)), 12)
    0.8
    """
    if name not in MEASURES:
        raise UserError(f'there is no measure {name}{nearest(name, MEASURES)}')
    row = MEASURES[name]
    missing = [need for need in row.needs if getattr(case, need) is None]
    if missing:
        raise UserError(f'{row.title} needs {" and ".join(missing)}')
    return row.compute(case)
