"""Classes as images: examples of domains, selected classes, and the flow between classes."""

from typing import NamedTuple

from matplotlib.axes import Axes
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


class PicturedFlow(NamedTuple):
    """Flow from one class to another.

    Attributes:
      source: source class.
      target: target class.
      words: amount of flow as text, for example '2.8%'.
    """

    source: ClassPicture
    target: ClassPicture
    words: str


def draw_strips(strips: list[tuple[str, list[ClassPicture]]]) -> Figure:
    """Draws rows of images, each with its name on the left and the class above each image.

    Args:
      strips: (name of the row, its classes); at least one row with one class.
    """
    columns = max(len(classes) for _, classes in strips)
    figure, grid = create_grid(len(strips), columns + 1, widths=[1] * (columns + 1))
    for axes_row, (name, classes) in zip(grid, strips, strict=True):
        _add_text(axes_row[0], name, size=9, weight='bold')
        for axes, one in zip(axes_row[1:], classes, strict=False):
            add_image(axes, one.picture, NEUTRAL, one.name)
    return figure


def draw_flows(rows: list[tuple[str, list[PicturedFlow]]]) -> Figure:
    """Draws pairs of classes: the source, an arrow with the amount of flow, the target.

    Args:
      rows: (name of the row, its flows); at least one row with one flow.
    """
    pairs = max(len(flows) for _, flows in rows)
    arrow, gap = 0.45, 0.5
    widths = [0.9] + [1, arrow, 1, gap] * (pairs - 1) + [1, arrow, 1]
    figure, grid = create_grid(len(rows), sum(widths), widths)
    for axes_row, (name, flows) in zip(grid, rows, strict=True):
        _add_text(axes_row[0], name, size=9, weight='bold')
        for number, (source, target, words) in enumerate(flows):
            left, between, right = axes_row[1 + 4 * number :][:3]
            add_image(left, source.picture, NEUTRAL, source.name)
            add_image(right, target.picture, NEUTRAL, target.name)
            _add_text(between, f'{words}\n\N{RIGHTWARDS ARROW}', size=10)
    return figure


def _add_text(axes: Axes, text: str, size: float, weight: str = 'normal') -> None:
    """Writes text in the middle of otherwise empty axes."""
    label = axes.text(0.5, 0.5, text, ha='center', va='center', transform=axes.transAxes)
    label.set(fontsize=size, fontweight=weight)
