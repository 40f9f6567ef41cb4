"""Which classes of a source to pre-train on, for given targets (paper, section 4, in its spirit).

The procedure is greedy, and has no guarantee to find the best subset:

1. The distance of a source class to a target is the earth mover's distance between the target and a
   source that has this class alone. All weight then comes from one place, so it is the mean of the
   distances to the target's classes, weighted by their images; no solver is needed.
2. For each target, in the order given, the source classes are ranked by it, and the k nearest are
   taken. k may differ from target to target.
3. A class that several targets take is there once. So at most the sum of the k are selected.
"""

import os
from collections import Counter
from dataclasses import dataclass

import numpy as np

from slim.errors import UserError
from slim.features.domains import Domain, check_same_dimension
from slim.files import write_text
from slim.transfer import emd
from slim.transfer.domain_similarity import GAMMA, similarity_of


@dataclass(frozen=True)
class SelectedClass:
    """A source class that was selected.

    Attributes:
      index: of the class in the source.
      member: name of the domain that it came from.
      label: of the class in that domain.
      target: name of the target that took it first.
      similarity: to that target.
    """

    index: int
    member: str
    label: int
    target: str
    similarity: float


def class_distances(source: Domain, target: Domain) -> np.ndarray:
    """Earth mover's distances between each source class alone and a target, float64 [classes].

    Raises:
      UserError: if the widths differ.

    >>> from slim.features.domains import create_domain
    >>> source = create_domain('source', [[0.0], [1.0]], [10, 10])
    >>> class_distances(source, create_domain('target', [[1.0], [3.0]], [30, 10]))
    array([1.5, 0.5])
    """
    check_same_dimension([source, target])
    weights = emd.normalize(target.num_images, target.name)
    return emd.euclidean_distances(source.means, target.means) @ weights


def select_classes(
    source: Domain, targets: list[Domain], counts: list[int], gamma: float = GAMMA
) -> list[SelectedClass]:
    """Selects source classes for targets, by the procedure above.

    Args:
      source: a `Domain`, its classes those that count.
      targets: a `Domain` each.
      counts: classes to take for each target.
      gamma: of the similarities.

    Returns:
      The classes in the order in which they were taken.

    Raises:
      UserError: if the widths differ, or a count is not between 1 and the number of source classes.

    >>> from slim.features.domains import create_domain
    >>> source = create_domain('source', [[0.0], [1.0], [2.0], [9.0]], [10] * 4)
    >>> birds = create_domain('birds', [[0.9]], [10])
    >>> dogs = create_domain('dogs', [[2.2]], [10])
    >>> [(one.label, one.target) for one in select_classes(source, [birds, dogs], [1, 2])]
    [(1, 'birds'), (2, 'dogs')]
    """
    selected = {}
    for target, count in zip(targets, counts, strict=True):
        if not 1 <= count <= len(source.labels):
            raise UserError(
                f'{count} classes of {source.name} for {target.name}: expected 1 to '
                f'{len(source.labels)}, as many as there are'
            )
        distances = class_distances(source, target)
        for index in np.argsort(distances, kind='stable')[:count].tolist():
            if index not in selected:
                selected[index] = SelectedClass(
                    index,
                    source.members[index],
                    int(source.labels[index]),
                    target.name,
                    similarity_of(distances[index], gamma),
                )
    return list(selected.values())


def class_lists(
    selected: list[SelectedClass], names: dict[str, list[str] | None]
) -> dict[str, list[str]]:
    """The lines of a class list for each domain that classes were selected from.

    A line is the name of a class, as `prepare_dataset.py --class_list` reads it, or its label where
    names are not known. The lines are in the order of the labels.

    Args:
      selected: as of `select_classes`.
      names: domain -> its class names by label, None where they are not known.

    Returns:
      Domain -> lines.

    Raises:
      UserError: if there are fewer names than labels, or several selected classes of a domain, or
        one selected and one left out, have the same name.

    >>> class_lists([SelectedClass(0, 'inat', 1, 'birds', 0.9)], {'inat': ['Oak', 'Wren']})
    {'inat': ['Wren']}
    """
    lists = {}
    for member in dict.fromkeys(one.member for one in selected):
        labels = sorted(one.label for one in selected if one.member == member)
        lines = [str(label) for label in labels]
        known = names.get(member)
        if known is not None:
            if labels[-1] >= len(known):
                raise UserError(
                    f'{member}: class {labels[-1]} was selected, but its labels.txt names '
                    f'{len(known)} classes; it is of another dataset'
                )
            lines = [known[label] for label in labels]
            repeated = [name for name, times in Counter(known).items() if times > 1]
            if unclear := sorted(set(repeated) & set(lines)):
                raise UserError(
                    f'{member}: several of its classes are called {unclear[0]}; give them names '
                    'of their own in labels.txt'
                )
        lists[member] = lines
    return lists


def list_path(folder: str, member: str) -> str:
    """Where the class list of a domain is written to."""
    return os.path.join(folder, f'{member}.txt')


def write_class_lists(
    folder: str, selected: list[SelectedClass], names: dict[str, list[str] | None]
) -> dict[str, int]:
    """Writes the class list of each domain, see `class_lists`, to `<domain>.txt`.

    Args:
      folder: to write to; it is made if need be.
      selected: as of `select_classes`.
      names: as of `class_lists`.

    Returns:
      Path -> number of classes.

    Raises:
      UserError: if the names are not clear.
      OSError: if a list cannot be written.
    """
    written = {}
    for member, lines in class_lists(selected, names).items():
        os.makedirs(folder, exist_ok=True)
        path = list_path(folder, member)
        write_text(path, ''.join(f'{line}\n' for line in lines))
        written[path] = len(lines)
    return written
