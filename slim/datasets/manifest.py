"""The manifest that a conversion leaves beside its shards: what they hold, and of what lists.

It is written last, so shards with a manifest are whole and belong together.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from slim import files
from slim.datasets.problems import Problem
from slim.errors import UserError

NAME = 'manifest.json'
VERSION = 2


@dataclass(frozen=True)
class Shard:
    """One shard.

    Attributes:
      name: of its file, in the dataset's folder.
      num_images: images in it.
      num_bytes: the size of its file.
      sha256: of its file, in hexadecimal.
      source_sha256: of all that it is made of: paths, labels, sizes and times of the image files,
        and the options. While it is the same, the shard need not be made again.
      num_encoded_anew: how many of its images are not the untouched bytes of a file.
      left_out: what was to be in it, but could not be used.
    """

    name: str
    num_images: int
    num_bytes: int
    sha256: str
    source_sha256: str
    num_encoded_anew: int = 0
    left_out: tuple[Problem, ...] = ()

    def to_json(self) -> dict:
        """A JSON-able dictionary of all but the name."""
        return {
            'images': self.num_images,
            'bytes': self.num_bytes,
            'sha256': self.sha256,
            'source_sha256': self.source_sha256,
            'encoded_anew': self.num_encoded_anew,
            'left_out': [list(problem) for problem in self.left_out],
        }

    @classmethod
    def from_json(cls, name: str, content: dict) -> 'Shard':
        """Raises KeyError, TypeError or ValueError if this is no shard."""
        if not isinstance(name, str) or os.path.basename(name) != name:
            raise ValueError('a shard elsewhere')
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
      list_sha256: of the list that it was made from, in hexadecimal.
      num_left_out: images or lines of the list that are in no shard, as they could not be used.
      shards: its shards in order.
    """

    list_sha256: str
    num_left_out: int
    shards: tuple[Shard, ...]

    @property
    def num_images(self) -> int:
        return sum(shard.num_images for shard in self.shards)


@dataclass(frozen=True)
class Manifest:
    """One conversion.

    Attributes:
      dataset_name: also the name of the folder.
      class_names: by label, as `labels.txt` had them.
      seed: of the order of the training images.
      splits: split name -> its shards.
      apply_exif_rotation: whether images that EXIF says are turned were stored upright.
    """

    dataset_name: str
    class_names: tuple[str, ...]
    seed: int
    splits: Mapping[str, Split]
    apply_exif_rotation: bool = False

    @property
    def num_classes(self) -> int:
        return len(self.class_names)


def _split_to_json(split: Split) -> dict:
    return {
        'num_images': split.num_images,
        'num_shards': len(split.shards),
        'num_left_out': split.num_left_out,
        'list_sha256': split.list_sha256,
        'shards': {shard.name: shard.to_json() for shard in split.shards},
    }


def _split_from_json(content: dict) -> Split:
    """Raises KeyError, TypeError, AttributeError or ValueError if this is no split."""
    shards = tuple(Shard.from_json(name, shard) for name, shard in content['shards'].items())
    split = Split(str(content['list_sha256']), int(content['num_left_out']), shards)
    if (split.num_images, len(shards)) != (content['num_images'], content['num_shards']):
        raise ValueError('the counts of the shards do not add up')
    if not shards:
        raise ValueError('no shards')
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
        'class_names': list(manifest.class_names),
        'seed': manifest.seed,
        'apply_exif_rotation': manifest.apply_exif_rotation,
        'splits': {name: _split_to_json(split) for name, split in manifest.splits.items()},
    }
    text = json.dumps(content, indent=2, ensure_ascii=False)
    files.write_text(os.path.join(folder, NAME), text + '\n')


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
            class_names=tuple(str(name) for name in content['class_names']),
            seed=int(content['seed']),
            splits={name: _split_from_json(split) for name, split in content['splits'].items()},
            apply_exif_rotation=bool(content['apply_exif_rotation']),
        )
    except UserError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f'{path} is not a manifest of convert_dataset.py; {advice}') from error
    if manifest.dataset_name != dataset_name:
        raise UserError(f'{path} is the manifest of {manifest.dataset_name}; {advice}')
    return manifest
