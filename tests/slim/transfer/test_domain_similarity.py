"""Tests domain similarity: published values, flows, and the bootstrap interval."""

import numpy as np
import pytest

from slim.configs import SimilarityConfig
from slim.errors import UserError
from slim.features.domains import create_domain, merge_domains
from slim.transfer import emd
from slim.transfer.domain_similarity import bootstrap_interval, measure_similarity, similarity_of

# Published: EMD -> similarity.
PUBLISHED = {57.532: 0.563, 42.961: 0.651, 53.868: 0.584, 37.703: 0.686, 62.587: 0.535}


def random_domain(name, seed, num_classes, shift=0.0):
    random = np.random.default_rng(seed)
    means = random.normal(shift, 1, [num_classes, 16])
    return create_domain(name, means, random.integers(20, 200, num_classes))


@pytest.mark.parametrize('distance', PUBLISHED)
def test_published_similarities(distance):
    assert similarity_of(distance) == pytest.approx(PUBLISHED[distance], abs=5e-4)


def test_similarity_to_itself_and_in_both_directions():
    birds, dogs = random_domain('birds', 0, 20), random_domain('dogs', 1, 12, shift=1)
    assert measure_similarity(birds, birds).similarity == 1
    there, back = measure_similarity(birds, dogs), measure_similarity(dogs, birds)
    assert there.emd == pytest.approx(back.emd, rel=1e-9)
    by_pyemd = measure_similarity(dogs, birds, SimilarityConfig(solver='pyemd'))
    assert there.emd == pytest.approx(by_pyemd.emd, rel=2e-5)
    assert (there.source, there.target) == ('birds', 'dogs')
    assert there.similarity == pytest.approx(np.exp(-0.01 * there.emd))
    assert measure_similarity(birds, dogs, SimilarityConfig(gamma=0.1)).similarity == pytest.approx(
        np.exp(-0.1 * there.emd)
    )
    weights = birds.num_images / birds.num_images.sum()
    np.testing.assert_allclose(there.flow.sum(axis=1), weights, atol=1e-12)


def test_a_source_that_contains_the_target_is_nearer():
    target, other = random_domain('target', 0, 10), random_domain('other', 1, 30, shift=3)
    alone = measure_similarity(other, target).emd
    joined = measure_similarity(merge_domains([other, target]), target)
    assert joined.emd < alone
    # The weight of the target's own classes stays where it is.
    merged = merge_domains([other, target])
    own = merged.num_images[30:] / merged.num_images.sum()
    np.testing.assert_allclose(np.diagonal(joined.flow[30:]), own, atol=1e-12)


def test_interval_depends_on_the_seed_and_contains_the_similarity():
    birds, dogs = random_domain('birds', 0, 40), random_domain('dogs', 1, 20, shift=1)
    first, again, other = (
        measure_similarity(birds, dogs, SimilarityConfig(bootstrap=100, seed=seed))
        for seed in (0, 0, 1)
    )
    assert first.interval == again.interval != other.interval
    low, high = first.interval
    assert 0 < low < first.similarity < high < 1
    assert measure_similarity(birds, dogs).interval is None


def test_interval_is_narrower_for_more_classes():
    widths = []
    for num_classes in (10, 160):
        pair = random_domain('a', 0, num_classes), random_domain('b', 1, num_classes, shift=1)
        low, high = measure_similarity(*pair, SimilarityConfig(bootstrap=60)).interval
        widths.append(high - low)
    # By a factor of 4 in theory.
    assert 2 < widths[0] / widths[1] < 8


def test_interval_covers_the_mean_over_choices_of_classes():
    """Counts intervals that contain the mean over choices of 60 and 30 classes out of 2000."""
    random = np.random.default_rng(0)
    populations = [random.normal(shift, 1, [2000, 8]) for shift in (0, 0.7)]

    def choose():
        chosen = [
            population[random.choice(2000, n, replace=False)]
            for population, n in zip(populations, (60, 30), strict=True)
        ]
        return emd.euclidean_distances(*chosen)

    uniform = np.ones(60), np.ones(30)
    expected = similarity_of(np.mean([emd.solve(*uniform, choose()).cost for _ in range(100)]))
    covered = 0
    for seed in range(40):
        distances = choose()
        cost = emd.solve(*uniform, distances).cost
        config = SimilarityConfig(bootstrap=60, seed=seed)
        low, high = bootstrap_interval(*uniform, distances, cost, config)
        covered += low <= expected <= high
    assert covered >= 30  # 38 of 40 are expected at 95%; without the shift, about 10 are found.


def test_rejects_too_few_classes_or_resamples():
    birds, dogs = random_domain('birds', 0, 1), random_domain('dogs', 1, 12)
    with pytest.raises(UserError, match='2 classes on either side'):
        measure_similarity(birds, dogs, SimilarityConfig(bootstrap=100))
    with pytest.raises(UserError, match='20 resamples or more'):
        measure_similarity(dogs, dogs, SimilarityConfig(bootstrap=5))


def test_rejects_different_dimensions():
    narrow = create_domain('narrow', np.ones([1, 3]), [1])
    with pytest.raises(UserError, match='narrow have dimension 3, those of dogs 16'):
        measure_similarity(narrow, random_domain('dogs', 1, 12))
