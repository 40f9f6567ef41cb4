"""Similarity against transfer accuracy, as a picture: the paper's Fig. 5."""

from slim.files import atomic_file

MARKERS = 'os^DvPX*'


def draw_transfer(rows: list[dict]):
    """Draws the accuracy on each target over its similarity to each source.

    Args:
      rows: a dictionary for each pair, with 'target', 'source', 'similarity', 'accuracy' and
        'accuracy_error', its standard error.

    Returns:
      A matplotlib `Figure`: a line in a colour of its own for each target, through its sources in
      the order of their similarity, and a marker for each source.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

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
    legends = ((lines, 'target', 'upper'), (marks, 'source; bars: standard error', 'lower'))
    for handles, title, place in legends:
        figure.legend(
            handles=handles,
            title=title,
            loc=f'outside right {place}',
            fontsize=9,
            title_fontsize=9,
        )
    return figure


def write_transfer(path: str, rows: list[dict]) -> None:
    """Writes the picture of `draw_transfer` as a PNG, whole or not at all.

    Raises:
      OSError: if it cannot be written.
    """
    figure = draw_transfer(rows)
    with atomic_file(path) as unfinished:
        figure.savefig(unfinished, format='png', dpi=120)
