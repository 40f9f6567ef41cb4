"""The task that a conversion shares out: one shard, made or only checked.

What is done is noted in a journal, so that a conversion that was broken off goes on behind it.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slim import files
from slim.datasets import images, tfrecord
from slim.datasets.manifest import Shard
from slim.datasets.problems import Problem
from slim.datasets.split_lists import ListedImage

# Beside the shards until the conversion is complete.
JOURNAL = 'conversion.jsonl' + files.UNFINISHED
# Part of every digest; to be counted up where equal images come to give other shards.
FORMAT = 'images 1'


@dataclass(frozen=True)
class ShardTask:
    """One shard to make.

    Attributes:
      folder: the dataset's.
      name: of the shard's file in it.
      list_name: the list that its images are of.
      images: the images, in the order of the shard.
      lines: the number of each one's line in the list.
      source_sha256: see `manifest.Shard`.
      apply_exif_rotation: see `images.to_store`.
      is_check: whether to write nothing.
    """

    folder: str
    name: str
    list_name: str
    images: Sequence[ListedImage]
    lines: Sequence[int]
    source_sha256: str
    apply_exif_rotation: bool = False
    is_check: bool = False


class SourceDigest:
    """Adds up what a shard is made of, file by file, without reading one."""

    def __init__(self, apply_exif_rotation: bool):
        self._digest = hashlib.sha256(f'{FORMAT} {bool(apply_exif_rotation)}\n'.encode())

    def add(self, image: ListedImage, size: int, changed_ns: int) -> None:
        """Adds an image whose file has `size` bytes and was last changed at `changed_ns`."""
        line = f'{image.path}\0{image.label}\0{size}\0{changed_ns}\n'
        self._digest.update(line.encode())

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def convert_shard(task: ShardTask, count) -> Shard:
    """Does a task, leaving out the images that cannot be used. Runs in a worker process.

    The shard is not on the disk yet, but waiting for it is no work: `files.finish` does so
    while the worker converts another one.

    Args:
      task: the `ShardTask`.
      count: called after every image.

    Returns:
      The shard; of one that was only checked, without a size and a sum.

    Raises:
      OSError: if the shard cannot be written.
    """
    found = []
    counts = {True: 0, False: 0}  # by whether the bytes are untouched

    def examples() -> Iterator[bytes]:
        for image, line in zip(task.images, task.lines, strict=True):
            try:
                with open(os.path.join(task.folder, image.path), 'rb') as file:
                    content = file.read()
                stored = images.to_store(content, task.apply_exif_rotation)
            except images.BadImage as bad:
                found.append(Problem(task.list_name, line, image.path, bad.problem, str(bad)))
            except OSError as error:
                detail = f'cannot be read ({error.strerror or error})'
                found.append(Problem(task.list_name, line, image.path, 'unreadable', detail))
            else:
                counts[stored.is_untouched] += 1
                yield tfrecord.make_example(
                    stored.encoded, image.label, stored.height, stored.width
                )
            count()

    if task.is_check:
        for _ in examples():
            pass
        size, sha256 = 0, ''
    else:
        size, sha256 = tfrecord.write_shard(os.path.join(task.folder, task.name), examples())
    return Shard(
        task.name,
        num_images=sum(counts.values()),
        num_bytes=size,
        sha256=sha256,
        source_sha256=task.source_sha256,
        num_encoded_anew=counts[False],
        left_out=tuple(found),
    )


class Journal:
    """The shards of a conversion that is not complete yet, a line each."""

    def __init__(self, folder: str):
        self._path = os.path.join(folder, JOURNAL)

    def read(self) -> list[Shard]:
        """The shards noted so far; a line torn by the end of the process is passed over."""
        made = []
        try:
            with open(self._path, encoding='utf-8', errors='replace') as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            return []
        for line in lines:
            try:
                content = json.loads(line)
                made.append(Shard.from_json(content['name'], content))
            except (KeyError, TypeError, ValueError):
                continue
        return made

    def begin(self, made: Sequence[Shard]) -> None:
        """Starts anew, with the shards that still hold."""
        files.write_text(self._path, ''.join(map(_line, made)))

    def add(self, shard: Shard) -> None:
        """Notes a shard that is on the disk."""
        with open(self._path, 'a', encoding='utf-8') as file:
            file.write(_line(shard))

    def remove(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.remove(self._path)


def _line(shard: Shard) -> str:
    return json.dumps({'name': shard.name, **shard.to_json()}) + '\n'
