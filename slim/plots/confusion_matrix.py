"""The confusion matrix as a picture."""

import numpy as np

from slim.files import atomic_file

MAX_NAMES = 60  # Classes beside whose rows there is room for a name.


def draw_confusion(confusion: np.ndarray, names: list[str] | None = None):
    """Draws the share of the images of each class (row) that was taken for each (column).

    Args:
      confusion: int [classes, classes].
      names: of the classes; by default their labels.

    Returns:
      A matplotlib `Figure`.
    """
    from matplotlib.figure import Figure

    images = confusion.sum(axis=1, keepdims=True)
    figure = Figure(figsize=(8, 7), layout='constrained')
    axes = figure.subplots()
    picture = axes.imshow(confusion / np.maximum(images, 1), cmap='Blues', vmin=0, vmax=1)
    figure.colorbar(picture, label='share of the images of the class')
    axes.set(xlabel='predicted class', ylabel='class')
    if names is not None and len(names) <= MAX_NAMES:
        size = 9 if len(names) <= 20 else 5
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
        axes.set_yticks(range(len(names)), names, fontsize=size)
    return figure


def write_confusion(path: str, confusion: np.ndarray, names: list[str] | None = None) -> None:
    """Writes the picture of `draw_confusion` as a PNG, whole or not at all.

    Raises:
      OSError: if it cannot be written.
    """
    figure = draw_confusion(confusion, names)
    with atomic_file(path) as unfinished:
        figure.savefig(unfinished, format='png', dpi=150)
