"""FGVC-Aircraft and Food-101: a text file for the classes and one for each split."""

import os

from slim.datasets.layouts import text
from slim.datasets.layouts.listing import Layout, Listing, listing
from slim.errors import UserError


def _label(labels: dict[str, int], name: str, where: str, classes: str) -> int:
    if name not in labels:
        raise UserError(f'{where}: the class {name!r} is not in {classes}')
    return labels[name]


def _read_aircraft(root: str) -> Listing:
    """`data/images_variant_*.txt` have lines '<image> <variant>', such as '0034309 F/A-18'."""
    variants = text.names(os.path.join(root, 'data/variants.txt'))
    labels = {name: label for label, name in enumerate(variants)}
    splits = [
        [
            (f'data/images/{image}.jpg', _label(labels, variant, where, 'variants.txt'))
            for where, image, variant in text.pairs(os.path.join(root, f'data/{name}'))
        ]
        for name in ('images_variant_trainval.txt', 'images_variant_test.txt')
    ]
    return listing(root, *splits, variants)


def _read_food(root: str) -> Listing:
    """`meta/{train,test}.txt` have lines '<class>/<image>', such as 'apple_pie/1005649'."""
    classes = text.names(os.path.join(root, 'meta/classes.txt'))
    labels = {name: label for label, name in enumerate(classes)}
    splits: list[list[tuple[str, int]]] = []
    for name in ('meta/train.txt', 'meta/test.txt'):
        splits.append([])
        for where, image in text.lines(os.path.join(root, name)):
            if '/' not in image:
                raise UserError(f"{where}: {image!r} cannot be parsed; expected '<class>/<image>'")
            label = _label(labels, image.split('/')[0], where, 'classes.txt')
            splits[-1].append((f'images/{image}.jpg', label))
    return listing(root, *splits, classes)


AIRCRAFT = Layout(
    ('fgvc-aircraft-2013b',),
    (
        'data/variants.txt',
        'data/images_variant_trainval.txt',
        'data/images_variant_test.txt',
        'data/images/',
    ),
    _read_aircraft,
)
FOOD_101 = Layout(
    ('food-101',),
    ('meta/classes.txt', 'meta/train.txt', 'meta/test.txt', 'images/'),
    _read_food,
)
