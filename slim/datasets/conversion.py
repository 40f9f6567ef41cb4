"""From split lists and JPEG files to TFRecord shards."""

import contextlib
import hashlib
import io
import itertools
import os
import random
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from PIL import Image
from tqdm import tqdm

from slim.datasets import catalogue, dataset, manifest, split_lists, whole_files
from slim.datasets.split_lists import ListedImage
from slim.errors import UserError
from slim.quiet_import import import_tensorflow

# As Pillow calls them. MPO is a JPEG with more pictures behind the first.
JPEG_KINDS = ('JPEG', 'MPO')
END_OF_IMAGE = b'\xff\xd9'
# In the data behind a segment, 0xff is a marker unless one of these follows.
MARKER = re.compile(rb'\xff+[^\x00\xd0-\xd7\xff]')

# tfrecord is imported by the functions that write: lists with a mistake, and a dataset that is
# converted already, are answered without waiting for TensorFlow.


@dataclass(frozen=True)
class _Source:
    """What there is to convert: the lists, read and checked."""

    name: str
    folder: str
    images: dict[str, list[ListedImage]]  # by split
    list_sha256: dict[str, str]  # by split
    source_bytes: dict[str, int]  # by split
    class_names: list[str] | None  # None without a labels.txt
    num_classes: int

    @property
    def num_images(self) -> dict[str, int]:
        return {split: len(images) for split, images in self.images.items()}


def convert(
    dataset_dir: str, dataset_name: str, num_shards: int = 10, seed: int = 0, progress: bool = True
) -> manifest.Manifest:
    """Writes a dataset's TFRecord shards, and beside them a manifest and a missing `labels.txt`.

    Equal lists, images, seed and number of shards give equal shards, byte for byte. The manifest
    comes last, so a conversion that was killed is never taken for a whole one; the next run begins
    anew. One that fails otherwise leaves no shards behind. A dataset that is converted already in
    the same way is left alone.

    Args:
      dataset_dir: the folder that holds all datasets, such as ./data/.
      dataset_name: the name of a folder in it, with train.txt, val.txt and the images.
      num_shards: shards of each split.
      seed: of the order of the training images; validation stays in the order of its list.
      progress: whether to show a progress bar on stderr, if that is a terminal.

    Returns:
      What is beside the shards.

    Raises:
      UserError: if the lists or the images cannot be used.
      OSError: if a file cannot be read or written.
    """
    source = _read_source(dataset.dataset_folder(dataset_dir, dataset_name), dataset_name)
    for split, count in source.num_images.items():
        if not 1 <= num_shards <= count:
            raise UserError(
                f'{count} {split} images do not fill {num_shards} shards: '
                f'--num_shards must be from 1 to {count}'
            )
    whole_files.remove_unfinished(source.folder)
    counts = ' and '.join(f'{count} {split}' for split, count in source.num_images.items())
    what = f'{counts} images of {source.num_classes} classes'
    shards = f'{num_shards} shard{"s" * (num_shards > 1)} each'
    made = _finished_earlier(source, num_shards, seed)
    if made is None:
        print(f'{dataset_name}: converting {what} to {shards}', flush=True)
        made = _write(source, num_shards, seed, progress)
        size = sum(shard.num_bytes for split in made.splits.values() for shard in split.shards)
        print(
            f'{dataset_name}: converted {what} to {shards}, {size / 1e6:.1f} MB in {source.folder}'
        )
    else:
        _write_missing_labels(source)
        print(
            f'{dataset_name}: already converted, {what} in {shards}; to convert it anew, remove '
            f'{os.path.join(source.folder, manifest.NAME)} first'
        )
    for warning in catalogue.count_warnings(dataset_name, source.num_classes, source.num_images):
        print(f'warning: {warning}', file=sys.stderr)
    return made


def _read_source(folder: str, name: str) -> _Source:
    """Reads the lists and checks everything but the images' contents."""
    class_names = split_lists.read_labels(folder)
    paths = {split: split_lists.list_path(folder, split) for split in split_lists.LIST_NAMES}
    known_classes = None if class_names is None else len(class_names)
    images = {split: split_lists.read_list(path, known_classes) for split, path in paths.items()}
    num_classes = known_classes or 1 + max(
        image.label for image in itertools.chain.from_iterable(images.values())
    )
    _check_classes(paths['train'], images['train'], num_classes)
    sums = {}
    for split, path in paths.items():
        with open(path, 'rb') as file:
            sums[split] = hashlib.file_digest(file, 'sha256').hexdigest()
    return _Source(
        name=name,
        folder=folder,
        images=images,
        list_sha256=sums,
        source_bytes={split: _total_size(folder, paths[split], images[split]) for split in paths},
        class_names=class_names,
        num_classes=num_classes,
    )


