"""Flowers-102, Stanford Cars and Stanford Dogs: lists in MATLAB files, with classes from 1."""

import os
from collections.abc import Sequence

from slim.datasets.layouts import matlab
from slim.datasets.layouts.listing import Layout, Listing, first_there, listing
from slim.errors import UserError


def _label(class_id: int, num_classes: int, where: str) -> int:
    if not 1 <= class_id <= num_classes:
        raise UserError(f'{where}: class {class_id} is not one of 1 to {num_classes}')
    return class_id - 1


def _read_flowers(root: str) -> Listing:
    """`labels[i - 1]` is the class of jpg/image_<i>.jpg; the archive has no names of classes."""
    path = os.path.join(root, 'imagelabels.mat')
    class_ids = matlab.whole_numbers(path, 'labels')
    num_classes = max(class_ids, default=0)
    labels = [_label(class_id, num_classes, path) for class_id in class_ids]
    set_path = os.path.join(root, 'setid.mat')

    def split(*keys: str) -> list[tuple[str, int]]:
        images = []
        for key in keys:
            for number in matlab.whole_numbers(set_path, key):
                if not 1 <= number <= len(labels):
                    raise UserError(
                        f'{set_path}, {key}: image {number} has no label in {path}, which has '
                        f'{len(labels)}'
                    )
                images.append((f'jpg/image_{number:05d}.jpg', labels[number - 1]))
        return images

    names = (str(class_id) for class_id in range(1, num_classes + 1))
    return listing(root, split('trnid', 'valid'), split('tstid'), names)


def _annotated_cars(path: str, folder: str, num_classes: int) -> list[tuple[str, int]]:
    images = []
    for class_id, name in matlab.records(path, 'annotations', ('class', 'fname')):
        where = f'{path}, {name}'
        class_id = matlab.whole_number(class_id, where)
        images.append((f'{folder}/{name}', _label(class_id, num_classes, where)))
    return images


def _read_cars(root: str) -> Listing:
    names = matlab.texts(os.path.join(root, 'devkit/cars_meta.mat'), 'class_names')
    test_name = 'cars_test_annos_withlabels.mat'
    test = first_there(
        root,
        (test_name, f'devkit/{test_name}'),
        'the devkit comes without the labels of the test images (cars_test_annos.mat), and python '
        'download.py stanford_cars says where to get them',
    )
    train = os.path.join(root, 'devkit/cars_train_annos.mat')
    return listing(
        root,
        _annotated_cars(train, 'cars_train', len(names)),
        _annotated_cars(test, 'cars_test', len(names)),
        names,
    )


def _listed_dogs(path: str) -> list[tuple[str, int]]:
    files, class_ids = matlab.texts(path, 'file_list'), matlab.whole_numbers(path, 'labels')
    if len(files) != len(class_ids):
        raise UserError(f'{path} has {len(files)} images but {len(class_ids)} labels')
    for file, class_id in zip(files, class_ids, strict=True):
        if class_id < 1:
            raise UserError(f'{path}, {file}: class {class_id} is not one of 1, 2, ...')
    return [
        (f'Images/{file}', class_id - 1) for file, class_id in zip(files, class_ids, strict=True)
    ]


def _dog_names(images: Sequence[tuple[str, int]], path: str) -> list[str]:
    """The folder of each class, such as 'n02085620-Chihuahua'."""
    folders: dict[int, str] = {}
    for image, label in images:
        folder = os.path.basename(os.path.dirname(image))
        if folders.setdefault(label, folder) != folder:
            raise UserError(
                f'{path}: class {label + 1} is the folder {folders[label]}, and {folder} as well'
            )
    for label in range(max(folders, default=-1) + 1):
        if label not in folders:
            raise UserError(f'{path}: there is no image of class {label + 1}')
    return [folders[label] for label in range(len(folders))]


def _read_dogs(root: str) -> Listing:
    paths = [os.path.join(root, name) for name in ('train_list.mat', 'test_list.mat')]
    train, test = (_listed_dogs(path) for path in paths)
    return listing(root, train, test, _dog_names(train + test, ' and '.join(paths)))


FLOWER_102 = Layout(
    ('flowers-102', '102flowers'), ('imagelabels.mat', 'setid.mat', 'jpg/'), _read_flowers
)
STANFORD_CARS = Layout(
    ('stanford_cars',),
    ('devkit/cars_train_annos.mat', 'devkit/cars_meta.mat', 'cars_train/', 'cars_test/'),
    _read_cars,
)
STANFORD_DOGS = Layout(
    ('stanford_dogs',), ('train_list.mat', 'test_list.mat', 'Images/'), _read_dogs
)
