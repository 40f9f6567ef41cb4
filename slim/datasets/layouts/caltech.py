"""CUB-200-2011 and NABirds: four text files with a line for each image or class.

images.txt               <image id> <path below images/>
image_class_labels.txt   <image id> <class id>
train_test_split.txt     <image id> <1 if it is for training, else 0>
classes.txt              <class id> <class name>
"""

import os
from collections.abc import Mapping

from slim.datasets.layouts import text
from slim.datasets.layouts.listing import Layout, Listing, listing
from slim.errors import UserError

NEEDS = ('images.txt', 'image_class_labels.txt', 'train_test_split.txt', 'classes.txt', 'images/')


def _of_images(path: str, images: Mapping[str, str]) -> dict[str, str]:
    """A table with a line for each image, and for no other."""
    found = text.table(path)
    for image, image_path in images.items():
        if image not in found:
            raise UserError(f'{path} has no line for image {image} ({image_path})')
    for image in found:
        if image not in images:
            raise UserError(f'{path}: image {image} is not in images.txt')
    return found


def _class_ids(path: str) -> dict[int, str]:
    """Class id -> name, in numerical order."""
    names = {text.whole_number(key, path): name for key, name in text.table(path).items()}
    return dict(sorted(names.items()))


def _read(root: str, all_classes: bool) -> Listing:
    """`all_classes`: whether those of classes.txt are labelled that have no image."""
    path = {name: os.path.join(root, name) for name in NEEDS}
    images = text.table(path['images.txt'])
    class_of = {
        image: text.whole_number(value, f'{path["image_class_labels.txt"]}, image {image}')
        for image, value in _of_images(path['image_class_labels.txt'], images).items()
    }
    is_train = _of_images(path['train_test_split.txt'], images)
    names = _class_ids(path['classes.txt'])
    for image, class_id in class_of.items():
        if class_id not in names:
            raise UserError(
                f'{path["image_class_labels.txt"]}: class {class_id} of image {image} is not in '
                'classes.txt'
            )
    occurring = set(class_of.values())
    ids = [class_id for class_id in names if all_classes or class_id in occurring]
    if all_classes and ids != list(range(1, len(ids) + 1)):
        raise UserError(f'{path["classes.txt"]}: the ids are not 1 to {len(ids)}, each once')
    labels = {class_id: label for label, class_id in enumerate(ids)}
    splits: dict[str, list[tuple[str, int]]] = {'1': [], '0': []}
    for image, image_path in images.items():
        if is_train[image] not in splits:
            raise UserError(
                f'{path["train_test_split.txt"]}: image {image} has {is_train[image]!r}; expected '
                '1 (train) or 0 (test)'
            )
        splits[is_train[image]].append((f'images/{image_path}', labels[class_of[image]]))
    return listing(root, splits['1'], splits['0'], (names[class_id] for class_id in ids))


def _read_cub(root: str) -> Listing:
    """Labels are class ids less one."""
    return _read(root, all_classes=True)


def _read_nabirds(root: str) -> Listing:
    """555 of the 1011 ids have images: the others are groups of species. 2018 left the ids sparse.

    Labels are the ranks of the ids that occur.
    """
    return _read(root, all_classes=False)


CUB_200 = Layout(('CUB_200_2011',), NEEDS, _read_cub)
NABIRDS = Layout(('nabirds',), NEEDS, _read_nabirds)
