"""Manifest of a conversion: the contents of the shards, and the lists that they were made from.

It is written last, so shards with a manifest are complete and belong together.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slim import files
from slim.datasets.problems import Problem
from slim.errors import UserError

NAME = 'manifest.json'
VERSION = 2


@dataclass(frozen=True)
class Shard:
    """One shard.

    Attributes:
      name: file name in the dataset's folder.
      num_images: number of images.
      num_bytes: size of the file.
      sha256: SHA-256 of the file, hexadecimal.
      source_sha256: digest of everything that the shard is made of: paths, labels, sizes and
        modification times of the image files, and the options. While it is unchanged, the shard
        need not be rebuilt.
      num_reencoded: number of images that were re-encoded, not stored byte for byte.
      skipped: problems of the images that were skipped.
    """

    name: str
    num_images: int
    num_bytes: int
    sha256: str
    source_sha256: str
    num_reencoded: int = 0
    skipped: tuple[Problem, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Returns all attributes except the name, ready for JSON."""
        return {
            'images': self.num_images,
            'bytes': self.num_bytes,
            'sha256': self.sha256,
            'source_sha256': self.source_sha256,
            'encoded_anew': self.num_reencoded,
            'left_out': [list(problem) for problem in self.skipped],
        }

    @classmethod
    def from_json(cls, name: str, content: dict[str, Any]) -> 'Shard':
        """Reverses `to_json`; raises KeyError, TypeError or ValueError for any other content."""
        if not isinstance(name, str) or os.path.basename(name) != name:
            raise ValueError('a shard in another folder')
        return cls(
            name,
            int(content['images']),
            int(content['bytes']),
            str(content['sha256']),
            str(content['source_sha256']),
            int(content['encoded_anew']),
            tuple(Problem(*problem) for problem in content['left_out']),
        )


@dataclass(frozen=True)
class Split:
    """One split.

    Attributes:
      list_sha256: SHA-256 of the split list, hexadecimal.
      num_skipped: number of images or lines of the list that were skipped.
      shards: shards in order.
    """

    list_sha256: str
    num_skipped: int
    shards: tuple[Shard, ...]

    @property
    def num_images(self) -> int:
        return sum(shard.num_images for shard in self.shards)

    def to_json(self) -> dict[str, Any]:
        return {
            'num_images': self.num_images,
            'num_shards': len(self.shards),
            'num_left_out': self.num_skipped,
            'list_sha256': self.list_sha256,
            'shards': {shard.name: shard.to_json() for shard in self.shards},
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> 'Split':
        """Reverses `to_json`; raises the exceptions of `Shard.from_json`, or AttributeError."""
        shards = tuple(Shard.from_json(*item) for item in content['shards'].items())
        split = cls(str(content['list_sha256']), int(content['num_left_out']), shards)
        if (split.num_images, len(shards)) != (content['num_images'], content['num_shards']):
            raise ValueError('the counts of the shards do not add up')
        if not shards:
            raise ValueError('no shards')
        return split


@dataclass(frozen=True)
class Manifest:
    """One conversion.

    Attributes:
      dataset_name: name of the dataset and its folder.
      class_names: class names by label, as in `labels.txt`.
      seed: random seed for the order of the training images.
      splits: split name -> split.
      apply_exif_rotation: whether images that are rotated according to EXIF were stored upright.
    """

    dataset_name: str
    class_names: tuple[str, ...]
    seed: int
    splits: Mapping[str, Split]
    apply_exif_rotation: bool = False

    @property
    def num_classes(self) -> int:
        return len(self.class_names)


def write_manifest(folder: str, manifest: Manifest) -> None:
    """Writes the manifest into a dataset's folder atomically, or raises an `OSError`."""
    content = {
        'version': VERSION,
        'dataset_name': manifest.dataset_name,
        'num_classes': manifest.num_classes,
        'class_names': list(manifest.class_names),
        'seed': manifest.seed,
        'apply_exif_rotation': manifest.apply_exif_rotation,
        'splits': {name: split.to_json() for name, split in manifest.splits.items()},
    }
    text = json.dumps(content, indent=2, ensure_ascii=False)
    files.write_text(os.path.join(folder, NAME), text + '\n')


def read_manifest(folder: str) -> Manifest:
    """Reads the manifest of the dataset that `folder` is named after.

    Raises a `UserError` if there is none, or it is damaged or of another version or dataset.
    """
    path = os.path.join(folder, NAME)
    dataset_name = os.path.basename(os.path.abspath(folder))
    advice = f'run python convert_dataset.py --dataset_name={dataset_name}'
    try:
        with open(path, encoding='utf-8') as file:
            content = json.load(file)
    except FileNotFoundError as error:
        raise UserError(
            f'{dataset_name} is not converted yet: {path} is missing; {advice}'
        ) from error
    except OSError as error:
        raise UserError(f'{path} cannot be read ({error.strerror}); {advice}') from error
    except ValueError as error:  # not JSON, or not UTF-8
        raise UserError(f'{path} is damaged; {advice}') from error
    if isinstance(content, dict) and content.get('version') != VERSION:
        raise UserError(f'{path} has version {content.get("version")}, not {VERSION}; {advice}')
    try:
        manifest = Manifest(
            dataset_name=str(content['dataset_name']),
            class_names=tuple(str(name) for name in content['class_names']),
            seed=int(content['seed']),
            splits={name: Split.from_json(split) for name, split in content['splits'].items()},
            apply_exif_rotation=bool(content['apply_exif_rotation']),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f'{path} is not a manifest of convert_dataset.py; {advice}') from error
    if manifest.dataset_name != dataset_name:
        raise UserError(f'{path} is the manifest of {manifest.dataset_name}; {advice}')
    return manifest
