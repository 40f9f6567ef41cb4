"""Tests matrices as colours."""

import numpy as np

from slim.plots import heat_maps

VALUES = np.array([[0.1, 0.9], [0.5, 0.3], [0.2, 0.4]])


def test_cells_hold_their_texts_readably():
    texts = [[f'{value:.1f}!' for value in row] for row in VALUES]
    figure = heat_maps.draw_heat_map(VALUES, texts, ['a', 'b', 'c'], ['x', 'y+z'], 'title')
    axes, bar = figure.axes
    assert axes.get_title() == bar.get_ylabel() == 'title' and bar.get_ylim() == (0.1, 0.9)
    np.testing.assert_array_equal(axes.images[0].get_array(), VALUES)
    cells = {text.get_position(): text for text in axes.texts}
    for (row, column), value in np.ndenumerate(VALUES):
        assert cells[column, row].get_text() == f'{value:.1f}!'
    assert cells[1, 0].get_color() == 'black' and cells[0, 0].get_color() == 'white'
    assert [label.get_text() for label in axes.get_xticklabels()] == ['x', 'y+\nz']
    assert [label.get_text() for label in axes.get_yticklabels()] == ['a', 'b', 'c']


def test_a_map_of_equal_values():
    figure = heat_maps.draw_heat_map(np.ones([1, 1]), [['1']], ['a'], ['b'], '')
    assert len(figure.axes) == 2  # The map and its colour bar.


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
