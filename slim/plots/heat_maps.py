"""Tables of numbers as colours: similarities with their figures, distances of many classes."""

import itertools
from dataclasses import dataclass

import numpy as np

COLOURS = 'viridis'


@dataclass(frozen=True, eq=False)
class HeatMap:
    """A small table to be drawn, with what stands in its cells.

    Attributes:
      title: above it.
      values: float [rows, columns]; the largest is the brightest.
      texts: str [rows][columns], in the cells.
      row_names: of the rows.
      column_names: of the columns.
    """

    title: str
    values: np.ndarray
    texts: list[list[str]]
    row_names: list[str]
    column_names: list[str]


def draw_heat_maps(maps: list[HeatMap]):
    """Draws small tables side by side, each in the range of its own values.

    Args:
      maps: a `HeatMap` each; one at least.

    Returns:
      A matplotlib `Figure`.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    width = max(1.2 * len(one.column_names) for one in maps) + 1.3
    height = 0.5 * max(len(one.row_names) for one in maps) + 1.6
    figure = Figure(figsize=(width * len(maps), height), layout='constrained')
    for axes, one in zip(figure.subplots(1, len(maps), squeeze=False)[0], maps, strict=True):
        image = axes.imshow(one.values, cmap=COLOURS, aspect='auto')
        for (row, column), value in np.ndenumerate(one.values):
            red, green, blue, _ = colormaps[COLOURS](image.norm(value))
            is_light = 0.3 * red + 0.6 * green + 0.1 * blue > 0.5
            axes.text(
                column,
                row,
                one.texts[row][column],
                ha='center',
                va='center',
                fontsize=8.5,
                color='black' if is_light else 'white',
            )
        broken = [name.replace('+', '+\n') for name in one.column_names]
        axes.set_xticks(range(len(broken)), broken, fontsize=8)
        axes.set_yticks(range(len(one.row_names)), one.row_names, fontsize=8)
        axes.set_title(one.title, fontsize=10)
    return figure


def group_spans(groups) -> list[tuple[str, int, int]]:
    """Runs of equal names.

    Args:
      groups: a name for each row.

    Returns:
      (name, first row, row after the last) of each run.

    >>> group_spans(['birds', 'birds', 'cars'])
    [('birds', 0, 2), ('cars', 2, 3)]
    """
    spans, start = [], 0
    for name, run in itertools.groupby(groups):
        end = start + len(list(run))
        spans.append((name, start, end))
        start = end
    return spans


def draw_groups(values: np.ndarray, row_groups, column_groups, label: str):
    """Draws a large table as colours, with a line and a name for each group of rows and columns.

    Args:
      values: float [rows, columns].
      row_groups: the group of each row; those of a group are next to each other.
      column_groups: likewise.
      label: of the scale of colours.

    Returns:
      A matplotlib `Figure`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6), layout='constrained')
    axes = figure.subplots()
    picture = axes.imshow(values, cmap=f'{COLOURS}_r', aspect='auto')  # What is near is bright.
    figure.colorbar(picture, label=label)
    rows, columns = group_spans(row_groups), group_spans(column_groups)
    for draw_line, spans in ((axes.axhline, rows), (axes.axvline, columns)):
        for _, _, end in spans[:-1]:
            draw_line(end - 0.5, color='white', linewidth=1.5)
    for axis, spans in ((axes.yaxis, rows), (axes.xaxis, columns)):
        names = [f'{name} ({end - start})' for name, start, end in spans]
        axis.set_ticks([(start + end - 1) / 2 for _, start, end in spans], names, fontsize=8)
    axes.tick_params(axis='y', rotation=90, length=0)
    axes.tick_params(axis='x', rotation=25, length=0)
    for words in axes.get_yticklabels():
        words.set_verticalalignment('center')
    axes.set(xlabel='target classes', ylabel='source classes')
    return figure
