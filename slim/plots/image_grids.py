"""Grids of images: neighbours of queries, pairs of classes that are confused, rows of classes."""

import io
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from slim.files import atomic_file
from slim.transfer.linear_classifier import ClassificationResult

SIZE = 144, 108  # Width and height of an image in pixels.
RIGHT, WRONG, NEUTRAL = '#2a9d3a', '#d62728', '#cccccc'  # Colours of frames.


class ClassPicture(NamedTuple):
    """An image that represents a class.

    Attributes:
      picture: path of an image, or a `PIL.Image`.
      name: name of the class.
    """

    picture: str | Image.Image
    name: str


def thumbnail(picture: str | Image.Image) -> np.ndarray:
    """Returns a whole image, scaled down to `SIZE` and padded with white, uint8 [height, width, 3].

    Args:
      picture: path of an image, or a `PIL.Image`.

    Raises:
      OSError: if the image cannot be read.
    """
    if isinstance(picture, str):
        with Image.open(picture) as file:
            file.draft('RGB', (2 * SIZE[0], 2 * SIZE[1]))  # Decodes a JPEG at a lower resolution.
            picture = file.convert('RGB')
    return np.asarray(ImageOps.pad(picture.convert('RGB'), SIZE, color='white'))


def confused_first(result: ClassificationResult, label: int, other: int, count: int) -> list[int]:
    """Returns the rows of up to `count` images of the class `label`.

    First come those misclassified as the class `other`, by descending probability.
    """
    rows = np.flatnonzero(result.labels == label)
    confused = result.predictions[rows] == other
    order = np.lexsort([-result.probabilities[rows], ~confused])
    return rows[order[:count]].tolist()


def draw_neighbours(
    queries: Sequence[tuple[str, str]],
    neighbours: Sequence[Sequence[tuple[str, str]]],
    distances: np.ndarray,
) -> Figure:
    """Draws each query, on the left, and its nearest neighbours.

    The frame is green for a neighbour of the query's class, red for one of another class.

    Args:
      queries: (path of the image, name of the class) of each query.
      neighbours: such pairs of the neighbours of each query, the nearest first.
      distances: float [queries, neighbours].
    """
    columns = 1 + max(map(len, neighbours))
    figure, grid = create_grid(len(queries), columns, widths=[1, 0.08] + [1] * (columns - 1))
    for axes_row, query, near, far in zip(grid, queries, neighbours, distances, strict=True):
        add_image(axes_row[0], query[0], NEUTRAL, query[1], below='query', weight='bold')
        for axes, (path, name), distance in zip(axes_row[2:], near, far, strict=False):
            colour = RIGHT if name == query[1] else WRONG
            add_image(axes, path, colour, name, below=f'distance {distance:.2f}')
    return figure


def draw_pairs(
    result: ClassificationResult,
    paths: Sequence[str],
    names: Sequence[str],
    pairs: Sequence[tuple[int, int, float]],
    each: int = 4,
) -> Figure:
    """Draws images of pairs of classes, one class on the left, the other on the right.

    Images that were misclassified as the other class of the pair come first, in a red frame. The
    predicted class stands below every misclassified image.

    Args:
      result: predictions.
      paths: path of each classified image.
      names: names of the classes.
      pairs: (class, other class, fraction of images confused), at least one, see
        `linear_classifier.hardest_pairs`.
      each: number of images per class.
    """
    figure, grid = create_grid(len(pairs), 2 * each, widths=[1] * each + [0.25] + [1] * each)
    for axes_row, (first, second, fraction) in zip(grid, pairs, strict=True):
        for start, label, other in ((0, first, second), (each + 1, second, first)):
            rows = confused_first(result, label, other, each)
            for axes, row in zip(axes_row[start : start + each], rows, strict=False):
                predicted = int(result.predictions[row])
                below = '' if predicted == label else f'predicted as {names[predicted]}'
                colour = WRONG if predicted == other else NEUTRAL
                add_image(axes, paths[row], colour, below=below)
            axes_row[start].set_title(names[label], loc='left', fontsize=10, parse_math=False)
        axes_row[-1].set_title(f'{fraction:.0%} confused', loc='right', fontsize=10)
    return figure


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


def encode(figure: Figure, picture_format: str) -> bytes:
    """Encodes a figure, at 80 pixels per inch, as a 'png', for drawings, or 'jpeg', for images."""
    figure.draw_without_rendering()  # The layout takes two passes to converge.
    pixels = io.BytesIO()
    figure.savefig(pixels, format='png', dpi=80)
    image = Image.open(pixels).convert('RGB')
    out = io.BytesIO()
    if picture_format == 'png':  # 256 colours are enough for a drawing, and take a third.
        image.quantize(256, dither=Image.Dither.NONE).save(out, 'PNG', optimize=True)
    else:
        image.save(out, picture_format, quality=85, optimize=True)
    return out.getvalue()


def show(figure: Figure, picture_format: str = 'png') -> None:
    """Displays a figure in a notebook, encoded by `encode`: small enough to be committed."""
    from IPython import display

    display.display(display.Image(encode(figure, picture_format), format=picture_format))


def write_png(path: str, figure: Figure, dpi: int) -> None:
    """Writes a figure atomically as a PNG.

    Raises:
      OSError: if it cannot be written.
    """
    with atomic_file(path) as unfinished:
        figure.savefig(unfinished, format='png', dpi=dpi)


def create_grid(rows: int, columns: float, widths: Sequence[float]) -> tuple[Figure, np.ndarray]:
    """Creates a figure with a grid of empty axes [rows, len(widths)], high enough for captions.

    Args:
      rows: number of rows of the grid.
      columns: width of the figure, in images.
      widths: relative widths of the columns of the grid.
    """
    width, height = 1.4, 1.4 * SIZE[1] / SIZE[0] + 0.4  # Inches, with room for text.
    figure = Figure(figsize=(width * columns + 0.3, height * rows), layout='constrained')
    grid = figure.subplots(rows, len(widths), squeeze=False, width_ratios=widths)
    for axes in grid.flat:
        axes.axis('off')
    return figure, grid


def add_image(
    axes: Axes,
    picture: str | Image.Image,
    colour: str,
    title: str = '',
    below: str = '',
    weight: str = 'normal',
) -> None:
    """Draws an image in a frame, with long texts wrapped.

    Args:
      axes: axes to draw in, of `create_grid`.
      picture: path of an image, or a `PIL.Image`.
      colour: colour of the frame.
      title: text above the image.
      below: text below the image.
      weight: font weight of the title.
    """
    axes.axis('on')
    axes.imshow(thumbnail(picture))
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(textwrap.fill(below, 24), fontsize=7, labelpad=2, parse_math=False)
    axes.set_title(
        textwrap.fill(title, 18), fontsize=7.5, pad=3, fontweight=weight, parse_math=False
    )
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=3)
