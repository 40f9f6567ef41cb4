"""The nine datasets of the paper, and how many images and classes each has.

These counts only serve to warn. What is trained on is what the lists hold, so any other dataset
needs no row here.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class CatalogueRow:
    """The counts of one dataset.

    Attributes:
      num_classes: classes.
      train: images of the split 'train'.
      validation: images of the split 'validation'.
    """

    num_classes: int
    train: int
    validation: int


CATALOGUE = {
    'ILSVRC2012': CatalogueRow(1000, 1281167, 50000),
    'inat2017': CatalogueRow(5089, 665473, 9697),
    'aircraft': CatalogueRow(100, 6667, 3333),
    'cub_200': CatalogueRow(200, 5994, 5794),
    'flower_102': CatalogueRow(102, 2040, 6149),
    'food_101': CatalogueRow(101, 75750, 25250),
    'nabirds': CatalogueRow(555, 23929, 24633),
    'stanford_cars': CatalogueRow(196, 8144, 8041),
    'stanford_dogs': CatalogueRow(120, 12000, 8580),
}


def count_warnings(dataset_name: str, num_classes: int, num_images: Mapping[str, int]) -> list[str]:
    """What differs from the catalogue, a sentence each that names both numbers.

    Args:
      dataset_name: a dataset's name; of one that is not in the catalogue nothing is known.
      num_classes: the classes that it has here.
      num_images: split name ('train', 'validation') -> the images that it has here; a split may be
      left out.

    Returns:
      The sentences; none where everything agrees.

    >>> count_warnings('cub_200', 200, {'train': 5993})
    ['cub_200 has 5993 train images here, but 5994 in the catalogue.']
    >>> count_warnings('my_birds', 3, {'train': 30, 'validation': 30})
    []
    """
    row = CATALOGUE.get(dataset_name)
    if row is None:
        return []
    counts = [('classes', num_classes, row.num_classes)]
    counts += [
        (f'{split} images', found, getattr(row, split)) for split, found in num_images.items()
    ]
    return [
        f'{dataset_name} has {found} {what} here, but {expected} in the catalogue.'
        for what, found, expected in counts
        if found != expected
    ]


# Names of the synthetic datasets, for messages: this package imports nothing from `slim.synthetic`.
SYNTHETIC_DATASETS = (
    'demo',
    'demo_source',
    'mini_nature',
    'mini_objects',
    'mini_nature_objects',
    'mini_birds',
    'mini_flowers',
    'mini_butterflies',
    'mini_leaves',
    'mini_cars',
    'mini_aircraft',
    'mini_pots',
)
