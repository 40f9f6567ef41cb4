"""Grids of images: nearest neighbours of queries, and pairs of classes that are often confused."""

import io
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from PIL import Image, ImageOps

from slim.files import atomic_file

if TYPE_CHECKING:
    from slim.transfer.linear_classifier import ClassificationResult

SIZE = 144, 108  # Width and height of an image in pixels.
RIGHT, WRONG, NEUTRAL = '#2a9d3a', '#d62728', '#cccccc'  # Colours of frames.


def thumbnail(picture: str | Image.Image, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Returns a whole image, scaled down and padded with white, uint8 [height, width, 3].

    Args:
      picture: path of an image, or a `PIL.Image`.
      size: (width, height) of the result in pixels.

    Raises:
      OSError: if the image cannot be read.
    """
    if isinstance(picture, str):
        with Image.open(picture) as file:
            file.draft('RGB', (2 * size[0], 2 * size[1]))  # Decodes a JPEG at a lower resolution.
            picture = file.convert('RGB')
    return np.asarray(ImageOps.pad(picture.convert('RGB'), size, color='white'))


def spread_rows(labels: ArrayLike, count: int) -> list[int]:
    """Returns the row of the first image of each of `count` classes, spread evenly over all.

    Args:
      labels: int [images].
      count: number of classes; all of them if there are fewer.

    >>> spread_rows([0, 0, 1, 2, 2, 3], 2)
    [0, 5]
    """
    present, firsts = np.unique(np.asarray(labels), return_index=True)
    chosen = np.linspace(0, len(present) - 1, min(count, len(present))).round().astype(int)
    return firsts[chosen].tolist()


def confused_first(result: 'ClassificationResult', label: int, other: int, count: int) -> list[int]:
    """Returns images of a class, first those misclassified as `other`, by descending probability.

    Args:
      result: predictions.
      label: label of the class.
      other: label of the other class.
      count: number of images; all of the class if there are fewer.

    Returns:
      Rows of the classified images.
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
    result: 'ClassificationResult',
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


def encode(figure: Figure, picture_format: str, dpi: int = 80, quality: int = 85) -> bytes:
    """Encodes a figure as a PNG, for drawings, or as a JPEG, for images.

    Args:
      figure: figure to encode.
      picture_format: 'png' or 'jpeg'.
      dpi: resolution in pixels per inch.
      quality: quality of a JPEG.
    """
    figure.draw_without_rendering()  # The layout takes two passes to converge.
    pixels = io.BytesIO()
    figure.savefig(pixels, format='png', dpi=dpi)
    image = Image.open(pixels).convert('RGB')
    out = io.BytesIO()
    if picture_format == 'png':  # 256 colours are enough for a drawing, and take a third.
        image.quantize(256, dither=Image.Dither.NONE).save(out, 'PNG', optimize=True)
    else:
        image.save(out, picture_format, quality=quality, optimize=True)
    return out.getvalue()


def show(figure: Figure, picture_format: str = 'png', dpi: int = 80) -> None:
    """Displays a figure in a notebook, encoded by `encode`: small enough to be committed."""
    from IPython.display import Image as DisplayedImage
    from IPython.display import display

    display(DisplayedImage(encode(figure, picture_format, dpi), format=picture_format))


def write_png(path: str, figure: Figure, dpi: int) -> None:
    """Writes a figure atomically as a PNG.

    Raises:
      OSError: if it cannot be written.
    """
    with atomic_file(path) as unfinished:
        figure.savefig(unfinished, format='png', dpi=dpi)


def create_grid(rows: int, columns: float, widths: Sequence[float]) -> tuple[Figure, np.ndarray]:
    """Creates a figure with a grid of empty axes, each as high as an image and its texts.

    Args:
      rows: number of rows of the grid.
      columns: width of the figure, in images.
      widths: relative widths of the columns of the grid.

    Returns:
      (figure, axes [rows, len(widths)]).
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
