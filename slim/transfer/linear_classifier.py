"""Linear classifier on features: multinomial logistic regression on the training images.

scikit-learn's, fitted with lbfgs for at most 100 iterations as in the original code, but in
float32: half the memory and two thirds of the time, for the same predictions.
"""

import contextlib
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from slim import validation
from slim.configs import LinearClassifierConfig
from slim.errors import UserError

FOLDS = 3  # Of the cross-validation.


@dataclass(frozen=True, eq=False)
class ClassificationResult:
    """Predictions of a linear classifier.

    Attributes:
      labels: int64 [images], true labels.
      predictions: int64 [images], predicted labels.
      probabilities: float32 [images], probability of the predicted class.
      confusion: int64 [classes, classes], number of images by true (row) and predicted class.
      iterations: number of iterations of lbfgs.
      converged: whether lbfgs reached its tolerance within the allowed iterations.
      C: inverse strength of the regularisation.
    """

    labels: np.ndarray
    predictions: np.ndarray
    probabilities: np.ndarray
    confusion: np.ndarray
    iterations: int
    converged: bool
    C: float

    @property
    def accuracy(self) -> float:
        """Fraction of the images whose class was predicted correctly."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def class_accuracy(self) -> np.ndarray:
        """Accuracy of each class, float64 [classes]; NaN for a class without images."""
        images = self.confusion.sum(axis=1)
        correct = np.diagonal(self.confusion).astype(np.float64)
        return np.divide(correct, images, where=images > 0, out=np.full(len(images), np.nan))


def confusion_matrix(labels: ArrayLike, predictions: ArrayLike, num_classes: int) -> np.ndarray:
    """Counts images by true class (row) and predicted class (column), int64 [classes, classes].

    >>> confusion_matrix([0, 0, 1], [0, 1, 1], 2)
    array([[1, 1],
           [0, 1]])
    """
    pairs = np.asarray(labels) * num_classes + np.asarray(predictions)
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def hardest_pairs(confusion: np.ndarray, count: int) -> list[tuple[int, int, float]]:
    """Returns up to `count` pairs of classes that are misclassified as each other most often.

    A pair is (class, other class, fraction of the images of both that were misclassified as the
    other), the largest first. Pairs that are never confused are omitted. `confusion` is int
    [classes, classes], see `confusion_matrix`.

    >>> hardest_pairs(np.array([[8, 2, 0], [4, 6, 0], [1, 0, 9]]), 5)
    [(0, 1, 0.3), (0, 2, 0.05)]
    """
    images = confusion.sum(axis=1)
    rows, columns = np.triu_indices(len(confusion), 1)
    confused = confusion[rows, columns] + confusion[columns, rows]
    fractions = confused / np.maximum(images[rows] + images[columns], 1)
    order = np.argsort(-fractions, kind='stable')[:count]
    return [(int(rows[i]), int(columns[i]), float(fractions[i])) for i in order if confused[i] > 0]


def _checked(features: ArrayLike, labels: ArrayLike, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns features as float32 in memory and labels as int64, one for each feature."""
    features = np.asarray(features)
    validation.check_features(features, where)
    labels = validation.check_labels(labels, where)
    validation.check_same_length(features, labels, where)
    features = np.asarray(features, np.float32)
    validation.check_finite(features, where)
    return features, labels


def _lbfgs_in_one_thread() -> contextlib.AbstractContextManager:
    """Returns a context that limits SciPy's BLAS, that of lbfgs, to one thread, but not numpy's.

    The vectors of lbfgs are so short that two threads gain nothing, and if another program uses a
    core, each of thousands of operations waits for it: 29 iterations at the size of CUB-200 spent
    5.5 s there with two threads on two busy cores, 0.7 s with one.
    """
    import scipy
    from threadpoolctl import ThreadpoolController

    # Each wheel brings its own BLAS. Where numpy and SciPy share one, nothing is selected.
    folder = os.path.join(os.path.dirname(os.path.dirname(scipy.__file__)), 'scipy.libs')
    controller = ThreadpoolController()
    paths = [library['filepath'] for library in controller.info()]
    own = [path for path in paths if os.path.dirname(path) == folder]
    return controller.select(filepath=own).limit(limits=1)


