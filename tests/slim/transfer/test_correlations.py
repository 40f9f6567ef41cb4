"""How measures of transfer go with the accuracy."""

import math
import warnings

import pytest

from slim.transfer.correlations import ALL, CENTRED, correlations


def _rows(triples, measure='similarity'):
    names = ('target', measure, 'accuracy')
    return [dict(zip(names, triple, strict=True)) for triple in triples]


def _found(rows, measure='similarity'):
    return {row['over']: row for row in correlations(rows, [measure])}


def test_a_case_by_hand():
    # Of birds, with means taken away: (-1, 0, 1) and (-.2, .1, .1), products .3, lengths 2 and .06.
    found = _found(
        _rows(
            [('birds', 1, 0.5), ('birds', 2, 0.8), ('birds', 3, 0.8)]
            + [('cars', 5, 0.3), ('cars', 6, 0.1), ('cars', 7, 0.2)]
        )
    )
    assert list(found) == ['birds', 'cars', ALL, CENTRED]
    assert found['birds']['pearson'] == pytest.approx(0.3 / math.sqrt(2 * 0.06))
    # Ranks (1, 2, 3) and (1, 2.5, 2.5); then (1, 2, 3) and (3, 1, 2), of which d^2 sums up to 6.
    assert found['birds']['spearman'] == pytest.approx(1.5 / math.sqrt(2 * 1.5))
    assert found['cars']['spearman'] == pytest.approx(1 - 6 * 6 / (3 * 8))
    # Centred, products .3 - .1 over lengths 2 + 2 and .06 + .02.
    assert found[CENTRED]['pearson'] == pytest.approx(0.2 / math.sqrt(4 * 0.08))
    # Over all: products -2.8 over lengths 28 and .455.
    assert found[ALL]['pearson'] == pytest.approx(-2.8 / math.sqrt(28 * 0.455))
    assert [row['points'] for row in found.values()] == [3, 3, 6, 6]
    # Two sources of birds are as good as each other, and the last one has the largest similarity.
    shares = [row['best_source_found'] for row in found.values()]
    assert shares == [1.0, 0.0, 0.5, 0.5]


def test_hard_targets_hide_a_perfect_measure_until_they_are_centred():
    found = _found(_rows([('a', 1, 0.8), ('a', 2, 0.9), ('b', 3, 0.1), ('b', 4, 0.2)]))
    assert found[ALL]['pearson'] < -0.8
    assert found[CENTRED]['pearson'] == pytest.approx(1)


def test_what_does_not_vary_has_no_correlation_and_gives_no_warning():
    rows = _rows([('a', 1, 0.5), ('a', 1, 0.7), ('b', 2, 0.4), ('b', 2, 0.9)])
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        found = _found(rows)
    assert math.isnan(found['a']['pearson']) and math.isnan(found['a']['spearman'])
    assert math.isnan(found[CENTRED]['pearson'])
    assert math.isfinite(found[ALL]['pearson'])


def test_rounding_errors_are_no_differences():
    # The mean of three times 0.1 is not 0.1, in binary.
    constant = [('a', 0.1), ('b', 0.7)]
    rows = _rows([(t, same, same + step) for t, same in constant for step in (0, 0.2, 0.4)])
    assert math.isnan(_found(rows)[CENTRED]['pearson'])
    # As far apart in both targets, whatever the level: ranks (1.5, 3.5, 5.5) of both numbers.
    rows = _rows(
        [(t, 3 * same + step, same + step) for t, same in constant for step in (0, 0.1, 0.3)]
    )
    assert _found(rows)[CENTRED]['spearman'] == pytest.approx(1, abs=1e-12)


def test_measures_are_looked_at_each_by_itself():
    rows = [{**row, 'logme': -row['similarity']} for row in _rows([('a', 1, 0.1), ('a', 2, 0.3)])]
    found = correlations(rows, ['similarity', 'logme'])
    assert [row['measure'] for row in found] == ['similarity'] * 3 + ['logme'] * 3
    assert [row['pearson'] for row in found] == pytest.approx([1, 1, 1, -1, -1, -1])
