"""The synthetic datasets as plain data: names, families, classes, image counts and seeds.

Imports neither Pillow nor numpy, so that other packages can look up names at no cost.
`definitions.py` turns an entry into the descriptions of its classes.
"""

import dataclasses

from slim.errors import UserError, nearest


@dataclasses.dataclass(frozen=True)
class SyntheticDataset:
    """One synthetic dataset.

    Attributes:
      families: keys of `definitions.FAMILIES`; each contributes the same number of classes.
      first_class: number of each family's first class, in the family's endless sequence; the others
        follow it. Datasets of one family that must not share classes have disjoint ranges.
      num_classes: number of classes; the labels of the first family come first.
      train_images: training images of the most and of the least frequent class; the other counts
        are evenly spaced in between, in random order of the labels.
      val_images: validation images per class.
      seed: random seed for the images, with the label, the split and the index of the image.
      description: one line for readers.
    """

    families: tuple[str, ...]
    first_class: int
    num_classes: int
    train_images: tuple[int, int]
    val_images: int
    seed: int
    description: str


@dataclasses.dataclass(frozen=True)
class MergedDataset:
    """Several synthetic datasets as one: the same images, with the labels of the parts in turn.

    Attributes:
      parts: keys of `DATASETS`.
      description: one line for readers.
    """

    parts: tuple[str, ...]
    description: str

    @property
    def families(self) -> tuple[str, ...]:
        """Families of all parts, each once."""
        return tuple(
            dict.fromkeys(family for part in self.parts for family in DATASETS[part].families)
        )

    @property
    def num_classes(self) -> int:
        """Number of classes of all parts together."""
        return sum(DATASETS[part].num_classes for part in self.parts)


def _mini_source(families: tuple[str, ...], seed: int, description: str) -> SyntheticDataset:
    return SyntheticDataset(
        families=families,
        first_class=12,
        num_classes=36,
        train_images=(60, 60),
        val_images=5,
        seed=seed,
        description=f'36 classes: {description}; a source of the transfer experiment',
    )


def _mini_target(family: str, seed: int) -> SyntheticDataset:
    """Returns a target of a source's family, with other classes.

    It has more training images (720) than the features of the experiment's networks have
    dimensions (512); otherwise the H-score would be meaningless.
    """
    return SyntheticDataset(
        families=(family,),
        first_class=0,
        num_classes=12,
        train_images=(60, 60),
        val_images=40,
        seed=seed,
        description=f'12 classes of {family}; a target of the transfer experiment',
    )


# slim/datasets/catalogue.py lists the same names.
DATASETS: dict[str, SyntheticDataset | MergedDataset] = {
    'demo': SyntheticDataset(
        families=('birds',),
        first_class=0,
        num_classes=12,
        train_images=(100, 50),
        val_images=40,
        seed=1806,
        description='12 species of birds, mildly long-tailed: the target of the demo',
    ),
    'demo_source': SyntheticDataset(
        families=('birds',),
        first_class=12,
        num_classes=24,
        train_images=(80, 80),
        val_images=15,
        seed=6193,
        description='24 other species of birds: the pre-training data of the demo',
    ),
    'mini_nature': _mini_source(
        ('birds', 'flowers', 'butterflies'), 2018, '12 each of birds, flowers and butterflies'
    ),
    'mini_objects': _mini_source(
        ('cars', 'aircraft', 'pots'), 2019, '12 each of cars, aircraft and pots'
    ),
    'mini_nature_objects': MergedDataset(
        parts=('mini_nature', 'mini_objects'),
        description='both sources of the transfer experiment merged: 72 classes',
    ),
    'mini_birds': _mini_target('birds', 2101),
    'mini_flowers': _mini_target('flowers', 2102),
    'mini_butterflies': _mini_target('butterflies', 2103),
    'mini_leaves': _mini_target('leaves', 2104),
    'mini_cars': _mini_target('cars', 2105),
    'mini_aircraft': _mini_target('aircraft', 2106),
    'mini_pots': _mini_target('pots', 2107),
}


def find_dataset(name: str) -> SyntheticDataset | MergedDataset:
    """Returns the dataset of this name.

    Raises:
      UserError: if there is none; it suggests similar names.
    """
    if name not in DATASETS:
        raise UserError(f'there is no synthetic dataset {name!r}{nearest(name, sorted(DATASETS))}')
    return DATASETS[name]
