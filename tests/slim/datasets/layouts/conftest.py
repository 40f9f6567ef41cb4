"""What the tests of layouts share: reading a miniature as `prepare_dataset.py` does."""

import pytest

from slim.datasets.layouts import LAYOUTS, inaturalist, listing
from tests import archives


@pytest.fixture
def read():
    """`read(name, folder)` locates and reads a layout; iNaturalist's with a list of its own."""

    def read(name, folder):
        root = listing.locate(name, LAYOUTS[name], str(folder))
        if name == 'inat2017':
            found = inaturalist.read(root, str(folder / 'minival.txt'))
        else:
            found = LAYOUTS[name].read(root)
        return found, listing.check(found)

    return read


@pytest.fixture
def miniature(tmp_path):
    """`miniature(name)` builds an archive in a folder of its own, and returns that."""

    def build(name):
        folder = tmp_path / name
        folder.mkdir()
        archives.MINIATURES[name](folder)
        return folder

    return build
