"""iNaturalist 2017 with the paper's split: most of the validation set is trained on, too.

The paper (section 4.1) trains on the training set and 90% of the validation set, and evaluates on
the rest, the "minival" set. `inat_minival.txt` lists it: 9,697 images, a path a line.
"""

import hashlib
import json
import os
import pathlib
from typing import Any

from slim.datasets.layouts import text
from slim.datasets.layouts.listing import Layout, Listing, listing
from slim.errors import UserError

MINIVAL_NAME = 'inat_minival.txt'
MINIVAL_SHA256 = '35cf431f20792f43e43be77aca5538aac84228cf2d2f09c285ea0a7b117f53ce'
# The list belongs at the top of the repository.
TOP = pathlib.Path(__file__).parents[3]


def official_minival(folder: str | os.PathLike = TOP) -> str:
    """The path of the paper's list, which is fetched if it is not there yet.

    Args:
      folder: where it belongs.

    Raises:
      UserError: if it cannot be fetched, or what is there is another file.
    """
    path = os.path.join(folder, MINIVAL_NAME)
    if not os.path.exists(path):
        from slim.datasets import downloads

        path = downloads.fetch('inat_minival', str(folder))
    with open(path, 'rb') as file:
        found = hashlib.file_digest(file, 'sha256').hexdigest()
    if found != MINIVAL_SHA256:
        raise UserError(
            f"{path} is not the paper's list: its SHA-256 is {found}, not {MINIVAL_SHA256}; remove "
            'it, and the next run fetches it'
        )
    return path


def _load(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding='utf-8') as file:
            content = json.load(file)
    except ValueError as error:  # not JSON, or not UTF-8
        raise UserError(f'{path} is not a JSON file, or damaged ({error})') from error
    for key in ('images', 'annotations', 'categories'):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise UserError(f'{path} has no list {key!r}; expected annotations in COCO style')
    return content


def _images(path: str, content: dict[str, Any]) -> dict[str, int]:
    """Path of each image -> its category id, in the order of the file."""
    categories = {}
    for annotation in content['annotations']:
        image_id, category_id = annotation['image_id'], annotation['category_id']
        if categories.setdefault(image_id, category_id) != category_id:
            raise UserError(
                f'{path}: image {image_id} has two categories, {categories[image_id]} and '
                f'{category_id}'
            )
    found = {}
    for image in content['images']:
        name = image['file_name']
        if image['id'] not in categories:
            raise UserError(f'{path}: image {image["id"]} ({name}) has no annotation')
        if name in found:
            raise UserError(f'{path}: {name} is there twice')
        found[name] = categories.pop(image['id'])
    for image_id in categories:
        raise UserError(f'{path}: there is an annotation of image {image_id}, but no such image')
    return found


def _class_names(path: str, content: dict[str, Any]) -> list[str]:
    names = {category['id']: str(category['name']) for category in content['categories']}
    if sorted(names) != list(range(len(content['categories']))):
        raise UserError(
            f'{path}: the ids of the {len(content["categories"])} categories are not 0, 1, 2, ... '
            'without gaps; expected those of iNaturalist 2017'
        )
    return [names[label] for label in range(len(names))]


def _parse(path: str) -> tuple[dict[str, int], list[str]]:
    """The images of a file, and the names of its categories."""
    content = _load(path)
    try:
        names = _class_names(path, content)
        images = _images(path, content)
    except (KeyError, TypeError) as error:
        raise UserError(
            f'{path}: an image, annotation or category lacks something ({error}); expected '
            'annotations in COCO style'
        ) from error
    for image, category_id in images.items():
        if not isinstance(category_id, int) or not 0 <= category_id < len(names):
            raise UserError(f'{path}: {image} has category {category_id}, which is not there')
    return images, names


def read(root: str, minival_path: str) -> Listing:
    """Reads the annotations of both splits and divides the images as the paper does.

    Args:
      root: the folder with train2017.json, val2017.json and train_val_images/.
      minival_path: the list of images to evaluate on.

    Raises:
      UserError: if a file is damaged, or says something impossible.
    """
    paths = [os.path.join(root, name) for name in ('train2017.json', 'val2017.json')]
    minival = text.names(minival_path)
    train, names = _parse(paths[0])
    val, val_names = _parse(paths[1])
    if val_names != names:
        raise UserError(f'{paths[0]} and {paths[1]} have different categories')
    chosen = [(image, val[image]) for image in minival if image in val]
    if not chosen:
        raise UserError(f'no image of {minival_path} is in {paths[1]}, such as {minival[0]}')
    notes = []
    if len(chosen) < len(minival):
        notes.append(
            f'{len(minival) - len(chosen)} of the {len(minival)} images of {minival_path} are not '
            f'in {paths[1]}'
        )
    left_out = {image for image, _ in chosen}
    rest = [(image, label) for image, label in val.items() if image not in left_out]
    return listing(root, [*train.items(), *rest], chosen, names, notes=notes)


INAT2017 = Layout(
    ('inat2017',),
    ('train2017.json', 'val2017.json', 'train_val_images/'),
    lambda root: read(root, official_minival()),
)
