"""Photographs beside each other: the nearest of a query, and classes that are hard to tell apart.

Drawn as `confusion_picture` draws, without any state of matplotlib's.
"""

import contextlib
import io
import textwrap

import numpy as np

SIZE = 144, 108  # Width and height of a photograph in pixels.
RIGHT, WRONG, NEUTRAL = '#2a9d3a', '#d62728', '#cccccc'  # Frames.


def thumbnail(picture, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A whole image, made small, in the middle of white, uint8 [height, width, 3].

    Args:
      picture: path of an image, or a `PIL.Image`.
      size: (width, height).

    Raises:
      OSError: if it cannot be read.
    """
    from PIL import Image, ImageOps

    is_open = isinstance(picture, Image.Image)
    with contextlib.nullcontext(picture) if is_open else Image.open(picture) as image:
        if not is_open:
            image.draft('RGB', (2 * size[0], 2 * size[1]))  # A JPEG need not be decoded whole.
        return np.asarray(ImageOps.pad(image.convert('RGB'), size, color='white'))


def spread_rows(labels, count: int) -> list[int]:
    """One image each of so many classes, spread evenly over all: the first of the class.

    Args:
      labels: int [images].
      count: of classes; with fewer there are fewer rows.

    >>> spread_rows([0, 0, 1, 2, 2, 3], 2)
    [0, 5]
    """
    present, firsts = np.unique(np.asarray(labels), return_index=True)
    chosen = np.linspace(0, len(present) - 1, min(count, len(present))).round().astype(int)
    return firsts[chosen].tolist()


def confused_first(found, label: int, other: int, count: int) -> list[int]:
    """Images of a class: first those that were taken for another one, the surest first.

    Args:
      found: a `linear_classifier.ClassificationResult`.
      label: of the class.
      other: label of the class that it was taken for.
      count: of images; with fewer in the class there are fewer rows.

    Returns:
      Rows of the images that were classified.
    """
    rows = np.flatnonzero(found.labels == label)
    confused = found.predictions[rows] == other
    order = np.lexsort([-found.probabilities[rows], ~confused])
    return rows[order[:count]].tolist()


def draw_neighbours(queries, neighbours, distances):
    """Draws each query, left, and beside it its nearest neighbours.

    A green frame has the same class as the query, a red one another.

    Args:
      queries: (path of the image, name of the class) of each query.
      neighbours: as many lists of such pairs, the nearest first.
      distances: float [queries, neighbours].

    Returns:
      A matplotlib `Figure`.
    """
    columns = 1 + max(map(len, neighbours))
    figure, grid = create_grid(len(queries), columns, widths=[1, 0.08] + [1] * (columns - 1))
    for axes, (path, name) in zip(grid[:, 0], queries, strict=True):
        draw_image(axes, path, NEUTRAL, name, below='query', weight='bold')
    for axes_row, (_, wanted), row, far in zip(grid, queries, neighbours, distances, strict=True):
        for axes, (path, name), distance in zip(axes_row[2:], row, far, strict=False):
            colour = RIGHT if name == wanted else WRONG
            draw_image(axes, path, colour, name, below=f'{distance:.2f} away')
    return figure


def draw_pairs(found, paths, names, pairs, each: int = 4):
    """Draws pairs of classes side by side: one to the left, the other to the right.

    Images that were taken for the other class come first, in a red frame.

    Args:
      found: a `linear_classifier.ClassificationResult`.
      paths: of the images that were classified.
      names: of the classes.
      pairs: (class, the other class, share of images confused), as of
        `linear_classifier.hardest_pairs`; one at least.
      each: images of each class.

    Returns:
      A matplotlib `Figure`.
    """
    figure, grid = create_grid(len(pairs), 2 * each, widths=[1] * each + [0.25] + [1] * each)
    for axes_row, (one, other, share) in zip(grid, pairs, strict=True):
        for start, label, taken_for in ((0, one, other), (each + 1, other, one)):
            rows = confused_first(found, label, taken_for, each)
            for axes, row in zip(axes_row[start : start + each], rows, strict=False):
                is_confused = found.predictions[row] == taken_for
                draw_image(axes, paths[row], WRONG if is_confused else NEUTRAL)
            axes_row[start].set_title(names[label], loc='left', fontsize=10, parse_math=False)
        axes_row[-1].set_title(f'{share:.0%} confused', loc='right', fontsize=10)
    return figure


def encode(figure, picture_format: str, dpi: int = 80, quality: int = 85) -> bytes:
    """A figure as the bytes of a PNG, for drawings, or a JPEG, for photographs.

    Args:
      figure: a matplotlib `Figure`.
      picture_format: 'png' or 'jpeg'.
      dpi: pixels an inch.
      quality: of a JPEG.
    """
    from PIL import Image

    pixels = io.BytesIO()
    figure.savefig(pixels, format='png', dpi=dpi)
    image = Image.open(pixels).convert('RGB')
    out = io.BytesIO()
    if picture_format == 'png':  # 256 colours are enough for a drawing, and take a third.
        image.quantize(256, dither=Image.Dither.NONE).save(out, 'PNG', optimize=True)
    else:
        image.save(out, picture_format, quality=quality, optimize=True)
    return out.getvalue()


def show(figure, picture_format: str = 'png', dpi: int = 80) -> None:
    """Shows a figure in a notebook, as `encode` makes it: small enough to be committed."""
    from IPython.display import Image, display

    display(Image(encode(figure, picture_format, dpi), format=picture_format))


def create_grid(rows: int, columns: float, widths: list[float]):
    """A figure with a grid of axes that nothing is drawn in yet, a photograph's height each.

    Args:
      rows: of the grid.
      columns: width of the figure in photographs.
      widths: of the columns of the grid, relative to each other.

    Returns:
      (a matplotlib `Figure`, its axes [rows, len(widths)]).
    """
    from matplotlib.figure import Figure

    width, height = 1.4, 1.4 * SIZE[1] / SIZE[0] + 0.4  # In inches, with room for words.
    figure = Figure(figsize=(width * columns + 0.3, height * rows), layout='constrained')
    grid = figure.subplots(rows, len(widths), squeeze=False, width_ratios=widths)
    for axes in grid.flat:
        axes.axis('off')
    return figure, grid


def draw_image(axes, picture, colour, title='', below='', weight='normal') -> None:
    """Draws an image in a frame, its title in two lines if it is long.

    Args:
      axes: of `create_grid`.
      picture: path of an image, or a `PIL.Image`.
      colour: of the frame.
      title: words above.
      below: words below.
      weight: of the title's letters.
    """
    axes.axis('on')
    axes.imshow(thumbnail(picture))
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(below, fontsize=7, labelpad=2)
    lines = '\n'.join(textwrap.wrap(title, 18))
    axes.set_title(lines, fontsize=7.5, pad=3, weight=weight, parse_math=False)
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=3)
