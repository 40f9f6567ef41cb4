"""Class descriptions and digests of the synthetic datasets."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np

from slim.synthetic import aircraft, birds, butterflies, camera, cars, flowers, leaves, pots
from slim.synthetic.registry import DATASETS, MergedDataset, SyntheticDataset

# A family is a module with
#   species(numbers)                     classes of these numbers: frozen dataclasses with a unique
#                                        `name`,
#   render(species, rng, width, height)  sharp RGB image of one of them,
#   REVISION                             number, raised whenever classes are rendered differently.
FAMILIES: Mapping[str, ModuleType] = MappingProxyType(
    {
        'birds': birds,
        'butterflies': butterflies,
        'flowers': flowers,
        'leaves': leaves,
        'cars': cars,
        'aircraft': aircraft,
        'pots': pots,
    }
)


@dataclasses.dataclass(frozen=True)
class ClassDescription:
    """One class of a synthetic dataset: everything that its images depend on.

    The digest is computed from the names and values of these fields: renaming one would make every
    dataset that was rendered before look foreign.

    Attributes:
      family: key of `FAMILIES`.
      species: class as the family describes it, a frozen dataclass.
      seed: seed of the dataset that renders the class, and the label in that dataset. With the
        number of the split and the index of the image they seed the image.
      counts: number of images by split, 'train' and 'val'.
    """

    family: str
    species: Any
    seed: tuple[int, int]
    counts: dict[str, int]

    @property
    def name(self) -> str:
        """Name of the class."""
        return self.species.name


def class_descriptions(dataset: SyntheticDataset | MergedDataset) -> list[ClassDescription]:
    """Returns the description of each class, in the order of the labels."""
    if isinstance(dataset, MergedDataset):
        return [one for part in dataset.parts for one in class_descriptions(DATASETS[part])]
    per_family = dataset.num_classes // len(dataset.families)
    numbers = range(dataset.first_class, dataset.first_class + per_family)
    classes = [(name, one) for name in dataset.families for one in FAMILIES[name].species(numbers)]
    even = np.linspace(*dataset.train_images, dataset.num_classes).round().astype(int)
    rng = np.random.default_rng([dataset.seed, dataset.num_classes])
    counts = rng.permutation(even).tolist()
    return [
        ClassDescription(
            family,
            species,
            (dataset.seed, label),
            {'train': counts[label], 'val': dataset.val_images},
        )
        for label, (family, species) in enumerate(classes)
    ]


def definition_digest(dataset: SyntheticDataset | MergedDataset) -> str:
    """Returns a SHA-256 digest of everything that the dataset's images depend on."""
    classes = class_descriptions(dataset)
    revisions = {one.family: FAMILIES[one.family].REVISION for one in classes}
    descriptions = [dataclasses.asdict(one) for one in classes]
    text = json.dumps([descriptions, revisions, camera.REVISION], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