def _fit(
    features: np.ndarray, labels: np.ndarray, C: float, max_iterations: int
) -> tuple[Any, bool]:
    """Returns a fitted scikit-learn classifier, and whether lbfgs converged."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression(C=C, solver='lbfgs', max_iter=max_iterations)
    with _lbfgs_in_one_thread(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always', ConvergenceWarning)
        classifier.fit(features, labels)
    return classifier, not any(issubclass(one.category, ConvergenceWarning) for one in caught)


def select_c_by_cross_validation(
    features: ArrayLike,
    labels: ArrayLike,
    choices: Sequence[float] = (0.01, 0.1, 1.0, 10.0, 100.0),
    seed: int = LinearClassifierConfig.seed,
    max_iterations: int = LinearClassifierConfig.max_iterations,
) -> float:
    """Returns the C with the highest accuracy in stratified cross-validation; of ties the smallest.

    There are `FOLDS` folds, each with the same fractions of the classes.
    Pass training images only: a C that was selected on the images of the reported accuracy would
    bias it upwards.

    Args:
      features: float [images, feature_dim].
      labels: int [images], from 0 without gaps.
      choices: values of C to choose from, in ascending order.
      seed: random seed of the folds.
      max_iterations: largest number of iterations of lbfgs.

    Raises:
      UserError: if a class has fewer images than there are folds.

    >>> features = np.array([[-3.0], [-2.0], [-1.0], [1.0], [2.0], [3.0]])
    >>> select_c_by_cross_validation(features, [0, 0, 0, 1, 1, 1])
    0.01
    """
    from sklearn.model_selection import StratifiedKFold

    features, labels = _checked(features, labels, 'training features')
    counts = np.bincount(labels)
    if counts.min() < FOLDS:
        raise UserError(
            f'class {counts.argmin()} has {counts.min()} training images, too few to select C by '
            f'cross-validation with {FOLDS} folds; set C'
        )
    splits = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(features, labels))
    correct = []
    for C in choices:
        correct.append(0)
        for train, val in splits:
            classifier, _ = _fit(features[train], labels[train], C, max_iterations)
            correct[-1] += (classifier.predict(features[val]) == labels[val]).sum()
    return float(choices[int(np.argmax(correct))])


def classify(
    train_features: ArrayLike,
    train_labels: ArrayLike,
    features: ArrayLike,
    labels: ArrayLike,
    C: float = LinearClassifierConfig.C,
    max_iterations: int = LinearClassifierConfig.max_iterations,
) -> ClassificationResult:
    """Fits a linear classifier to training images and classifies other images with it.

    It minimises C sum_i log(1 / p(y_i | x_i)) + |W|^2 / 2, where p = softmax(W x + b).

    Args:
      train_features: float [images, feature_dim]; memory maps are read into memory.
      train_labels: int [images], from 0 without gaps.
      features: float [others, feature_dim].
      labels: int [others].
      C: inverse strength of the regularisation.
      max_iterations: largest number of iterations of lbfgs.

    Returns:
      A `ClassificationResult`; if lbfgs did not converge, of the classifier at `max_iterations`.

    Raises:
      UserError: if the arrays do not fit together, a feature is not finite, a class has no training
        images, or there is only one class.

    >>> train = [[-2.0], [-1.0], [1.0], [2.0]]
    >>> result = classify(train, [0, 0, 1, 1], [[-3.0], [4.0], [5.0]], [0, 1, 0])
    >>> result.predictions, round(result.accuracy, 4), result.converged
    (array([0, 1, 1]), 0.6667, True)
    """
    train_features, train_labels = _checked(train_features, train_labels, 'training features')
    features, labels = _checked(features, labels, 'validation features')
    if train_features.shape[1] != features.shape[1]:
        raise UserError(
            f'training features have dimension {train_features.shape[1]}, validation features '
            f'{features.shape[1]}; both must come from the same network'
        )
    num_classes = int(max(train_labels.max(), labels.max())) + 1
    validation.check_classes(np.bincount(train_labels, minlength=num_classes), 'training features')
    if num_classes < 2:
        raise UserError('all training features are of one class; a classifier needs two or more')
    classifier, converged = _fit(train_features, train_labels, C, max_iterations)
    probabilities = classifier.predict_proba(features)
    predictions = probabilities.argmax(axis=1)
    return ClassificationResult(
        labels,
        predictions,
        probabilities.max(axis=1).astype(np.float32),
        confusion_matrix(labels, predictions, num_classes),
        int(classifier.n_iter_.max()),
        converged,
        C,
    )
