"""Finds images that are in two lists: with the same bytes, or the same picture in other bytes.

A network that was trained on a test image knows it: CUB-200 and ImageNet are known to share some.
Equal bytes are found by SHA-256, the same picture by its perceptual hash, `phash` of the library
imagehash: 64 bits, the signs of the lowest frequencies of the gray image at 32x32 pixels relative
to their median. The distance of two hashes is the number of bits in which they differ.

Of 320 photographs, all differ by at most 6 bits (the default limit) from copies at JPEG quality 50,
at half or 0.3 of the size, squeezed to a square, in gray, or a fifth brighter. Of crops by 2% per
side 83% are found, by 5% 12%. Hashes of different photographs differ by 31.6 +- 4.0 bits there,
like 64 coins (32 +- 4): 6 or less is expected for 4.5e-12 of pairs, 0.07 of those of CUB with
ImageNet.
"""

import collections
import hashlib
import io
import itertools
import os
import struct
import warnings
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from slim import files, tables
from slim.configs import PreparationConfig
from slim.datasets import dataset, split_lists, workers
from slim.errors import UserError

NAME = 'duplicates.csv'
HEADER = ('kind', 'distance', 'list', 'path', 'other dataset', 'other list', 'other path')
MIN_CONTRAST = 8  # of 255: the hash of a thumbnail with less is that of its noise
# libjpeg decodes a large image at 1/2, 1/4 or 1/8 of its size as long as this side remains: twice
# as fast for 400x500 pixels, and 0.2 bits different on average.
DRAFT_SIDE = 128
DECODING_ERRORS = OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error
# Hashes compared at once: their distances take 1 MB, which fits into a core's cache.
ROWS, COLUMNS = 32, 4096


class Duplicate(NamedTuple):
    """A pair of equal images; the fields are the columns of duplicates.csv."""

    kind: str  # 'identical' (bytes) or 'near' (perceptual hash)
    distance: int  # between the perceptual hashes, in bits; 0 for identical images
    split: str
    path: str  # in the list of the split
    other_dataset: str
    other_split: str
    other_path: str


@dataclass(frozen=True)
class Report:
    """Result of a search for duplicates."""

    duplicates: Sequence[Duplicate]
    num_images: int  # images compared
    flat: int  # those of them with too little contrast for a perceptual hash
    unreadable: Sequence[tuple[str, str]]  # (path, reason), could not be read or decoded


@dataclass(eq=False)
class _ImageList:
    """The images of a list and their fingerprints."""

    dataset: str
    split: str
    folder: str
    paths: list[str]
    sizes: np.ndarray  # int64 [images], bytes; -1 without a file
    digests: dict[int, bytes] = field(default_factory=dict)  # index -> SHA-256, if needed
    # Perceptual hashes, uint64, and the index of the image of each. Arrays, to save memory.
    hashes: array = field(default_factory=lambda: array('Q'))
    hashed: array = field(default_factory=lambda: array('q'))


def perceptual_hash(encoded: bytes) -> int | None:
    """Returns the perceptual hash of an image file, 64 bits; None if it has too little contrast.

    Raises one of `DECODING_ERRORS` or Image.DecompressionBombError, depending on the damage, if the
    image cannot be decoded.
    """
    import imagehash  # Imported here so that only the workers wait for it.

    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', module='PIL')  # Unusual EXIF data and the like.
        with Image.open(io.BytesIO(encoded)) as image:
            image.draft('L', (DRAFT_SIDE, DRAFT_SIDE))
            # 32x32 is the size that phash works on.
            thumbnail = np.asarray(image.convert('L').resize((32, 32), Image.Resampling.LANCZOS))
    if np.ptp(thumbnail) < MIN_CONTRAST:
        return None
    bits = imagehash.phash(Image.fromarray(thumbnail)).hash
    return int.from_bytes(np.packbits(bits).tobytes(), 'big')


def _fingerprint(task: tuple[str, bool]) -> tuple[bytes | None, int | None, str | None]:
    """Returns (SHA-256 if wanted, perceptual hash, error) of an image file."""
    path, wants_digest = task
    digest = None
    try:
        with open(path, 'rb') as file:
            encoded = file.read()
        digest = hashlib.sha256(encoded).digest() if wants_digest else None
        return digest, perceptual_hash(encoded), None
    except Image.UnidentifiedImageError:
        return digest, None, 'not an image' if encoded else 'empty'
    except (*DECODING_ERRORS, Image.DecompressionBombError) as error:
        return digest, None, getattr(error, 'strerror', None) or str(error)


