"""Tests grids of images."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from slim.plots import image_grids
from slim.transfer.linear_classifier import ClassificationResult, confusion_matrix

RED, GREEN, BLUE = (200, 30, 40), (20, 180, 60), (30, 40, 210)
LABELS = np.array([0, 0, 0, 1, 1, 2])
PREDICTIONS = np.array([0, 1, 1, 1, 0, 2])
RESULT = ClassificationResult(
    LABELS,
    PREDICTIONS,
    np.array([0.9, 0.5, 0.7, 0.8, 0.6, 0.9], np.float32),
    confusion_matrix(LABELS, PREDICTIONS, 3),
    iterations=1,
    converged=True,
    C=1.0,
)
NAMES = ['Crow, "$black$"', 'Wren', 'Laysan Albatross of the long name']


@pytest.fixture
def paths(tmp_path):
    """Writes an image of each row of `RESULT`, wide or high, in the colour of its class."""
    paths = [tmp_path / f'{row}.jpg' for row in range(len(LABELS))]
    for row, path in enumerate(paths):
        size = (300, 200) if row % 2 else (200, 300)
        Image.new('RGB', size, (RED, GREEN, BLUE)[LABELS[row]]).save(path)
    return [str(path) for path in paths]


def shown(axes):
    """Returns (colour in the middle, colour of the frame) of each axes with an image."""
    return [
        (one.images[0].get_array()[54, 72].tolist(), to_hex(one.spines['left'].get_edgecolor()))
        for one in axes
        if one.images
    ]


def assert_shown(axes, expected):
    found = shown(axes)
    assert [frame for _, frame in found] == [frame for _, frame in expected]
    for (colour, _), (wanted, _) in zip(found, expected, strict=True):
        np.testing.assert_allclose(colour, wanted, atol=4)  # JPEG is lossy.


def test_thumbnail_is_the_whole_image_on_white(paths, tmp_path):
    wide, high = image_grids.thumbnail(paths[1]), image_grids.thumbnail(paths[0])
    assert wide.shape == high.shape == (108, 144, 3) and wide.dtype == np.uint8
    np.testing.assert_allclose(wide[54, [1, -2]], [RED, RED], atol=4)
    assert (wide[[0, -1]] == 255).all()
    np.testing.assert_allclose(high[[1, -2], 72], [RED, RED], atol=4)
    assert (high[:, [0, -1]] == 255).all()
    Image.new('L', (10, 10)).save(tmp_path / 'grey.png')
    assert image_grids.thumbnail(str(tmp_path / 'grey.png'))[54, 72].tolist() == [0, 0, 0]


def test_frames_of_neighbours_show_the_class_of_the_query(paths):
    near = [[(paths[row], NAMES[LABELS[row]]) for row in rows] for rows in ([1, 3], [4, 5])]
    queries = [(paths[0], NAMES[0]), (paths[3], NAMES[1])]
    figure = image_grids.draw_neighbours(queries, near, np.array([[0.5, 1], [2, 3]]))
    right, wrong, neutral = image_grids.RIGHT, image_grids.WRONG, image_grids.NEUTRAL
    assert_shown(
        figure.axes,
        [
            (RED, neutral),
            (RED, right),
            (GREEN, wrong),
            (GREEN, neutral),
            (GREEN, right),
            (BLUE, wrong),
        ],
    )
    words = [axes.get_xlabel() for axes in figure.axes if axes.images]
    assert words == [
        'query',
        'distance 0.50',
        'distance 1.00',
        'query',
        'distance 2.00',
        'distance 3.00',
    ]
    image_grids.encode(figure, 'jpeg')  # A name is not a formula.


def test_confused_images_of_a_pair_come_first_by_probability(paths):
    assert image_grids.confused_first(RESULT, 0, 1, 5) == [2, 1, 0]
    assert image_grids.confused_first(RESULT, 0, 1, 1) == [2]
    figure = image_grids.draw_pairs(RESULT, paths, NAMES, [(0, 1, 0.6), (0, 2, 0.0)], each=3)
    wrong, neutral = image_grids.WRONG, image_grids.NEUTRAL
    assert_shown(
        figure.axes,
        [(RED, wrong)] * 2
        + [(RED, neutral), (GREEN, wrong), (GREEN, neutral)]
        + [(RED, neutral)] * 3
        + [(BLUE, neutral)],
    )
    below = [axes.get_xlabel() for axes in figure.axes if axes.images]
    wren, crow = 'predicted as Wren', 'predicted as Crow,\n"$black$"'
    assert below == [wren, wren, '', crow, '', '', wren, wren, '']
    titles = [axes.get_title(place) for axes in figure.axes for place in ('left', 'right')]
    assert [title for title in titles if title] == [
        NAMES[0],
        NAMES[1],
        '60% confused',
        NAMES[0],
        NAMES[2],
        '0% confused',
    ]


@pytest.mark.parametrize('picture_format', ['png', 'jpeg'])
def test_encoding_is_small_and_deterministic(paths, picture_format):
    figure = image_grids.draw_pairs(RESULT, paths, NAMES, [(0, 1, 0.6)])
    data = image_grids.encode(figure, picture_format)
    assert data == image_grids.encode(figure, picture_format)
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == picture_format.upper()
        assert image.size[0] == pytest.approx(figure.get_figwidth() * 80, abs=1)
    assert len(data) < 50_000
