"""Conversion of one shard, and the journal from which an interrupted conversion resumes."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from slim import files
from slim.datasets import images, tfrecord
from slim.datasets.manifest import Shard
from slim.datasets.problems import Problem
from slim.datasets.split_lists import ListedImage

# Exists beside the shards until the conversion is complete.
JOURNAL = 'conversion.jsonl' + files.UNFINISHED
# Part of every digest; to be incremented when equal image files give different shards.
FORMAT = 'images 1'


@dataclass(frozen=True)
class ShardTask:
    """One shard to build.

    Attributes:
      folder: folder of the dataset.
      name: file name of the shard.
      list_name: file name of the split list.
      images: line number in the list -> image, in the order of the shard.
      source_sha256: digest of everything that the shard is made of, see `source_sha256`.
      apply_exif_rotation: whether to store images upright, see `images.to_store`.
      check_only: whether to check the images only and write nothing.
    """

    folder: str
    name: str
    list_name: str
    images: Mapping[int, ListedImage]
    source_sha256: str
    apply_exif_rotation: bool
    check_only: bool = False


def source_sha256(
    images: Iterable[ListedImage], statuses: Iterable[tuple[int, int]], apply_exif_rotation: bool
) -> str:
    """Returns a digest of everything that a shard is made of, without reading the images.

    Args:
      images: images of the shard, in order.
      statuses: size in bytes and modification time in ns of the file of each image.
      apply_exif_rotation: whether images are stored upright.
    """
    digest = hashlib.sha256(f'{FORMAT} {bool(apply_exif_rotation)}\n'.encode())
    for image, (size, modified_ns) in zip(images, statuses, strict=True):
        digest.update(f'{image.path}\0{image.label}\0{size}\0{modified_ns}\n'.encode())
    return digest.hexdigest()


def convert_shard(task: ShardTask, count: Callable[[], None]) -> Shard:
    """Builds or checks a shard in a worker process, skipping images that cannot be used.

    The shard keeps its temporary name until `files.finish` flushes it to disk, in the parent
    process, so that the worker can go on with another shard meanwhile.

    Args:
      task: shard to build.
      count: function to call after every image.

    Returns:
      The shard; if it was only checked, with 0 bytes and without a digest of its file.

    Raises:
      OSError: if the shard cannot be written.
    """
    problems: list[Problem] = []
    untouched: list[bool] = []

    def examples() -> Iterator[bytes]:
        for line, image in task.images.items():
            try:
                with open(os.path.join(task.folder, image.path), 'rb') as file:
                    content = file.read()
                stored = images.to_store(content, task.apply_exif_rotation)
            except images.BadImage as bad:
                problems.append(Problem(task.list_name, line, image.path, bad.problem, str(bad)))
            except OSError as error:
                detail = f'cannot be read ({error.strerror or error})'
                problems.append(Problem(task.list_name, line, image.path, 'unreadable', detail))
            else:
                untouched.append(stored.is_untouched)
                yield tfrecord.make_example(
                    stored.encoded, image.label, stored.height, stored.width
                )
            count()

    size, sha256 = 0, ''
    if task.check_only:
        for _ in examples():
            pass
    else:
        size, sha256 = tfrecord.write_shard(os.path.join(task.folder, task.name), examples())
    return Shard(
        task.name,
        num_images=len(untouched),
        num_bytes=size,
        sha256=sha256,
        source_sha256=task.source_sha256,
        num_reencoded=untouched.count(False),
        skipped=tuple(problems),
    )


class Journal:
    """Records the finished shards of a conversion that is not complete yet, one per line."""

    def __init__(self, folder: str):
        self._path = os.path.join(folder, JOURNAL)

    def read(self) -> list[Shard]:
        """Returns the recorded shards; skips a line that a killed process left incomplete."""
        try:
            with open(self._path, encoding='utf-8', errors='replace') as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            return []
        shards = []
        for line in lines:
            with contextlib.suppress(KeyError, TypeError, ValueError):
                content = json.loads(line)
                shards.append(Shard.from_json(content['name'], content))
        return shards

    def begin(self, shards: Iterable[Shard]) -> None:
        """Replaces the journal by one of these shards."""
        files.write_text(self._path, ''.join(map(_to_line, shards)))

    def add(self, shard: Shard) -> None:
        """Records a shard that is on the disk."""
        with open(self._path, 'a', encoding='utf-8') as file:
            file.write(_to_line(shard))

    def remove(self) -> None:
        Path(self._path).unlink(missing_ok=True)


def _to_line(shard: Shard) -> str:
    return json.dumps({'name': shard.name, **shard.to_json()}) + '\n'
