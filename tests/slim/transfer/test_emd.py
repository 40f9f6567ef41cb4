"""Earth mover's distance: against linear programs, and what a metric has to be."""

import functools
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import coo_array
from scipy.spatial.distance import cdist

from slim.errors import UserError
from slim.transfer import emd

SOLVERS = list(emd.SOLVERS)


def random_case(seed):
    """Two sets of points with weights, as different in size and scale as they come."""
    random = np.random.default_rng(seed)
    n, m, width = random.integers([1, 1, 1], [30, 30, 60])
    source = random.normal(0, 10, [n, width])
    target = random.normal(random.uniform(-3, 3), 10 ** random.uniform(-1, 1), [m, width])
    weights = [random.integers(1, 2000, count) for count in (n, m)]
    return source, target, *weights


def cost_by_linear_program(source_weights, target_weights, distances):
    """The same problem as a linear program, solved by HiGHS."""
    n, m = distances.shape
    rows, columns = np.divmod(np.arange(n * m), m)
    flows = np.tile(np.arange(n * m), 2)
    marginals = coo_array((np.ones(2 * n * m), (np.r_[rows, n + columns], flows)))
    weights = np.r_[source_weights / source_weights.sum(), target_weights / target_weights.sum()]
    solved = linprog(
        distances.ravel(),
        A_eq=marginals,
        b_eq=weights,
        method='highs-ds',
        options={'primal_feasibility_tolerance': 1e-10, 'dual_feasibility_tolerance': 1e-10},
    )
    assert solved.status == 0
    return solved.fun


@pytest.mark.parametrize('seed', range(50))
def test_equals_a_linear_program(seed):
    source, target, *weights = random_case(seed)
    expected = cost_by_linear_program(*weights, cdist(source, target))
    distances = emd.euclidean_distances(source, target)
    for solver in SOLVERS:
        cost, flow = emd.solve(*weights, distances, solver)
        assert cost == pytest.approx(expected, rel=1e-9), solver
        assert (flow * distances).sum() == pytest.approx(expected, rel=1e-9), solver
        assert (flow >= 0).all()
        for axis, side in ((1, weights[0]), (0, weights[1])):
            np.testing.assert_allclose(flow.sum(axis=axis), side / side.sum(), rtol=0, atol=1e-12)


@pytest.mark.parametrize('solver', SOLVERS)
def test_is_zero_to_itself_and_symmetric(solver):
    source, target, source_weights, target_weights = random_case(1)
    itself = emd.euclidean_distances(source, source)
    # Where the distances to itself were those of a matrix product, it would be some 1e-7.
    assert emd.solve(source_weights, source_weights, itself, solver).cost < 1e-12
    there = emd.euclidean_distances(source, target)
    back = emd.euclidean_distances(target, source)
    cost = emd.solve(source_weights, target_weights, there, solver).cost
    assert cost > 1
    assert emd.solve(target_weights, source_weights, back, solver).cost == pytest.approx(
        cost, rel=1e-12
    )


@pytest.mark.parametrize('solver', SOLVERS)
def test_neither_order_nor_scale_nor_type_of_the_weights_matters(solver):
    source, target, source_weights, target_weights = random_case(2)
    distances = emd.euclidean_distances(source, target)
    cost, flow = emd.solve(source_weights, target_weights, distances, solver)
    order = np.random.default_rng(0).permutation(len(source))
    shuffled = emd.solve(source_weights[order], target_weights, distances[order], solver)
    assert shuffled.cost == pytest.approx(cost, rel=1e-12)
    np.testing.assert_allclose(shuffled.flow, flow[order], rtol=0, atol=1e-12)
    scaled = emd.solve(source_weights / 7, target_weights * 1e6, distances, solver)
    assert scaled.cost == pytest.approx(cost, rel=1e-12)
    as_float32 = [np.float32(weights) for weights in (source_weights, target_weights)]
    assert emd.solve(*as_float32, distances, solver).cost == pytest.approx(cost, rel=1e-12)


