"""What was published, and whether what is measured agrees with it."""

import math
import re

import pytest

from slim.experiments import published_similarity
from slim.experiments.published_similarity import PUBLISHED, SOURCES, TOLERANCE
from slim.transfer.domain_similarity import Similarity, similarity_of

PAIRS = [(target, source) for target in PUBLISHED for source in SOURCES]


def measured(shift=0.0):
    return [
        Similarity(source, target, known.emd + shift, similarity_of(known.emd + shift), None)
        for target, source in PAIRS
        for known in [PUBLISHED[target][source]]
    ]


def test_the_table_is_that_of_the_docs(root):
    rows = re.findall(
        r'^\| (\w+) \| ([\d.]+ → [\d. →|]+) \|$', (root / 'docs/paper.md').read_text(), re.M
    )
    in_docs = {target: list(map(float, re.findall(r'[\d.]+', cells))) for target, cells in rows}
    assert in_docs == {
        target: [number for known in of_target.values() for number in known]
        for target, of_target in PUBLISHED.items()
    }
    assert len(PAIRS) == 21


@pytest.mark.parametrize('target, source', PAIRS)
def test_each_similarity_belongs_to_its_distance(target, source):
    known = PUBLISHED[target][source]
    assert known.similarity == pytest.approx(math.exp(-0.01 * known.emd), abs=6e-4)


def test_all_agree():
    rows = published_similarity.compare(measured(0.5 * TOLERANCE))
    assert [(row['target'], row['source']) for row in rows] == PAIRS
    assert {row['agrees'] for row in rows} == {'yes'}
    assert published_similarity.summarize(rows).startswith('21 of the 21 pairs are as published')
    assert 'all agree' in published_similarity.summarize(rows)


def test_a_distance_that_is_off_does_not_agree():
    found = measured()
    found[4] = Similarity(found[4].source, found[4].target, found[4].emd + 0.002, 0.542, None)
    found[7] = Similarity(found[7].source, found[7].target, found[7].emd, 0.537, None)
    rows = published_similarity.compare(found)
    wrong = [i for i, row in enumerate(rows) if row['agrees'] == 'no']
    assert wrong == [4, 7]
    summary = published_similarity.summarize(rows)
    assert '19 of the 21' in summary and '2 do not agree' in summary


def test_pairs_that_were_not_published_are_left_out():
    assert published_similarity.compare([Similarity('inat_train', 'my_birds', 1, 0.9, None)]) == []
    assert 'nothing was published' in published_similarity.summarize([])
