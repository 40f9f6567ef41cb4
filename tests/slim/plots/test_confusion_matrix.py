"""The confusion matrix as a picture."""

import numpy as np
from PIL import Image

from slim.plots import confusion_matrix


def test_picture_of_the_confusion(tmp_path):
    path = tmp_path / 'confusion.png'
    confusion_matrix.write_confusion(str(path), np.diag([5, 0, 3]), ['a', 'b_$x', 'c'])
    with Image.open(path) as image:
        assert image.format == 'PNG' and min(image.size) > 500
    figure = confusion_matrix.draw_confusion(np.diag([5, 0, 3]))
    drawn = figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(drawn, np.diag([1, 0, 1]))
    assert list(tmp_path.iterdir()) == [path]
