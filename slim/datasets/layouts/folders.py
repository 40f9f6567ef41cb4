"""Folders of images: what in them is an image, and what is passed over."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

# Only to tell images from what else lies about: what is in a file, its contents decide later.
IMAGE_SUFFIXES = frozenset(
    {'.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.webp', '.bmp', '.gif', '.tif', '.tiff'}
)
# What other programs leave behind. Names that begin with a dot are theirs, too.
FOREIGN = frozenset({'__MACOSX', '@eaDir', 'lost+found', 'System Volume Information'})


@dataclass(frozen=True)
class Contents:
    """What is in a folder, each a sorted list of names.

    Attributes:
      images: files that are images by their suffix.
      others: files that are not.
      folders: folders in it; those of other programs are left out.
    """

    images: Sequence[str]
    others: Sequence[str]
    folders: Sequence[str]


def is_image(name: str) -> bool:
    """Whether a file is an image by its name.

    >>> is_image('Robin.JPEG'), is_image('Thumbs.db'), is_image('._robin.jpg')
    (True, False, False)
    """
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and not name.startswith('.')


def contents(folder: str) -> Contents:
    """Reads a folder, not those in it."""
    images, others, folders = [], [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                if not entry.name.startswith('.') and entry.name not in FOREIGN:
                    folders.append(entry.name)
            else:
                (images if is_image(entry.name) else others).append(entry.name)
    return Contents(sorted(images), sorted(others), sorted(folders))
