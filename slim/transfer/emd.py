"""Earth mover's distance (EMD): the minimum cost of moving one weighted set of points onto another.

Rubner, Tomasi, Guibas, "The Earth Mover's Distance as a Metric for Image Retrieval", IJCV 2000; the
paper, section 4. Two solvers of the transport problem:

- `pot` (default): POT's network simplex in float64, on the rectangular cost matrix.
- `pyemd`: the C++ solver of the original code (Pele, Werman, "Fast and Robust Earth Mover's
  Distances", ICCV 2009) as an independent cross-check. It rounds each weight to 1e-6 of the total
  weight and each cost to 1e-6 of the largest, so that its distance differs from POT's by up to 2e-5
  of it. It needs a square matrix over the classes of both sides and 100 times POT's time at 400 x
  200 classes.
"""

import os
import warnings
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from slim.configs import SimilarityConfig
from slim.errors import UserError, nearest
from slim.validation import check_weights

# Libraries that POT imports if they are installed, unless told otherwise.
POT_BACKENDS = ('PYTORCH', 'JAX', 'CUPY', 'TENSORFLOW')

# A squared distance below this fraction of the squared lengths has lost too many digits.
CANCELLATION = 1e-4
PAIRS_PER_CHUNK = 1024


class Transport(NamedTuple):
    """Solution of a transport problem.

    Attributes:
      cost: earth mover's distance.
      flow: float64 [sources, targets], weight moved from each source to each target; sums to one.
    """

    cost: float
    flow: np.ndarray


def import_pot() -> ModuleType:
    """Imports POT without the optional libraries that it looks for (TensorFlow alone takes 8 s)."""
    names = [f'POT_BACKEND_DISABLE_{name}' for name in POT_BACKENDS]
    added = [name for name in names if name not in os.environ]
    os.environ.update(dict.fromkeys(added, '1'))
    try:
        import ot
    finally:
        for name in added:
            del os.environ[name]
    return ot


def normalize(weights: ArrayLike, where: str = 'weights') -> np.ndarray:
    """Returns weights / sum(weights), float64 [classes].

    Fractions computed in float32 would sum to one only up to about 1e-7: too inaccurate for the two
    sides of a transport problem.

    Args:
      weights: numbers [classes], not negative, such as the number of images of each class.
      where: origin of the weights, for messages.

    Raises:
      UserError: if a weight is negative or not finite, or all are zero.

    >>> normalize([3, 1])
    array([0.75, 0.25])
    """
    weights = check_weights(weights, where)
    return weights / weights.sum()


