"""A map of features."""

import numpy as np
import pytest

from slim.errors import UserError
from slim.plots import tsne

RANDOM = np.random.default_rng(0)
LABELS = np.repeat(np.arange(3), 20)
APART = RANDOM.normal(size=[60, 80]).astype(np.float32) + 12 * np.eye(80)[LABELS]


def test_classes_that_are_apart_are_so_on_the_map():
    found = tsne.map_features(APART)
    assert found.positions.shape == (60, 2) and found.positions.dtype == np.float32
    near = np.linalg.norm(found.positions[:, None] - found.positions, axis=2)
    np.fill_diagonal(near, np.inf)
    assert (LABELS[near.argmin(axis=1)] == LABELS).all()
    again = tsne.map_features(APART)
    np.testing.assert_array_equal(again.positions, found.positions)
    assert 0.8 < found.trustworthiness <= 1


def test_a_map_of_what_has_two_dimensions_can_be_trusted_and_one_of_noise_less():
    flat = tsne.map_features(RANDOM.normal(size=[100, 2]))
    noise = tsne.map_features(RANDOM.normal(size=[100, 80]))
    assert flat.trustworthiness > 0.95 > 0.9 > noise.trustworthiness


def test_the_drawing_has_each_class_in_its_colour_and_rings_the_wrong():
    laid_out = tsne.FeatureMap(RANDOM.normal(size=[60, 2]).astype(np.float32), 0.9)
    wrong = np.arange(60) % 7 == 0
    names = ['Crow', 'a $x$', 'Wren']
    axes = tsne.draw_map(laid_out, LABELS, names, wrong).axes[0]
    *classes, rings = axes.collections
    for label, drawn in enumerate(classes):
        np.testing.assert_array_equal(drawn.get_offsets(), laid_out.positions[label == LABELS])
    np.testing.assert_array_equal(rings.get_offsets(), laid_out.positions[wrong])
    assert len({tuple(drawn.get_facecolor()[0]) for drawn in classes}) == 3
    shown = [text.get_text() for text in axes.get_legend().get_texts()]
    assert shown == [*names, 'classified wrongly']


@pytest.mark.parametrize('count', [20, 200])
def test_every_class_has_a_colour_and_few_have_names(count):
    laid_out = tsne.FeatureMap(RANDOM.normal(size=[count, 2]).astype(np.float32), 0.9)
    axes = tsne.draw_map(laid_out, np.arange(count), [str(n) for n in range(count)]).axes[0]
    colours = {tuple(drawn.get_facecolor()[0]) for drawn in axes.collections}
    assert len(colours) == count
    assert (axes.get_legend() is not None) == (count <= 20)


def test_what_cannot_be_mapped():
    with pytest.raises(UserError, match='20 images are too few'):
        tsne.map_features(APART[:20])
    with pytest.raises(UserError, match='row 3 is not finite'):
        tsne.map_features(np.where(np.arange(60)[:, None] == 3, np.nan, APART))
    with pytest.raises(UserError, match='features of one number'):
        tsne.map_features(APART[:, :1])
    with pytest.raises(UserError, match='all 60 images have the same feature'):
        tsne.map_features(np.ones_like(APART))
