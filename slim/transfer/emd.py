"""Earth mover's distance: the least cost of turning one weighted set of points into another.

Rubner, Tomasi, Guibas, *The Earth Mover's Distance as a Metric for Image Retrieval*, IJCV 2000; the
paper, section 4. A transport problem, solved exactly, in float64, by either of

- `pot`: POT's network simplex on the matrix between the two sets. The default.
- `pyemd`: the library of 2018, which wants both sets in one square matrix. It is there for the
  comparison: since 1.1 it hands the problem to POT, too, by a detour through partial transport.
"""

import os
import warnings
from typing import NamedTuple

import numpy as np

from slim.errors import UserError, nearest
from slim.validation import first_few

# Of the network simplex. 6,089 classes against 555 take between 50,000 and 100,000, POT's default.
MAX_ITERATIONS = 10_000_000

# Libraries that POT imports if it finds them, unless told otherwise.
POT_BACKENDS = ('PYTORCH', 'JAX', 'CUPY', 'TENSORFLOW')

# Below this share of the squared lengths a squared distance has lost too many digits.
CANCELLED = 1e-4
PAIRS_AT_A_TIME = 1024


class Transport(NamedTuple):
    """The solution of a transport problem.

    Attributes:
      cost: float, the earth mover's distance.
      flow: float64 [sources, targets], the weight moved from each to each; it sums to one.
    """

    cost: float
    flow: np.ndarray


def import_pot():
    """POT, without what else it would import: TensorFlow alone takes it 8 s."""
    names = [f'POT_BACKEND_DISABLE_{name}' for name in POT_BACKENDS]
    added = [name for name in names if name not in os.environ]
    os.environ.update(dict.fromkeys(added, '1'))
    try:
        import ot
    finally:
        for name in added:
            del os.environ[name]
    return ot


def normalize(weights, where: str = 'weights') -> np.ndarray:
    """Weights as float64 [classes] that sum to one.

    They are divided after the cast: shares in float32 sum to one only by 1e-7 or so, too far off
    for the two sides of a transport problem.

    Args:
      weights: numbers [classes], 0 or more, such as the images of each class.
      where: they come from, for messages.

    Raises:
      UserError: if one of them is negative or not finite, or all are zero.

    >>> normalize([3, 1])
    array([0.75, 0.25])
    """
    weights = np.asarray(weights)
    if weights.ndim != 1 or not len(weights) or weights.dtype.kind not in 'iuf':
        raise UserError(
            f'{where}: {weights.dtype} {list(weights.shape)} is no list of weights; expected a '
            'number a class'
        )
    weights = weights.astype(np.float64)
    wrong = np.flatnonzero(~np.isfinite(weights) | (weights < 0))
    if len(wrong):
        shown = first_few(f'{weights[i]:g} of class {i}' for i in wrong)
        raise UserError(f'{where}: a weight is negative or not finite: {shown}')
    if not weights.any():
        raise UserError(f'{where}: all weights are zero; expected the images of each class')
    return weights / weights.sum()


