"""Tests the picture of a confusion matrix."""

import numpy as np
import pytest
from PIL import Image

from slim.plots import image_grids
from slim.plots.heat_maps import draw_confusion


def test_picture_of_the_confusion(tmp_path):
    path = tmp_path / 'confusion.png'
    figure = draw_confusion(np.diag([5, 0, 3]), ['a', 'b_$x', 'c'])
    image_grids.write_png(str(path), figure, dpi=150)
    with Image.open(path) as image:
        assert image.format == 'PNG' and min(image.size) > 500
    figure = draw_confusion(np.diag([5, 0, 3]))
    drawn = figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(drawn, np.diag([1, 0, 1]))
    assert list(tmp_path.iterdir()) == [path]


def test_cells_hold_counts_in_a_readable_colour():
    axes = draw_confusion(np.array([[9, 1, 0], [0, 4, 4], [0, 0, 7]])).axes[0]
    cells = {text.get_position(): (text.get_text(), text.get_color()) for text in axes.texts}
    assert cells[0, 0] == ('9', 'white') and cells[1, 0] == ('1', 'black')
    assert [cells[column, 1][0] for column in range(3)] == ['', '4', '4']
    assert cells[2, 2] == ('7', 'white')


@pytest.mark.parametrize('num_classes', [20, 21])
def test_many_classes_have_no_counts(num_classes):
    axes = draw_confusion(np.eye(num_classes, dtype=int)).axes[0]
    assert bool(axes.texts) == (num_classes == 20)
