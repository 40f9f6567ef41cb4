"""Confusion matrix as a picture."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from slim.plots.heat_maps import add_cell_texts

MAX_COUNTS = 20  # Number of classes up to which cells hold counts.
MAX_NAMES = 60  # Number of classes up to which rows and columns have names.


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
        add_cell_texts(axes, image, texts, size=10 if num_classes <= 10 else 8)
    if names is not None and num_classes <= MAX_NAMES:
        style: dict[str, Any] = {'fontsize': 9 if num_classes <= 20 else 5, 'parse_math': False}
        axes.set_xticks(range(num_classes), names, rotation=90, **style)
        axes.set_yticks(range(num_classes), names, **style)
    return figure
