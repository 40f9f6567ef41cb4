"""How well features tell classes apart: multinomial logistic regression on the training images.

scikit-learn's, fitted with lbfgs for at most 100 iterations, as in 2018, but in float32: half the
memory and two thirds of the time, for the same predictions.
"""

import os
import warnings
from dataclasses import dataclass

import numpy as np

from slim.errors import UserError
from slim.validation import (
    check_classes,
    check_features,
    check_finite,
    check_labels,
    check_same_length,
)

MAX_ITERATIONS = 100  # Of 2018.
C_CHOICES = (0.01, 0.1, 1.0, 10.0, 100.0)
FOLDS = 3


@dataclass(frozen=True, eq=False)
class ClassificationResult:
    """What a linear classifier made of the images to be classified.

    Attributes:
      labels: int64 [images], the true ones.
      predictions: int64 [images].
      probabilities: float32 [images], of the predicted class.
      confusion: int64 [classes, classes], images of each class (row) that were taken for each.
      iterations: of lbfgs.
      converged: whether it reached its tolerance within the iterations allowed.
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
        """The share of the images that was classified rightly."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def class_accuracy(self) -> np.ndarray:
        """The same of each class, float64 [classes]; NaN for a class without images."""
        images = self.confusion.sum(axis=1)
        right = np.diagonal(self.confusion).astype(np.float64)
        return np.divide(right, images, where=images > 0, out=np.full(len(images), np.nan))


def confusion_matrix(labels, predictions, num_classes: int) -> np.ndarray:
    """Images of each class (row) that were taken for each (column), int64 [classes, classes].

    >>> confusion_matrix([0, 0, 1], [0, 1, 1], 2)
    array([[1, 1],
           [0, 1]])
    """
    pairs = np.asarray(labels) * num_classes + np.asarray(predictions)
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def hardest_pairs(confusion: np.ndarray, count: int) -> list[tuple[int, int, float]]:
    """The classes that are taken for each other most often.

    Args:
      confusion: int [classes, classes], as of `confusion_matrix`.
      count: of pairs.

    Returns:
      (class, the other class, share of the images of both that were taken for the other), the
      largest first; pairs that are never confused are left out.

    >>> hardest_pairs(np.array([[8, 2, 0], [4, 6, 0], [1, 0, 9]]), 5)
    [(0, 1, 0.3), (0, 2, 0.05)]
    """
    images = confusion.sum(axis=1)
    upper = np.triu_indices(len(confusion), 1)
    confused = (confusion + confusion.T)[upper]
    shares = confused / np.maximum((images[:, None] + images)[upper], 1)
    order = np.argsort(-shares, kind='stable')[:count]
    return [
        (int(upper[0][i]), int(upper[1][i]), float(shares[i])) for i in order if confused[i] > 0
    ]


def _checked(features, labels, where):
    """Features as float32 in memory, and labels as int64, that belong together."""
    features = np.asarray(features)
    check_features(features, where)
    labels = check_labels(labels, where)
    check_same_length(features, labels, where)
    features = np.asarray(features, np.float32)
    check_finite(features, where)
    return features, labels


def _lbfgs_in_one_thread():
    """A context in which SciPy's BLAS, that of lbfgs, has one thread; numpy's products keep theirs.

    The vectors of lbfgs are so short that two threads gain nothing, and where another program takes
    a core, each of thousands of operations waits for it: 29 iterations at CUB-200's size spent
    5.5 s there with two threads on two busy cores, 0.7 s with one.
    """
    import scipy
    from threadpoolctl import ThreadpoolController

    # Wheels bring a BLAS each. Where numpy and SciPy share one, nothing is selected.
    folder = os.path.join(os.path.dirname(os.path.dirname(scipy.__file__)), 'scipy.libs')
    controller = ThreadpoolController()
    paths = [library['filepath'] for library in controller.info()]
    own = [path for path in paths if os.path.dirname(path) == folder]
    return controller.select(filepath=own).limit(limits=1)


def _fit(features, labels, C, max_iterations):
    """(a fitted classifier, whether it converged)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression(C=C, solver='lbfgs', max_iter=max_iterations)
    with _lbfgs_in_one_thread(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always', ConvergenceWarning)
        classifier.fit(features, labels)
    return classifier, not any(issubclass(one.category, ConvergenceWarning) for one in caught)


def select_c_by_cross_validation(
    features,
    labels,
    choices=C_CHOICES,
    folds: int = FOLDS,
    seed: int = 0,
    max_iterations: int = MAX_ITERATIONS,
) -> float:
    """The C with the best accuracy in cross-validation; the smallest of several.

    Only training images may be given: a C chosen on the images that are reported would flatter it.

    Args:
      features: float [images, width].
      labels: int [images], from 0 without gaps.
      choices: values to choose from.
      folds: parts that the images are split into, with the same shares of the classes in each.
      seed: of the split.
      max_iterations: of lbfgs.

    Raises:
      UserError: if a class has fewer images than there are folds.

    >>> features = np.array([[-3.0], [-2.0], [-1.0], [1.0], [2.0], [3.0]])
    >>> select_c_by_cross_validation(features, [0, 0, 0, 1, 1, 1])
    0.01
    """
    from sklearn.model_selection import StratifiedKFold

    features, labels = _checked(features, labels, 'training features')
    fewest = np.bincount(labels)
    if fewest.min() < folds:
        raise UserError(
            f'class {fewest.argmin()} has {fewest.min()} training images, too few to choose C in '
            f'{folds} parts; set C'
        )
    parts = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(features, labels))
    accuracies = []
    for C in choices:
        right = 0
        for rest, part in parts:
            classifier, _ = _fit(features[rest], labels[rest], C, max_iterations)
            right += (classifier.predict(features[part]) == labels[part]).sum()
        accuracies.append(right)
    return float(choices[int(np.argmax(accuracies))])


def classify(
    train_features,
    train_labels,
    features,
    labels,
    C: float = 1.0,
    max_iterations: int = MAX_ITERATIONS,
) -> ClassificationResult:
    """Fits a linear classifier to training images, and has it classify others.

    Args:
      train_features: float [images, width]; memory maps are read into memory.
      train_labels: int [images], from 0 without gaps.
      features: float [others, width].
      labels: int [others].
      C: inverse strength of the regularisation, as of scikit-learn.
      max_iterations: of lbfgs.

    Returns:
      A `ClassificationResult`. Without convergence it is as good as it is after `max_iterations`.

    Raises:
      UserError: if the arrays do not belong together, a feature is not finite, a class has no
        training images, or there is only one.

    >>> train = [[-2.0], [-1.0], [1.0], [2.0]]
    >>> found = classify(train, [0, 0, 1, 1], [[-3.0], [4.0], [5.0]], [0, 1, 0])
    >>> found.predictions, round(found.accuracy, 4), found.converged
    (array([0, 1, 1]), 0.6667, True)
    """
    train_features, train_labels = _checked(train_features, train_labels, 'training features')
    features, labels = _checked(features, labels, 'validation features')
    if train_features.shape[1] != features.shape[1]:
        raise UserError(
            f'training features are {train_features.shape[1]} wide, validation features '
            f'{features.shape[1]}; both must be of the same network'
        )
    num_classes = int(max(train_labels.max(), labels.max())) + 1
    check_classes(np.bincount(train_labels, minlength=num_classes), 'training features')
    if num_classes < 2:
        raise UserError('all training features are of one class; a classifier takes two or more')
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
