"""Tests the plot of accuracy against similarity."""

import pytest
from PIL import Image

from slim.plots import image_grids, transfer_scatter


@pytest.fixture
def rows():
    keys = ('target', 'source', 'similarity', 'accuracy', 'accuracy_error')
    values = [
        ('birds', 'nature', 0.9, 0.8, 0.02),
        ('birds', 'objects', 0.7, 0.5, 0.02),
        ('cars', 'nature', 0.6, 0.4, 0.03),
        ('cars', 'objects', 0.8, 0.6, 0.03),
    ]
    return [dict(zip(keys, row, strict=True)) for row in values]


def test_a_line_for_each_target_and_a_marker_for_each_source(rows):
    figure = transfer_scatter.draw_transfer(rows)
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines if not line.get_label().startswith('_')}
    assert list(lines) == ['birds', 'cars']
    # A line runs through its sources in the order of similarity, not of the rows.
    assert lines['birds'].get_xydata().tolist() == [[0.7, 0.5], [0.9, 0.8]]
    assert lines['birds'].get_color() != lines['cars'].get_color()
    points = {
        tuple(line.get_xydata()[0]): line.get_marker()
        for line in axes.lines
        if len(line.get_xydata()) == 1
    }
    assert points[0.9, 0.8] == points[0.6, 0.4] != points[0.7, 0.5] == points[0.8, 0.6]
    texts = [[text.get_text() for text in legend.get_texts()] for legend in figure.legends]
    assert texts == [['birds', 'cars'], ['nature', 'objects']]


def test_written_as_a_small_picture(tmp_path, rows):
    path = tmp_path / 'transfer.png'
    image_grids.write_png(str(path), transfer_scatter.draw_transfer(rows), dpi=120)
    with Image.open(path) as image:
        assert image.format == 'PNG' and min(image.size) > 500
    assert path.stat().st_size < 200_000
    assert list(tmp_path.iterdir()) == [path]


def test_legends_do_not_overlap(rows):
    figure = transfer_scatter.draw_transfer(rows)
    figure.draw_without_rendering()
    boxes = [legend.get_window_extent() for legend in figure.legends]
    assert not boxes[0].overlaps(boxes[1])
    assert not any(box.overlaps(figure.axes[0].get_window_extent()) for box in boxes)
