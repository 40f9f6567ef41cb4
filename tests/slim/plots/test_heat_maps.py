"""Tests matrices as colours."""

import dataclasses
import itertools

import numpy as np
import pytest

from slim.plots import heat_maps

VALUES = np.array([[0.1, 0.9], [0.5, 0.3], [0.2, 0.4]])


@pytest.fixture
def small():
    texts = [[f'{value:.1f}!' for value in row] for row in VALUES]
    return heat_maps.HeatMap('title', VALUES, texts, ['a', 'b', 'c'], ['x', 'y+z'])


def test_cells_hold_their_texts_readably(small):
    axes = heat_maps.draw_heat_maps([small]).axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), VALUES)
    cells = {text.get_position(): text for text in axes.texts}
    for (row, column), value in np.ndenumerate(VALUES):
        assert cells[column, row].get_text() == f'{value:.1f}!'
    assert cells[1, 0].get_color() == 'black' and cells[0, 0].get_color() == 'white'
    assert [label.get_text() for label in axes.get_xticklabels()] == ['x', 'y+\nz']
    assert [label.get_text() for label in axes.get_yticklabels()] == ['a', 'b', 'c']


def test_panels_have_their_own_scale_and_do_not_overlap(small):
    other = dataclasses.replace(small, values=10 * VALUES, title='other', colours='cividis')
    figure = heat_maps.draw_heat_maps([small, other])
    figure.draw_without_rendering()
    first, second, first_bar, second_bar = figure.axes
    boxes = [axes.get_tightbbox() for axes in (first, first_bar, second, second_bar)]
    for left, right in itertools.pairwise(boxes):
        assert left.x1 <= right.x0
    assert boxes[0].x0 >= 0 and boxes[-1].x1 <= figure.bbox.x1
    assert [bar.get_ylabel() for bar in (first_bar, second_bar)] == ['title', 'other']
    assert first_bar.get_ylim() == (0.1, 0.9) and second_bar.get_ylim() == (1, 9)
    assert first.images[0].get_cmap() != second.images[0].get_cmap()


def test_a_map_of_equal_values():
    one = heat_maps.HeatMap('', np.ones([1, 1]), [['1']], ['a'], ['b'])
    assert len(heat_maps.draw_heat_maps([one]).axes) == 2  # The map and its colour bar.


def test_groups_have_centred_names_and_lines_between_them():
    values = np.arange(20.0).reshape(4, 5)
    figure = heat_maps.draw_groups(values, ['a'] * 3 + ['b'], ['x', 'x', 'y', 'y', 'z'], 'far')
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), values)
    assert list(axes.get_yticks()) == [1, 3] and list(axes.get_xticks()) == [0.5, 2.5, 4]
    names = [
        [label.get_text() for label in axis.get_ticklabels()] for axis in (axes.yaxis, axes.xaxis)
    ]
    assert names == [['a (3)', 'b (1)'], ['x (2)', 'y (2)', 'z (1)']]
    ends = [line.get_xydata()[0].tolist() for line in axes.lines]
    assert ends == [[0, 2.5], [1.5, 0], [3.5, 0]]


def test_small_distances_are_bright():
    axes = heat_maps.draw_groups(np.array([[0.0, 9.0]]), 'a', 'xy', 'far').axes[0]
    near, far = axes.images[0].cmap(axes.images[0].norm([0.0, 9.0]))
    assert near[:3].sum() > far[:3].sum()
