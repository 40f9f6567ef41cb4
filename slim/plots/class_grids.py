"""Classes as images: examples of domains, selected classes, and the sources of a class."""

from typing import NamedTuple

from matplotlib.figure import Figure
from PIL import Image

from slim.plots.image_grids import NEUTRAL, add_image, create_grid


class ClassPicture(NamedTuple):
    """An image that represents a class.

    Attributes:
      picture: path of an image, or a `PIL.Image`.
      name: name of the class.
    """

    picture: str | Image.Image
    name: str


def draw_strips(strips: list[tuple[str, list[ClassPicture]]]) -> Figure:
    """Draws rows of images, each with its name on the left and the class above each image.

    Args:
      strips: (name of the row, its classes); at least one row with one class.
    """
    columns = max(len(classes) for _, classes in strips)
    figure, grid = create_grid(len(strips), columns + 1, widths=[1] * (columns + 1))
    for axes_row, (name, classes) in zip(grid, strips, strict=True):
        label = axes_row[0].text(0.5, 0.5, name, ha='center', va='center', fontweight='bold')
        label.set(transform=axes_row[0].transAxes, fontsize=9)
        for axes, one in zip(axes_row[1:], classes, strict=False):
            add_image(axes, one.picture, NEUTRAL, one.name)
    return figure