def _read_lists(dataset_dir: str, name: str) -> list[_ImageList]:
    """Reads the lists of a dataset, training first."""
    folder = dataset.dataset_folder(dataset_dir, name)
    lists = []
    for split in split_lists.LIST_NAMES:
        images = split_lists.read_list(split_lists.list_path(folder, split))
        paths = list(dict.fromkeys(image.path for image in images))
        full = (os.path.join(folder, path) for path in paths)
        sizes = [os.path.getsize(path) if os.path.isfile(path) else -1 for path in full]
        lists.append(_ImageList(name, split, folder, paths, np.array(sizes, np.int64)))
    return lists


def close_pairs(
    first: np.ndarray, second: np.ndarray, max_distance: int, bar: tqdm | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns all pairs of hashes that differ by at most `max_distance` bits.

    Compares every hash with every other, block by block, so that memory does not grow with their
    number: 53 MB in all for ImageNet's 1.28 M and 12 k, in 10 s, as one core compares about 1.5e9
    pairs per second.

    Args:
      first: uint64 [n].
      second: uint64 [m].
      max_distance: limit in bits.
      bar: progress bar, updated by the number of finished hashes of `first`.

    Returns:
      Indices into `first`, int64 [pairs], and into `second`, int64 [pairs], and distances, uint8
      [pairs]; in no particular order.

    >>> close_pairs(np.array([0b0000, 0b1111], np.uint64), np.array([0b0001], np.uint64), 1)
    (array([0]), array([0]), array([1], dtype=uint8))
    """
    pairs = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint8))]
    # Buffers, because allocating memory takes longer than the arithmetic.
    different, counts = np.empty((ROWS, COLUMNS), np.uint64), np.empty((ROWS, COLUMNS), np.uint8)
    for top in range(0, len(first), ROWS):
        block = first[top : top + ROWS, None]
        for left in range(0, len(second), COLUMNS):
            columns = second[None, left : left + COLUMNS]
            used = np.s_[: len(block), : columns.shape[1]]
            bits = np.bitwise_xor(block, columns, out=different[used])
            distances = np.bitwise_count(bits, out=counts[used])
            close = distances <= max_distance
            if close.any():
                row, column = np.nonzero(close)
                pairs.append((top + row, left + column, distances[close]))
        if bar is not None:
            bar.update(len(block))
    rows, columns, distances = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return rows, columns, distances


def _compare(
    first: _ImageList, second: _ImageList, max_distance: int, bar: tqdm
) -> list[Duplicate]:
    """Returns the duplicates of two lists, in the order of the first."""
    rows, columns, distances = close_pairs(
        np.array(first.hashes), np.array(second.hashes), max_distance, bar
    )
    pairs = {
        (first.hashed[row], second.hashed[column]): ('near', int(distance))
        for row, column, distance in zip(rows, columns, distances, strict=True)
    }
    by_digest = collections.defaultdict(list)
    for other, digest in second.digests.items():
        by_digest[digest].append(other)
    for index, digest in first.digests.items():
        pairs.update(((index, other), ('identical', 0)) for other in by_digest.get(digest, ()))
    lists = second.dataset, second.split
    return [
        Duplicate(*found, first.split, first.paths[index], *lists, second.paths[other])
        for (index, other), found in sorted(pairs.items())
    ]


def find_duplicates(
    dataset_dir: str,
    dataset_name: str,
    against: str | None = None,
    max_distance: int = PreparationConfig.max_distance,
    num_workers: int | None = PreparationConfig.num_workers,
) -> Report:
    """Finds images that are in both lists of a dataset, or in another dataset's lists.

    Reads every listed image once: 1 to 1.6 ms on one core for 400x500 pixels. Raises a `UserError`
    if lists cannot be used, or a process that reads images was killed.

    Args:
      dataset_dir: folder that holds all datasets, such as ./data/.
      dataset_name: name of a folder in it, with train.txt, val.txt and the images.
      against: name of another dataset; None compares the two lists of the dataset only.
      max_distance: largest distance of the perceptual hashes of near-identical images, in bits.
      num_workers: number of processes that read images; None: one per core.
    """
    if against == dataset_name:
        raise UserError(f'{dataset_name} is compared with itself anyway; name another dataset')
    lists = _read_lists(dataset_dir, dataset_name)
    compared = [(lists[1], lists[0])]  # validation images that are also training images
    if against is not None:
        others = _read_lists(dataset_dir, against)
        compared += itertools.product(lists, others)
        lists += others
    flat, unreadable = _add_fingerprints(lists, compared, num_workers)
    duplicates = []
    total = sum(len(first.hashes) for first, _ in compared)
    with tqdm(None, 'comparing', total, unit='image', leave=False, disable=None) as bar:
        for first, second in compared:
            duplicates += _compare(first, second, max_distance, bar)
    num_images = sum(len(images.paths) for images in lists)
    return Report(tuple(duplicates), num_images, flat, tuple(unreadable))


def _tasks(
    lists: Sequence[_ImageList], compared: Sequence[tuple[_ImageList, _ImageList]]
) -> Iterator[tuple[_ImageList, int, str, bool]]:
    """Yields (list, index, path, whether SHA-256 is needed) of all images.

    It is needed if an image of a list that is compared with this list has the same size.
    """
    for images in lists:
        wants_digest = np.zeros(len(images.paths), bool)
        for pair in compared:
            if images in pair:
                common = np.intersect1d(pair[0].sizes, pair[1].sizes)
                wants_digest |= np.isin(images.sizes, common)
        for index, path in enumerate(images.paths):
            yield images, index, os.path.join(images.folder, path), bool(wants_digest[index])


def _add_fingerprints(
    lists: Sequence[_ImageList],
    compared: Sequence[tuple[_ImageList, _ImageList]],
    num_workers: int | None,
) -> tuple[int, list[tuple[str, str]]]:
    """Reads all images and adds their fingerprints to the lists.

    Returns the number of flat images, and (path, reason) of unreadable ones.
    """
    flat, unreadable = 0, []
    tasks = (task[2:] for task in _tasks(lists, compared))
    num_workers = num_workers or workers.available_cores()
    mapped = workers.mapped(_fingerprint, tasks, num_workers, chunk_size=64)
    total = sum(len(images.paths) for images in lists)
    bar = tqdm(None, 'reading', total, unit='image', leave=False, disable=None)
    with mapped as results, bar:
        for task, result in zip(_tasks(lists, compared), results, strict=True):
            images, index, path, _ = task
            digest, perceptual, error = result
            bar.update()
            if digest is not None:
                images.digests[index] = digest
            if error is not None:
                unreadable.append((path, error))
            elif perceptual is None:
                flat += 1
            else:
                images.hashes.append(perceptual)
                images.hashed.append(index)
    return flat, unreadable


def summary(report: Report, dataset_name: str) -> list[str]:
    """Returns sentences on the number of images compared and of duplicates in each list."""
    lines = [f'{dataset_name}: compared {report.num_images} images']
    if report.flat:
        lines[0] += f', {report.flat} of them only by their bytes, as they have no contrast'
    groups = collections.defaultdict(list)
    for pair in report.duplicates:
        groups[pair.split, pair.other_dataset, pair.other_split].append(pair)
    for (split, other_dataset, other_split), pairs in groups.items():
        identical = {pair.path for pair in pairs if pair.kind == 'identical'}
        near = {pair.path for pair in pairs} - identical
        lines.append(
            f'{dataset_name}: {len(identical) + len(near)} {split} images are also in the '
            f'{other_split} list of {other_dataset}: {len(identical)} with identical bytes, '
            f'{len(near)} near-identical'
        )
    if not groups:
        lines.append(f'{dataset_name}: no image is in two of the lists')
    return lines


def problems(report: Report, shown: int = 10) -> list[str]:
    """Returns a sentence with the number of unreadable images, and one for each of the first."""
    if not report.unreadable:
        return []
    count = len(report.unreadable)
    lines = [f'{count} of the {report.num_images} images could not be read']
    lines += [f'{path}: {reason}' for path, reason in report.unreadable[:shown]]
    if count > shown:
        lines.append(f'... and {count - shown} more; convert_dataset.py reports them all')
    return lines


def write_csv(path: str, duplicates: Iterable[Duplicate]) -> None:
    """Writes pairs atomically as CSV with the columns of `HEADER`.

    Raises an OSError if the file cannot be written.
    """
    files.write_text(path, tables.format_csv([HEADER, *duplicates]))
