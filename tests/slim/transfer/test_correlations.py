"""Tests the correlation of transferability measures with accuracy."""

import math
import warnings

import pytest

from slim.transfer.correlations import ALL, CENTRED, correlations


def _rows(triples, measure='similarity'):
    names = ('target', measure, 'accuracy')
    return [dict(zip(names, triple, strict=True)) for triple in triples]


def _correlate(rows, measure='similarity'):
    return {row['over']: row for row in correlations(rows, [measure])}


def test_a_case_by_hand():
    # Centred values of birds: (-1, 0, 1) and (-.2, .1, .1), products .3, lengths 2 and .06.
    table = _correlate(
        _rows(
            [('birds', 1, 0.5), ('birds', 2, 0.8), ('birds', 3, 0.8)]
            + [('cars', 5, 0.3), ('cars', 6, 0.1), ('cars', 7, 0.2)]
        )
    )
    assert list(table) == ['birds', 'cars', ALL, CENTRED]
    assert table['birds']['pearson'] == pytest.approx(0.3 / math.sqrt(2 * 0.06))
    # Ranks (1, 2, 3) and (1, 2.5, 2.5); then (1, 2, 3) and (3, 1, 2), differing by 2, 1, 1.
    assert table['birds']['spearman'] == pytest.approx(1.5 / math.sqrt(2 * 1.5))
    assert table['cars']['spearman'] == pytest.approx(1 - 6 * 6 / (3 * 8))
    # Centred, products .3 - .1 over lengths 2 + 2 and .06 + .02.
    assert table[CENTRED]['pearson'] == pytest.approx(0.2 / math.sqrt(4 * 0.08))
    # Over all: products -2.8 over lengths 28 and .455.
    assert table[ALL]['pearson'] == pytest.approx(-2.8 / math.sqrt(28 * 0.455))
    assert [row['points'] for row in table.values()] == [3, 3, 6, 6]
    # Two sources are equally good for birds, and one of them has the largest similarity.
    fractions = [row['best_source_found'] for row in table.values()]
    assert fractions == [1.0, 0.0, 0.5, 0.5]


def test_centring_removes_the_difficulty_of_targets():
    table = _correlate(_rows([('a', 1, 0.8), ('a', 2, 0.9), ('b', 3, 0.1), ('b', 4, 0.2)]))
    assert table[ALL]['pearson'] < -0.8
    assert table[CENTRED]['pearson'] == pytest.approx(1)


def test_constants_have_no_correlation_and_cause_no_warning():
    rows = _rows([('a', 1, 0.5), ('a', 1, 0.7), ('b', 2, 0.4), ('b', 2, 0.9)])
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        table = _correlate(rows)
    assert math.isnan(table['a']['pearson']) and math.isnan(table['a']['spearman'])
    assert math.isnan(table[CENTRED]['pearson'])
    assert math.isfinite(table[ALL]['pearson'])


def test_rounding_errors_are_ignored():
    # The mean of three times 0.1 is not 0.1, in binary.
    constant = [('a', 0.1), ('b', 0.7)]
    rows = _rows([(t, same, same + step) for t, same in constant for step in (0, 0.2, 0.4)])
    assert math.isnan(_correlate(rows)[CENTRED]['pearson'])
    # The same steps in both targets, at different levels: ranks (1.5, 3.5, 5.5) of both numbers.
    rows = _rows(
        [(t, 3 * same + step, same + step) for t, same in constant for step in (0, 0.1, 0.3)]
    )
    assert _correlate(rows)[CENTRED]['spearman'] == pytest.approx(1, abs=1e-12)


def test_measures_are_correlated_separately():
    rows = [{**row, 'logme': -row['similarity']} for row in _rows([('a', 1, 0.1), ('a', 2, 0.3)])]
    table = correlations(rows, ['similarity', 'logme'])
    assert [row['measure'] for row in table] == ['similarity'] * 3 + ['logme'] * 3
    assert [row['pearson'] for row in table] == pytest.approx([1, 1, 1, -1, -1, -1])
