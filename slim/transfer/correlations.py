"""Correlation of transferability measures with transfer accuracy."""

import math
import warnings
from collections import defaultdict

import numpy as np
from scipy import stats

ALL = 'all'
CENTRED = 'all, centred'


def correlations(rows: list[dict], measures: list[str]) -> list[dict]:
    """Correlates transferability measures with transfer accuracy.

    Accuracy depends mostly on how difficult the target is, whatever the source. The correlation is
    therefore reported (1) per target, over its sources, (2) over all pairs, (3) over all pairs
    after subtracting each target's mean from both numbers, which isolates the effect of the source.

    Args:
      rows: a dictionary per pair of source and target, with 'target', the measures and 'accuracy'.
      measures: keys of the numbers that should predict the accuracy.

    Returns:
      For each measure a row per target, then rows `ALL` and `CENTRED`, with
        measure            key of the measure
        over               target, `ALL` or `CENTRED`
        points             number of pairs
        pearson, spearman  correlation; NaN if one of the two numbers is the same for all pairs
        best_source_found  fraction of targets whose best source has the largest measure

    A measure that ranks the sources of each target correctly, but not the targets:

    >>> pairs = [('a', 1, 0.8), ('a', 2, 0.9), ('b', 3, 0.1), ('b', 4, 0.2)]
    >>> rows = [{'target': t, 'emd': m, 'accuracy': a} for t, m, a in pairs]
    >>> [(row['over'], round(row['pearson'], 3)) for row in correlations(rows, ['emd'])]
    [('a', 1.0), ('b', 1.0), ('all', -0.822), ('all, centred', 1.0)]
    """
    table = []
    for measure in measures:
        pairs = _pairs_by_target(rows, measure)
        hits = best_source_found(rows, measure)
        hits[ALL] = hits[CENTRED] = float(np.mean(list(hits.values())))
        scopes = {
            **pairs,
            ALL: np.concatenate(list(pairs.values()), axis=1),
            CENTRED: np.concatenate([_centred(both) for both in pairs.values()], axis=1),
        }
        table += [
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
    return table


def best_source_found(rows: list[dict], measure: str) -> dict[str, float]:
    """Returns, for each target, 1.0 if the source with the largest measure is a best one, else 0.0.

    Sources with equal accuracies are equally good. `rows` are those of `correlations`.

    >>> rows = [{'target': 'a', 'emd': m, 'accuracy': a} for m, a in ((1, 0.8), (2, 0.9))]
    >>> best_source_found(rows, 'emd')
    {'a': 1.0}
    """
    return {
        target: float(accuracies[np.argmax(values)] == accuracies.max())
        for target, (values, accuracies) in _pairs_by_target(rows, measure).items()
    }


def _pairs_by_target(rows: list[dict], measure: str) -> dict[str, np.ndarray]:
    """Returns target -> float64 [2, sources], measure and accuracy of each of its rows."""
    by_target = defaultdict(list)
    for row in rows:
        by_target[row['target']].append((row[measure], row['accuracy']))
    return {target: np.array(pairs, np.float64).T for target, pairs in by_target.items()}


def _centred(both: np.ndarray) -> np.ndarray:
    # Rounded, so that rounding errors neither separate equal ranks nor make constants vary.
    return np.round(both - both.mean(axis=1, keepdims=True), 12)


def _correlation(name: str, a: np.ndarray, b: np.ndarray) -> float:
    """Returns SciPy's coefficient `name`; NaN, without a warning, where it is undefined."""
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', stats.NearConstantInputWarning)
        return float(getattr(stats, name)(a, b).statistic)
