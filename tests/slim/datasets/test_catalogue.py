import dataclasses

import pytest

from slim.datasets import catalogue

# classes, train, validation: the paper's table of datasets.
COUNTS = {
    'ILSVRC2012': (1000, 1281167, 50000),
    'inat2017': (5089, 665473, 9697),
    'aircraft': (100, 6667, 3333),
    'cub_200': (200, 5994, 5794),
    'flower_102': (102, 2040, 6149),
    'food_101': (101, 75750, 25250),
    'nabirds': (555, 23929, 24633),
    'stanford_cars': (196, 8144, 8041),
    'stanford_dogs': (120, 12000, 8580),
}


def test_the_nine_datasets_have_the_counts_of_the_paper():
    rows = {name: dataclasses.astuple(row) for name, row in catalogue.CATALOGUE.items()}
    assert rows == COUNTS


@pytest.mark.parametrize('name', COUNTS)
def test_equal_counts_give_no_warning(name):
    num_classes, train, validation = COUNTS[name]
    counts = {'train': train, 'validation': validation}
    assert catalogue.count_warnings(name, num_classes, counts) == []


def test_each_difference_gives_a_warning_with_both_numbers():
    found = catalogue.count_warnings('cub_200', 201, {'train': 5990, 'validation': 5794})
    assert len(found) == 2
    assert all('cub_200' in warning for warning in found)
    assert '201' in found[0] and '200 in the catalogue' in found[0] and 'classes' in found[0]
    assert '5990' in found[1] and '5994' in found[1] and 'train' in found[1]


def test_a_split_that_is_not_given_is_not_compared():
    assert catalogue.count_warnings('cub_200', 200, {'validation': 5794}) == []
    assert catalogue.count_warnings('cub_200', 200, {'validation': 5994}) != []


def test_other_datasets_have_no_warnings():
    assert catalogue.count_warnings('my_birds', 1, {'train': 1, 'validation': 1}) == []
