"""Photographs and names of classes: of data/, or of an embedded domain, drawn when wanted."""

import functools
import os
from dataclasses import dataclass

from slim.datasets import split_lists
from slim.features import source_images
from slim.plots.class_grids import ClassPicture

DATASET_DIR = 'data'


@dataclass(frozen=True)
class ClassImages:
    """The classes of a domain, with their photographs if there are any.

    Attributes:
      domain: its name.
      names: of the classes by label; None if they are not known.
      paths: label -> path of a training image; None if there are none.
      is_embedded: whether its photographs can be drawn.
    """

    domain: str
    names: list[str] | None = None
    paths: dict[int, str] | None = None
    is_embedded: bool = False

    def name(self, label: int) -> str:
        """The class's name; its label if the name is not known."""
        return str(label) if self.names is None else self.names[label]

    def picture(self, label: int) -> ClassPicture:
        """A training image of the class, with its name. Only where there are images."""
        if self.is_embedded:
            return ClassPicture(_draw(self.domain, label), self.name(label))
        return ClassPicture(self.paths[label], self.name(label))

    @property
    def has_pictures(self) -> bool:
        return self.is_embedded or self.paths is not None


@functools.cache
def _draw(domain, label):
    from slim import synthetic

    return synthetic.render_example(domain, label)


def find_images(place, root: str = '.') -> dict[str, ClassImages]:
    """Names and images of the classes of each domain.

    Embedded domains are drawn, unless they are drawn in another way today than when the features
    were taken; those of others are looked for in data/.

    Args:
      place: of the class features, a `demo_domains.FeatureSet`.
      root: of the repository.

    Raises:
      UserError: if a file of a dataset cannot be what it should be.
    """
    return {name: _find_images(place, name, root) for name in (*place.sources, *place.targets)}


def _find_images(place, name, root):
    from slim.synthetic import DATASETS, definitions

    digest = place.drawn_as.get(name, '-')
    if name in DATASETS and definitions.definition_digest(DATASETS[name]).startswith(digest):
        names = [one.name for one in definitions.class_descriptions(DATASETS[name])]
        return ClassImages(name, names, is_embedded=True)
    folder = os.path.join(root, DATASET_DIR, place.dataset_of.get(name, name))
    names = split_lists.read_labels(folder)
    path = split_lists.list_path(folder, source_images.SPLITS['train'])
    if not os.path.exists(path):
        return ClassImages(name, names)
    listed = {one.label: os.path.join(folder, one.path) for one in split_lists.read_list(path)}
    is_there = all(map(os.path.isfile, listed.values()))
    return ClassImages(name, names, listed if is_there else None)


def missing_pictures(images: dict[str, ClassImages]) -> list[str]:
    """Names of the domains whose photographs are not there."""
    return [name for name, one in images.items() if not one.has_pictures]


def example_strips(found, images: dict[str, ClassImages], count: int):
    """Classes of each domain, spread evenly over all of them, for `class_pictures.draw_strips`.

    Args:
      found: `Domain`s that are not joined.
      images: of `find_images`.
      count: of classes.
    """
    from slim.plots.image_grids import spread_rows

    return [
        (
            domain.name,
            [
                images[domain.name].picture(int(domain.labels[row]))
                for row in spread_rows(domain.labels, count)
            ],
        )
        for domain in found
        if images[domain.name].has_pictures
    ]
