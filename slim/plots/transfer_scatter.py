"""Transfer accuracy against domain similarity as a picture: the paper's Fig. 5."""

from typing import Any

from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

MARKERS = 'os^DvPX*'


def draw_transfer(rows: list[dict[str, Any]]) -> Figure:
    """Draws the accuracy on each target against its similarity to each source.

    A coloured line per target runs through its sources in the order of similarity; the marker
    denotes the source.

    Args:
      rows: a dictionary per pair, with 'target', 'source', 'similarity', 'accuracy' and
        'accuracy_error', the standard error of the accuracy.
    """
    targets = list(dict.fromkeys(row['target'] for row in rows))
    sources = list(dict.fromkeys(row['source'] for row in rows))
    marker_of = {source: MARKERS[i % len(MARKERS)] for i, source in enumerate(sources)}
    figure = Figure(figsize=(8, 5.5), layout='constrained')
    axes = figure.subplots()
    lines = []
    for number, target in enumerate(targets):
        points = [row for row in rows if row['target'] == target]
        points.sort(key=lambda row: row['similarity'])
        colour = colormaps['tab10'](number % 10)
        columns = [[row[key] for row in points] for key in ('similarity', 'accuracy')]
        lines += axes.plot(*columns, color=colour, linewidth=1.5, label=target)
        for row in points:
            axes.errorbar(
                row['similarity'],
                row['accuracy'],
                yerr=row['accuracy_error'],
                color=colour,
                elinewidth=0.8,
                marker=marker_of[row['source']],
                markersize=8,
            )
    axes.set(xlabel='similarity of source and target', ylabel='accuracy on the target')
    axes.grid(alpha=0.3)
    marks = [
        Line2D([], [], color='0.3', marker=marker, linestyle='', markersize=8, label=source)
        for source, marker in marker_of.items()
    ]
    style: dict[str, Any] = {'fontsize': 9, 'title_fontsize': 9}
    title = 'source; bars: standard error'
    figure.legend(handles=lines, title='target', loc='outside right upper', **style)
    figure.legend(handles=marks, title=title, loc='outside right lower', **style)
    return figure
