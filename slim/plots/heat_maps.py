"""Matrices as colours: similarities, confusion matrices, distances of many classes."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

COLOURS = 'viridis'
MAX_COUNTS = 20  # Number of classes up to which cells of a confusion matrix hold counts.
MAX_NAMES = 60  # Number of classes up to which its rows and columns have names.


def draw_heat_map(
    values: np.ndarray,
    texts: Sequence[Sequence[str]],
    row_names: Sequence[str],
    column_names: Sequence[str],
    title: str,
) -> Figure:
    """Draws a small matrix as colours, with texts in its cells.

    Args:
      values: float [rows, columns].
      texts: texts of the cells, [rows][columns].
      row_names: names of the rows.
      column_names: names of the columns.
      title: text above the map, which also labels its colour bar.
    """
    size = 1.2 * len(column_names) + 2.3, 0.5 * len(row_names) + 1.6
    figure = Figure(figsize=size, layout='constrained')
    axes = figure.subplots()
    image = axes.imshow(values, cmap=COLOURS, aspect='auto')
    _add_cell_texts(axes, image, texts, size=8.5)
    figure.colorbar(image, ax=axes).set_label(title, fontsize=8)
    broken = [name.replace('+', '+\n') for name in column_names]
    axes.set_xticks(range(len(broken)), broken, fontsize=8)
    axes.set_yticks(range(len(row_names)), row_names, fontsize=8)
    axes.set_title(title, fontsize=10)
    return figure


def draw_confusion(confusion: np.ndarray, names: list[str] | None = None) -> Figure:
    """Draws the fraction of the images of each class (row) that was predicted as each (column).

    With up to 20 classes, the cells also show the numbers of images; an empty cell is 0.

    Args:
      confusion: int [classes, classes], numbers of images.
      names: names of the classes, shown for up to 60 classes; by default their labels.
    """
    num_classes = len(confusion)
    figure = Figure(figsize=(8, 7), layout='constrained')
    axes = figure.subplots()
    fractions = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(fractions, cmap='Blues', vmin=0, vmax=1)
    figure.colorbar(image, label='fraction of the images of the class')
    axes.set(xlabel='predicted class', ylabel='class')
    if num_classes <= MAX_COUNTS:
        texts = [[str(count) if count else '' for count in row] for row in confusion.tolist()]
        _add_cell_texts(axes, image, texts, size=10 if num_classes <= 10 else 8)
    if names is not None and num_classes <= MAX_NAMES:
        style: dict[str, Any] = {'fontsize': 9 if num_classes <= 20 else 5, 'parse_math': False}
        axes.set_xticks(range(num_classes), names, rotation=90, **style)
        axes.set_yticks(range(num_classes), names, **style)
    return figure


def _add_cell_texts(
    axes: Axes, image: AxesImage, texts: Sequence[Sequence[str]], size: float
) -> None:
    """Writes a text into each cell of an image, in black or white, whichever is readable there."""
    colours = np.asarray(image.to_rgba(np.asarray(image.get_array())))[..., :3]
    is_light = colours @ [0.3, 0.6, 0.1] > 0.5
    for row, column in np.ndindex(is_light.shape):
        colour = 'black' if is_light[row, column] else 'white'
        text = axes.text(column, row, texts[row][column], ha='center', va='center')
        text.set(color=colour, fontsize=size)


def _group_spans(groups: Iterable[str]) -> list[tuple[str, int, int]]:
    """Returns (name, first row, row after the last) of each run of equal names.

    >>> _group_spans(['birds', 'birds', 'cars'])
    [('birds', 0, 2), ('cars', 2, 3)]
    """
    runs = [(name, len(list(run))) for name, run in itertools.groupby(groups)]
    ends = itertools.accumulate(length for _, length in runs)
    return [(name, end - length, end) for (name, length), end in zip(runs, ends, strict=True)]


def draw_groups(
    values: np.ndarray, row_groups: Iterable[str], column_groups: Iterable[str], label: str
) -> Figure:
    """Draws a large matrix as colours, with lines between named groups of rows and of columns.

    Args:
      values: float [rows, columns]; the smallest is the brightest.
      row_groups: group of each row; rows of a group are adjacent.
      column_groups: group of each column.
      label: label of the colour bar.
    """
    figure = Figure(figsize=(10, 6), layout='constrained')
    axes = figure.subplots()
    image = axes.imshow(values, cmap=f'{COLOURS}_r', aspect='auto')  # Small distances are bright.
    figure.colorbar(image, label=label)
    rows, columns = _group_spans(row_groups), _group_spans(column_groups)
    for draw_line, spans in ((axes.axhline, rows), (axes.axvline, columns)):
        for _, _, end in spans[:-1]:
            draw_line(end - 0.5, color='white', linewidth=1.5)
    for axis, spans in ((axes.yaxis, rows), (axes.xaxis, columns)):
        names = [f'{name} ({end - start})' for name, start, end in spans]
        axis.set_ticks([(start + end - 1) / 2 for _, start, end in spans], names, fontsize=8)
    axes.tick_params(axis='y', rotation=90, length=0)
    axes.tick_params(axis='x', rotation=25, length=0)
    for tick_label in axes.get_yticklabels():
        tick_label.set_verticalalignment('center')
    axes.set(xlabel='target classes', ylabel='source classes')
    return figure