def euclidean_distances(a, b) -> np.ndarray:
    """Euclidean distances between the rows of two arrays, computed in float64.

    By a matrix product, |a|^2 + |b|^2 - 2ab, four times as fast as the sum of squared differences
    at 2048 dimensions. Where that cancels, for points close together, the differences are taken
    after all: equal points are exactly 0 apart, and no distance is off by more than 1e-11 or so.

    Args:
      a: float [n, width].
      b: float [m, width].

    Returns:
      float64 [n, m].

    Raises:
      UserError: if the widths differ.

    >>> euclidean_distances([[0, 0], [3, 4]], [[0, 0], [0, 4]])
    array([[0., 4.],
           [5., 3.]])
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape[1] != b.shape[1]:
        raise UserError(
            f'features are {a.shape[1]} wide on one side and {b.shape[1]} on the other; both must '
            'be of the same network'
        )
    centre = (a.mean(axis=0) + b.mean(axis=0)) / 2  # Features are positive: less is cancelled.
    a, b = a - centre, b - centre
    lengths = np.einsum('ij,ij->i', a, a)[:, None] + np.einsum('ij,ij->i', b, b)  # [n, m], squared
    squares = a @ b.T
    squares *= -2
    squares += lengths
    close = np.argwhere(squares <= CANCELLED * lengths)
    distances = np.sqrt(squares, where=squares > 0, out=np.zeros_like(squares))
    for start in range(0, len(close), PAIRS_AT_A_TIME):
        rows, columns = close[start : start + PAIRS_AT_A_TIME].T
        distances[rows, columns] = np.linalg.norm(a[rows] - b[columns], axis=1)
    return distances


def _solve_with_pot(source_weights, target_weights, distances, max_iterations):
    ot = import_pot()
    flow, log = ot.emd(
        source_weights, target_weights, distances, numItermax=max_iterations, log=True
    )
    return Transport(float(log['cost']), flow)


def _solve_with_pyemd(source_weights, target_weights, distances, _):
    import_pot()  # pyemd imports it, too, and with all that it finds.
    import pyemd

    # Both sides are histograms over all classes, and no class has weight in both: the distances
    # within a side take no part, and stay zero.
    n, m = distances.shape
    square = np.zeros([n + m, n + m])
    square[:n, n:], square[n:, :n] = distances, distances.T
    histograms = np.zeros([2, n + m])
    histograms[0, :n], histograms[1, n:] = source_weights, target_weights
    cost, flow = pyemd.emd_with_flow(*histograms, square)
    return Transport(float(cost), np.array(flow)[:n, n:])


# Name -> function of source weights, target weights, distances, iterations; gives a `Transport`.
SOLVERS = {'pot': _solve_with_pot, 'pyemd': _solve_with_pyemd}


def solve(
    source_weights,
    target_weights,
    distances,
    solver: str = 'pot',
    max_iterations: int = MAX_ITERATIONS,
) -> Transport:
    """Solves a transport problem exactly.

    Args:
      source_weights: numbers [n], 0 or more; their scale does not matter.
      target_weights: numbers [m], likewise.
      distances: float [n, m], the cost of moving a unit of weight.
      solver: a key of `SOLVERS`.
      max_iterations: of `pot`, after which it gives up.

    Returns:
      A `Transport`. The rows of its flow sum to the source weights, the columns to the target
      weights, both divided by their sums.

    Raises:
      UserError: if the weights are none, or the solver did not reach the optimum.

    Three quarters of the source are at 0 and a quarter at 1, all of the target is at 1:

    >>> solve([3, 1], [1], [[1.0], [0.0]])
    Transport(cost=0.75, flow=array([[0.75],
           [0.25]]))
    """
    if solver not in SOLVERS:
        raise UserError(f'there is no solver {solver}{nearest(solver, SOLVERS)}')
    source_weights = normalize(source_weights, 'source weights')
    target_weights = normalize(target_weights, 'target weights')
    distances = np.ascontiguousarray(distances, np.float64)
    if distances.shape != (len(source_weights), len(target_weights)):
        raise UserError(
            f'there are distances {list(distances.shape)} for {len(source_weights)} source and '
            f'{len(target_weights)} target weights'
        )
    if not np.isfinite(distances).all():
        raise UserError('a distance is not finite')
    if solver == 'pyemd' and max_iterations != MAX_ITERATIONS:
        raise UserError('pyemd does not let its iterations be chosen; leave them, or take pot')
    import_pot()  # What an import warns of is no solver's warning.
    # Neither raises when it gives up: it warns, and gives a cost that is anything, such as 0.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        failure = None
        try:
            transport = SOLVERS[solver](source_weights, target_weights, distances, max_iterations)
        except ValueError as error:
            failure = str(error)
    reasons = [
        str(warning.message)
        for warning in caught
        if not issubclass(warning.category, (DeprecationWarning, FutureWarning))
    ]
    if failure is not None:
        reasons.append(failure)
    if reasons:
        raise UserError(f'{solver} did not converge: {"; ".join(reasons)}')
    return transport
