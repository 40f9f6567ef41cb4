"""Selection of source classes for given targets (in the spirit of the paper, section 4).

The procedure is greedy, without a guarantee to find the best subset:

1. The distance of a source class to a target is the earth mover's distance between the target and a
   source that consists of this class alone. All weight then comes from one point, so that it is the
   mean of the distances to the target's classes, weighted by their images; no solver is needed.
2. For each target, in the given order, source classes are ranked by this distance, and the k
   nearest are selected. k may differ between targets.
3. A class that several targets select counts once: at most the sum of all k are selected.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slim.configs import SimilarityConfig
from slim.errors import UserError
from slim.features.domains import Domain, check_same_dimension
from slim.transfer import emd
from slim.transfer.domain_similarity import similarity_of


@dataclass(frozen=True)
class SelectedClass:
    """A selected source class.

    Attributes:
      index: row of the class in the source.
      member: name of the domain that the class comes from, one of those that the source merges.
      label: label of the class in that domain.
      target: name of the first target that selected the class.
      similarity: similarity of the class to that target.
    """

    index: int
    member: str
    label: int
    target: str
    similarity: float


def class_distances(source: Domain, target: Domain) -> np.ndarray:
    """Returns the earth mover's distance of each single source class to a target.

    It is sum_j w_j |source_i - target_j| with normalised weights w_j, float64 [source classes].

    Raises:
      UserError: if the features differ in dimension.

    >>> from slim.features.domains import create_domain
    >>> source = create_domain('source', [[0.0], [1.0]], [10, 10])
    >>> class_distances(source, create_domain('target', [[1.0], [3.0]], [30, 10]))
    array([1.5, 0.5])
    """
    check_same_dimension([source, target])
    weights = emd.normalize(target.num_images, target.name)
    return emd.euclidean_distances(source.means, target.means) @ weights


def select_classes(
    source: Domain,
    targets: Sequence[Domain],
    counts: Sequence[int],
    gamma: float = SimilarityConfig.gamma,
) -> list[SelectedClass]:
    """Selects source classes for targets by the procedure above; returns them in that order.

    Args:
      source: domain with the classes to choose from.
      targets: target domains; the order decides which of them a class is selected for.
      counts: number of classes to select for each target.
      gamma: factor in exp(-gamma * EMD).

    Raises:
      UserError: if the features differ in dimension, or a count is not between 1 and the number of
        source classes.

    >>> from slim.features.domains import create_domain
    >>> source = create_domain('source', [[0.0], [1.0], [2.0], [9.0]], [10] * 4)
    >>> birds = create_domain('birds', [[0.9]], [10])
    >>> dogs = create_domain('dogs', [[2.2]], [10])
    >>> [(one.label, one.target) for one in select_classes(source, [birds, dogs], [1, 2])]
    [(1, 'birds'), (2, 'dogs')]
    """
    selected: dict[int, SelectedClass] = {}
    for target, count in zip(targets, counts, strict=True):
        if not 1 <= count <= len(source.labels):
            raise UserError(
                f'cannot select {count} classes of {source.name} for {target.name}: expected 1 to '
                f'{len(source.labels)}, the number of its classes'
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
    selected: Sequence[SelectedClass], names: Mapping[str, Sequence[str] | None]
) -> dict[str, list[str]]:
    """Returns domain -> lines of its class list, for each domain that classes were selected from.

    A line is the name of a class, as `prepare_dataset.py --class_list` reads it, or its label if
    names are not known. The lines are ordered by label.

    Args:
      selected: result of `select_classes`.
      names: domain -> class names by label, None if they are not known.

    Raises:
      UserError: if there are fewer names than labels, or a selected class shares its name with
        another class of its domain.

    >>> class_lists([SelectedClass(0, 'inat', 1, 'birds', 0.9)], {'inat': ['Oak', 'Wren']})
    {'inat': ['Wren']}
    """
    lists = {}
    for member in dict.fromkeys(one.member for one in selected):
        labels = sorted(one.label for one in selected if one.member == member)
        known = names.get(member)
        if known is None:
            lists[member] = [str(label) for label in labels]
            continue
        if labels[-1] >= len(known):
            raise UserError(
                f'{member}: class {labels[-1]} was selected, but its labels.txt names only '
                f'{len(known)} classes; it belongs to another dataset'
            )
        lists[member] = [known[label] for label in labels]
        times = Counter(known)
        if unclear := sorted(line for line in lists[member] if times[line] > 1):
            raise UserError(
                f'{member}: several classes are called {unclear[0]}; give them different names in '
                'labels.txt'
            )
    return lists
