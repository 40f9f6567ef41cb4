"""Domains: the classes of a dataset, as domain similarity sees them, and where they are read from.

A domain lies in a folder of features, all by the same network, in either of two ways:

    feature/<network>/<domain>.npy                 float32 [classes, width], mean features
    feature/<network>/<domain>_weight.npy          [classes], images of each class

as the paper released them, or as feature_extraction.py writes them, and then the means are taken:

    feature/<network>/<domain>_feature_train.npy   float32 [images, width]
    feature/<network>/<domain>_label_train.npy     int [images]

Several domains are joined by their names: `ImageNet_train+inat_train`.
"""

import glob
import os
from dataclasses import dataclass

import numpy as np

from slim.errors import UserError, nearest
from slim.features.class_means import ClassFeatures, class_features
from slim.features.storage import array_path
from slim.files import atomic_file
from slim.transfer.emd import normalize
from slim.validation import check_features, check_finite, check_labels, check_same_length, first_few

JOINT = '+'
WEIGHT = '_weight.npy'


@dataclass(frozen=True, eq=False)
class Domain:
    """The classes of one dataset, or of several that are joined.

    Attributes:
      name: of the domain; the names of those joined, with '+' between them.
      means: float64 [classes, width], the mean feature of each class.
      num_images: float64 [classes], images of each class: its weight, up to a factor.
      labels: int64 [classes], the class's label in its dataset.
      members: tuple [classes], the name of the domain that the class came from.
    """

    name: str
    means: np.ndarray
    num_images: np.ndarray
    labels: np.ndarray
    members: tuple[str, ...]

    def take(self, classes) -> 'Domain':
        """The domain with only some of its classes, bool [classes] or int [chosen]."""
        indices = np.arange(len(self.labels))[classes]
        return Domain(
            self.name,
            self.means[indices],
            self.num_images[indices],
            self.labels[indices],
            tuple(self.members[index] for index in indices),
        )


def create_domain(name: str, means, num_images, where: str | None = None) -> Domain:
    """A domain of its class features.

    Args:
      name: of the domain.
      means: float [classes, width].
      num_images: numbers [classes].
      where: the means come from, for messages; by default the name.

    Raises:
      UserError: if the two do not belong together, a number of images is negative or not finite,
        or all are zero.

    >>> create_domain('birds', [[0.0, 1.0], [2.0, 3.0]], [30, 10]).labels
    array([0, 1])
    """
    where = where or name
    means, num_images = np.asarray(means), np.asarray(num_images)
    check_features(means, where)
    normalize(num_images, where)
    if len(means) != len(num_images):
        raise UserError(
            f'{where}: there are features of {len(means)} classes, but weights of '
            f'{len(num_images)}; a class is missing from one of them'
        )
    return Domain(
        name,
        means.astype(np.float64),
        num_images.astype(np.float64),
        np.arange(len(means)),
        (name,) * len(means),
    )