def euclidean_distances(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Returns the Euclidean distances of the rows of a [n, feature_dim] and b [m, feature_dim].

    The result is float64 [n, m], computed in float64 by a matrix product, |a|^2 + |b|^2 - 2ab, four
    times as fast as the sum of squared differences at 2048 dimensions. Where its terms cancel, for
    points close together, the differences are used after all: equal points have distance 0 exactly,
    and no error is larger than about 1e-11.

    Raises:
      UserError: if the dimensions differ.

    >>> euclidean_distances([[0, 0], [3, 4]], [[0, 0], [0, 4]])
    array([[0., 4.],
           [5., 3.]])
    """
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if x.shape[1] != y.shape[1]:
        raise UserError(
            f'features have dimension {x.shape[1]} on one side and {y.shape[1]} on the other; both '
            'must come from the same network'
        )
    centre = (x.mean(axis=0) + y.mean(axis=0)) / 2  # Features are positive: less is cancelled.
    x, y = x - centre, y - centre
    lengths = np.einsum('ij,ij->i', x, x)[:, None] + np.einsum('ij,ij->i', y, y)  # [n, m], squared
    squares = lengths - 2 * (x @ y.T)
    close = np.argwhere(squares <= CANCELLATION * lengths)
    distances = np.sqrt(squares, where=squares > 0, out=np.zeros_like(squares))
    for start in range(0, len(close), PAIRS_PER_CHUNK):
        rows, columns = close[start : start + PAIRS_PER_CHUNK].T
        distances[rows, columns] = np.linalg.norm(x[rows] - y[columns], axis=1)
    return distances


def _solve_with_pot(
    source_weights: np.ndarray, target_weights: np.ndarray, cost_matrix: np.ndarray, limit: int
) -> Transport:
    ot = import_pot()
    flow, log = ot.emd(source_weights, target_weights, cost_matrix, numItermax=limit, log=True)
    return Transport(float(log['cost']), flow)


def _solve_with_pyemd(
    source_weights: np.ndarray, target_weights: np.ndarray, cost_matrix: np.ndarray, _: int
) -> Transport:
    import pyemd

    # Both sides are histograms over all classes. No class has weight on both sides, so the costs
    # within a side are irrelevant and stay zero.
    n, m = cost_matrix.shape
    square = np.zeros([n + m, n + m])
    square[:n, n:], square[n:, :n] = cost_matrix, cost_matrix.T
    histograms = np.zeros([2, n + m])
    histograms[0, :n], histograms[1, n:] = source_weights, target_weights
    # The default backend of pyemd 1.1 is POT, the only one of pyemd 2.
    cost, flow = pyemd.emd_with_flow(*histograms, square, backend='cpp')
    return Transport(float(cost), np.array(flow)[:n, n:])


SOLVERS = {'pot': _solve_with_pot, 'pyemd': _solve_with_pyemd}


def solve(
    source_weights: ArrayLike,
    target_weights: ArrayLike,
    cost_matrix: ArrayLike,
    solver: str = SimilarityConfig.solver,
    max_iterations: int = SimilarityConfig.max_iterations,
) -> Transport:
    """Solves the transport problem min_F sum_ij F_ij C_ij, where F >= 0 has the given marginals.

    Args:
      source_weights: numbers [n], not negative; divided by their sum.
      target_weights: numbers [m], not negative; divided by their sum.
      cost_matrix: float [n, m], cost C_ij per unit of weight (the *ground distance*).
      solver: a key of `SOLVERS`.
      max_iterations: iterations after which 'pot' gives up: 6,089 x 555 classes take between 50,000
        and POT's own default, 100,000. 'pyemd' has no limit.

    Returns:
      A `Transport`. The row sums of its flow are the normalised source weights, the column sums the
      normalised target weights.

    Raises:
      UserError: if an array cannot be used, or the solver did not reach the optimum.

    Three quarters of the source are at 0 and a quarter at 1, all of the target is at 1:

    >>> solve([3, 1], [1], [[1.0], [0.0]])
    Transport(cost=0.75, flow=array([[0.75],
           [0.25]]))
    """
    if solver not in SOLVERS:
        raise UserError(f'there is no solver {solver}{nearest(solver, SOLVERS)}')
    source_weights = normalize(source_weights, 'source weights')
    target_weights = normalize(target_weights, 'target weights')
    costs = np.ascontiguousarray(cost_matrix, np.float64)
    expected = len(source_weights), len(target_weights)
    if costs.shape != expected:
        raise UserError(f'the cost matrix is {list(costs.shape)}, but the weights {list(expected)}')
    if not np.isfinite(costs).all():
        raise UserError('the cost matrix has a value that is not finite')
    if solver == 'pyemd' and max_iterations != SimilarityConfig.max_iterations:
        raise UserError('pyemd has no limit of iterations; omit max_iterations, or choose pot')
    import_pot()  # First (pyemd imports it, too): import-time warnings are not the solver's.
    with warnings.catch_warnings():
        # A solver that gives up only warns, and returns an arbitrary cost, such as 0.
        warnings.simplefilter('error')
        for category in (DeprecationWarning, FutureWarning):
            warnings.simplefilter('ignore', category)
        try:
            return SOLVERS[solver](source_weights, target_weights, costs, max_iterations)
        except (Warning, ValueError) as error:
            raise UserError(f'{solver} did not converge: {error}') from error
