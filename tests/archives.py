"""Miniatures of the nine official archives in their formats, with the lists expected from them.

Images are empty files: lists are made from names. Ids are sparse and names hold spaces, colons and
accents wherever the format allows it.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.io


@dataclass(frozen=True)
class Expected:
    """Expected lines of train.txt, val.txt and labels.txt.

    Paths start from the archive's root; `top` is the folder it unpacks to ('' for none).
    """

    top: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    labels: tuple[str, ...]

    def lists(self, prefix):
        """Returns the contents of the three files, with paths below `prefix`."""
        paths = f'{prefix}/' if prefix else ''
        files = {
            'train.txt': [paths + line for line in self.train],
            'val.txt': [paths + line for line in self.validation],
            'labels.txt': self.labels,
        }
        return {name: ''.join(f'{line}\n' for line in lines) for name, lines in files.items()}


def write(path: Path, *lines: str):
    """Writes lines in UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(f'{line}\n' for line in lines), 'utf-8')


def touch(root: Path, *names: str):
    """Creates empty files."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def cell(texts, column=False):
    """Returns a MATLAB cell array of text, 1xN or Nx1: devkits have both."""
    array = np.empty((len(texts), 1) if column else (1, len(texts)), object)
    array.flat = texts
    return array


def structs(fields, rows, column=False):
    """Returns a MATLAB struct array, 1xN or Nx1."""
    shape = (len(rows), 1) if column else (1, len(rows))
    array = np.empty(shape, [(field, object) for field in fields])
    for place, row in zip(np.ndindex(shape), rows, strict=True):
        array[place] = tuple(row)
    return array


def cub_200(folder):
    root = folder / 'CUB_200_2011'
    paths = {
        1: '001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg',
        2: '001.Black_footed_Albatross/Black_Footed_Albatross_0009_34.jpg',
        13: '002.Laysan_Albatross/Laysan: on a deck.jpg',
        7: '002.Laysan_Albatross/Laysan_Albatross_0002_1027.jpg',
        9: '003.Émeraude/a b.jpg',
    }
    write(root / 'images.txt', *(f'{image} {path}' for image, path in paths.items()))
    write(root / 'image_class_labels.txt', '1 1', '2 1', '7 2', '13 2', '9 3')
    write(root / 'train_test_split.txt', '1 0', '2 1', '13 1', '7 0', '9 1')
    names = ('001.Black_footed_Albatross', '002.Laysan_Albatross', '003.Émeraude')
    write(root / 'classes.txt', *(f'{number} {name}' for number, name in enumerate(names, 1)))
    touch(root / 'images', *paths.values())
    return Expected(
        'CUB_200_2011',
        (f'images/{paths[2]}: 0', f'images/{paths[13]}: 1', f'images/{paths[9]}: 2'),
        (f'images/{paths[1]}: 0', f'images/{paths[7]}: 1'),
        tuple(f'{label}:{name}' for label, name in enumerate(names)),
    )


def nabirds(folder):
    root = folder / 'nabirds'
    images = {  # in the order of images.txt: uuid, class id, 1 for training
        '0000139e-21dc-4d0c-bfe1-4cae3c85c829': ('0817', 1),
        '0000d9fc-4e02-4c06-a0af-a55cfb16b12b': ('0328', 0),
        '00019306-9d83-4334-b255-a447742edce3': ('0328', 1),
        '0001afd4-99a1-4a67-b940-d419413e23b3': ('0900', 1),
        '000332b8-997c-4540-9647-2f0a8495aecf': ('0817', 0),
    }
    path = {uuid: f'{images[uuid][0]}/{uuid.replace("-", "")}.jpg' for uuid in images}
    write(root / 'images.txt', *(f'{uuid} {path[uuid]}' for uuid in images))
    write(
        root / 'image_class_labels.txt',
        *(f'{uuid} {int(class_id)}' for uuid, (class_id, _) in images.items()),
    )
    write(
        root / 'train_test_split.txt', *(f'{uuid} {train}' for uuid, (_, train) in images.items())
    )
    write(
        root / 'classes.txt',
        '0 Birds',
        '1 Ducks, Geese, and Swans',
        '900 Dark-eyed Junco (Slate-colored)',
        '328 Ross\'s Goose: "white"',
        '817 Oak Titmouse',
        '1010 Perching Birds',
    )
    touch(root / 'images', *path.values())
    line = {uuid: f'images/{path[uuid]}' for uuid in images}
    uuids = list(images)
    return Expected(
        'nabirds',
        (f'{line[uuids[0]]}: 1', f'{line[uuids[2]]}: 0', f'{line[uuids[3]]}: 2'),
        (f'{line[uuids[1]]}: 0', f'{line[uuids[4]]}: 1'),
        ('0:Ross\'s Goose: "white"', '1:Oak Titmouse', '2:Dark-eyed Junco (Slate-colored)'),
    )


def aircraft(folder):
    data = folder / 'fgvc-aircraft-2013b' / 'data'
    write(data / 'variants.txt', '707-320', 'Boeing 717', 'F/A-18')
    write(
        data / 'images_variant_trainval.txt',
        '1025794 F/A-18',
        '0034309 707-320',
        '1340192 Boeing 717',
    )
    write(data / 'images_variant_test.txt', '0056978 Boeing 717', '1514522 F/A-18')
    numbers = ('1025794', '0034309', '1340192', '0056978', '1514522')
    touch(data / 'images', *(f'{number}.jpg' for number in numbers))
    return Expected(
        'fgvc-aircraft-2013b',
        (
            'data/images/1025794.jpg: 2',
            'data/images/0034309.jpg: 0',
            'data/images/1340192.jpg: 1',
        ),
        ('data/images/0056978.jpg: 1', 'data/images/1514522.jpg: 2'),
        ('0:707-320', '1:Boeing 717', '2:F/A-18'),
    )


def flower_102(folder):
    labels = np.array([[2, 1, 3, 3, 1, 2, 1]], np.uint8)
    scipy.io.savemat(folder / 'imagelabels.mat', {'labels': labels})
    split = {'trnid': [[6, 2, 4]], 'valid': [[3]], 'tstid': [[7, 1, 5]]}
    scipy.io.savemat(
        folder / 'setid.mat', {key: np.array(ids, np.uint16) for key, ids in split.items()}
    )
    touch(folder / 'jpg', *(f'image_{number:05d}.jpg' for number in range(1, 8)))
    return Expected(
        '',
        (
            'jpg/image_00006.jpg: 1',
            'jpg/image_00002.jpg: 0',
            'jpg/image_00004.jpg: 2',
            'jpg/image_00003.jpg: 2',
        ),
        ('jpg/image_00007.jpg: 0', 'jpg/image_00001.jpg: 1', 'jpg/image_00005.jpg: 0'),
        ('0:1', '1:2', '2:3'),
    )


def food_101(folder):
    root = folder / 'food-101'
    write(root / 'meta/classes.txt', 'apple_pie', 'crème brûlée', 'fish: chips')
    write(root / 'meta/train.txt', 'fish: chips/1005649', 'apple_pie/101251', 'crème brûlée/7')
    write(root / 'meta/test.txt', 'apple_pie/1011328', 'fish: chips/9')
    touch(
        root / 'images',
        'fish: chips/1005649.jpg',
        'fish: chips/9.jpg',
        'apple_pie/101251.jpg',
        'apple_pie/1011328.jpg',
        'crème brûlée/7.jpg',
    )
    return Expected(
        'food-101',
        (
            'images/fish: chips/1005649.jpg: 2',
            'images/apple_pie/101251.jpg: 0',
            'images/crème brûlée/7.jpg: 1',
        ),
        ('images/apple_pie/1011328.jpg: 0', 'images/fish: chips/9.jpg: 2'),
        ('0:apple_pie', '1:crème brûlée', '2:fish: chips'),
    )


CAR_FIELDS = ('bbox_x1', 'bbox_y1', 'bbox_x2', 'bbox_y2', 'class', 'fname')


def cars_annotations(rows):
    """Returns the variable `annotations` of a devkit: (class, fname) with boxes."""
    box = [np.array([[number]], np.uint16) for number in (39, 116, 569, 375)]
    return structs(
        CAR_FIELDS, [(*box, np.array([[class_id]], np.uint8), name) for class_id, name in rows]
    )


def stanford_cars(folder):
    names = ['AM General Hummer SUV 2000', 'Citroën 2CV: 1948', 'Ram C/V Cargo Van Minivan 2012']
    (folder / 'devkit').mkdir()
    scipy.io.savemat(folder / 'devkit/cars_meta.mat', {'class_names': cell(names)})
    train = [(3, '00001.jpg'), (1, '00002.jpg'), (2, '00003.jpg')]
    test = [(2, '00001.jpg'), (3, '00002.jpg')]
    annotations = {'annotations': cars_annotations(train)}
    scipy.io.savemat(folder / 'devkit/cars_train_annos.mat', annotations)
    annotations = {'annotations': cars_annotations(test)}
    scipy.io.savemat(folder / 'cars_test_annos_withlabels.mat', annotations)
    touch(folder / 'cars_train', *(name for _, name in train))
    touch(folder / 'cars_test', *(name for _, name in test))
    return Expected(
        '',
        ('cars_train/00001.jpg: 2', 'cars_train/00002.jpg: 0', 'cars_train/00003.jpg: 1'),
        ('cars_test/00001.jpg: 1', 'cars_test/00002.jpg: 2'),
        tuple(f'{label}:{name}' for label, name in enumerate(names)),
    )


def dogs_list(path, files, labels):
    """Writes a list of Stanford Dogs."""
    names = [file.removesuffix('.jpg') for file in files]
    content = {
        'file_list': cell(files, column=True),
        'annotation_list': cell(names, column=True),
        'labels': np.array(labels, float)[:, None],
    }
    scipy.io.savemat(path, content)


def stanford_dogs(folder):
    train = (
        'n02085620-Chihuahua/n02085620_5927.jpg',
        'n02099429-curly-coated_retriever/n02099429_121.jpg',
        'n02085620-Chihuahua/n02085620_4441.jpg',
    )
    test = (
        'n02099429-curly-coated_retriever/n02099429_33.jpg',
        'n02085620-Chihuahua/n02085620_1.jpg',
    )
    dogs_list(folder / 'train_list.mat', train, [1, 2, 1])
    dogs_list(folder / 'test_list.mat', test, [2, 1])
    touch(folder / 'Images', *train, *test)
    return Expected(
        '',
        tuple(f'Images/{file}: {label}' for file, label in zip(train, (0, 1, 0), strict=True)),
        tuple(f'Images/{file}: {label}' for file, label in zip(test, (1, 0), strict=True)),
        ('0:n02085620-Chihuahua', '1:n02099429-curly-coated_retriever'),
    )


SYNSET_FIELDS = (
    'ILSVRC2012_ID',
    'WNID',
    'words',
    'gloss',
    'num_children',
    'children',
    'wordnet_height',
    'num_train_images',
)


def devkit(folder, ids, ground_truth):
    """Writes the devkit of ILSVRC2012; `ids` are (ILSVRC2012_ID, WNID, words)."""
    folder.mkdir(parents=True)
    rows = [
        (np.array([[class_id]], np.int16), wnid, words, 'as in a dictionary', 0, [], 0, 1300)
        for class_id, wnid, words in ids
    ]
    content = {'synsets': structs(SYNSET_FIELDS, rows, column=True)}
    scipy.io.savemat(folder / 'meta.mat', content)
    lines = (str(class_id) for class_id in ground_truth)
    write(folder / 'ILSVRC2012_validation_ground_truth.txt', *lines)


def ilsvrc_2012(folder):
    """Writes an archive with a flat val/. The devkit's ids are not in the order of the wnids."""
    train = (
        'train/n01440764/n01440764_10026.JPEG',
        'train/n01440764/n01440764_18.JPEG',
        'train/n02012849/n02012849_7.JPEG',
        'train/n03126707/n03126707_1.JPEG',
    )
    val = [f'val/ILSVRC2012_val_{number:08d}.JPEG' for number in range(1, 5)]
    ids = [
        (1, 'n03126707', 'crane'),
        (2, 'n01440764', 'tench, Tinca tinca'),
        (3, 'n02012849', 'crane'),
        (1001, 'n00001740', 'entity'),
    ]
    devkit(folder / 'ILSVRC2012_devkit_t12/data', ids, [3, 1, 2, 1])
    touch(folder, *train, *val, 'train/n01440764/Thumbs.db')
    return Expected(
        '',
        tuple(f'{path}: {label}' for path, label in zip(train, (0, 0, 1, 2), strict=True)),
        tuple(f'{path}: {label}' for path, label in zip(val, (1, 2, 0, 2), strict=True)),
        ('0:n01440764 tench, Tinca tinca', '1:n02012849 crane', '2:n03126707 crane'),
    )


