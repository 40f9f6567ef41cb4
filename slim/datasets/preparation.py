"""From an unpacked archive, or a folder, to the lists of a dataset."""

import dataclasses
import filecmp
import os
import posixpath
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slim.datasets import catalogue, class_list, manifest, split_lists
from slim.datasets.layouts import LAYOUTS, free, listing
from slim.errors import UserError, nearest

# Where lists are written before they get their names. Its name is not one that anybody reads.
STAGE = '.lists.unfinished'
KEPT = '.old'
# train.txt goes first and comes last: without it there is no dataset for any script.
ORDER = (
    split_lists.LIST_NAMES['train'],
    split_lists.LABELS_NAME,
    split_lists.LIST_NAMES['validation'],
)


@dataclass(frozen=True)
class Prepared:
    """What was prepared.

    Attributes:
      folder: of the dataset.
      source: the folder that was read.
      num_images: split name -> images.
      num_classes: classes.
      skipped: files that are no images, relative to `source`.
      kept: names of earlier lists that were kept under another name.
      warnings: a sentence each.
    """

    folder: str
    source: str
    num_images: Mapping[str, int]
    num_classes: int
    skipped: Sequence[str]
    kept: Sequence[str]
    warnings: Sequence[str]


def prepare(
    dataset_dir: str,
    dataset_name: str,
    source_dir: str | None = None,
    layout: str | None = None,
    csv_path: str | None = None,
    class_list_path: str | None = None,
    validation_share: float = 0.2,
    seed: int = 0,
) -> Prepared:
    """Writes train.txt, val.txt and labels.txt of a dataset, all three or none.

    Images stay where they are. Where that is outside the dataset's folder, a symbolic link in it
    leads to them.

    Args:
      dataset_dir: the folder that holds all datasets, such as ./data/.
      dataset_name: the name of a folder in it, which is made if need be.
      source_dir: the unpacked archive, or the folder that holds it; None for the dataset's folder,
      or that of the CSV file.
      layout: a key of `LAYOUTS`; None for the one of the dataset's name, or for a free one.
      csv_path: a list of path,label in place of class folders, of a free layout.
      class_list_path: names of the classes to keep; None keeps all.
      validation_share: of each class, where a free layout is not divided.
      seed: of that choice.

    Returns:
      What it found.

    Raises:
      UserError: if something is missing, or cannot be used. Nothing is written then.
      OSError: if a file cannot be read or written.
    """
    if dataset_name in ('', '.', '..') or os.path.basename(dataset_name) != dataset_name:
        raise UserError(f'{dataset_name!r} is not the name of a dataset: give one without a path')
    folder = os.path.join(dataset_dir, dataset_name)
    if layout is None and dataset_name in LAYOUTS:
        layout = dataset_name
    if layout is not None:
        if layout not in LAYOUTS:
            raise UserError(f'there is no layout {layout}{nearest(layout, LAYOUTS)}')
        root = listing.locate(layout, LAYOUTS[layout], source_dir or folder)
        found = LAYOUTS[layout].read(root)
    else:
        found = _read_free(dataset_name, folder, source_dir, csv_path, validation_share, seed)
    warnings = catalogue.count_warnings(
        layout or dataset_name, len(found.class_names), found.num_images
    )
    if class_list_path is not None:
        labels = class_list.read(class_list_path, found.class_names)
        found = class_list.select(found, labels)
    warnings = [*found.notes, *listing.check(found), *warnings]
    found, link = _from_folder(found, folder)
    kept = _write(folder, found, link)
    if kept and os.path.exists(os.path.join(folder, manifest.NAME)):
        warnings.append(
            f'the shards in {folder} are of the earlier lists; convert_dataset.py makes new ones'
        )
    return Prepared(
        folder=folder,
        source=found.root,
        num_images=found.num_images,
        num_classes=len(found.class_names),
        skipped=found.skipped,
        kept=kept,
        warnings=warnings,
    )


def _read_free(
    name: str,
    folder: str,
    source_dir: str | None,
    csv_path: str | None,
    validation_share: float,
    seed: int,
) -> listing.Listing:
    if not 0 < validation_share < 1:
        raise UserError(f'the validation share is {validation_share}; it must lie between 0 and 1')
    if csv_path is not None:
        source = source_dir or os.path.dirname(csv_path) or '.'
        _check_folder(source, name)
        return free.read_csv(csv_path, source, validation_share, seed)
    source = source_dir or folder
    _check_folder(source, name)
    return free.read_folders(source, validation_share, seed)


