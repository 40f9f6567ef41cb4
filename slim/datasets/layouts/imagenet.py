"""ILSVRC2012: a folder for each class in train/, and val/ the same or flat with the devkit."""

import os
import re
from collections.abc import Sequence

from tqdm import tqdm

from slim.datasets.layouts import folders, matlab, text
from slim.datasets.layouts.listing import Layout, Listing, first_there, listing
from slim.errors import UserError

NUM_CLASSES = 1000  # ids up to it are the classes of the challenge; meta.mat has more synsets
DEVKIT = ('', 'ILSVRC2012_devkit_t12/data', 'devkit/data', 'data')
META = 'meta.mat'
GROUND_TRUTH = 'ILSVRC2012_validation_ground_truth.txt'
NAMES = ('LOC_synset_mapping.txt', 'synset_words.txt')
VAL_NAME = re.compile(r'ILSVRC2012_val_(\d{8})\.JPEG', re.IGNORECASE)


def _in_devkit(root: str, name: str) -> str:
    advice = (
        'val/ is flat, and the devkit (ILSVRC2012_devkit_t12.tar.gz, from where the images are) '
        'has the classes of its images; or have a folder for each class in val/'
    )
    return first_there(root, [os.path.join(place, name) for place in DEVKIT], advice)


def _wnids(root: str) -> dict[int, tuple[str, str]]:
    """Devkit id -> (wnid, words). These ids are another order than that of the labels."""
    path = _in_devkit(root, META)
    fields = ('ILSVRC2012_ID', 'WNID', 'words')
    found = {
        matlab.whole_number(class_id, path): (str(wnid), str(words))
        for class_id, wnid, words in matlab.records(path, 'synsets', fields)
    }
    return {class_id: names for class_id, names in found.items() if 1 <= class_id <= NUM_CLASSES}


def _in_class_folders(
    root: str, split: str, wnids: Sequence[str], labels: dict[str, int]
) -> tuple[list[tuple[str, int]], list[str]]:
    """The images of a split, and the files that are none."""
    images, others = [], []
    for wnid in tqdm(wnids, f'reading {split}', unit='folder', leave=False, disable=None):
        if wnid not in labels:
            raise UserError(f'{os.path.join(root, split, wnid)}: there is no such folder in train/')
        found = folders.contents(os.path.join(root, split, wnid))
        images += [(f'{split}/{wnid}/{name}', labels[wnid]) for name in found.images]
        others += [f'{split}/{wnid}/{name}' for name in found.others]
    return images, others


def _flat(
    root: str, names: Sequence[str], wnids: dict[int, tuple[str, str]], labels: dict[str, int]
) -> list[tuple[str, int]]:
    """The images in val/ itself: line n of the ground truth is the devkit id of image n."""
    path = _in_devkit(root, GROUND_TRUTH)
    ids = [(where, text.whole_number(line, where)) for where, line in text.lines(path)]
    images = []
    for name in names:
        match = VAL_NAME.fullmatch(name)
        if match is None:
            raise UserError(
                f'{os.path.join(root, "val", name)}: the name has no number; expected '
                'ILSVRC2012_val_<8 digits>.JPEG'
            )
        number = int(match.group(1))
        if not 1 <= number <= len(ids):
            raise UserError(f'{path} has {len(ids)} lines, but val/ holds {name}')
        where, class_id = ids[number - 1]
        if class_id not in wnids:
            raise UserError(f'{where}: id {class_id} is not one of the classes in {META}')
        wnid = wnids[class_id][0]
        if wnid not in labels:
            raise UserError(f'{where}: class {wnid} of {name} has no folder in train/')
        images.append((f'val/{name}', labels[wnid]))
    return images


def _words(root: str, wnids: dict[int, tuple[str, str]]) -> dict[str, str]:
    """What classes are called, by wnid; empty where no file says it."""
    for name in NAMES:
        path = os.path.join(root, name)
        if os.path.isfile(path):
            return text.table(path)
    return dict(wnids.values())


def _read(root: str) -> Listing:
    """Labels are the order of the sorted wnids, as the released checkpoints have them.

    Names are '<wnid> <words>' where a file has the words: the words alone are not unique (there are
    two classes 'crane').
    """
    train = folders.contents(os.path.join(root, 'train'))
    if not train.folders:
        packed = any(name.endswith('.tar') for name in train.others)
        raise UserError(
            f'{os.path.join(root, "train")} holds no folder of a class'
            + ('; unpack each .tar in it into a folder of its name' if packed else '')
        )
    labels = {wnid: label for label, wnid in enumerate(train.folders)}
    train_images, others = _in_class_folders(root, 'train', train.folders, labels)
    val = folders.contents(os.path.join(root, 'val'))
    wnids: dict[int, tuple[str, str]] = {}
    if val.images:
        wnids = _wnids(root)
        val_images = _flat(root, val.images, wnids, labels)
        others += [f'val/{name}' for name in val.others]
        if val.folders:
            raise UserError(
                f'{os.path.join(root, "val")} holds images, and folders as well: {val.folders[0]}'
            )
    else:
        val_images, val_others = _in_class_folders(root, 'val', val.folders, labels)
        others += val_others
    words = _words(root, wnids)
    names = (f'{wnid} {words[wnid]}' if wnid in words else wnid for wnid in labels)
    return listing(root, train_images, val_images, names, skipped=others)


ILSVRC2012 = Layout(('ILSVRC2012', 'ILSVRC/Data/CLS-LOC'), ('train/', 'val/'), _read)
