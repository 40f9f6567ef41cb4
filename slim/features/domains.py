"""Domains: the classes of a dataset, as domain similarity compares them, and their files.

A domain is read from a folder of features, all by the same network, in one of two layouts:

    feature/<network>/<domain>.npy                 float32 [classes, feature_dim], class means
    feature/<network>/<domain>_weight.npy          [classes], number of images of each class

as released with the paper, or as written by feature_extraction.py, from which means are computed:

    feature/<network>/<domain>_feature_train.npy   float32 [images, feature_dim]
    feature/<network>/<domain>_label_train.npy     int [images]

A merged domain is named after its parts: `ImageNet_train+inat_train`.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slim import validation
from slim.errors import UserError, nearest
from slim.features.class_means import ClassMeans, compute_class_means
from slim.features.storage import array_path, write_array
from slim.files import check_plain_name

MERGE_SEPARATOR = '+'
WEIGHT = '_weight.npy'


@dataclass(frozen=True, eq=False)
class Domain:
    """The classes of a dataset, or of several that are merged.

    Attributes:
      name: name of the domain; of a merged domain, the names of its parts with '+' in between.
      means: float64 [classes, feature_dim], class means.
      num_images: float64 [classes], number of images of each class, its weight up to a factor.
      labels: int64 [classes], label of each class in its dataset.
      members: tuple [classes], name of the domain that each class belongs to.
    """

    name: str
    means: np.ndarray
    num_images: np.ndarray
    labels: np.ndarray
    members: tuple[str, ...]

    def take(self, classes: np.ndarray) -> 'Domain':
        """Returns the domain with a subset of its classes, bool [classes] or int [chosen]."""
        indices = np.arange(len(self.labels))[classes]
        return Domain(
            self.name,
            self.means[indices],
            self.num_images[indices],
            self.labels[indices],
            tuple(self.members[index] for index in indices),
        )


def create_domain(
    name: str, means: npt.ArrayLike, num_images: npt.ArrayLike, where: str | None = None
) -> Domain:
    """Creates a domain from its class means.

    Args:
      name: name of the domain.
      means: float [classes, feature_dim].
      num_images: numbers [classes].
      where: source of the means, for messages; by default the name.

    Raises:
      UserError: if the numbers of classes differ, a number of images is negative or not finite, or
        all are zero.

    >>> create_domain('birds', [[0.0, 1.0], [2.0, 3.0]], [30, 10]).labels
    array([0, 1])
    """
    where = where or name
    means = np.asarray(means)
    validation.check_features(means, where)
    weights = validation.check_weights(num_images, where)
    if len(means) != len(weights):
        raise UserError(
            f'{where}: there are features of {len(means)} classes, but weights of {len(weights)}; '
            'a class is missing from one of them'
        )
    labels = np.arange(len(means))
    return Domain(name, means.astype(np.float64), weights, labels, (name,) * len(means))


def keep_classes(domain: Domain, min_num_imgs: float = 0) -> Domain:
    """Removes the classes with fewer than `min_num_imgs` images (paper, section 4).

    Raises:
      UserError: if no class is left, or one that is left has no image or a mean that is not finite.

    >>> birds = create_domain('birds', [[0.0], [1.0], [2.0]], [30, 10, 20])
    >>> keep_classes(birds, 20).labels
    array([0, 2])
    """
    kept = domain.take(domain.num_images >= min_num_imgs)
    if not len(kept.labels):
        raise UserError(
            f'{domain.name}: none of its {len(domain.labels)} classes has {min_num_imgs:g} images; '
            'lower --min_num_imgs'
        )
    empty = kept.labels[kept.num_images == 0]
    if len(empty):
        raise UserError(
            f'{domain.name}: {len(empty)} of {len(kept.labels)} classes have no images '
            f'({validation.first_few(empty)}); leave them out, or set --min_num_imgs=1 for a source'
        )
    wrong = kept.labels[~np.isfinite(kept.means).all(axis=1)]
    if len(wrong):
        raise UserError(
            f'{domain.name}: the mean of class {validation.first_few(wrong)} is not finite; '
            'extract the features again'
        )
    return kept


def merge_domains(domains: Sequence[Domain]) -> Domain:
    """Merges domains into one with the classes of all of them, in order.

    Raises:
      UserError: if their features have different dimensions.

    >>> birds = create_domain('birds', [[0.0], [1.0]], [30, 10])
    >>> dogs = create_domain('dogs', [[5.0]], [20])
    >>> merged = merge_domains([birds, dogs])
    >>> merged.name, merged.labels, merged.members
    ('birds+dogs', array([0, 1, 0]), ('birds', 'birds', 'dogs'))
    """
    check_same_dimension(domains)
    return Domain(
        MERGE_SEPARATOR.join(domain.name for domain in domains),
        np.concatenate([domain.means for domain in domains]),
        np.concatenate([domain.num_images for domain in domains]),
        np.concatenate([domain.labels for domain in domains]),
        tuple(member for domain in domains for member in domain.members),
    )


def check_same_dimension(domains: Sequence[Domain]) -> None:
    """Raises a `UserError` that names two domains whose features have different dimensions."""
    first_dim = domains[0].means.shape[1]
    for other in domains:
        if other.means.shape[1] != first_dim:
            raise UserError(
                f'features of {domains[0].name} have dimension {first_dim}, those of {other.name} '
                f'{other.means.shape[1]}; all domains must come from the same network'
            )


def read_array(path: str) -> np.ndarray:
    """Reads a `.npy` file of numbers as a read-only memory map, without loading it into memory.

    Raises:
      UserError: if it is not such a file, or holds Python objects, which would have to be
        unpickled: a pickle can run any program.
      OSError: if it cannot be read.
    """
    try:
        array = np.load(path, mmap_mode='r', allow_pickle=False)
    except (ValueError, EOFError) as error:
        has_objects = 'objects in dtype' in str(error)
        reason = 'holds Python objects' if has_objects else 'is not a complete array'
        raise UserError(
            f'{path} {reason}; expected numbers, written by np.save(path, array)'
        ) from error
    if not isinstance(array, np.ndarray):
        raise UserError(f'{path} is an archive of arrays; expected one, written by np.save')
    return array


def read_features_and_labels(features_path: str, labels_path: str) -> tuple[np.ndarray, np.ndarray]:
    """Reads features, float [images, feature_dim], and labels, int64 [images].

    The features are a memory map, and their values are not checked.

    Raises:
      UserError: if the arrays are malformed or their lengths differ.
      OSError: if one of them cannot be read.
    """
    features, labels = read_array(features_path), read_array(labels_path)
    validation.check_features(features, features_path)
    labels = validation.check_labels(labels, labels_path)
    validation.check_same_length(features, labels, f'{features_path}, {labels_path}')
    return features, labels


def split_pair(text: str, flag: str) -> tuple[str, str]:
    """Returns the two paths in 'features.npy,labels.npy'.

    Raises:
      UserError: if there are not two; it names the flag.
    """
    paths = [path.strip() for path in text.split(',')]
    if len(paths) != 2 or not all(paths):
        raise UserError(f'--{flag}={text}: expected --{flag}=features.npy,labels.npy')
    return paths[0], paths[1]


def read_images(feature_dir: str, name: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Reads the features and labels of a dataset's images, as written by feature_extraction.py.

    `feature_dir` is the folder of the features of one network, `split` is 'train' or 'val'. Returns
    the same as `read_features_and_labels`.

    Raises:
      UserError: if they are missing or malformed.
      OSError: if they cannot be read.
    """
    check_plain_name(name, 'a domain')
    paths = [array_path(feature_dir, name, kind, split) for kind in ('feature', 'label')]
    for path in paths:
        if not os.path.exists(path):
            raise _missing_domain(feature_dir, name, os.path.basename(path))
    return read_features_and_labels(*paths)