@pytest.mark.parametrize('solver', SOLVERS)
def test_classes_without_weight_take_no_part(solver):
    distances = [[1.0, 9], [0.1, 0.1], [5, 2]]
    cost, flow = emd.solve([1, 0, 1], [1, 1], distances, solver)
    assert cost == pytest.approx(1.5)
    np.testing.assert_allclose(flow, [[0.5, 0], [0, 0], [0, 0.5]], atol=1e-12)


def test_pyemd_gives_what_the_padded_matrix_of_2018_gives():
    import pyemd

    source, target, source_weights, target_weights = random_case(3)
    both = np.concatenate([source, target])
    n = len(source)
    histograms = np.zeros([2, len(both)])
    histograms[0, :n] = source_weights / source_weights.sum()
    histograms[1, n:] = target_weights / target_weights.sum()
    expected = pyemd.emd(*histograms, cdist(both, both))
    distances = emd.euclidean_distances(source, target)
    cost = emd.solve(source_weights, target_weights, distances, 'pyemd').cost
    assert cost == pytest.approx(expected, rel=1e-12)


def test_distances_keep_their_digits_where_a_matrix_product_loses_them():
    random = np.random.default_rng(0)
    far = random.normal(1000, 1, [20, 50])
    close = far + random.normal(0, 1e-6, far.shape)
    np.testing.assert_allclose(
        emd.euclidean_distances(far, close), cdist(far, close), rtol=1e-9, atol=0
    )
    assert (np.diagonal(emd.euclidean_distances(far, far)) == 0).all()
    assert emd.euclidean_distances(np.float32(far), far).dtype == np.float64


def test_a_solver_that_gives_up_is_an_error_not_a_cost():
    source, target, *weights = random_case(4)
    distances = emd.euclidean_distances(source, target)
    with pytest.raises(UserError, match='pot did not converge: .*numItermax'):
        emd.solve(*weights, distances, max_iterations=2)


def test_pyemds_warning_is_an_error(monkeypatch):
    partial_solvers = sys.modules[emd.import_pot().partial.partial_wasserstein.__module__]
    hurried = functools.partial(partial_solvers.emd, numItermax=2)  # It lets nobody say so.
    monkeypatch.setattr(partial_solvers, 'emd', hurried)
    source, target, *weights = random_case(4)
    with pytest.raises(UserError, match='pyemd did not converge: numItermax'):
        emd.solve(*weights, emd.euclidean_distances(source, target), 'pyemd')


@pytest.mark.parametrize(
    'weights, message',
    [
        ([1, -1], 'negative or not finite: -1 of class 1'),
        ([np.nan, 1], 'negative or not finite: nan of class 0'),
        ([0, 0], 'all weights are zero'),
        ([[1, 2]], r'no list of weights'),
        (['a', 'b'], 'no list of weights'),
        ([], 'no list of weights'),
    ],
)
def test_weights_that_are_none(weights, message):
    with pytest.raises(UserError, match=message):
        emd.solve([1, 1], np.array(weights), np.ones([2, 2]))


def test_other_input_that_cannot_be_used():
    with pytest.raises(UserError, match=r'distances \[2, 2\] for 3 source and 2'):
        emd.solve([1, 1, 1], [1, 1], np.ones([2, 2]))
    with pytest.raises(UserError, match='a distance is not finite'):
        emd.solve([1, 1], [1, 1], [[1, np.nan], [0, 0]])
    with pytest.raises(UserError, match='there is no solver pott; did you mean pot'):
        emd.solve([1], [1], [[1]], 'pott')
    with pytest.raises(UserError, match='3 wide on one side and 2'):
        emd.euclidean_distances(np.ones([1, 3]), np.ones([1, 2]))


PROGRAM = """
import os, sys
from slim.transfer import emd
before = dict(os.environ)
emd.solve([1, 2], [1], [[1], [2]], sys.argv[1])
assert dict(os.environ) == before
assert 'ot' in sys.modules
assert 'tensorflow' not in sys.modules
"""


@pytest.mark.parametrize('solver', SOLVERS)
def test_solving_does_not_import_tensorflow(root, solver):
    environment = {**os.environ, 'PYTHONPATH': str(root)}
    subprocess.run([sys.executable, '-c', PROGRAM, solver], check=True, env=environment)
