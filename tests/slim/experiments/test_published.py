"""The published results, and the comparison with them."""

import math
import re

import pytest

from slim.experiments import published
from slim.experiments.published import SIMILARITIES, SOURCES, TOLERANCE
from slim.transfer.domain_similarity import similarity_of

PAIRS = [(target, source) for target in SIMILARITIES for source in SOURCES]


def measured(shift=0.0):
    return [
        {'target': target, 'source': source, 'emd': emd, 'similarity': similarity_of(emd)}
        for target, source in PAIRS
        for emd in [SIMILARITIES[target][source].emd + shift]
    ]


def test_the_table_is_that_of_the_docs(root):
    rows = re.findall(
        r'^\| (\w+) \| ([\d.]+ → [\d. →|]+) \|$', (root / 'docs/paper.md').read_text(), re.M
    )
    in_docs = {target: list(map(float, re.findall(r'[\d.]+', cells))) for target, cells in rows}
    assert in_docs == {
        target: [number for known in of_target.values() for number in known]
        for target, of_target in SIMILARITIES.items()
    }
    assert len(PAIRS) == 21


@pytest.mark.parametrize('target, source', PAIRS)
def test_each_similarity_belongs_to_its_distance(target, source):
    known = SIMILARITIES[target][source]
    assert known.similarity == pytest.approx(math.exp(-0.01 * known.emd), abs=6e-4)


@pytest.mark.parametrize('measure', ['emd', 'similarity'])
def test_all_agree(measure):
    rows = published.compare_similarities(measured(0.5 * TOLERANCE), measure)
    assert [(row['target'], row['source']) for row in rows] == PAIRS
    assert {row['agrees'] for row in rows} == {'yes'}


def test_numbers_that_are_off_do_not_agree():
    found = measured()
    found[4]['emd'] += 0.002
    found[7]['similarity'] = 0.537
    for measure, number in (('emd', 4), ('similarity', 7)):
        rows = published.compare_similarities(found, measure)
        assert [i for i, row in enumerate(rows) if row['agrees'] == 'no'] == [number]
        row = rows[number]
        assert row['difference'] == pytest.approx(row['here'] - row['published'])
        assert abs(row['difference']) > TOLERANCE


def test_pairs_that_were_not_published_are_left_out():
    row = {'source': 'inat_train', 'target': 'my_birds', 'emd': 1, 'similarity': 0.9}
    assert published.compare_similarities([row], 'emd') == []
    row = {'source': 'my_source', 'target': 'nabirds', 'emd': 1, 'similarity': 0.9}
    assert published.compare_similarities([row], 'emd') == []
