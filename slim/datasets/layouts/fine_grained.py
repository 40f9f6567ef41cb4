"""Seven fine-grained datasets whose archives list their images in text or MATLAB files."""

import functools
import os
from collections.abc import Iterable, Mapping

from slim.datasets.layouts import readers
from slim.datasets.layouts.listing import LabelledPath, Layout, Listing, first_existing, listing
from slim.errors import UserError

# Files that each reader below needs.
CALTECH = ('images.txt', 'image_class_labels.txt', 'train_test_split.txt', 'classes.txt', 'images/')
AIRCRAFT = 'data/variants.txt', 'data/images_variant_trainval.txt', 'data/images_variant_test.txt'
FOOD = 'meta/classes.txt', 'meta/train.txt', 'meta/test.txt'
FLOWERS = 'imagelabels.mat', 'setid.mat'
CARS = 'devkit/cars_train_annos.mat', 'devkit/cars_meta.mat'
DOGS = 'train_list.mat', 'test_list.mat'


def _paths(root: str, names: Iterable[str]) -> list[str]:
    return [os.path.join(root, name) for name in names]


def _table_per_image(path: str, images: Mapping[str, str]) -> dict[str, str]:
    """Reads a table that must have one line for each image, and no other lines."""
    values = readers.table(path)
    for image, image_path in images.items():
        if image not in values:
            raise UserError(f'{path} has no line for image {image} ({image_path})')
    for image in values:
        if image not in images:
            raise UserError(f'{path}: image {image} is not in images.txt')
    return values


def _read_caltech(root: str, has_unused_classes: bool = False) -> Listing:
    """Reads four text files with one line per image or class.

    images.txt               <image id> <path below images/>
    image_class_labels.txt   <image id> <class id>
    train_test_split.txt     <image id> <1 for training, 0 for test>
    classes.txt              <class id> <class name>

    If the layout `has_unused_classes`, class ids are sparse and classes without an image get no
    label; otherwise the ids must be 1, 2, 3, ...
    """
    images_path, classes_path, splits_path, names_path = _paths(root, CALTECH[:4])
    images = readers.table(images_path)
    class_ids = {
        image: readers.whole_number(class_id, f'{classes_path}, image {image}')
        for image, class_id in _table_per_image(classes_path, images).items()
    }
    is_train = _table_per_image(splits_path, images)
    class_names = {
        readers.whole_number(class_id, names_path): name
        for class_id, name in readers.table(names_path).items()
    }
    for image, class_id in class_ids.items():
        if class_id not in class_names:
            raise UserError(
                f'{classes_path}: class {class_id} of image {image} is not in classes.txt'
            )
    ids = sorted(set(class_ids.values()) if has_unused_classes else class_names)
    if not has_unused_classes and ids != list(range(1, len(ids) + 1)):
        raise UserError(f'{names_path}: the ids are not 1 to {len(ids)}, each once')
    labels = {class_id: label for label, class_id in enumerate(ids)}
    splits: dict[str, list[LabelledPath]] = {'1': [], '0': []}
    for image, image_path in images.items():
        if (split := is_train[image]) not in splits:
            expected = 'expected 1 (train) or 0 (test)'
            raise UserError(f'{splits_path}: image {image} has {split!r}; {expected}')
        splits[split].append((f'images/{image_path}', labels[class_ids[image]]))
    return listing(root, splits['1'], splits['0'], (class_names[class_id] for class_id in ids))


def _label_by_name(labels: Mapping[str, int], name: str, location: str, classes: str) -> int:
    if name not in labels:
        raise UserError(f'{location}: the class {name!r} is not in {classes}')
    return labels[name]


def _read_aircraft(root: str) -> Listing:
    """Reads `data/images_variant_*.txt`: lines '<image> <variant>' such as '0034309 F/A-18'."""
    names_path, *list_paths = _paths(root, AIRCRAFT)
    variants = readers.names(names_path)
    labels = {name: label for label, name in enumerate(variants)}
    train, test = (
        [
            (f'data/images/{image}.jpg', _label_by_name(labels, variant, location, 'variants.txt'))
            for location, image, variant in readers.pairs(path)
        ]
        for path in list_paths
    )
    return listing(root, train, test, variants)


def _read_food(root: str) -> Listing:
    """Reads `meta/{train,test}.txt`: lines '<class>/<image>' such as 'apple_pie/1005649'."""
    names_path, *list_paths = _paths(root, FOOD)
    classes = readers.names(names_path)
    labels = {name: label for label, name in enumerate(classes)}
    train: list[LabelledPath] = []
    test: list[LabelledPath] = []
    for images, path in zip((train, test), list_paths, strict=True):
        for location, image in readers.lines(path):
            name, slash, _ = image.partition('/')
            if not slash:
                expected = "expected '<class>/<image>'"
                raise UserError(f'{location}: {image!r} cannot be parsed; {expected}')
            label = _label_by_name(labels, name, location, 'classes.txt')
            images.append((f'images/{image}.jpg', label))
    return listing(root, train, test, classes)