def keep_classes(domain: Domain, min_num_imgs: float = 0) -> Domain:
    """The domain without the classes that have too few images (paper, section 4).

    Args:
      domain: a `Domain`.
      min_num_imgs: least number of images of a class that counts.

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
    empty = np.flatnonzero(kept.num_images == 0)
    if len(empty):
        raise UserError(
            f'{domain.name}: {len(empty)} of {len(kept.labels)} classes have no images '
            f'({first_few(kept.labels[empty])}); leave them out, or set --min_num_imgs=1 for a '
            'source'
        )
    finite = np.isfinite(kept.means).all(axis=1)
    if not finite.all():
        raise UserError(
            f'{domain.name}: the feature of class {first_few(kept.labels[~finite])} is not finite; '
            'extract the features again'
        )
    return kept


def join(domains) -> Domain:
    """One domain with the classes of several, in their order.

    Raises:
      UserError: if their features differ in width.

    >>> one = create_domain('birds', [[0.0], [1.0]], [30, 10])
    >>> two = create_domain('dogs', [[5.0]], [20])
    >>> both = join([one, two])
    >>> both.name, both.labels, both.members
    ('birds+dogs', array([0, 1, 0]), ('birds', 'birds', 'dogs'))
    """
    check_same_width(domains)
    return Domain(
        JOINT.join(domain.name for domain in domains),
        np.concatenate([domain.means for domain in domains]),
        np.concatenate([domain.num_images for domain in domains]),
        np.concatenate([domain.labels for domain in domains]),
        tuple(member for domain in domains for member in domain.members),
    )


def check_same_width(domains) -> None:
    """Raises a `UserError` that names two domains whose features differ in width, if there are."""
    for other in domains:
        widths = domains[0].means.shape[1], other.means.shape[1]
        if len(set(widths)) > 1:
            raise UserError(
                f'features of {domains[0].name} are {widths[0]} wide, those of {other.name} '
                f'{widths[1]}; all domains must be of the same network'
            )


def read_array(path: str) -> np.ndarray:
    """A `.npy` file of numbers as a read-only memory map, of which only what is used is read.

    Raises:
      UserError: if it is no such file, or one of objects, which would have to be unpickled: a
        pickle can run any program.
      OSError: if it cannot be read.
    """
    try:
        array = np.load(path, mmap_mode='r', allow_pickle=False)
    except (ValueError, EOFError) as error:
        has_objects = 'objects in dtype' in str(error)
        reason = 'holds Python objects' if has_objects else 'is no whole array'
        raise UserError(
            f'{path} {reason}; expected numbers, written by np.save(path, array)'
        ) from error
    if not isinstance(array, np.ndarray):
        raise UserError(f'{path} is an archive of arrays; expected one, written by np.save')
    return array


def read_features_and_labels(features_path: str, labels_path: str):
    """Features of images, with their labels.

    Returns:
      (float [images, width], a memory map that was not looked through; int64 [images]).

    Raises:
      UserError: if they cannot be what they should be.
      OSError: if one of them cannot be read.
    """
    features, labels = read_array(features_path), read_array(labels_path)
    check_features(features, features_path)
    labels = check_labels(labels, labels_path)
    check_same_length(features, labels, f'{features_path}, {labels_path}')
    return features, labels


def split_pair(text: str, flag: str) -> tuple[str, str]:
    """The two paths of 'features.npy,labels.npy'.

    Raises:
      UserError: if there are not two.
    """
    paths = [path.strip() for path in text.split(',')]
    if len(paths) != 2 or not all(paths):
        raise UserError(f'--{flag}={text}: expected --{flag}=features.npy,labels.npy')
    return paths[0], paths[1]


def known_domains(feature_dir: str) -> list[str]:
    """Names of the domains in a folder of features, sorted."""
    pattern = os.path.join(glob.escape(feature_dir), '*')
    released = {path.removesuffix(WEIGHT) for path in glob.glob(pattern + WEIGHT)}
    ends = os.path.basename(array_path('', '', 'feature', 'train'))
    extracted = {path.removesuffix(ends) for path in glob.glob(pattern + ends)}
    return sorted(os.path.basename(path) for path in released | extracted)


def read_images(feature_dir: str, name: str, split: str):
    """Features and labels of a dataset's images, as feature_extraction.py writes them.

    Args:
      feature_dir: folder of the features of one network.
      name: of the dataset.
      split: 'train' or 'val'.

    Returns:
      As `read_features_and_labels`.

    Raises:
      UserError: if they are not there, or cannot be what they should be.
      OSError: if they cannot be read.
    """
    check_name(name)
    paths = [array_path(feature_dir, name, kind, split) for kind in ('feature', 'label')]
    for path in paths:
        if not os.path.exists(path):
            raise _unknown(feature_dir, name, os.path.basename(path))
    return read_features_and_labels(*paths)


def read_domain(feature_dir: str, name: str) -> Domain:
    """Reads a domain that is not joined from a folder of features.

    Raises:
      UserError: if there is no such domain, or its files cannot be what they should be.
      OSError: if they cannot be read.
    """
    check_name(name)
    path = os.path.join(feature_dir, name + '.npy')
    if os.path.exists(path):
        weights_path = os.path.join(feature_dir, name + WEIGHT)
        if not os.path.exists(weights_path):
            raise UserError(f'{weights_path} is missing: the number of images of each class')
        return create_domain(name, read_array(path), read_array(weights_path), path)
    if os.path.exists(array_path(feature_dir, name, 'feature', 'train')):
        features, labels = read_images(feature_dir, name, 'train')
        where = array_path(feature_dir, name, 'feature', 'train')
        return create_domain(name, *class_features(features, labels, where=where))
    raise _unknown(feature_dir, name, f'{name}.npy')


def read_domain_of_images(features_path: str, labels_path: str) -> Domain:
    """A domain of the features of images by any model; its name is that of the file.

    Raises:
      UserError: if they cannot be what they should be.
      OSError: if one of them cannot be read.
    """
    stem = os.path.basename(features_path).removesuffix('.npy')
    name = stem.removesuffix('_train').removesuffix('_feature')
    features, labels = read_features_and_labels(features_path, labels_path)
    return create_domain(name, *class_features(features, labels, where=features_path))


def write_domain(feature_dir: str, name: str, found: ClassFeatures) -> None:
    """Writes class features as the paper released them, each file whole or not at all.

    Raises:
      UserError: if a mean is not finite.
      OSError: if they cannot be written.
    """
    check_name(name)
    check_finite(found.means, name)
    os.makedirs(feature_dir, exist_ok=True)
    for end, array in ((WEIGHT, found.num_images), ('.npy', found.means)):
        path = os.path.join(feature_dir, name + end)
        with atomic_file(path) as unfinished, open(unfinished, 'wb') as file:
            np.save(file, array)


def check_name(name: str) -> None:
    """Raises a `UserError` if a domain's name would leave the folder of the features."""
    if not name or os.path.basename(name) != name or name in ('.', '..'):
        raise UserError(f'{name!r} is not the name of a domain')


def _unknown(feature_dir, name, missing):
    """The error for a domain that is not there."""
    if not os.path.isdir(feature_dir):
        return UserError(
            f'{feature_dir}: there is no such folder; set --feature_dir to where '
            f'feature_extraction.py wrote, such as feature/inception_v3_iNat_299'
        )
    known = known_domains(feature_dir)
    if name in known:
        return UserError(
            f'{feature_dir}: {missing} is not there; python feature_extraction.py '
            f'--dataset_name={name} writes features of images and their labels'
        )
    hint = nearest(name, known) if known else '; it holds no domains at all'
    return UserError(f'{feature_dir}: unknown domain {name}, {missing} is not there{hint}')
