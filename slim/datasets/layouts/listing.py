"""Layouts of datasets on disk, and the listings that result from reading them."""

import functools
import os
import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from slim.datasets.split_lists import LIST_NAMES, ListedImage
from slim.errors import UserError
from slim.validation import first_few

LabelledPath = tuple[str, int]


@dataclass(frozen=True)
class Listing:
    """Images and classes of an unpacked archive or a folder.

    Attributes:
      root: folder that the image paths are relative to.
      images: split name ('train', 'validation') -> its images in order; paths with '/', labels
        from 0.
      class_names: class names by label.
      skipped: files next to images that are not images, relative to `root`.
      notes: sentences for the user.
    """

    root: str
    images: Mapping[str, Sequence[ListedImage]]
    class_names: Sequence[str]
    skipped: Sequence[str] = ()
    notes: Sequence[str] = ()

    @property
    def num_images(self) -> dict[str, int]:
        """Number of images by split name."""
        return {split: len(images) for split, images in self.images.items()}


@dataclass(frozen=True)
class Layout:
    """The layout of one official archive.

    Attributes:
      tops: names of the top folder that the archive may unpack to; it may also have none.
      needs: files, and folders with a trailing '/', that the layout consists of. If none of them is
        there, the first is reported.
      read: function that reads the folder holding all of `needs` into a `Listing`.
    """

    tops: Sequence[str]
    needs: Sequence[str]
    read: Callable[[str], Listing]


def listing(
    root: str,
    train: Iterable[LabelledPath],
    validation: Iterable[LabelledPath],
    class_names: Iterable[str],
    skipped: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Listing:
    """Makes a `Listing` from (path, label) pairs."""
    splits = zip(LIST_NAMES, (train, validation), strict=True)
    images = {split: tuple(ListedImage(*pair) for pair in pairs) for split, pairs in splits}
    return Listing(root, images, tuple(class_names), skipped, notes)


def _exists(folder: str, need: str) -> bool:
    path = os.path.join(folder, need)
    return os.path.isdir(path) if need.endswith('/') else os.path.isfile(path)


def locate(name: str, layout: Layout, source: str) -> str:
    """Returns the folder in which a layout begins: `source`, or a top folder of the archive in it.

    Raises a `UserError` if the layout of the dataset `name` is in neither, or incomplete; names the
    file and the folders.
    """
    folders = [source, *(os.path.join(source, top) for top in layout.tops)]
    missing = [[need for need in layout.needs if not _exists(folder, need)] for folder in folders]
    fewest = min(missing, key=len)
    advice = (
        f'python download.py {name} downloads it or says where to get it; --source_dir names the '
        'folder where it is unpacked'
    )
    if len(fewest) == len(layout.needs):
        raise UserError(
            f'{name}: {layout.needs[0]} is missing; searched {" and ".join(folders)}; {advice}'
        )
    root = folders[missing.index(fewest)]
    if fewest:
        raise UserError(f'{os.path.join(root, fewest[0])} is missing; {advice}')
    return root


def first_existing(root: str, candidates: Sequence[str], advice: str) -> str:
    """Returns the path of the first candidate below `root` that is a file.

    Raises a `UserError` if none is; names all of them and ends with `advice`.
    """
    paths = [os.path.join(root, candidate) for candidate in candidates]
    if path := next(filter(os.path.isfile, paths), None):
        return path
    raise UserError(
        f'{os.path.basename(paths[0])} is missing; searched for {" and ".join(paths)}; {advice}'
    )


def check(found: Listing) -> list[str]:
    """Checks a listing; returns warnings of missing images and of classes without training image.

    Raises:
      UserError: if a split is empty, all images are missing, a path is listed twice or leaves the
        folder, or a path or class name cannot be written to a list.
    """
    splits: dict[str, str] = {}
    for split, images in found.images.items():
        if not images:
            raise UserError(f'{found.root}: there are no {split} images')
        for path, _ in images:
            if posixpath.isabs(path) or posixpath.normpath(path).split('/')[0] == '..':
                raise UserError(f'{found.root}: {path} is outside that folder')
            _check_text(found.root, 'file name', path)
            if path in splits:
                lists = split if splits[path] == split else 'train and validation'
                raise UserError(f'{found.root}: {path} is listed twice, in {lists}')
            splits[path] = split
    for name in found.class_names:
        _check_text(found.root, 'class name', name)
    warnings = []
    missing = _missing_files(found.root, splits)
    if missing:
        first = os.path.join(found.root, missing[0])
        if len(missing) == len(splits):
            raise UserError(f'none of the {len(splits)} listed images exists: {first} is missing')
        warnings.append(
            f'{len(missing)} of the {len(splits)} listed images are missing; the first is {first}'
        )
    trained = {image.label for image in found.images['train']}
    untrained = [name for label, name in enumerate(found.class_names) if label not in trained]
    if untrained:
        warnings.append(
            f'{len(untrained)} of the {len(found.class_names)} classes have no training image, '
            f'which convert_dataset.py does not accept: {first_few(untrained)}'
        )
    return warnings


def _check_text(root: str, what: str, text: str) -> None:
    """Raises a `UserError` for text that a list cannot hold."""
    if '\n' in text or '\r' in text:
        raise UserError(f'{root}: the {what} {text!r} has a line break; rename it')
    try:
        text.encode()
    except UnicodeEncodeError as error:  # Python's representation of bytes that are not UTF-8.
        raise UserError(f'{root}: the {what} {text!r} is not UTF-8; rename it') from error


def _missing_files(root: str, paths: Iterable[str]) -> list[str]:
    """Returns the missing files; reads whole folders, much faster than a check of each file."""

    @functools.cache
    def names(folder: str) -> set[str]:
        full = os.path.join(root, folder)
        return set(os.listdir(full)) if os.path.isdir(full) else set()

    return [
        path for path in paths if posixpath.basename(path) not in names(posixpath.dirname(path))
    ]
