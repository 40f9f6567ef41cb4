"""Domain similarity: the paper's figures from distances, and what an interval must hold."""

import numpy as np
import pytest

from slim.errors import UserError
from slim.features.domains import create_domain, merge_domains
from slim.transfer import emd
from slim.transfer.domain_similarity import (
    Similarity,
    bootstrap_interval,
    measure_similarity,
    similarity_of,
    strongest_flows,
)

# Published: EMD -> similarity.
PUBLISHED = {57.532: 0.563, 42.961: 0.651, 53.868: 0.584, 37.703: 0.686, 62.587: 0.535}


def random_domain(name, seed, num_classes, shift=0.0):
    random = np.random.default_rng(seed)
    means = random.normal(shift, 1, [num_classes, 16])
    return create_domain(name, means, random.integers(20, 200, num_classes))


@pytest.mark.parametrize('distance', PUBLISHED)
def test_published_similarities(distance):
    assert similarity_of(distance) == pytest.approx(PUBLISHED[distance], abs=5e-4)


def test_of_a_domain_to_itself_and_both_ways():
    birds, dogs = random_domain('birds', 0, 20), random_domain('dogs', 1, 12, shift=1)
    assert measure_similarity(birds, birds).similarity == 1
    there, back = measure_similarity(birds, dogs), measure_similarity(dogs, birds, solver='pyemd')
    assert there.emd == pytest.approx(back.emd, rel=1e-9)
    assert (there.source, there.target) == ('birds', 'dogs')
    assert there.similarity == pytest.approx(np.exp(-0.01 * there.emd))
    assert measure_similarity(birds, dogs, gamma=0.1).similarity == pytest.approx(
        np.exp(-0.1 * there.emd)
    )
    weights = birds.num_images / birds.num_images.sum()
    np.testing.assert_allclose(there.flow.sum(axis=1), weights, atol=1e-12)


def test_a_source_that_holds_the_target_is_nearer_when_its_share_grows():
    target, other = random_domain('target', 0, 10), random_domain('other', 1, 30, shift=3)
    alone = measure_similarity(other, target).emd
    joined = measure_similarity(merge_domains([other, target]), target)
    assert joined.emd < alone
    # All of the target's own weight that can stay where it is does.
    own = (
        merge_domains([other, target]).num_images[30:]
        / merge_domains([other, target]).num_images.sum()
    )
    np.testing.assert_allclose(np.diagonal(joined.flow[30:]), own, atol=1e-12)


def test_strongest_flows_are_those_that_there_are():
    flow = np.array([[0.1, 0.0], [0.0, 0.9]])
    assert strongest_flows(Similarity('a', 'b', 1.0, 0.9, flow), 5) == [(1, 1, 0.9), (0, 0, 0.1)]


def test_interval_is_of_its_seed_and_about_the_similarity():
    birds, dogs = random_domain('birds', 0, 40), random_domain('dogs', 1, 20, shift=1)
    first, again, other = (
        measure_similarity(birds, dogs, bootstrap=100, seed=seed) for seed in (0, 0, 1)
    )
    assert first.interval == again.interval != other.interval
    low, high = first.interval
    assert 0 < low < first.similarity < high < 1
    assert measure_similarity(birds, dogs).interval is None


def test_interval_is_narrower_for_more_classes():
    widths = []
    for num_classes in (10, 160):
        pair = random_domain('a', 0, num_classes), random_domain('b', 1, num_classes, shift=1)
        low, high = measure_similarity(*pair, bootstrap=60).interval
        widths.append(high - low)
    # By a factor of 4 in theory.
    assert 2 < widths[0] / widths[1] < 8


def test_interval_holds_what_other_choices_of_classes_give():
    """Coverage: of the mean over choices of 60 and 30 classes from large worlds."""
    random = np.random.default_rng(0)
    worlds = [random.normal(shift, 1, [2000, 8]) for shift in (0, 0.7)]

    def choose():
        chosen = [
            world[random.choice(2000, n, replace=False)]
            for world, n in zip(worlds, (60, 30), strict=True)
        ]
        return emd.euclidean_distances(*chosen)

    uniform = np.ones(60), np.ones(30)
    expected = similarity_of(np.mean([emd.solve(*uniform, choose()).cost for _ in range(100)]))
    held = 0
    for seed in range(40):
        distances = choose()
        cost = emd.solve(*uniform, distances).cost
        low, high = bootstrap_interval(*uniform, distances, cost, resamples=60, seed=seed)
        held += low <= expected <= high
    assert held >= 30  # 38 of 40 are expected of 95%; without the shift, some 10 are found.


def test_what_cannot_be_resampled():
    birds, dogs = random_domain('birds', 0, 1), random_domain('dogs', 1, 12)
    with pytest.raises(UserError, match='2 classes on either side'):
        measure_similarity(birds, dogs, bootstrap=100)
    with pytest.raises(UserError, match='20 resamples or more'):
        measure_similarity(dogs, dogs, bootstrap=5)


def test_widths_must_agree():
    narrow = create_domain('narrow', np.ones([1, 3]), [1])
    with pytest.raises(UserError, match='narrow have dimension 3, those of dogs 16'):
        measure_similarity(narrow, random_domain('dogs', 1, 12))


def test_of_equal_flows_the_shortest_goes_first():
    flow = np.array([[0.25, 0.0], [0.0, 0.25 + 1e-15], [0.1, 0.4]])
    distances = np.array([[1.0, 9.0], [2.0, 9.0], [3.0, 4.0]])
    found = Similarity('a', 'b', 1.0, 0.9, flow)
    order = [pair[:2] for pair in strongest_flows(found, 9, distances)]
    assert order == [(2, 1), (0, 0), (1, 1), (2, 0)]
    assert [pair[:2] for pair in strongest_flows(found, 2, 10 - distances)] == [(2, 1), (1, 1)]