def coco(path, images, categories):
    """Writes annotations of iNaturalist 2017: images are (id, path, category id)."""
    content = {
        'info': {'year': 2017},
        'images': [
            {'id': number, 'file_name': name, 'width': 800, 'height': 600, 'license': 3}
            for number, name, _ in images
        ],
        'annotations': [
            {'id': 10 * number, 'image_id': number, 'category_id': category_id}
            for number, _, category_id in images
        ],
        'categories': [
            {'id': category_id, 'name': name, 'supercategory': 'Aves'}
            for category_id, name in categories
        ],
    }
    path.write_text(json.dumps(content), 'utf-8')


def inat2017(folder):
    """Writes an archive, and the list of images to evaluate on as `minival.txt` next to it."""
    names = ('Corvus cornix', 'Larus fuscus ssp. graellsii', 'Ölvögel: major')
    # The real archive has folders of supercategories with folders of species.
    path = {
        number: f'train_val_images/Aves/{names[label]}/{number}.jpg'
        for number, label in {4: 0, 80: 1, 2: 2, 31: 0, 32: 2, 33: 1, 40: 0}.items()
    }
    categories = [(1, names[1]), (0, names[0]), (2, names[2])]
    train = [(80, path[80], 1), (4, path[4], 0), (2, path[2], 2)]
    val = [(31, path[31], 0), (32, path[32], 2), (33, path[33], 1), (40, path[40], 0)]
    coco(folder / 'train2017.json', train, categories)
    coco(folder / 'val2017.json', val, categories)
    write(folder / 'minival.txt', path[40], path[32])
    touch(folder, *path.values())
    return Expected(
        '',
        (
            f'{path[80]}: 1',
            f'{path[4]}: 0',
            f'{path[2]}: 2',
            f'{path[31]}: 0',
            f'{path[33]}: 1',
        ),
        (f'{path[40]}: 0', f'{path[32]}: 2'),
        tuple(f'{label}:{name}' for label, name in enumerate(names)),
    )