def _label_by_id(class_id: int, num_classes: int, location: str) -> int:
    if not 1 <= class_id <= num_classes:
        raise UserError(f'{location}: class {class_id} is not one of 1 to {num_classes}')
    return class_id - 1


def _read_flowers(root: str) -> Listing:
    """Reads imagelabels.mat: `labels[i - 1]` is the class of jpg/image_<i>.jpg, without a name."""
    labels_path, splits_path = _paths(root, FLOWERS)
    class_ids = readers.matlab_numbers(labels_path, 'labels')
    num_classes = max(class_ids, default=0)
    labels = [_label_by_id(class_id, num_classes, labels_path) for class_id in class_ids]
    splits: dict[str, list[LabelledPath]] = {}
    for key in ('trnid', 'valid', 'tstid'):
        splits[key] = []
        for number in readers.matlab_numbers(splits_path, key):
            if not 1 <= number <= len(labels):
                raise UserError(
                    f'{splits_path}, {key}: image {number} has no label in {labels_path}, which '
                    f'has {len(labels)}'
                )
            splits[key].append((f'jpg/image_{number:05d}.jpg', labels[number - 1]))
    names = map(str, range(1, num_classes + 1))
    return listing(root, splits['trnid'] + splits['valid'], splits['tstid'], names)


def _read_car_annotations(path: str, folder: str, num_classes: int) -> list[LabelledPath]:
    images = []
    for class_id, name in readers.matlab_records(path, 'annotations', ('class', 'fname')):
        location = f'{path}, {name}'
        class_id = readers.whole_number(class_id, location)
        images.append((f'{folder}/{name}', _label_by_id(class_id, num_classes, location)))
    return images


def _read_cars(root: str) -> Listing:
    train_path, names_path = _paths(root, CARS)
    names = readers.matlab_texts(names_path, 'class_names')
    test_path = first_existing(
        root,
        ('cars_test_annos_withlabels.mat', 'devkit/cars_test_annos_withlabels.mat'),
        'the devkit does not contain the labels of the test images (cars_test_annos.mat); '
        'python download.py stanford_cars says where to get them',
    )
    train = _read_car_annotations(train_path, 'cars_train', len(names))
    return listing(root, train, _read_car_annotations(test_path, 'cars_test', len(names)), names)


def _read_dog_list(path: str) -> list[LabelledPath]:
    files = readers.matlab_texts(path, 'file_list')
    class_ids = readers.matlab_numbers(path, 'labels')
    if len(files) != len(class_ids):
        raise UserError(f'{path} has {len(files)} images but {len(class_ids)} labels')
    images = list(zip(files, class_ids, strict=True))
    for file, class_id in images:
        if class_id < 1:
            raise UserError(f'{path}, {file}: class {class_id} is not one of 1, 2, ...')
    return [(f'Images/{file}', class_id - 1) for file, class_id in images]


def _read_dogs(root: str) -> Listing:
    """Reads train_list.mat and test_list.mat; class names are folders: 'n02085620-Chihuahua'."""
    paths = _paths(root, DOGS)
    train, test = (_read_dog_list(path) for path in paths)
    location = ' and '.join(paths)
    folders: dict[int, str] = {}
    for image, label in train + test:
        folder = os.path.basename(os.path.dirname(image))
        if folders.setdefault(label, folder) != folder:
            raise UserError(
                f'{location}: class {label + 1} has two folders, {folders[label]} and {folder}'
            )
    for label in range(max(folders, default=-1) + 1):
        if label not in folders:
            raise UserError(f'{location}: class {label + 1} has no images')
    return listing(root, train, test, (folders[label] for label in range(len(folders))))


LAYOUTS = {
    'cub_200': Layout(('CUB_200_2011',), CALTECH, _read_caltech),
    # 555 of the 1011 ids have images; the others are groups of species. The original code kept the
    # sparse ids as labels. Here labels are ranks of the ids that occur.
    'nabirds': Layout(
        ('nabirds',), CALTECH, functools.partial(_read_caltech, has_unused_classes=True)
    ),
    'aircraft': Layout(('fgvc-aircraft-2013b',), (*AIRCRAFT, 'data/images/'), _read_aircraft),
    'flower_102': Layout(('flowers-102', '102flowers'), (*FLOWERS, 'jpg/'), _read_flowers),
    'food_101': Layout(('food-101',), (*FOOD, 'images/'), _read_food),
    'stanford_cars': Layout(('stanford_cars',), (*CARS, 'cars_train/', 'cars_test/'), _read_cars),
    'stanford_dogs': Layout(('stanford_dogs',), (*DOGS, 'Images/'), _read_dogs),
}
