"""Converted datasets, found by the name of their folder and of a split."""

import os
from dataclasses import dataclass, field

import numpy as np

from slim import files
from slim.datasets import catalogue, manifest, split_lists
from slim.errors import UserError, nearest


@dataclass(frozen=True)
class Dataset:
    """One converted split of a dataset.

    Attributes:
      name: name of the dataset.
      split_name: 'train' or 'validation'.
      num_images: number of images of the split.
      num_classes: number of classes of the dataset; labels are below it.
      class_names: class names by label.
      shards: paths of the TFRecord files, in order.
      images_per_shard: number of images in each of the files.
      selected: bool [images of all shards, in order], True for images to use; None for all images.
    """

    name: str
    split_name: str
    num_images: int
    num_classes: int
    class_names: tuple[str, ...]
    shards: tuple[str, ...]
    images_per_shard: tuple[int, ...]
    selected: np.ndarray | None = field(default=None, compare=False)

    def num_output_classes(self, labels_offset: int) -> int:
        """Returns the number of classes when `labels_offset` is subtracted from every label.

        Raises a `UserError` if there are none.
        """
        if not 0 <= labels_offset < self.num_classes:
            raise UserError(
                f'--labels_offset={labels_offset} leaves no class of {self.num_classes}'
            )
        return self.num_classes - labels_offset


def dataset_folder(dataset_dir: str, dataset_name: str) -> str:
    """Returns the existing folder of a dataset.

    Args:
      dataset_dir: folder that holds all datasets, such as ./data/.
      dataset_name: name of a folder in it.

    Raises:
      UserError: if there is no such folder. The message says how to create it, or names similar
        datasets.
    """
    files.check_plain_name(dataset_name, f'a dataset in {dataset_dir}')
    folder = os.path.join(dataset_dir, dataset_name)
    if os.path.isdir(folder):
        return folder
    prepare = f'python prepare_dataset.py --dataset_name={dataset_name}'
    if dataset_name in catalogue.SYNTHETIC_DATASETS:
        raise UserError(f'{folder} is missing; run {prepare}')
    if dataset_name in catalogue.CATALOGUE:
        raise UserError(
            f'{folder} is missing; run python download.py {dataset_name}, then {prepare}'
        )
    known = [*catalogue.CATALOGUE, *catalogue.SYNTHETIC_DATASETS]
    if os.path.isdir(dataset_dir):
        folders = sorted(entry.name for entry in os.scandir(dataset_dir) if entry.is_dir())
        known += [name for name in folders if not name.startswith('.') and name not in known]
    raise UserError(
        f'unknown dataset {dataset_name}: there is no folder {folder}{nearest(dataset_name, known)}'
    )


def load_dataset(dataset_dir: str, dataset_name: str, split_name: str) -> Dataset:
    """Finds the shards of a split and checks that they are complete and belong together.

    Args:
      dataset_dir: folder that holds all datasets, such as ./data/.
      dataset_name: name of a folder in it.
      split_name: 'train' or 'validation'.

    Raises:
      UserError: if the dataset or split is unknown, is not converted yet, or lacks a file of its
        conversion.
    """
    if split_name not in split_lists.LIST_NAMES:
        raise UserError(f'unknown split {split_name}{nearest(split_name, split_lists.LIST_NAMES)}')
    folder = dataset_folder(dataset_dir, dataset_name)
    converted = manifest.read_manifest(folder)
    advice = f'run python convert_dataset.py --dataset_name={dataset_name}'
    if split_name not in converted.splits:
        raise UserError(f'{folder} has no shards of the split {split_name}; {advice}')
    shards = converted.splits[split_name].shards
    if problem := shard_problem(folder, shards) or _labels_problem(folder, converted):
        raise UserError(f'{problem}; {advice}')
    return Dataset(
        name=dataset_name,
        split_name=split_name,
        num_images=converted.splits[split_name].num_images,
        num_classes=converted.num_classes,
        class_names=converted.class_names,
        shards=tuple(os.path.join(folder, shard.name) for shard in shards),
        images_per_shard=tuple(shard.num_images for shard in shards),
    )


def shard_problem(folder: str, shards: tuple[manifest.Shard, ...]) -> str | None:
    """Returns the first difference between the shards' files and the manifest, or None."""
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


def _labels_problem(folder: str, converted: manifest.Manifest) -> str | None:
    """Returns the first difference between `labels.txt` and the manifest, or None."""
    path = os.path.join(folder, split_lists.LABELS_NAME)
    class_names = split_lists.read_labels(folder)
    if class_names is None:
        return f'{path} is missing'
    if len(class_names) != converted.num_classes:
        return (
            f'{path} has {len(class_names)} classes, but the shards were made with '
            f'{converted.num_classes}'
        )
    for label, (name, expected) in enumerate(zip(class_names, converted.class_names, strict=True)):
        if name != expected:
            return (
                f'{path} calls class {label} {name!r}, but the shards were made with {expected!r}'
            )
    return None


def catalogue_warnings(dataset: Dataset) -> list[str]:
    """Returns a sentence for each count that differs from the catalogue, if it has the dataset."""
    return catalogue.count_warnings(
        dataset.name, dataset.num_classes, {dataset.split_name: dataset.num_images}
    )
