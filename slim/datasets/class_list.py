"""Files of class names: the classes of a dataset to keep, and their new order."""

import dataclasses
import re
from collections.abc import Sequence

from slim.datasets.layouts import readers
from slim.datasets.layouts.listing import Listing
from slim.datasets.split_lists import ListedImage
from slim.errors import UserError, nearest


def read(path: str, class_names: Sequence[str]) -> list[int]:
    """Returns the labels of the classes to keep, in the order of the file that names them.

    Args:
      path: path of a file with one class name per line, or lines '<number>:<name>' as in
        labels.txt. The numbers are ignored: the order of the lines counts.
      class_names: class names of the dataset by label.

    Raises:
      UserError: if the file is empty, or a name is listed twice, unknown or ambiguous.
    """
    chosen = list(readers.lines(path))
    if not chosen:
        raise UserError(f'{path} is empty; expected one class name per line')
    known: dict[str, list[int]] = {}
    for label, name in enumerate(class_names):
        known.setdefault(name, []).append(label)
    if all(re.match('[0-9]+:', line) and line not in known for _, line in chosen):
        chosen = [(location, line.split(':', 1)[1].strip()) for location, line in chosen]
    labels: list[int] = []
    for location, name in chosen:
        if name not in known:
            raise UserError(f'{location}: there is no class {name!r}{nearest(name, known)}')
        if len(known[name]) > 1:
            raise UserError(f'{location}: {len(known[name])} classes have the name {name!r}')
        if known[name][0] in labels:
            raise UserError(f'{location}: the class {name!r} is listed twice')
        labels += known[name]
    return labels


def select(listing: Listing, labels: Sequence[int]) -> Listing:
    """Returns the listing of some classes, which get the labels 0, 1, 2, ... in the order given."""
    new = {old: label for label, old in enumerate(labels)}
    images = {
        split: tuple(ListedImage(path, new[label]) for path, label in images if label in new)
        for split, images in listing.images.items()
    }
    names = tuple(listing.class_names[label] for label in labels)
    return dataclasses.replace(listing, images=images, class_names=names)
