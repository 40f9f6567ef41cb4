"""Tests the earth mover's distance against linear programs, and the properties of a metric."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import coo_array
from scipy.spatial.distance import cdist

from slim import configs
from slim.errors import UserError
from slim.transfer import emd

SOLVERS = list(emd.SOLVERS)

# The C++ solver rounds weights and costs to 1e-6. The largest relative errors measured were 5.4e-6
# over the 50 cases below, and 1.2e-5 at 200 x 100 classes of 2048 dimensions.
TOLERANCES = {'pot': 1e-9, 'pyemd': 2e-5}
WEIGHT_TOLERANCES = {'pot': 1e-12, 'pyemd': 1e-5}


def random_case(seed):
    """Returns two sets of points of random sizes and scales, with random weights."""
    random = np.random.default_rng(seed)
    n, m, width = random.integers([1, 1, 1], [30, 30, 60])
    source = random.normal(0, 10, [n, width])
    target = random.normal(random.uniform(-3, 3), 10 ** random.uniform(-1, 1), [m, width])
    weights = [random.integers(1, 2000, count) for count in (n, m)]
    return source, target, *weights


def cost_by_linear_program(source_weights, target_weights, distances):
    """Solves the transport problem as a linear program, by HiGHS."""
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
        assert cost == pytest.approx(expected, rel=TOLERANCES[solver]), solver
        assert (flow * distances).sum() == pytest.approx(expected, rel=TOLERANCES[solver]), solver
        assert (flow >= 0).all()
        for axis, side in ((1, weights[0]), (0, weights[1])):
            atol = WEIGHT_TOLERANCES[solver]
            np.testing.assert_allclose(flow.sum(axis=axis), side / side.sum(), rtol=0, atol=atol)


@pytest.mark.parametrize('solver', SOLVERS)
def test_is_zero_to_itself_and_symmetric(solver):
    source, target, source_weights, target_weights = random_case(1)
    itself = emd.euclidean_distances(source, source)
    # With distances by a matrix product alone it would be about 1e-7.
    assert emd.solve(source_weights, source_weights, itself, solver).cost < 1e-12
    there = emd.euclidean_distances(source, target)
    back = emd.euclidean_distances(target, source)
    cost = emd.solve(source_weights, target_weights, there, solver).cost
    assert cost > 1
    assert emd.solve(target_weights, source_weights, back, solver).cost == pytest.approx(
        cost, rel=1e-12
    )


@pytest.mark.parametrize('solver', SOLVERS)
def test_order_scale_and_type_of_weights_are_irrelevant(solver):
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
def test_classes_without_weight_are_ignored(solver):
    distances = [[1.0, 9], [0.1, 0.1], [5, 2]]
    cost, flow = emd.solve([1, 0, 1], [1, 1], distances, solver)
    assert cost == pytest.approx(1.5)
    np.testing.assert_allclose(flow, [[0.5, 0], [0, 0], [0, 0.5]], atol=1e-12)


def test_pyemd_agrees_with_the_padded_matrix_of_the_original_code():
    import pyemd

    source, target, source_weights, target_weights = random_case(3)
    both = np.concatenate([source, target])
    n = len(source)
    histograms = np.zeros([2, len(both)])
    histograms[0, :n] = source_weights / source_weights.sum()
    histograms[1, n:] = target_weights / target_weights.sum()
    expected = pyemd.emd(*histograms, cdist(both, both), backend='cpp')
    distances = emd.euclidean_distances(source, target)
    cost = emd.solve(source_weights, target_weights, distances, 'pyemd').cost
    # The largest cost differs: the distances within a side are part of that matrix.
    assert cost == pytest.approx(expected, rel=TOLERANCES['pyemd'])


def test_pyemd_is_not_pot(monkeypatch):
    import pyemd

    def fail(*args, **kwargs):
        raise AssertionError('POT was called')

    ot = emd.import_pot()
    for module in (ot, ot.lp, ot.partial):
        for name in ('emd', 'emd2', 'emd_c', 'partial_wasserstein'):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, fail)
    source, target, *weights = random_case(4)
    distances = emd.euclidean_distances(source, target)
    cost = emd.solve(*weights, distances, 'pyemd').cost
    with pytest.raises(AssertionError, match='POT was called'):
        emd.solve(*weights, distances, 'pot')
    with pytest.raises(AssertionError, match='POT was called'):  # The default of pyemd 1.1.
        pyemd.emd(np.array([1.0, 0]), np.array([0, 1.0]), np.array([[0, 1.0], [1, 0]]))
    monkeypatch.undo()
    assert cost == pytest.approx(emd.solve(*weights, distances).cost, rel=TOLERANCES['pyemd'])


def test_solvers_agree_on_a_larger_problem():
    random = np.random.default_rng(0)
    source, target = (random.gamma(0.5, size=[n, 64]) for n in (90, 60))
    weights = [random.integers(20, 200, n) for n in (90, 60)]
    distances = emd.euclidean_distances(source, target)
    costs = [emd.solve(*weights, distances, solver).cost for solver in SOLVERS]
    assert costs[0] != costs[1]  # Different algorithms do not round alike.
    assert costs[0] == pytest.approx(costs[1], rel=TOLERANCES['pyemd'])


def test_solvers_are_those_of_the_configuration():
    assert tuple(emd.SOLVERS) == configs.SOLVERS


def test_distances_of_close_points_are_accurate():
    random = np.random.default_rng(0)
    far = random.normal(1000, 1, [20, 50])
    close = far + random.normal(0, 1e-6, far.shape)
    np.testing.assert_allclose(
        emd.euclidean_distances(far, close), cdist(far, close), rtol=1e-9, atol=0
    )
    assert (np.diagonal(emd.euclidean_distances(far, far)) == 0).all()
    assert emd.euclidean_distances(np.float32(far), far).dtype == np.float64


def test_giving_up_is_an_error():
    source, target, *weights = random_case(4)
    distances = emd.euclidean_distances(source, target)
    with pytest.raises(UserError, match='pot did not converge: .*numItermax'):
        emd.solve(*weights, distances, max_iterations=2)
    with pytest.raises(UserError, match='pyemd has no limit of iterations'):
        emd.solve(*weights, distances, 'pyemd', max_iterations=2)


@pytest.mark.parametrize('solver', SOLVERS)
def test_warnings_of_a_solver_are_errors_except_deprecations(monkeypatch, solver):
    solve = emd.SOLVERS[solver]

    def warn(category):
        def solve_with_warning(*args):
            warnings.warn('numItermax reached', category, stacklevel=2)
            return solve(*args)

        monkeypatch.setitem(emd.SOLVERS, solver, solve_with_warning)
        return emd.solve([1, 2], [1], [[1], [2]], solver)

    with pytest.raises(UserError, match=f'{solver} did not converge: numItermax reached'):
        warn(UserWarning)
    assert warn(DeprecationWarning).cost == pytest.approx(5 / 3, rel=TOLERANCES[solver])


@pytest.mark.parametrize(
    'weights, message',
    [
        ([1, -1], 'negative or not finite: -1 of class 1'),
        ([np.nan, 1], 'negative or not finite: nan of class 0'),
        ([0, 0], 'all weights are zero'),
        ([[1, 2]], 'not a list of weights'),
        (['a', 'b'], 'not a list of weights'),
        ([], 'not a list of weights'),
    ],
)
def test_rejects_unusable_weights(weights, message):
    with pytest.raises(UserError, match=message):
        emd.solve([1, 1], np.array(weights), np.ones([2, 2]))


def test_rejects_other_unusable_input():
    with pytest.raises(UserError, match=r'cost matrix is \[2, 2\], but the weights \[3, 2\]'):
        emd.solve([1, 1, 1], [1, 1], np.ones([2, 2]))
    with pytest.raises(UserError, match='cost matrix has a value that is not finite'):
        emd.solve([1, 1], [1, 1], [[1, np.nan], [0, 0]])
    with pytest.raises(UserError, match='there is no solver pott; did you mean pot'):
        emd.solve([1], [1], [[1]], 'pott')
    with pytest.raises(UserError, match='dimension 3 on one side and 2'):
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
