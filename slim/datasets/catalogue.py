"""Numbers of images and classes of the nine datasets of the paper, and the known dataset names.

The counts only serve to warn: training uses what the lists hold, so other datasets need no row.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class CatalogueRow:
    """The counts of one dataset.

    Attributes:
      num_classes: number of classes.
      train: number of images of the split 'train'.
      validation: number of images of the split 'validation'.
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

# Datasets that prepare_dataset.py renders itself: the keys of the table in slim/synthetic.
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


def count_warnings(dataset_name: str, num_classes: int, num_images: Mapping[str, int]) -> list[str]:
    """Returns a sentence with both numbers for each count that differs from the catalogue.

    Args:
      dataset_name: name of the dataset; there are no warnings if the catalogue does not have it.
      num_classes: actual number of classes.
      num_images: split name ('train', 'validation') -> actual number of images; one split suffices.

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
        (f'{split} images', count, getattr(row, split)) for split, count in num_images.items()
    ]
    return [
        f'{dataset_name} has {count} {unit} here, but {expected} in the catalogue.'
        for unit, count, expected in counts
        if count != expected
    ]