def _check_folder(source: str, name: str) -> None:
    if not os.path.isdir(source):
        from slim import synthetic

        raise UserError(
            f'{source} is not there: {name} is no dataset with a layout of its own, and any other '
            'name needs a folder with a folder for each class, or train.txt, val.txt and the '
            f'images{nearest(name, [*LAYOUTS, *synthetic.DATASETS])}'
        )


def _below(path: str, folder: str) -> str | None:
    """`path` from `folder` on, with '/'; None if it is not in it."""
    relative = os.path.relpath(path, folder)
    if relative.split(os.sep)[0] == os.pardir:
        return None
    return '' if relative == os.curdir else relative.replace(os.sep, '/')


def _from_folder(found: listing.Listing, folder: str) -> tuple[listing.Listing, str | None]:
    """Has the paths of a listing start from the dataset's folder.

    Returns:
      (the listing, the path of the symbolic link that this takes or None).

    Raises:
      UserError: if there is something else already under the name of that link.
    """
    # As they are called, or, should that not do, as they are: either may be a link.
    prefix = _below(os.path.abspath(found.root), os.path.abspath(folder))
    root, real_folder = os.path.realpath(found.root), os.path.realpath(folder)
    if prefix is None:
        prefix = _below(root, real_folder)
    if prefix is not None:
        return _with_prefix(found, prefix), None
    inside = _below(real_folder, root)
    if inside is not None:
        # A link to a folder that holds the link itself would have no end.
        return _without_prefix(found, inside, folder), None
    name = os.path.basename(os.path.abspath(found.root))
    link = os.path.join(folder, name)
    if os.path.lexists(link) and os.path.realpath(link) != root:
        raise UserError(
            f'{link} is to be a link to {root}, but is something else already; move it away, or '
            'rename the folder of the images'
        )
    return _with_prefix(found, name), link


def _with_prefix(found: listing.Listing, prefix: str) -> listing.Listing:
    return _with_paths(found, lambda path: posixpath.join(prefix, path))


def _without_prefix(found: listing.Listing, prefix: str, folder: str) -> listing.Listing:
    def shorter(path: str) -> str:
        relative = _below(path, prefix)
        if relative is None:
            raise UserError(
                f'{found.root} holds {folder}, and images outside of it, such as {path}; '
                '--source_dir must name another folder'
            )
        return relative

    return _with_paths(found, shorter)


def _with_paths(found: listing.Listing, change) -> listing.Listing:
    images = {
        split: tuple(image._replace(path=change(image.path)) for image in images)
        for split, images in found.images.items()
    }
    return dataclasses.replace(found, images=images)


def _same(first: str, second: str) -> bool:
    """Whether two files are there with the same bytes."""
    there = os.path.isfile(first) and os.path.isfile(second)
    return there and filecmp.cmp(first, second, shallow=False)


def _write(folder: str, found: listing.Listing, link: str | None) -> list[str]:
    """Writes the lists and the link; returns the names of earlier lists that were kept.

    All three lists are complete on disk before the first takes its place. Three files cannot be
    renamed in one step, so an earlier train.txt gives way before anything else changes and the new
    one comes last: whoever is killed in between leaves a folder without a train.txt, which every
    script refuses, never old and new lists side by side.
    """
    os.makedirs(folder, exist_ok=True)
    stage = os.path.join(folder, STAGE)
    shutil.rmtree(stage, ignore_errors=True)
    os.mkdir(stage)
    try:
        for split, images in found.images.items():
            split_lists.write_list(split_lists.list_path(stage, split), images)
        split_lists.write_labels(stage, found.class_names)
        if link is not None and not os.path.lexists(link):
            os.symlink(os.path.realpath(found.root), link)
        places = {name: os.path.join(folder, name) for name in ORDER}
        if all(_same(os.path.join(stage, name), place) for name, place in places.items()):
            return []
        kept = []
        # Without a train.txt what is there may be of a run that was killed here, and what it kept
        # is then worth more.
        complete = os.path.lexists(places[ORDER[0]])
        for name, place in places.items():
            if os.path.lexists(place) and (complete or not os.path.lexists(place + KEPT)):
                os.replace(place, place + KEPT)
                kept.append(name + KEPT)
        for name in reversed(ORDER):
            os.replace(os.path.join(stage, name), places[name])
        return kept
    finally:
        shutil.rmtree(stage, ignore_errors=True)
