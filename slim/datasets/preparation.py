"""Makes the lists of a dataset from an unpacked archive or from own images."""

import dataclasses
import functools
import os
import posixpath
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from slim import files
from slim.configs import PreparationConfig
from slim.datasets import catalogue, class_list, manifest, split_lists
from slim.datasets.archives import same_file
from slim.datasets.layouts import LAYOUTS, listing, own_images
from slim.errors import UserError, nearest

# Folder in which lists are written before they get their names. No script reads a name like this.
STAGING = '.lists.unfinished'
KEPT = '.old'
# train.txt is removed first and added last: without it, no script accepts the dataset.
ORDER = (
    split_lists.LIST_NAMES['train'],
    split_lists.LABELS_NAME,
    split_lists.LIST_NAMES['validation'],
)


@dataclass(frozen=True)
class Prepared:
    """Summary of a prepared dataset."""

    source: str  # folder that was read
    num_images: Mapping[str, int]  # by split name
    skipped: Sequence[str]  # files that are not images, relative to `source`
    kept: Sequence[str]  # new names of earlier lists
    warnings: Sequence[str]  # sentences for the user


def prepare(
    dataset_dir: str,
    dataset_name: str,
    source_dir: str | None = None,
    layout: str | None = None,
    csv_path: str | None = None,
    class_list_path: str | None = None,
    validation_share: float = PreparationConfig.validation_share,
    seed: int = PreparationConfig.seed,
) -> Prepared:
    """Writes train.txt, val.txt and labels.txt of a dataset, all three or none.

    Images stay where they are. If that is outside the dataset's folder, a symbolic link in the
    folder leads to them.

    Args:
      dataset_dir: folder that holds all datasets, such as ./data/.
      dataset_name: name of a folder in it, which is created if it does not exist.
      source_dir: unpacked archive, or the folder that holds it; None: the dataset's folder, or that
        of the CSV file.
      layout: key of `LAYOUTS`; None: that of the dataset's name, or own images.
      csv_path: list of path,label in place of class folders, for own images.
      class_list_path: file of names of the classes to keep; None: all.
      validation_share: fraction of each class for validation, for own images without splits.
      seed: random seed for the choice of these images.

    Raises:
      UserError: if something is missing or cannot be used. Nothing is written then.
      OSError: if a file cannot be read or written.
    """
    files.check_plain_name(dataset_name, 'a dataset')
    folder = os.path.join(dataset_dir, dataset_name)
    if layout is None and dataset_name in LAYOUTS:
        layout = dataset_name
    if layout is None:
        source = source_dir or (os.path.dirname(csv_path) or '.' if csv_path else folder)
        _check_own_images(source, dataset_name, validation_share)
        if csv_path:
            images = own_images.read_csv(csv_path, source, validation_share, seed)
        else:
            images = own_images.read_folders(source, validation_share, seed)
    elif layout in LAYOUTS:
        root = listing.locate(layout, LAYOUTS[layout], source_dir or folder)
        images = LAYOUTS[layout].read(root)
    else:
        raise UserError(f'there is no layout {layout}{nearest(layout, LAYOUTS)}')
    warnings = catalogue.count_warnings(
        layout or dataset_name, len(images.class_names), images.num_images
    )
    if class_list_path is not None:
        labels = class_list.read(class_list_path, images.class_names)
        images = class_list.select(images, labels)
    warnings = [*images.notes, *listing.check(images), *warnings]
    kept = _write(folder, *_relative_to_dataset(images, folder))
    if kept and os.path.exists(os.path.join(folder, manifest.NAME)):
        warnings.append(
            f'the shards in {folder} are those of the earlier lists; convert_dataset.py rebuilds '
            'them'
        )
    return Prepared(images.root, images.num_images, images.skipped, kept, warnings)


