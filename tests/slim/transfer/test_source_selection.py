"""Tests source selection and class lists."""

import numpy as np
import pytest

from slim.errors import UserError
from slim.features.domains import create_domain, keep_classes, merge_domains
from slim.transfer.domain_similarity import measure_similarity
from slim.transfer.source_selection import class_distances, class_lists, select_classes

RANDOM = np.random.default_rng(0)
SOURCE = create_domain('inat', RANDOM.normal(size=[30, 4]), RANDOM.integers(100, 400, 30))
TARGETS = [
    create_domain(name, RANDOM.normal(size=[5, 4]), RANDOM.integers(10, 60, 5))
    for name in ('cub_200', 'nabirds')
]


def test_distance_of_a_class_equals_that_of_a_source_with_one_class():
    distances = class_distances(SOURCE, TARGETS[0])
    alone = [measure_similarity(SOURCE.take([i]), TARGETS[0]).emd for i in range(30)]
    np.testing.assert_allclose(distances, alone, rtol=1e-12)


def test_selects_the_nearest_classes_of_each_target_once():
    selected = select_classes(SOURCE, TARGETS, [8, 20])
    nearest = [np.argsort(class_distances(SOURCE, target)) for target in TARGETS]
    first = nearest[0][:8].tolist()
    then = [index for index in nearest[1][:20].tolist() if index not in first]
    assert [one.index for one in selected] == first + then
    assert [one.target for one in selected] == ['cub_200'] * 8 + ['nabirds'] * len(then)
    similarities = [one.similarity for one in selected[:8]]
    assert similarities == sorted(similarities, reverse=True)
    assert len(select_classes(SOURCE, TARGETS, [30, 30])) == 30


def test_labels_refer_to_the_dataset_before_classes_were_removed():
    kept = keep_classes(SOURCE, 200)
    assert len(kept.labels) < 30
    for one in select_classes(kept, TARGETS[:1], [5]):
        np.testing.assert_array_equal(SOURCE.means[one.label], kept.means[one.index])


@pytest.mark.parametrize('count', [0, 31])
def test_rejects_impossible_counts(count):
    with pytest.raises(UserError, match=f'{count} classes of inat for cub_200: expected 1 to 30'):
        select_classes(SOURCE, TARGETS[:1], [count])


def test_one_list_for_each_dataset_of_a_merged_source():
    other = create_domain('ImageNet', RANDOM.normal(size=[10, 4]), [300] * 10)
    selected = select_classes(merge_domains([SOURCE, other]), TARGETS, [12, 12])
    names = {'inat': [f'Genus species_{label}' for label in range(30)], 'ImageNet': None}
    lists = class_lists(selected, names)
    assert set(lists) == set(names)
    for member, line_of in (('inat', names['inat'].__getitem__), ('ImageNet', str)):
        labels = sorted(one.label for one in selected if one.member == member)
        assert labels
        assert lists[member] == [line_of(label) for label in labels]


@pytest.mark.parametrize(
    'names, message',
    [
        (
            [f'{label}' for label in range(3)],
            r'class \d+ was selected, but its labels.txt names only 3',
        ),
        (['crane'] * 30, 'several classes are called crane'),
    ],
)
def test_rejects_ambiguous_names(names, message):
    selected = select_classes(SOURCE, TARGETS, [5, 5])
    with pytest.raises(UserError, match=message):
        class_lists(selected, {'inat': names})
