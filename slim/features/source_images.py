"""The source images of features, and the names of their classes.

Feature files hold neither: their rows are in the order of the dataset's list.
"""

import os
from collections.abc import Callable

import numpy.typing as npt

from slim.datasets import split_lists
from slim.validation import check_labels

SPLITS = {'train': 'train', 'val': 'validation'}  # Split in names of feature files -> of lists.


def class_names(
    dataset_dir: str,
    dataset_name: str,
    num_classes: int,
    warn: Callable[[list[str]], None] = lambda warnings: None,
) -> list[str]:
    """Returns the names of classes by label: those of labels.txt if it has as many, else labels.

    Args:
      dataset_dir: folder of datasets.
      dataset_name: folder in it, which may be missing.
      num_classes: number of classes of the features.
      warn: function called with a warning if labels.txt has another number of classes.

    Raises:
      UserError: if labels.txt is malformed.

    >>> class_names('nowhere', 'birds', 3)
    ['0', '1', '2']
    """
    names = split_lists.read_labels(os.path.join(dataset_dir, dataset_name))
    if names is not None and len(names) != num_classes:
        warn(
            [f'labels.txt names {len(names)} classes and the features have {num_classes}; not used']
        )
        names = None
    return names or [str(label) for label in range(num_classes)]


def image_paths(
    dataset_dir: str, dataset_name: str, split: str, labels: npt.ArrayLike
) -> list[str] | None:
    """Returns the paths of the images of features, in the order of the features' rows.

    Returns None if the list or an image is missing, or the labels of the list differ from those of
    the features, so that it describes other images.

    Args:
      dataset_dir: folder of datasets.
      dataset_name: folder in it.
      split: 'train' or 'val'.
      labels: int [images], labels of the features.

    Raises:
      UserError: if the list cannot be read.
    """
    folder = os.path.join(dataset_dir, dataset_name)
    path = split_lists.list_path(folder, SPLITS[split])
    if not os.path.exists(path):
        return None
    listed = split_lists.read_list(path)
    if [image.label for image in listed] != check_labels(labels).tolist():
        return None
    paths = [os.path.join(folder, image.path) for image in listed]
    return paths if all(map(os.path.isfile, paths)) else None
