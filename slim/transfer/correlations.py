"""Does a measure of transfer say how well sources transfer? Its correlation with the accuracy."""

import math
import warnings
from collections import defaultdict

import numpy as np

ALL = 'all'
CENTRED = 'all, centred'


def correlations(rows: list[dict], measures: list[str], outcome: str = 'accuracy') -> list[dict]:
    """How measures of pairs of source and target go with what came of the pairs.

    Targets differ in how hard they are, which no choice of a source changes: one of classes that
    are hard to tell apart has a low accuracy after any. So each target is looked at by itself, over
    its sources; then all pairs as they are; then all pairs after the mean of its target has been
    subtracted from both numbers, which leaves what the choice of the source changes.

    Args:
      rows: a dictionary for each pair, with 'target', the measures and the outcome.
      measures: keys of numbers that are to foretell the outcome.
      outcome: the key of what came of it.

    Returns:
      Rows with
        measure, over          'over' is a target, `ALL` or `CENTRED`
        points                 pairs
        pearson, spearman      NaN where one of the two numbers is the same for all pairs
        best_source_found      the share of the targets whose best source has the largest measure
      for each measure: the targets in their order, `ALL`, `CENTRED`.

    The measure is right about the sources of each target, and knows nothing of the targets:

    >>> pairs = [('a', 1, 0.8), ('a', 2, 0.9), ('b', 3, 0.1), ('b', 4, 0.2)]
    >>> rows = [{'target': t, 'emd': m, 'accuracy': a} for t, m, a in pairs]
    >>> [(row['over'], round(row['pearson'], 3)) for row in correlations(rows, ['emd'])]
    [('a', 1.0), ('b', 1.0), ('all', -0.822), ('all, centred', 1.0)]
    """
    found = []
    for measure in measures:
        pairs = _pairs_by_target(rows, measure, outcome)
        hits = best_source_found(rows, measure, outcome)
        hits[ALL] = hits[CENTRED] = float(np.mean(list(hits.values())))
        scopes = {
            **pairs,
            ALL: np.concatenate(list(pairs.values()), axis=1),
            CENTRED: np.concatenate([_centred(both) for both in pairs.values()], axis=1),
        }
        found += [
            {
                'measure': measure,
                'over': over,
                'points': both.shape[1],
                'pearson': _correlation('pearsonr', *both),
                'spearman': _correlation('spearmanr', *both),
                'best_source_found': hits[over],
            }
            for over, both in scopes.items()
        ]
    return found


def best_source_found(
    rows: list[dict], measure: str, outcome: str = 'accuracy'
) -> dict[str, float]:
    """For each target whether the source with the largest measure is one of its best: 1.0 or 0.0.

    Args:
      rows, outcome: as of `correlations`.
      measure: a key of numbers.
    """
    pairs = _pairs_by_target(rows, measure, outcome)
    return {target: _is_best_found(*both) for target, both in pairs.items()}


def _pairs_by_target(rows, measure, outcome):
    """Target -> float64 [2, sources], the measure and the outcome of each of its rows."""
    by_target = defaultdict(list)
    for row in rows:
        by_target[row['target']].append((row[measure], row[outcome]))
    return {target: np.array(pairs, np.float64).T for target, pairs in by_target.items()}


def _centred(both):
    # Rounded, so that numbers that are equal but for rounding errors have one rank, and none vary.
    return np.round(both - both.mean(axis=1, keepdims=True), 12)


def _is_best_found(measured, outcome):
    """1.0 or 0.0. Sources that are equally good are all the best."""
    return float(outcome[np.argmax(measured)] == outcome.max())


def _correlation(name, one, other):
    """SciPy's coefficient of that name; NaN, without a warning, where it is not defined."""
    from scipy import stats

    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return math.nan
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', stats.NearConstantInputWarning)
        return float(getattr(stats, name)(one, other).statistic)