def read_domain(feature_dir: str, name: str) -> Domain:
    """Reads a domain that is not merged from a folder of features.

    Raises:
      UserError: if there is no such domain, or its files are malformed.
      OSError: if they cannot be read.
    """
    check_plain_name(name, 'a domain')
    path = os.path.join(feature_dir, name + '.npy')
    if os.path.exists(path):
        weights_path = os.path.join(feature_dir, name + WEIGHT)
        if not os.path.exists(weights_path):
            raise UserError(f'{weights_path} is missing: the number of images of each class')
        return create_domain(name, read_array(path), read_array(weights_path), path)
    path = array_path(feature_dir, name, 'feature', 'train')
    if not os.path.exists(path):
        raise _missing_domain(feature_dir, name, f'{name}.npy')
    features, labels = read_images(feature_dir, name, 'train')
    return create_domain(name, *compute_class_means(features, labels, where=path))


def read_domain_of_images(features_path: str, labels_path: str) -> Domain:
    """Computes a domain from image features of any model; it is named after the features' file.

    Raises:
      UserError: if the arrays are malformed.
      OSError: if one of them cannot be read.
    """
    stem = os.path.basename(features_path).removesuffix('.npy')
    name = stem.removesuffix('_train').removesuffix('_feature')
    features, labels = read_features_and_labels(features_path, labels_path)
    return create_domain(name, *compute_class_means(features, labels, where=features_path))


def write_domain(feature_dir: str, name: str, class_means: ClassMeans) -> None:
    """Writes class means in the layout of the paper's release, each file atomically.

    Raises:
      UserError: if a mean is not finite.
      OSError: if they cannot be written.
    """
    check_plain_name(name, 'a domain')
    validation.check_finite(class_means.means, name)
    os.makedirs(feature_dir, exist_ok=True)
    write_array(os.path.join(feature_dir, name + WEIGHT), class_means.num_images)
    write_array(os.path.join(feature_dir, name + '.npy'), class_means.means)


def _missing_domain(feature_dir: str, name: str, missing: str) -> UserError:
    """Returns the error for a domain whose file `missing` does not exist."""
    if not os.path.isdir(feature_dir):
        return UserError(
            f'{feature_dir}: there is no such folder; set --feature_dir to the folder that '
            'feature_extraction.py wrote to, such as feature/inception_v3_iNat_299'
        )
    names = [name for name in os.listdir(feature_dir) if not name.startswith('.')]
    ends = WEIGHT, os.path.basename(array_path('', '', 'feature', 'train'))
    known = sorted({name.removesuffix(end) for end in ends for name in names if name.endswith(end)})
    if name in known:
        return UserError(
            f'{feature_dir}: {missing} is missing; python feature_extraction.py '
            f'--dataset_name={name} writes features of images and their labels'
        )
    hint = nearest(name, known) if known else '; it holds no domains'
    return UserError(f'{feature_dir}: unknown domain {name}, {missing} is missing{hint}')
