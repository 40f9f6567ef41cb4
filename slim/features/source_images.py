"""The images that features were taken from, and the names of their classes.

Features know of neither: their rows are in the order of the dataset's list, which leads to both.
"""

import os

from slim.datasets import split_lists
from slim.validation import check_labels

SPLITS = {'train': 'train', 'val': 'validation'}  # As features call a split, and as lists do.


def class_names(dataset_dir: str, dataset_name: str, num_classes: int) -> list[str]:
    """Names of the classes, of the dataset's labels.txt if it has as many; else their labels.

    Args:
      dataset_dir: folder of datasets.
      dataset_name: a folder in it, which may be missing.
      num_classes: of the features.

    Raises:
      UserError: if labels.txt cannot be what it should be.

    >>> class_names('nowhere', 'birds', 3)
    ['0', '1', '2']
    """
    names = split_lists.read_labels(os.path.join(dataset_dir, dataset_name))
    if names is None or len(names) != num_classes:
        return [str(label) for label in range(num_classes)]
    return names


def image_paths(dataset_dir: str, dataset_name: str, split: str, labels) -> list[str] | None:
    """Paths of the images of features, in the order of their rows.

    Args:
      dataset_dir: folder of datasets.
      dataset_name: a folder in it.
      split: 'train' or 'val'.
      labels: int [images], those of the features.

    Returns:
      The paths; None where the list or an image is missing, or the list is of other images than the
      features, as far as the labels tell.

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
