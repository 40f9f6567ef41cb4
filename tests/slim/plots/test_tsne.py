"""Tests the map of features."""

import numpy as np
import pytest

from slim.errors import UserError
from slim.plots import tsne

RANDOM = np.random.default_rng(0)
LABELS = np.repeat(np.arange(3), 20)
APART = RANDOM.normal(size=[60, 80]).astype(np.float32) + 12 * np.eye(80)[LABELS]


def test_separated_classes_are_separated_on_the_map():
    result = tsne.map_features(APART)
    assert result.positions.shape == (60, 2) and result.positions.dtype == np.float32
    near = np.linalg.norm(result.positions[:, None] - result.positions, axis=2)
    np.fill_diagonal(near, np.inf)
    assert (LABELS[near.argmin(axis=1)] == LABELS).all()
    again = tsne.map_features(APART)
    np.testing.assert_array_equal(again.positions, result.positions)
    assert 0.8 < result.trustworthiness <= 1


def test_trustworthiness_of_two_dimensions_and_of_noise():
    flat = tsne.map_features(RANDOM.normal(size=[100, 2]))
    noise = tsne.map_features(RANDOM.normal(size=[100, 80]))
    assert flat.trustworthiness > 0.95 > 0.9 > noise.trustworthiness


def test_classes_have_colours_and_misclassified_images_have_rings():
    feature_map = tsne.FeatureMap(RANDOM.normal(size=[60, 2]).astype(np.float32), 0.9)
    wrong = np.arange(60) % 7 == 0
    names = ['Crow', 'a $x$', 'Wren']
    axes = tsne.draw_map(feature_map, LABELS, names, wrong).axes[0]
    *classes, rings = axes.collections
    for label, drawn in enumerate(classes):
        np.testing.assert_array_equal(drawn.get_offsets(), feature_map.positions[label == LABELS])
    np.testing.assert_array_equal(rings.get_offsets(), feature_map.positions[wrong])
    assert len({tuple(drawn.get_facecolor()[0]) for drawn in classes}) == 3
    shown = [text.get_text() for text in axes.get_legend().get_texts()]
    assert shown == [*names, 'misclassified']


@pytest.mark.parametrize('count', [20, 200])
def test_every_class_has_a_colour_and_few_have_names(count):
    feature_map = tsne.FeatureMap(RANDOM.normal(size=[count, 2]).astype(np.float32), 0.9)
    axes = tsne.draw_map(feature_map, np.arange(count), [str(n) for n in range(count)]).axes[0]
    colours = {tuple(drawn.get_facecolor()[0]) for drawn in axes.collections}
    assert len(colours) == count
    assert (axes.get_legend() is not None) == (count <= 20)


def test_rejects_unusable_input():
    with pytest.raises(UserError, match='20 images are too few'):
        tsne.map_features(APART[:20])
    with pytest.raises(UserError, match='row 3 is not finite'):
        tsne.map_features(np.where(np.arange(60)[:, None] == 3, np.nan, APART))
    with pytest.raises(UserError, match='features of dimension 1'):
        tsne.map_features(APART[:, :1])
    with pytest.raises(UserError, match='all 60 images have the same feature'):
        tsne.map_features(np.ones_like(APART))
