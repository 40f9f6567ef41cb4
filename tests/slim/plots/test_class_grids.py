"""Tests images of classes, given as paths or as open images."""

import numpy as np
import pytest
from PIL import Image

from slim.plots import image_grids
from slim.plots.image_grids import ClassPicture, draw_strips

RED, GREEN, BLUE = (200, 30, 40), (20, 180, 60), (30, 40, 210)


@pytest.fixture
def classes(tmp_path):
    """Three classes, the second as a path."""
    Image.new('RGB', (300, 200), GREEN).save(tmp_path / 'green.png')
    return [
        ClassPicture(Image.new('RGB', (300, 200), RED), 'Crow, "$black$"'),
        ClassPicture(str(tmp_path / 'green.png'), 'Wren'),
        ClassPicture(Image.new('RGB', (200, 300), BLUE), 'Gull'),
    ]


def shown(figure):
    """Returns (colour in the middle, title) of each image."""
    return [
        (tuple(axes.images[0].get_array()[54, 72].tolist()), axes.get_title())
        for axes in figure.axes
        if axes.images
    ]


def words(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_strips(classes):
    figure = draw_strips([('birds', classes), ('few', classes[1:2])])
    names = [one.name for one in classes]
    assert shown(figure) == list(zip([RED, GREEN, BLUE, GREEN], [*names, names[1]], strict=True))
    assert words(figure) == ['birds', 'few']
    image_grids.encode(figure, 'jpeg')  # A name is not a formula.


def test_open_images_and_paths_are_equivalent(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, [60, 90, 3], np.uint8)
    picture = Image.fromarray(pixels)
    picture.save(tmp_path / 'a.png')
    of_path = image_grids.thumbnail(str(tmp_path / 'a.png'))
    for _ in range(2):  # It is not closed.
        np.testing.assert_array_equal(image_grids.thumbnail(picture), of_path)
