"""What a layout is, and what reading one gives."""

import os
import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from slim.datasets.split_lists import LIST_NAMES, ListedImage
from slim.errors import UserError


@dataclass(frozen=True)
class Listing:
    """What an unpacked archive, or a folder, holds.

    Attributes:
      root: the folder that the paths of the images start from.
      images: split name ('train', 'validation') -> its images, in order; paths with '/', labels
      from 0.
      class_names: by label.
      skipped: files below `root` that were found where images are, and are none.
      notes: what the user should know, a sentence each.
    """

    root: str
    images: Mapping[str, Sequence[ListedImage]]
    class_names: Sequence[str]
    skipped: Sequence[str] = ()
    notes: Sequence[str] = ()

    @property
    def num_images(self) -> dict[str, int]:
        return {split: len(images) for split, images in self.images.items()}


@dataclass(frozen=True)
class Layout:
    """One official archive's layout.

    Attributes:
      tops: folders that it may unpack to, in which the layout begins; it may begin without one.
      needs: files and folders (with a '/' at the end) that must be there; the first stands for all
      where nothing is there.
      read: makes a `Listing` of the folder in which all of `needs` are.
    """

    tops: Sequence[str]
    needs: Sequence[str]
    read: Callable[[str], Listing]


def listing(root, train, validation, class_names, **more) -> Listing:
    """A `Listing` of (path, label) pairs."""
    splits = zip(LIST_NAMES, (train, validation), strict=True)
    images = {split: tuple(ListedImage(*pair) for pair in pairs) for split, pairs in splits}
    return Listing(root, images, tuple(class_names), **more)


def _is_there(place: str, need: str) -> bool:
    path = os.path.join(place, need)
    return os.path.isdir(path) if need.endswith('/') else os.path.isfile(path)


def locate(name: str, layout: Layout, source: str) -> str:
    """The folder in which a layout begins: `source`, or its top folder there.

    Args:
      name: of the dataset, for messages.
      layout: its layout.
      source: where to look.

    Raises:
      UserError: if it is in neither, or lacks something; it names the file and the places.
    """
    places = [source, *(os.path.join(source, top) for top in layout.tops)]
    found = [sum(_is_there(place, need) for need in layout.needs) for place in places]
    advice = (
        f'python download.py {name} fetches it or says where to get it, --source_dir names the '
        'folder where it lies unpacked'
    )
    if not any(found):
        raise UserError(
            f'{name}: {layout.needs[0]} is not there; looked in {" and ".join(places)}; {advice}'
        )
    root = places[found.index(max(found))]
    for need in layout.needs:
        if not _is_there(root, need):
            raise UserError(f'{os.path.join(root, need)} is missing; {advice}')
    return root


def first_there(root: str, candidates: Sequence[str], advice: str) -> str:
    """The first of several places of a file that is there, as a path.

    Raises:
      UserError: if it is in none of them; it names them and ends with `advice`.
    """
    paths = [os.path.join(root, candidate) for candidate in candidates]
    for path in paths:
        if os.path.isfile(path):
            return path
    raise UserError(
        f'{os.path.basename(paths[0])} is not there; looked for {" and ".join(paths)}; {advice}'
    )


def check(found: Listing) -> list[str]:
    """Checks what every listing must hold to.

    Returns:
      Warnings, a sentence each: images that are missing, classes without a training image.

    Raises:
      UserError: if a split is empty, none of the images is there, a path is listed twice or leaves
      the folder, or a path or class name could not be written to a list.
    """
    splits: dict[str, str] = {}
    for split, images in found.images.items():
        if not images:
            raise UserError(f'{found.root}: there are no {split} images')
        for image in images:
            _check_path(found.root, image.path)
            if image.path in splits:
                where = f'in {split}' if splits[image.path] == split else 'in train and validation'
                raise UserError(f'{found.root}: {image.path} is listed twice, {where}')
            splits[image.path] = split
    for name in found.class_names:
        _check_text(found.root, 'class name', name)
    warnings = []
    missing = _missing(found.root, splits)
    if missing:
        first = os.path.join(found.root, missing[0])
        if len(missing) == len(splits):
            raise UserError(f'none of the {len(splits)} listed images is there: {first} is missing')
        warnings.append(
            f'{len(missing)} of the {len(splits)} listed images are missing; the first is {first}'
        )
    trained = {image.label for image in found.images['train']}
    untrained = [name for label, name in enumerate(found.class_names) if label not in trained]
    if untrained:
        some = ', '.join(untrained[:5]) + (', ...' if len(untrained) > 5 else '')
        warnings.append(
            f'{len(untrained)} of the {len(found.class_names)} classes have no training image, '
            f'which convert_dataset.py refuses: {some}'
        )
    return warnings


def _check_path(root: str, path: str) -> None:
    if posixpath.isabs(path) or posixpath.normpath(path).split('/')[0] == '..':
        raise UserError(f'{root}: {path} leaves that folder')
    _check_text(root, 'file name', path)


def _check_text(root: str, what: str, text: str) -> None:
    """Refuses what could not be written to a list, or not be read from it again."""
    if '\n' in text or '\r' in text:
        raise UserError(f'{root}: the {what} {text!r} has a line break; rename it')
    try:
        text.encode()
    except UnicodeEncodeError as error:  # Python marks bytes that are not UTF-8 so
        raise UserError(f'{root}: the {what} {text!r} is not UTF-8; rename it') from error


def _missing(root: str, paths) -> list[str]:
    """Which files are missing. Folders are read whole: much faster than to ask for each file."""
    folders: dict[str, set[str]] = {}
    missing = []
    for path in paths:
        folder, name = posixpath.split(path)
        if folder not in folders:
            full = os.path.join(root, folder)
            folders[folder] = set(os.listdir(full)) if os.path.isdir(full) else set()
        if name not in folders[folder]:
            missing.append(path)
    return missing
