"""ILSVRC2012: one folder per class in train/; val/ alike, or flat and with the devkit."""

import os
import re
from collections.abc import Mapping, Sequence

from tqdm import tqdm

from slim.datasets.layouts import readers
from slim.datasets.layouts.listing import LabelledPath, Layout, Listing, first_existing, listing
from slim.errors import UserError

NUM_CLASSES = 1000  # Ids up to it are the classes of the challenge; meta.mat has more synsets.
DEVKIT_FOLDERS = ('', 'ILSVRC2012_devkit_t12/data', 'devkit/data', 'data')
GROUND_TRUTH = 'ILSVRC2012_validation_ground_truth.txt'
VAL_NAME = re.compile(r'ILSVRC2012_val_(\d{8})\.JPEG', re.IGNORECASE)


def _devkit_path(root: str, name: str) -> str:
    advice = (
        'val/ is flat, and the devkit (ILSVRC2012_devkit_t12.tar.gz, from the same site as the '
        'images) has the classes of its images; alternatively use one folder per class in val/'
    )
    return first_existing(root, [os.path.join(folder, name) for folder in DEVKIT_FOLDERS], advice)


def _read_synsets(root: str) -> dict[int, tuple[str, str]]:
    """Returns devkit id -> (wnid, words); the order of the ids is not that of the labels."""
    path = _devkit_path(root, 'meta.mat')
    fields = ('ILSVRC2012_ID', 'WNID', 'words')
    synsets = {
        readers.whole_number(class_id, path): (str(wnid), str(words))
        for class_id, wnid, words in readers.matlab_records(path, 'synsets', fields)
    }
    return {class_id: names for class_id, names in synsets.items() if 1 <= class_id <= NUM_CLASSES}


def _read_class_folders(
    root: str, split: str, wnids: Sequence[str], labels: Mapping[str, int]
) -> tuple[list[LabelledPath], list[str]]:
    """Returns the images of a split and the files that are not images."""
    images, others = [], []
    for wnid in tqdm(wnids, f'reading {split}', unit='folder', leave=False, disable=None):
        folder = os.path.join(root, split, wnid)
        if wnid not in labels:
            raise UserError(f'{folder}: train/ has no folder of this name')
        contents = readers.folder_contents(folder)
        images += [(f'{split}/{wnid}/{name}', labels[wnid]) for name in contents.images]
        others += [f'{split}/{wnid}/{name}' for name in contents.others]
    return images, others


def _read_flat_val(
    root: str, names: Sequence[str], wnids: Mapping[int, str], labels: Mapping[str, int]
) -> list[LabelledPath]:
    """Returns the images of a flat val/: line n of the ground truth is the devkit id of image n."""
    path = _devkit_path(root, GROUND_TRUTH)
    ids = [
        (location, readers.whole_number(text, location)) for location, text in readers.lines(path)
    ]
    images = []
    for name in names:
        if (match := VAL_NAME.fullmatch(name)) is None:
            raise UserError(
                f'{os.path.join(root, "val", name)}: the name has no number; expected '
                'ILSVRC2012_val_<8 digits>.JPEG'
            )
        if not 1 <= (number := int(match[1])) <= len(ids):
            raise UserError(f'{path} has {len(ids)} lines, but val/ holds {name}')
        location, class_id = ids[number - 1]
        if class_id not in wnids:
            raise UserError(f'{location}: id {class_id} is not one of the classes in meta.mat')
        wnid = wnids[class_id]
        if wnid not in labels:
            raise UserError(f'{location}: class {wnid} of {name} has no folder in train/')
        images.append((f'val/{name}', labels[wnid]))
    return images


def _read(root: str) -> Listing:
    """Reads the folders; labels are ranks of the sorted wnids, as in the released checkpoints.

    Class names are '<wnid> <words>' where a file has the words. The words alone are not unique:
    there are two classes 'crane'.
    """
    train = readers.folder_contents(os.path.join(root, 'train'))
    if not train.folders:
        packed = any(name.endswith('.tar') for name in train.others)
        raise UserError(
            f'{os.path.join(root, "train")} holds no class folder'
            + ('; unpack each .tar in it into a folder of its name' if packed else '')
        )
    labels = {wnid: label for label, wnid in enumerate(train.folders)}
    train_images, skipped = _read_class_folders(root, 'train', train.folders, labels)
    val = readers.folder_contents(os.path.join(root, 'val'))
    synsets: dict[int, tuple[str, str]] = {}
    if val.images:
        synsets = _read_synsets(root)
        wnids = {class_id: wnid for class_id, (wnid, _) in synsets.items()}
        val_images = _read_flat_val(root, val.images, wnids, labels)
        skipped += [f'val/{name}' for name in val.others]
        if val.folders:
            raise UserError(
                f'{os.path.join(root, "val")} holds both images and folders, such as '
                f'{val.folders[0]}; expected either'
            )
    else:
        val_images, others = _read_class_folders(root, 'val', val.folders, labels)
        skipped += others
    words = dict(synsets.values())
    paths = (os.path.join(root, name) for name in ('LOC_synset_mapping.txt', 'synset_words.txt'))
    if path := next(filter(os.path.isfile, paths), None):
        words = readers.table(path)
    names = (f'{wnid} {words[wnid]}' if wnid in words else wnid for wnid in labels)
    return listing(root, train_images, val_images, names, skipped)


ILSVRC2012 = Layout(('ILSVRC2012', 'ILSVRC/Data/CLS-LOC'), ('train/', 'val/'), _read)