def _check_classes(path: str, images: Sequence[ListedImage], num_classes: int) -> None:
    """Refuses classes without a training image. Sparse ids lead to them, as of NABirds in 2018."""
    present = {image.label for image in images}
    missing = num_classes - len(present)
    if missing:
        absent = (label for label in range(num_classes) if label not in present)
        some = ', '.join(str(label) for label in itertools.islice(absent, 10))
        more = ', ...' if missing > 10 else ''
        raise UserError(
            f'{path} has no image of {missing} of the {num_classes} classes: {some}{more}; '
            f'labels must run from 0 to {num_classes - 1} without gaps'
        )


def _total_size(folder: str, list_path: str, images: Sequence[ListedImage]) -> int:
    """The size of listed files in bytes; each must be there and have contents."""
    total = 0
    missing, empty = [], []
    for image in images:
        path = os.path.join(folder, image.path)
        size = os.path.getsize(path) if os.path.isfile(path) else None
        if size is None:
            missing.append(path)
        elif size == 0:
            empty.append(path)
        else:
            total += size
    for what, paths in (('missing', missing), ('empty', empty)):
        if paths:
            raise UserError(
                f'{len(paths)} of the {len(images)} images in {list_path} '
                f'{"is" if len(paths) == 1 else "are"} {what}; the first is {paths[0]}'
            )
    return total


def _finished_earlier(source: _Source, num_shards: int, seed: int) -> manifest.Manifest | None:
    """The manifest of an earlier conversion that is whole and the same as this one would be."""
    try:
        earlier = manifest.read_manifest(source.folder)
    except UserError:
        return None
    if any(dataset.shard_problem(source.folder, made.shards) for made in earlier.splits.values()):
        return None
    found = {
        split: (made.list_sha256, made.source_bytes, len(made.shards))
        for split, made in earlier.splits.items()
    }
    wanted = {
        split: (source.list_sha256[split], source.source_bytes[split], num_shards)
        for split in source.images
    }
    same = (found, earlier.num_classes, earlier.seed) == (wanted, source.num_classes, seed)
    return earlier if same else None


def _write(source: _Source, num_shards: int, seed: int, progress: bool) -> manifest.Manifest:
    """Writes the shards, removes those of other conversions, and writes labels and manifest."""
    import_tensorflow()
    from slim.datasets import tfrecord

    # From here on the shards of an earlier conversion no longer stand.
    if os.path.exists(os.path.join(source.folder, manifest.NAME)):
        os.remove(os.path.join(source.folder, manifest.NAME))
    splits = {}
    written = set()
    finished = False
    # On a terminal only, and gone at the end, so that a log or an error message is not torn apart.
    bar = tqdm(
        total=sum(source.num_images.values()),
        desc=source.name,
        unit=' images',
        disable=None if progress else True,
        leave=False,
    )
    try:
        with bar:
            for split, images in source.images.items():
                images = list(images)
                if split == 'train':
                    random.Random(seed).shuffle(images)
                shards = []
                for index in range(num_shards):
                    shard_images = _block(images, index, num_shards)
                    name = tfrecord.shard_name(split, index, num_shards)
                    path = os.path.join(source.folder, name)
                    tfrecord.write_shard(path, _examples(source.folder, shard_images, bar))
                    written.add(name)
                    shards.append(manifest.Shard(name, len(shard_images), os.path.getsize(path)))
                splits[split] = manifest.Split(
                    source.list_sha256[split], source.source_bytes[split], tuple(shards)
                )
        _remove_shards(source.folder, keep=written)
        _write_missing_labels(source)
        made = manifest.Manifest(source.name, source.num_classes, seed, splits)
        manifest.write_manifest(source.folder, made)
        finished = True
    finally:
        if not finished:
            for name in written:
                with contextlib.suppress(FileNotFoundError):
                    os.remove(os.path.join(source.folder, name))
    return made


