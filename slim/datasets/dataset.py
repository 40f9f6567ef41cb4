"""A dataset as the scripts ask for it: by the names of its folder and of a split."""

import os
from dataclasses import dataclass, field

import numpy as np

from slim.datasets import catalogue, manifest, split_lists
from slim.errors import UserError, nearest
from slim.files import check_plain_name


@dataclass(frozen=True)
class Dataset:
    """One converted split of a dataset.

    Attributes:
      name: of the dataset.
      split_name: 'train' or 'validation'.
      num_images: images of the split.
      num_classes: classes of the dataset; labels are below it.
      class_names: by label.
      shards: paths of the TFRecord files, in order.
      images_per_shard: how many images each of them holds.
      kept: bool, one for each image of the shards in turn, whether it counts; None if all do.
    """

    name: str
    split_name: str
    num_images: int
    num_classes: int
    class_names: tuple[str, ...]
    shards: tuple[str, ...]
    images_per_shard: tuple[int, ...]
    kept: np.ndarray | None = field(default=None, compare=False)

    def classes_left(self, labels_offset: int) -> int:
        """How many classes there are when `labels_offset` is subtracted from every label.

        Raises:
          UserError: if it leaves none.
        """
        if not 0 <= labels_offset < self.num_classes:
            raise UserError(
                f'--labels_offset={labels_offset} leaves no class of {self.num_classes}'
            )
        return self.num_classes - labels_offset


def dataset_folder(dataset_dir: str, dataset_name: str) -> str:
    """The folder of a dataset, which exists.

    Args:
      dataset_dir: the folder that holds all datasets, such as ./data/.
      dataset_name: the name of a folder in it.

    Raises:
      UserError: if there is no such folder; it says how to make it, or which names are near.
    """
    check_plain_name(dataset_name, 'a dataset')
    folder = os.path.join(dataset_dir, dataset_name)
    if os.path.isdir(folder):
        return folder
    # Drawing needs imports that take a moment; they are worth it for a name that is not there.
    from slim import synthetic

    if dataset_name in synthetic.DOMAINS:
        raise UserError(
            f'{folder} is missing; run python prepare_dataset.py --dataset_name={dataset_name}'
        )
    if dataset_name in catalogue.CATALOGUE:
        raise UserError(
            f'{folder} is missing; run python download.py {dataset_name}, then python '
            f'prepare_dataset.py --dataset_name={dataset_name}'
        )
    known = dict.fromkeys([*catalogue.CATALOGUE, *synthetic.DOMAINS])
    if os.path.isdir(dataset_dir):
        folders = sorted(entry.name for entry in os.scandir(dataset_dir) if entry.is_dir())
        known |= dict.fromkeys(name for name in folders if not name.startswith('.'))
    raise UserError(
        f'unknown dataset {dataset_name}: there is no folder {folder}{nearest(dataset_name, known)}'
    )


def load_dataset(dataset_dir: str, dataset_name: str, split_name: str) -> Dataset:
    """Finds the shards of a split and checks that they are whole and belong together.

    Args:
      dataset_dir: the folder that holds all datasets, such as ./data/.
      dataset_name: the name of a folder in it.
      split_name: 'train' or 'validation'.

    Raises:
      UserError: if the dataset or split is unknown, is not converted yet, or lacks something of its
      conversion.
    """
    if split_name not in split_lists.LIST_NAMES:
        raise UserError(f'unknown split {split_name}{nearest(split_name, split_lists.LIST_NAMES)}')
    folder = dataset_folder(dataset_dir, dataset_name)
    contents = manifest.read_manifest(folder)
    again = f'run python convert_dataset.py --dataset_name={dataset_name}'
    if split_name not in contents.splits:
        raise UserError(f'{folder} has no shards of the split {split_name}; {again}')
    shards = contents.splits[split_name].shards
    problem = shard_problem(folder, shards)
    if problem is not None:
        raise UserError(f'{problem}; {again}')
    class_names = split_lists.read_labels(folder)
    if class_names is None:
        raise UserError(f'{os.path.join(folder, split_lists.LABELS_NAME)} is missing; {again}')
    labels = os.path.join(folder, split_lists.LABELS_NAME)
    if len(class_names) != contents.num_classes:
        raise UserError(
            f'{labels} has {len(class_names)} classes, but the shards were made with '
            f'{contents.num_classes}; {again}'
        )
    for label, (here, there) in enumerate(zip(class_names, contents.class_names, strict=True)):
        if here != there:
            raise UserError(
                f'{labels} calls class {label} {here!r}, but the shards were made with {there!r}; '
                f'{again}'
            )
    return Dataset(
        name=dataset_name,
        split_name=split_name,
        num_images=contents.splits[split_name].num_images,
        num_classes=contents.num_classes,
        class_names=tuple(class_names),
        shards=tuple(os.path.join(folder, shard.name) for shard in shards),
        images_per_shard=tuple(shard.num_images for shard in shards),
    )


def shard_problem(folder: str, shards: tuple[manifest.Shard, ...]) -> str | None:
    """What is wrong with shards' files, compared with the manifest; None if nothing is."""
    for shard in shards:
        path = os.path.join(folder, shard.name)
        try:
            size = os.path.getsize(path)
        except FileNotFoundError:
            return f'{path} is missing'
        if size != shard.num_bytes:
            return (
                f'{path} has {size} bytes instead of {shard.num_bytes}: '
                f'truncated, or of another conversion'
            )
    return None


def catalogue_warnings(dataset: Dataset) -> list[str]:
    """What differs from the catalogue, a sentence each; none for a dataset that is not in it."""
    return catalogue.count_warnings(
        dataset.name, dataset.num_classes, {dataset.split_name: dataset.num_images}
    )
