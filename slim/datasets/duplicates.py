"""Images that stand in two lists: the same bytes, or the same picture in other bytes.

A network that has been trained on a test image knows it: CUB-200 and ImageNet are known to share
some. Equal bytes are found by SHA-256, the same picture by its perceptual hash, `phash` of the
library imagehash: 64 bits, the signs of the lowest frequencies of the image in gray at 32x32 pixels
against their median. The number of bits in which two hashes differ is their distance.
"""

import collections
import hashlib
import io
import itertools
import os
import struct
import warnings
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from tqdm import tqdm

from slim import files
from slim.datasets import dataset, split_lists, workers
from slim.errors import UserError

NAME = 'duplicates.csv'
HEADER = ('kind', 'distance', 'list', 'path', 'other dataset', 'other list', 'other path')

# Of 320 photographs, all differ by at most 6 from what is left of them at JPEG quality 50, at half
# or 0.3 of the size, squeezed to a square, in gray, or a fifth brighter; of crops by 2% a side it
# finds 83%, by 5% 12%. Hashes of different photographs differ by 31.6 +- 4.0 there, as 64 coins do
# (32 +- 4): by 6 or less that happens to 4.5e-12 of pairs, 0.07 of those of CUB with ImageNet.
MAX_DISTANCE = 6
# A thumbnail without contrast, 255 being all there is, has the signs of noise.
MIN_CONTRAST = 8
# libjpeg decodes a large image at a half, a fourth or an eighth of its size, as long as this side
# is left: twice as fast for 400x500 pixels, and differs by 0.2 bits on average.
DRAFT_SIDE = 128
THUMBNAIL = (32, 32)  # what phash works on
# Pairs of hashes compared at once: 1 MB of them, which a core has near by.
ROWS, COLUMNS = 32, 4096


@dataclass(frozen=True)
class Duplicate:
    """An image of the dataset, and one of another list that is the same.

    Attributes:
      kind: 'identical' (bytes) or 'near' (by perceptual hash).
      distance: bits in which their perceptual hashes differ; 0 for identical ones.
      split: whose list names the image.
      path: of the image in that list.
      other_dataset: the dataset of the other image.
      other_split: whose list there names it.
      other_path: its path in that list.
    """

    kind: str
    distance: int
    split: str
    path: str
    other_dataset: str
    other_split: str
    other_path: str


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes:
      duplicates: every pair.
      num_images: images compared.
      flat: how many of them have too little contrast for a perceptual hash.
      unreadable: path and reason of images that could not be read or decoded.
    """

    duplicates: Sequence[Duplicate]
    num_images: int
    flat: int
    unreadable: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class _Images:
    """The images of one list."""

    dataset: str
    split: str
    folder: str
    paths: Sequence[str]
    sizes: np.ndarray  # int64 [n], bytes; -1 without a file

    def full_path(self, index: int) -> str:
        return os.path.join(self.folder, self.paths[index])


@dataclass(frozen=True)
class _Fingerprints:
    """What stands for the images of one list."""

    digests: dict[int, bytes]  # SHA-256, by index, of those that need one
    hashes: np.ndarray  # uint64 [hashed]
    hashed: np.ndarray  # int64 [hashed]: index of the image of each hash


def perceptual_hash(encoded: bytes) -> int | None:
    """The perceptual hash of an image file, 64 bits; None if it has too little contrast.

    Raises:
      OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error,
      Image.DecompressionBombError: if it cannot be decoded, by what is wrong.
    """
    import imagehash  # here, where only the workers wait for it

    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', module='PIL')  # of odd EXIF data and the like
        with Image.open(io.BytesIO(encoded)) as image:
            image.draft('L', (DRAFT_SIDE, DRAFT_SIDE))
            thumbnail = image.convert('L').resize(THUMBNAIL, Image.Resampling.LANCZOS)
    low, high = thumbnail.getextrema()
    if high - low < MIN_CONTRAST:
        return None
    bits = imagehash.phash(thumbnail).hash
    return int.from_bytes(np.packbits(bits).tobytes(), 'big')


def _fingerprint(task: tuple[str, bool]) -> tuple[bytes | None, int | None, str | None]:
    """(SHA-256 if it is wanted, perceptual hash, what is wrong) of an image file."""
    path, wants_digest = task
    digest = None
    try:
        with open(path, 'rb') as file:
            encoded = file.read()
        digest = hashlib.sha256(encoded).digest() if wants_digest else None
        return digest, perceptual_hash(encoded), None
    except Image.UnidentifiedImageError:
        return digest, None, 'not an image' if encoded else 'empty'
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        struct.error,
        zlib.error,
        Image.DecompressionBombError,
    ) as error:
        return digest, None, getattr(error, 'strerror', None) or str(error)


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return -1


def _read_images(dataset_dir: str, name: str) -> list[_Images]:
    """The images of a dataset's lists, training first."""
    folder = dataset.dataset_folder(dataset_dir, name)
    found = []
    for split in split_lists.LIST_NAMES:
        listed = split_lists.read_list(split_lists.list_path(folder, split))
        paths = list(dict.fromkeys(image.path for image in listed))
        sizes = np.array([_size(os.path.join(folder, path)) for path in paths], np.int64)
        found.append(_Images(name, split, folder, paths, sizes))
    return found