# Dataset name -> function that writes the archive into a folder and returns the expected lists.
MINIATURES = {
    'cub_200': cub_200,
    'nabirds': nabirds,
    'aircraft': aircraft,
    'flower_102': flower_102,
    'food_101': food_101,
    'stanford_cars': stanford_cars,
    'stanford_dogs': stanford_dogs,
    'ILSVRC2012': ilsvrc_2012,
    'inat2017': inat2017,
}


def inat2017_for(folder, minival):
    """Writes annotations of iNaturalist 2017 for the paper's list, and the images of one species.

    Categories are the species of the list; each has one more image in train and one in val.
    """
    species = sorted({path.rpartition('/')[0] for path in minival})
    label = {folder: number for number, folder in enumerate(species)}
    categories = [(number, name.rpartition('/')[2]) for name, number in label.items()]
    val = sorted([*minival, *(f'{name}/of val.jpg' for name in species)])
    train = [f'{name}/of train.jpg' for name in species]
    for name, paths in (('train2017.json', train), ('val2017.json', val)):
        images = [(3 * n, path, label[path.rpartition('/')[0]]) for n, path in enumerate(paths, 1)]
        coco(folder / name, images, categories)
    touch(folder, *(path for path in train + val if path.startswith(f'{species[0]}/')))
