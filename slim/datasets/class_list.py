"""A file of class names: the classes to keep of a dataset, and their new order."""

import dataclasses
import difflib
import re
from collections.abc import Sequence

from slim.datasets.layouts import text
from slim.datasets.layouts.listing import Listing
from slim.datasets.split_lists import ListedImage
from slim.errors import UserError

LABELLED = re.compile('[0-9]+:')


def read(path: str, class_names: Sequence[str]) -> list[int]:
    """Reads which classes to keep.

    Args:
      path: of a file with a class name on each line, or a line '<number>:<name>' as in labels.txt,
      whose numbers mean nothing: the order of the lines counts.
      class_names: of the dataset, by label.

    Returns:
      The labels of the classes to keep, in the order of the file.

    Raises:
      UserError: if the file is empty, or a name is there twice, is not one of the dataset's, or is
      that of several classes.
    """
    chosen = [(where, line) for where, line in text.lines(path)]
    if not chosen:
        raise UserError(f'{path} is empty; expected the name of a class on each line')
    known: dict[str, list[int]] = {}
    for label, name in enumerate(class_names):
        known.setdefault(name, []).append(label)
    if all(LABELLED.match(line) and line not in known for _, line in chosen):
        chosen = [(where, line.split(':', 1)[1].strip()) for where, line in chosen]
    labels: dict[int, None] = {}
    for where, name in chosen:
        found = known.get(name, [])
        if not found:
            raise UserError(f'{where}: there is no class {name!r}{_nearest(name, known)}')
        if len(found) > 1:
            raise UserError(f'{where}: {len(found)} classes have the name {name!r}')
        if found[0] in labels:
            raise UserError(f'{where}: the class {name!r} is there twice')
        labels[found[0]] = None
    return list(labels)


def _nearest(name: str, known: Sequence[str]) -> str:
    """The end of a sentence about an unknown class: names that hold it, or that are like it."""
    folded = {other.lower(): other for other in known}
    near = [other for key, other in folded.items() if name.lower() in key][:3]
    if not near:
        close = difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.6)
        near = [folded[key] for key in close]
    if near:
        return f'; did you mean {", ".join(near)}?'
    return f'; the {len(known)} classes are {", ".join(list(known)[:3])}, ...'


def select(found: Listing, labels: Sequence[int]) -> Listing:
    """The listing of some classes, which get the labels 0, 1, 2, ... in the order given."""
    new = {old: label for label, old in enumerate(labels)}
    images = {
        split: tuple(ListedImage(path, new[label]) for path, label in images if label in new)
        for split, images in found.images.items()
    }
    names = tuple(found.class_names[label] for label in labels)
    return dataclasses.replace(found, images=images, class_names=names)
