"""Reads and checks the lists of a dataset, and plans the shards to convert them to."""

import collections
import hashlib
import os
import posixpath
import random
import stat
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from slim import configs
from slim.datasets import problems, shards, split_lists, tfrecord
from slim.datasets.problems import Problem
from slim.datasets.split_lists import ListedImage
from slim.errors import UserError

# Number of classes without images that the validation report names.
REPORTED_CLASSES = 1000


@dataclass
class Split:
    """One split list: its usable images, and the problems of its other lines.

    Attributes:
      list_path: path of the list.
      list_sha256: SHA-256 of the list, hexadecimal.
      images: line number -> usable image, in the order of the list.
      problems: problems of all other lines.
      tasks: one task per shard, in order.
    """

    list_path: str
    list_sha256: str
    images: dict[int, ListedImage]
    problems: list[Problem]
    tasks: list[shards.ShardTask] = field(default_factory=list)

    @property
    def list_name(self) -> str:
        return os.path.basename(self.list_path)

    def remove(self, reasons: Mapping[int, tuple[str, str]]) -> None:
        """Turns images into problems.

        Args:
          reasons: line number -> `Problem.problem` and `Problem.detail`.
        """
        for line, reason in reasons.items():
            path = self.images.pop(line).path
            self.problems.append(Problem(self.list_name, line, path, *reason))


@dataclass
class Plan:
    """Everything that a conversion is going to do.

    Attributes:
      folder: folder of the dataset.
      dataset_name: name of the dataset.
      config: settings of the conversion.
      labels: class names from `labels.txt`, or None if there is no such file.
      class_names: class names by label, derived from the image folders if `labels` is None.
      splits: split name -> split.
    """

    folder: str
    dataset_name: str
    config: configs.ConversionConfig
    labels: list[str] | None
    class_names: list[str]
    splits: dict[str, Split]

    @property
    def report_path(self) -> str:
        return os.path.join(self.folder, problems.NAME)

    @property
    def tasks(self) -> list[shards.ShardTask]:
        return [task for split in self.splits.values() for task in split.tasks]

    @property
    def line_problems(self) -> list[Problem]:
        """Problems of single lines of the lists."""
        return [problem for split in self.splits.values() for problem in split.problems]

    def __str__(self) -> str:
        counts = ' and '.join(f'{len(split.images)} {name}' for name, split in self.splits.items())
        num_shards = self.config.num_shards
        each = f'{num_shards} shard{"s" * (num_shards > 1)} each'
        return f'{counts} images of {len(self.class_names)} classes to {each}'

    def check_num_shards(self) -> None:
        """Raises a `UserError` if a split has fewer images than shards."""
        for name, split in self.splits.items():
            count = len(split.images)
            if not 1 <= self.config.num_shards <= count:
                raise UserError(
                    f'{count} {name} images do not fill {self.config.num_shards} shards: '
                    f'--num_shards must be from 1 to {count}'
                )

    def absent_classes(self, skipped: Collection[tuple[str, int]] = ()) -> list[Problem]:
        """Returns a problem for each class without a training image.

        There are such classes where ids are sparse, as in the original code's NABirds.

        Args:
          skipped: (name of the list, line number) of images that turned out to be unusable.
        """
        split, num_classes = self.splits['train'], len(self.class_names)
        present = {
            image.label
            for line, image in split.images.items()
            if (split.list_name, line) not in skipped
        }
        absent = [label for label in range(num_classes) if label not in present]
        detail = (
            f'without a training image; labels must run from 0 to {num_classes - 1} without gaps'
        )
        details = [
            f'class {label}{f" ({self.labels[label]})" if self.labels else ""} is {detail}'
            for label in absent[:REPORTED_CLASSES]
        ]
        if len(absent) > REPORTED_CLASSES:
            details.append(f'and {len(absent) - REPORTED_CLASSES} more are {detail}')
        return [Problem(split.list_name, 0, '', 'class without image', text) for text in details]


def make_plan(folder: str, dataset_name: str, config: configs.ConversionConfig) -> Plan:
    """Reads all lists and plans the shards; problems of single lines are in the plan.

    Raises:
      UserError: if a list is missing or empty, or `labels.txt` is malformed.
      OSError: if a list cannot be read.
    """
    labels = split_lists.read_labels(folder)
    splits = {
        name: _read_split(split_lists.list_path(folder, name), labels)
        for name in split_lists.LIST_NAMES
    }
    _remove_ambiguous_images(splits.values())
    if labels is None:
        _remove_impossible_labels(splits.values())
    for name, split in splits.items():
        _plan_tasks(folder, name, split, config)
    images = [image for split in splits.values() for image in split.images.values()]
    class_names = labels or names_of_classes(images)
    return Plan(folder, dataset_name, config, labels, class_names, splits)


