"""Fixtures for the tests of layouts, which read miniatures like `prepare_dataset.py` does."""

import pytest

from slim.datasets.layouts import LAYOUTS, inaturalist, listing
from tests import archives


@pytest.fixture
def read():
    """Returns `read(name, folder)`, which reads a layout; for iNaturalist with its own list."""

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
    """Returns `miniature(name)`, which builds an archive in a new folder and returns the folder."""

    def build(name):
        folder = tmp_path / name
        folder.mkdir()
        archives.MINIATURES[name](folder)
        return folder

    return build
