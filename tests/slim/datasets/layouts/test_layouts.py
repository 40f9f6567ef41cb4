"""Tests of all nine layouts."""

import os

import pytest

from slim.datasets import catalogue
from slim.datasets.layouts import LAYOUTS
from slim.errors import UserError
from tests import archives


def lines(images):
    return tuple(f'{image.path}: {image.label}' for image in images)


def test_every_dataset_of_the_paper_has_a_layout_and_a_miniature():
    assert set(LAYOUTS) == set(catalogue.CATALOGUE) == set(archives.MINIATURES)


@pytest.mark.parametrize('name', archives.MINIATURES)
def test_a_miniature_gives_the_expected_lists(read, tmp_path, name):
    expected = archives.MINIATURES[name](tmp_path)
    for source in dict.fromkeys([tmp_path, tmp_path / expected.top]):
        found, warnings = read(name, source)
        assert os.path.samefile(found.root, tmp_path / expected.top)
        assert lines(found.images['train']) == expected.train
        assert lines(found.images['validation']) == expected.validation
        assert tuple(f'{n}:{name}' for n, name in enumerate(found.class_names)) == expected.labels
        assert (warnings, list(found.notes)) == ([], [])


@pytest.mark.parametrize('name', archives.MINIATURES)
def test_each_missing_file_is_named_with_its_source(read, tmp_path, name):
    expected = archives.MINIATURES[name](tmp_path)
    for need in LAYOUTS[name].needs:
        path = tmp_path / expected.top / need
        path.rename(tmp_path / 'elsewhere')
        with pytest.raises(UserError, match=f'python download.py {name}') as caught:
            read(name, tmp_path)
        assert f'{os.path.join(tmp_path, expected.top, need)} is missing' in str(caught.value)
        (tmp_path / 'elsewhere').rename(path)


@pytest.mark.parametrize('name', archives.MINIATURES)
def test_all_searched_folders_are_named(read, tmp_path, name):
    for source in (tmp_path, tmp_path / 'absent'):
        with pytest.raises(UserError, match=f'python download.py {name}') as caught:
            read(name, source)
        assert f'{LAYOUTS[name].needs[0]} is missing; searched' in str(caught.value)
        for top in ('', *LAYOUTS[name].tops):
            assert os.path.join(source, top) in str(caught.value)


# The lists of ILSVRC2012 are made from the existing images.
@pytest.mark.parametrize('name', sorted(set(archives.MINIATURES) - {'ILSVRC2012'}))
def test_a_missing_image_is_a_warning_that_names_it(read, tmp_path, name):
    expected = archives.MINIATURES[name](tmp_path)
    image = tmp_path / expected.top / expected.train[1].rpartition(': ')[0]
    image.unlink()
    _, [warning] = read(name, tmp_path)
    total = len(expected.train + expected.validation)
    assert warning == f'1 of the {total} listed images are missing; the first is {image}'