def _read_split(path: str, labels: list[str] | None) -> Split:
    images, found = split_lists.scan_list(path, len(labels) if labels else None)
    with open(path, 'rb') as file:
        digest = hashlib.file_digest(file, 'sha256').hexdigest()
    return Split(path, digest, images, found)


def _remove_ambiguous_images(splits: Iterable[Split]) -> None:
    """Removes every listing of a file that is listed with different labels."""
    first_labels: dict[str, int] = {}
    ambiguous: dict[str, set[int]] = collections.defaultdict(set)
    for split in splits:
        for image in split.images.values():
            path = _normalized(image.path)
            label = first_labels.setdefault(path, image.label)
            if label != image.label:
                ambiguous[path] |= {label, image.label}
    for split in splits:
        reasons = {}
        for line, image in split.images.items():
            if labels := ambiguous.get(_normalized(image.path)):
                shown = ' and '.join(map(str, sorted(labels)))
                reasons[line] = 'two labels', f'is listed with labels {shown}'
        split.remove(reasons)


def _normalized(path: str) -> str:
    """Returns the same path for the same file. Most paths are normalized already."""
    return posixpath.normpath(path) if '//' in path or '/.' in path or path[0] == '.' else path


def _remove_impossible_labels(splits: Collection[Split]) -> None:
    """Removes labels that are not below the number of images, as there would be gaps below them."""
    total = sum(len(split.images) for split in splits)
    for split in splits:
        reasons = {}
        for line, image in split.images.items():
            if image.label >= total:
                detail = f'has label {image.label}, but {total} images have at most {total} classes'
                reasons[line] = 'label out of range', detail
        split.remove(reasons)


def _plan_tasks(folder: str, name: str, split: Split, config: configs.ConversionConfig) -> None:
    """Distributes the images of a split whose files exist among its shards."""
    statuses = _stat_files(folder, split)
    order = list(split.images)
    if name == 'train':
        random.Random(config.seed).shuffle(order)
    for number in range(config.num_shards):
        block = _block(order, number, config.num_shards)
        images = {line: split.images[line] for line in block}
        digest = shards.source_sha256(
            images.values(), [statuses[line] for line in block], config.apply_exif_rotation
        )
        split.tasks.append(
            shards.ShardTask(
                folder,
                tfrecord.shard_name(name, number, config.num_shards),
                split.list_name,
                images,
                digest,
                config.apply_exif_rotation,
            )
        )


def _stat_files(folder: str, split: Split) -> dict[int, tuple[int, int]]:
    """Removes images without a readable file from the split.

    Returns:
      Line number -> size in bytes and modification time in ns of the file of every other image.
    """
    statuses, reasons = {}, {}
    for line, image in split.images.items():
        try:
            status = os.stat(os.path.join(folder, image.path))
        except FileNotFoundError:
            reasons[line] = 'missing', 'is missing'
        except OSError as error:
            reasons[line] = 'unreadable', f'cannot be read ({error.strerror or error})'
        else:
            if not stat.S_ISREG(status.st_mode):
                reasons[line] = 'no file', 'is not a file'
            elif status.st_size == 0:
                reasons[line] = 'empty', 'is empty'
            else:
                statuses[line] = status.st_size, status.st_mtime_ns
    split.remove(reasons)
    return statuses


def _block(items: Sequence, index: int, count: int) -> Sequence:
    """Returns part `index` of `count` consecutive parts whose sizes differ by at most 1."""
    return items[len(items) * index // count : len(items) * (index + 1) // count]


def names_of_classes(images: Sequence[ListedImage]) -> list[str]:
    """Returns the folder name of each class if all classes have one of their own, else the labels.

    >>> names_of_classes([ListedImage('a/wren/1.jpg', 0), ListedImage('a/robin/1.jpg', 1)])
    ['wren', 'robin']
    >>> names_of_classes([ListedImage('a/1.jpg', 0), ListedImage('a/2.jpg', 1)])
    ['0', '1']
    """
    labels = range(1 + max((image.label for image in images), default=0))
    folders: dict[int, set[str]] = collections.defaultdict(set)
    for image in images:
        folders[image.label].add(os.path.basename(os.path.dirname(image.path)))
    names = [min(folders[label], default='') for label in labels]
    each_has_one = all(len(folders[label]) == 1 for label in labels)
    if each_has_one and len(set(names)) == len(names) and all(names):
        return names
    return [str(label) for label in labels]