def _check_own_images(source: str, name: str, validation_share: float) -> None:
    if not 0 < validation_share < 1:
        raise UserError(f'the validation share is {validation_share}; expected 0 < share < 1')
    if not os.path.isdir(source):
        raise UserError(
            f'{source} does not exist: {name} is not a dataset with an official layout, and own '
            'images need a folder for each class, or train.txt, val.txt and the '
            f'images{nearest(name, [*LAYOUTS, *catalogue.SYNTHETIC_DATASETS])}'
        )


def _relative_path(path: str, start: str) -> str | None:
    """Returns `path` relative to `start`, '' if they are the same, None if it is not below it."""
    relative = posixpath.relpath(path, start)
    if relative.split('/')[0] == '..':
        return None
    return '' if relative == '.' else relative


def _relative_to_dataset(
    images: listing.Listing, folder: str
) -> tuple[listing.Listing, str | None]:
    """Makes the paths of a listing relative to the dataset's folder.

    Also returns the path of the symbolic link to the listing's root that the new paths need, or
    None. Raises a `UserError` if the name of that link is taken.
    """
    # First as they are written, then with symbolic links resolved: either may contain a link.
    prefix = _relative_path(os.path.abspath(images.root), os.path.abspath(folder))
    root, real_folder = os.path.realpath(images.root), os.path.realpath(folder)
    if prefix is None:
        prefix = _relative_path(root, real_folder)
    inside = _relative_path(real_folder, root)
    change: Callable[[str], str] = functools.partial(posixpath.join, prefix or '')
    link = None
    if prefix is None and inside is not None:
        # A link to a folder that holds the link itself would have no end.
        paths = (image.path for split in images.images.values() for image in split)
        outside = next((path for path in paths if _relative_path(path, inside) is None), None)
        if outside is not None:
            raise UserError(
                f'{images.root} holds {folder}, but also images outside it, such as {outside}; '
                '--source_dir must name another folder'
            )
        change = functools.partial(posixpath.relpath, start=inside)
    elif prefix is None:
        prefix = os.path.basename(os.path.abspath(images.root))
        link = os.path.join(folder, prefix)
        if os.path.lexists(link) and os.path.realpath(link) != root:
            raise UserError(
                f'{link} must become a link to {root}, but the name is taken; move it away, or '
                'rename the folder of the images'
            )
        change = functools.partial(posixpath.join, prefix)
    splits = {
        split: tuple(image._replace(path=change(image.path)) for image in split_images)
        for split, split_images in images.images.items()
    }
    return dataclasses.replace(images, images=splits), link


def _write(folder: str, images: listing.Listing, link: str | None) -> list[str]:
    """Writes the lists and the link to their root; returns the new names of earlier lists.

    All three lists are complete on disk before the first gets its name. Three files cannot be
    renamed in one step, so an earlier train.txt is renamed before anything else changes and the new
    one comes last: a process that is killed in between leaves a folder without a train.txt, which
    every script rejects, but never a mixture of old and new lists.
    """
    staging = os.path.join(folder, STAGING)
    shutil.rmtree(staging, ignore_errors=True)
    os.makedirs(staging)
    try:
        for split, split_images in images.images.items():
            split_lists.write_list(split_lists.list_path(staging, split), split_images)
        split_lists.write_labels(staging, images.class_names)
        if link is not None and not os.path.lexists(link):
            os.symlink(os.path.realpath(images.root), link)
        paths = {name: os.path.join(folder, name) for name in ORDER}
        if all(same_file(os.path.join(staging, name), path) for name, path in paths.items()):
            return []
        kept = []
        # Without a train.txt, the other lists may be those of a run that was killed here. Lists
        # that it kept are then not replaced.
        complete = os.path.lexists(paths[ORDER[0]])
        for name, path in paths.items():
            if os.path.lexists(path) and (complete or not os.path.lexists(path + KEPT)):
                os.replace(path, path + KEPT)
                kept.append(name + KEPT)
        for name in reversed(ORDER):
            os.replace(os.path.join(staging, name), paths[name])
        return kept
    finally:
        shutil.rmtree(staging, ignore_errors=True)