def _wants_digest(images: Sequence[_Images], compared) -> list[np.ndarray]:
    """For each list, bool [n]: whether an image that it is compared with has the same size."""
    wanted = [np.zeros(len(some.paths), bool) for some in images]
    for first, second in compared:
        common = np.intersect1d(images[first].sizes, images[second].sizes)
        for index in (first, second):
            wanted[index] |= np.isin(images[index].sizes, common)
    return wanted


def close_pairs(
    first: np.ndarray, second: np.ndarray, max_distance: int, bar: tqdm | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of hashes that differ by at most `max_distance` bits.

    Compares every hash with every other, block by block, so memory does not grow with their number:
    53 MB in all for ImageNet's 1.28 M and 12 k, in 10 s, as one core compares about 1.5e9 pairs a
    second.

    Args:
      first: uint64 [n].
      second: uint64 [m].
      max_distance: in bits.
      bar: is told of every hash of `first` that is done.

    Returns:
      Indices into `first`, int64 [pairs], and into `second`, int64 [pairs], and their distances,
      uint8 [pairs]; in no order.

    >>> close_pairs(np.array([0b0000, 0b1111], np.uint64), np.array([0b0001], np.uint64), 1)
    (array([0]), array([0]), array([1], dtype=uint8))
    """
    found = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint8))]
    different = np.empty(ROWS * COLUMNS, np.uint64)
    counts = np.empty(ROWS * COLUMNS, np.uint8)
    for top in range(0, len(first), ROWS):
        block = first[top : top + ROWS, None]
        for left in range(0, len(second), COLUMNS):
            columns = second[None, left : left + COLUMNS]
            shape = len(block), columns.shape[1]
            size = len(block) * columns.shape[1]
            # Into the same memory each time: fresh memory costs more than the arithmetic.
            bits = np.bitwise_xor(block, columns, out=different[:size].reshape(shape))
            distances = np.bitwise_count(bits, out=counts[:size].reshape(shape)).ravel()
            close = np.flatnonzero(distances <= max_distance)
            if len(close):
                row, column = np.divmod(close, columns.shape[1])
                found.append((top + row, left + column, distances[close]))
        if bar is not None:
            bar.update(len(block))
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))


def _compare(
    first: _Images, one: _Fingerprints, second: _Images, other: _Fingerprints, max_distance, bar
) -> list[Duplicate]:
    """The duplicates of two lists, in the order of the first."""
    with_digest = collections.defaultdict(list)
    for index, digest in other.digests.items():
        with_digest[digest].append(index)
    distances = {
        (index, found): ('identical', 0)
        for index, digest in one.digests.items()
        for found in with_digest.get(digest, ())
    }
    near = close_pairs(one.hashes, other.hashes, max_distance, bar)
    for row, column, distance in zip(*(part.tolist() for part in near), strict=True):
        pair = int(one.hashed[row]), int(other.hashed[column])
        distances.setdefault(pair, ('near', distance))
    return [
        Duplicate(
            kind=kind,
            distance=distance,
            split=first.split,
            path=first.paths[index],
            other_dataset=second.dataset,
            other_split=second.split,
            other_path=second.paths[found],
        )
        for (index, found), (kind, distance) in sorted(distances.items())
    ]


def find_duplicates(
    dataset_dir: str,
    dataset_name: str,
    against: str | None = None,
    max_distance: int = MAX_DISTANCE,
    num_workers: int | None = None,
    progress: bool = True,
) -> Report:
    """Finds images that stand in both lists of a dataset, or in another dataset's lists.

    Reads every listed image once: 1 to 1.6 ms of a core for 400x500 pixels.

    Args:
      dataset_dir: the folder that holds all datasets, such as ./data/.
      dataset_name: the name of a folder in it, with train.txt, val.txt and the images.
      against: the name of another one; None compares the two lists of the dataset only.
      max_distance: of the perceptual hashes of near-identical images, in bits.
      num_workers: processes that read images; None for one each core.
      progress: whether to show a bar on stderr, if that is a terminal.

    Raises:
      UserError: if lists cannot be used, or a process that reads images was killed.
    """
    if against == dataset_name:
        raise UserError(f'{dataset_name} is compared with itself anyway; name another dataset')
    images = _read_images(dataset_dir, dataset_name)
    compared = [(1, 0)]  # an image of val.txt that stands in train.txt, too
    if against is not None:
        images += _read_images(dataset_dir, against)
        compared += list(itertools.product((0, 1), (2, 3)))
    prints, flat, unreadable = _read_all(
        images, _wants_digest(images, compared), num_workers, progress
    )
    duplicates = []
    pairs = sum(len(prints[first].hashed) for first, _ in compared)
    # Each step of the bar is a hash compared with all of another list.
    with _bar(pairs, 'comparing', progress) as bar:
        for first, second in compared:
            duplicates += _compare(
                images[first], prints[first], images[second], prints[second], max_distance, bar
            )
    total = sum(len(some.paths) for some in images)
    return Report(tuple(duplicates), total, flat, tuple(unreadable))


def _bar(total: int, what: str, progress: bool) -> tqdm:
    # On a terminal only, and gone at the end.
    disable = None if progress else True
    return tqdm(total=total, desc=what, unit='image', leave=False, disable=disable)


def _read_all(
    images: Sequence[_Images],
    wants_digest: Sequence[np.ndarray],
    num_workers: int | None,
    progress: bool,
) -> tuple[list[_Fingerprints], int, list[tuple[str, str]]]:
    """Fingerprints of all lists; how many images are flat; which cannot be read, and why."""
    num_workers = num_workers or workers.available_cores()
    total = sum(len(some.paths) for some in images)
    tasks = (
        (some.full_path(index), bool(wanted[index]))
        for some, wanted in zip(images, wants_digest, strict=True)
        for index in range(len(some.paths))
    )
    found, flat, unreadable = [], 0, []
    mapped = workers.mapped(_fingerprint, tasks, num_workers, chunk_size=64)
    with mapped as results, _bar(total, 'reading', progress) as bar:
        for some in images:
            digests, hashes, hashed = {}, [], []
            for index in range(len(some.paths)):
                digest, perceptual, problem = next(results)
                bar.update()
                if digest is not None:
                    digests[index] = digest
                if problem is not None:
                    unreadable.append((some.full_path(index), problem))
                elif perceptual is None:
                    flat += 1
                else:
                    hashes.append(perceptual)
                    hashed.append(index)
            found.append(
                _Fingerprints(digests, np.array(hashes, np.uint64), np.array(hashed, np.int64))
            )
    return found, flat, unreadable


def summary(report: Report, dataset_name: str) -> list[str]:
    """Sentences on how many images were compared and how many of each list stand elsewhere too."""
    lines = [f'{dataset_name}: compared {report.num_images} images']
    if report.flat:
        lines[0] += f', {report.flat} of them by their bytes only: they have no contrast'
    groups = collections.defaultdict(list)
    for pair in report.duplicates:
        groups[pair.split, pair.other_dataset, pair.other_split].append(pair)
    for (split, other_dataset, other_split), pairs in groups.items():
        identical = {pair.path for pair in pairs if pair.kind == 'identical'}
        near = {pair.path for pair in pairs} - identical
        lines.append(
            f'{dataset_name}: {len(identical) + len(near)} {split} images stand in the '
            f'{other_split} list of {other_dataset}, too: {len(identical)} with identical bytes, '
            f'{len(near)} near-identical'
        )
    if not groups:
        lines.append(f'{dataset_name}: no image stands in two of the lists')
    return lines


def problems(report: Report, shown: int = 10) -> list[str]:
    """What could not be read: a sentence with the count, and one for each of the first."""
    if not report.unreadable:
        return []
    count = len(report.unreadable)
    lines = [f'{count} of the {report.num_images} images could not be read']
    lines += [f'{path}: {reason}' for path, reason in report.unreadable[:shown]]
    if count > shown:
        lines.append(f'... and {count - shown} more; convert_dataset.py reports them all')
    return lines


def write_csv(path: str, duplicates: Iterable[Duplicate]) -> None:
    """Writes pairs as CSV with the columns of `HEADER`, whole or not at all.

    Raises:
      OSError: if it cannot be written.
    """
    rows = (
        (
            pair.kind,
            pair.distance,
            pair.split,
            pair.path,
            pair.other_dataset,
            pair.other_split,
            pair.other_path,
        )
        for pair in duplicates
    )
    files.write_csv(path, [HEADER, *rows])