def _block(images: Sequence[ListedImage], index: int, count: int) -> Sequence[ListedImage]:
    """Part `index` of `count` consecutive parts, whose sizes differ by one at most."""
    return images[len(images) * index // count : len(images) * (index + 1) // count]


def _remove_shards(folder: str, keep: set[str]) -> None:
    """Removes shards of other conversions, whose images would be read twice."""
    from slim.datasets import tfrecord

    for name in os.listdir(folder):
        if tfrecord.is_shard_name(name, split_lists.LIST_NAMES) and name not in keep:
            os.remove(os.path.join(folder, name))


def _write_missing_labels(source: _Source) -> None:
    """Writes labels.txt if the dataset has none."""
    if source.class_names is None:
        images = itertools.chain.from_iterable(source.images.values())
        split_lists.write_labels(source.folder, class_names(images, source.num_classes))


def class_names(images: Iterable[ListedImage], num_classes: int) -> list[str]:
    """Names for nameless classes: their folders' if each has one of its own, else their numbers.

    >>> class_names([ListedImage('a/wren/1.jpg', 0), ListedImage('a/robin/1.jpg', 1)], 2)
    ['wren', 'robin']
    >>> class_names([ListedImage('a/1.jpg', 0), ListedImage('a/2.jpg', 1)], 2)
    ['0', '1']
    """
    folders: dict[int, set[str]] = {}
    for image in images:
        folder = os.path.basename(os.path.dirname(image.path))
        folders.setdefault(image.label, set()).add(folder)
    names = [min(folders[label]) for label in range(num_classes)]
    told_apart = len(set(names)) == num_classes and all(names)
    if told_apart and all(len(found) == 1 for found in folders.values()):
        return names
    return [str(label) for label in range(num_classes)]


def _examples(folder: str, images: Sequence[ListedImage], bar: tqdm) -> Iterator[bytes]:
    """The serialized Examples of images, read one at a time."""
    from slim.datasets import tfrecord

    for image in images:
        path = os.path.join(folder, image.path)
        with open(path, 'rb') as file:
            encoded = file.read()
        height, width = check_jpeg(encoded, path)
        yield tfrecord.make_example(encoded, image.label, height, width)
        bar.update()


def check_jpeg(encoded: bytes, path: str) -> tuple[int, int]:
    """Decodes an image in full to see that training will be able to.

    Args:
      encoded: the contents of the file.
      path: of the file, for messages.

    Returns:
      (height, width) in pixels, as stored: a rotation noted in EXIF is not applied.

    Raises:
      UserError: if this is not a whole JPEG in RGB or grayscale.
    """
    wanted = 'expected an RGB JPEG'
    try:
        with warnings.catch_warnings():
            # Of odd EXIF data and the like, which training never looks at.
            warnings.filterwarnings('ignore', module='PIL')
            with Image.open(io.BytesIO(encoded)) as image:
                kind, mode = image.format, image.mode
                if kind in JPEG_KINDS:
                    image.load()
                width, height = image.size
    except Image.UnidentifiedImageError as error:
        raise UserError(f'{path} is not an image; {wanted}') from error
    except Image.DecompressionBombError as error:
        raise UserError(f'{path} is too large an image: {error}; {wanted}') from error
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f'{path} is truncated or damaged ({error}); {wanted}') from error
    if kind not in JPEG_KINDS:
        raise UserError(f'{path} is a {kind} image; {wanted}')
    if mode not in ('RGB', 'L'):
        raise UserError(f'{path} is a JPEG in {mode} colours; {wanted}')
    if not _has_end(encoded):
        raise UserError(f'{path} is truncated or damaged (its end is missing); {wanted}')
    return height, width


def _has_end(encoded: bytes) -> bool:
    """Whether a JPEG has its end marker, with whatever behind it.

    Pillow forgives a file that is cut off just before that marker; TensorFlow does not.
    """
    if encoded.endswith(END_OF_IMAGE):
        return True
    position = 2  # behind the marker that starts the image
    while marker := MARKER.search(encoded, position):
        if marker.group().endswith(END_OF_IMAGE):
            return True
        # Segments hold anything, an end marker of a thumbnail for one: on to the next.
        length = int.from_bytes(encoded[marker.end() : marker.end() + 2], 'big')
        position = marker.end() + length
    return False
