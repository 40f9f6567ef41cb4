"""The manifest that a conversion leaves beside its shards: what they hold, and of what lists.

It is written last, so shards with a manifest are whole and belong together.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from slim.datasets import whole_files
from slim.errors import UserError

NAME = 'manifest.json'
VERSION = 1


@dataclass(frozen=True)
class Shard:
    """One shard.

    Attributes:
      name: of its file, in the dataset's folder.
      num_images: images in it.
      num_bytes: the size of its file.
    """

    name: str
    num_images: int
    num_bytes: int


@dataclass(frozen=True)
class Split:
    """One split.

    Attributes:
      list_sha256: of the list that it was made from, in hexadecimal.
      source_bytes: the size of its image files together, before conversion.
      shards: its shards in order.
    """

    list_sha256: str
    source_bytes: int
    shards: tuple[Shard, ...]

    @property
    def num_images(self) -> int:
        return sum(shard.num_images for shard in self.shards)


@dataclass(frozen=True)
class Manifest:
    """One conversion.

    Attributes:
      dataset_name: also the name of the folder.
      num_classes: classes; labels are below it.
      seed: of the order of the training images.
      splits: split name -> its shards.
    """

    dataset_name: str
    num_classes: int
    seed: int
    splits: Mapping[str, Split]


def _split_to_json(split: Split) -> dict:
    return {
        'num_images': split.num_images,
        'num_shards': len(split.shards),
        'list_sha256': split.list_sha256,
        'source_bytes': split.source_bytes,
        'shards': {
            shard.name: {'images': shard.num_images, 'bytes': shard.num_bytes}
            for shard in split.shards
        },
    }


def _split_from_json(content: dict) -> Split:
    """Raises KeyError, TypeError, AttributeError or ValueError if this is no split."""
    shards = tuple(
        Shard(name, int(counts['images']), int(counts['bytes']))
        for name, counts in content['shards'].items()
    )
    split = Split(str(content['list_sha256']), int(content['source_bytes']), shards)
    if (split.num_images, len(shards)) != (content['num_images'], content['num_shards']):
        raise ValueError('the counts of the shards do not add up')
    if not shards or any(os.path.basename(shard.name) != shard.name for shard in shards):
        raise ValueError('no shards, or shards elsewhere')
    return split


def write_manifest(folder: str, manifest: Manifest) -> None:
    """Writes the manifest into a dataset's folder, whole or not at all.

    Raises:
      OSError: if it cannot be written.
    """
    content = {
        'version': VERSION,
        'dataset_name': manifest.dataset_name,
        'num_classes': manifest.num_classes,
        'seed': manifest.seed,
        'splits': {name: _split_to_json(split) for name, split in manifest.splits.items()},
    }
    whole_files.write_text(os.path.join(folder, NAME), json.dumps(content, indent=2) + '\n')


def read_manifest(folder: str) -> Manifest:
    """Reads the manifest of a dataset's folder, whose name is the dataset's.

    Raises:
      UserError: if there is none, or it is not one that this version wrote for this dataset.
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
    try:
        if content['version'] != VERSION:
            raise UserError(f'{path} is of version {content["version"]}, not {VERSION}; {advice}')
        manifest = Manifest(
            dataset_name=str(content['dataset_name']),
            num_classes=int(content['num_classes']),
            seed=int(content['seed']),
            splits={name: _split_from_json(split) for name, split in content['splits'].items()},
        )
    except UserError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f'{path} is not a manifest of convert_dataset.py; {advice}') from error
    if manifest.dataset_name != dataset_name:
        raise UserError(f'{path} is the manifest of {manifest.dataset_name}; {advice}')
    return manifest
