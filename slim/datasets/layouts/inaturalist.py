"""iNaturalist 2017 with the paper's split, which trains on most of the validation set, too.

The paper (section 4.1) trains on the training set and 90% of the validation set, and evaluates on
the rest, the "minival" set. `inat_minival.txt` lists it: 9,697 images, one path per line.
"""

import json
import os
from typing import Any

from slim.datasets.layouts import readers
from slim.datasets.layouts.listing import Layout, Listing, listing
from slim.errors import UserError


def _load(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding='utf-8') as file:
            content = json.load(file)
    except ValueError as error:  # Not JSON, or not UTF-8.
        raise UserError(f'{path} is not a JSON file, or damaged ({error})') from error
    for key in ('images', 'annotations', 'categories'):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise UserError(f'{path} has no list {key!r}; expected annotations in COCO format')
    return content


def _category_ids(path: str, content: dict[str, Any]) -> dict[str, Any]:
    """Returns image path -> category id, in the order of the file."""
    categories: dict[Any, Any] = {}
    for annotation in content['annotations']:
        image_id, category_id = annotation['image_id'], annotation['category_id']
        if categories.setdefault(image_id, category_id) != category_id:
            raise UserError(
                f'{path}: image {image_id} has two categories, {categories[image_id]} and '
                f'{category_id}'
            )
    category_ids = {}
    for image in content['images']:
        name = image['file_name']
        if image['id'] not in categories:
            raise UserError(f'{path}: image {image["id"]} ({name}) has no annotation')
        if name in category_ids:
            raise UserError(f'{path}: {name} is listed twice')
        category_ids[name] = categories.pop(image['id'])
    for image_id in categories:
        raise UserError(f'{path}: there is an annotation of image {image_id}, but no such image')
    return category_ids


def _class_names(path: str, content: dict[str, Any]) -> list[str]:
    names = {category['id']: str(category['name']) for category in content['categories']}
    count = len(content['categories'])
    if sorted(names) != list(range(count)):
        raise UserError(
            f'{path}: the ids of the {count} categories are not 0, 1, 2, ... without gaps; '
            'expected those of iNaturalist 2017'
        )
    return [names[label] for label in range(count)]


def _parse(path: str) -> tuple[dict[str, int], list[str]]:
    """Returns the labels of the images of a file by path, and its class names."""
    content = _load(path)
    try:
        names = _class_names(path, content)
        labels = _category_ids(path, content)
    except (KeyError, TypeError) as error:
        raise UserError(
            f'{path}: an image, annotation or category is incomplete ({error}); expected '
            'annotations in COCO format'
        ) from error
    for image, category_id in labels.items():
        if not isinstance(category_id, int) or not 0 <= category_id < len(names):
            raise UserError(f'{path}: {image} has the unknown category {category_id}')
    return labels, names


def read(root: str, minival_path: str) -> Listing:
    """Reads the annotations of both splits and divides the images as the paper does.

    Args:
      root: folder with train2017.json, val2017.json and train_val_images/.
      minival_path: list of the images to evaluate on.

    Raises:
      UserError: if a file is damaged or inconsistent.
    """
    train_path, val_path = (os.path.join(root, f'{name}2017.json') for name in ('train', 'val'))
    minival = readers.names(minival_path)
    train, names = _parse(train_path)
    val, val_names = _parse(val_path)
    if val_names != names:
        raise UserError(f'{train_path} and {val_path} have different categories')
    chosen = {image: val[image] for image in minival if image in val}
    if not chosen:
        raise UserError(f'no image of {minival_path} is in {val_path}, such as {minival[0]}')
    notes = []
    if len(chosen) < len(minival):
        notes.append(
            f'{len(minival) - len(chosen)} of the {len(minival)} images of {minival_path} are not '
            f'in {val_path}'
        )
    rest = [(image, label) for image, label in val.items() if image not in chosen]
    return listing(root, [*train.items(), *rest], chosen.items(), names, notes=notes)


def _read_official(root: str) -> Listing:
    """Reads the dataset with the paper's list, which is downloaded to the repository if missing.

    Raises a `UserError` as `read`, or if the list cannot be downloaded, or is another file.
    """
    from slim.datasets import downloads

    return read(root, downloads.fetch('inat_minival'))


INAT2017 = Layout(
    ('inat2017',), ('train2017.json', 'val2017.json', 'train_val_images/'), _read_official
)
