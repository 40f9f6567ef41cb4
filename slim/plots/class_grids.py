"""Classes as photographs: examples of domains, those that were selected, and what goes to what."""

from typing import Any, NamedTuple

from slim.plots.image_grids import NEUTRAL, create_grid, draw_image


class ClassPicture(NamedTuple):
    """A photograph that stands for a class.

    Attributes:
      picture: path of an image, or a `PIL.Image`.
      name: of the class.
    """

    picture: Any
    name: str


class PicturedFlow(NamedTuple):
    """Weight that moves from a class to another.

    Attributes:
      source: a `ClassPicture`.
      target: likewise.
      words: how much it is, for example '2.8%'.
    """

    source: ClassPicture
    target: ClassPicture
    words: str


def draw_strips(strips: list[tuple[str, list[ClassPicture]]]):
    """Draws rows of photographs, the name of the row above and that of each class over it.

    Args:
      strips: (name of the row, its classes); one row with one class at least.

    Returns:
      A matplotlib `Figure`.
    """
    columns = max(len(classes) for _, classes in strips)
    figure, grid = create_grid(len(strips), columns + 1, widths=[1] * (columns + 1))
    for axes_row, (name, classes) in zip(grid, strips, strict=True):
        _write(axes_row[0], name, fontsize=9, weight='bold')
        for axes, one in zip(axes_row[1:], classes, strict=False):
            draw_image(axes, one.picture, NEUTRAL, one.name)
    return figure


def draw_flows(rows: list[tuple[str, list[PicturedFlow]]]):
    """Draws pairs of classes, the source to the left, the target to the right, an arrow between.

    Args:
      rows: (name of the row, its flows); one row with one flow at least.

    Returns:
      A matplotlib `Figure`.
    """
    pairs = max(len(flows) for _, flows in rows)
    arrow, gap = 0.45, 0.5
    widths = [0.9] + [1, arrow, 1, gap] * (pairs - 1) + [1, arrow, 1]
    figure, grid = create_grid(len(rows), sum(widths), widths)
    for axes_row, (name, flows) in zip(grid, rows, strict=True):
        _write(axes_row[0], name, fontsize=9, weight='bold')
        for number, flow in enumerate(flows):
            left, between, right = axes_row[1 + 4 * number :][:3]
            draw_image(left, *_framed(flow.source))
            draw_image(right, *_framed(flow.target))
            _write(between, f'{flow.words}\n\N{RIGHTWARDS ARROW}', fontsize=10)
    return figure


def _framed(one):
    """The arguments of `draw_image` after the axes."""
    return one.picture, NEUTRAL, one.name


def _write(axes, words, **style):
    """Writes words in the middle of axes that show nothing else."""
    axes.text(0.5, 0.5, words, ha='center', va='center', transform=axes.transAxes, **style)
