import shutil

import pytest

from slim.errors import UserError
from tests import archives

WNIDS = ('n01440764', 'n02012849', 'n03126707')


@pytest.fixture
def folder(miniature):
    return miniature('ILSVRC2012')


def refused(read, folder):
    with pytest.raises(UserError) as caught:
        read('ILSVRC2012', folder)
    return str(caught.value)


def test_labels_are_sorted_wnids_and_not_the_ids_of_the_devkit(read, folder):
    found, _ = read('ILSVRC2012', folder)
    # The first line of the ground truth is 3, which is 'n02012849' in meta.mat, the second wnid.
    assert found.images['validation'][0] == ('val/ILSVRC2012_val_00000001.JPEG', 1)
    assert found.skipped == ['train/n01440764/Thumbs.db']


def test_the_number_in_the_name_decides_which_line_of_the_ground_truth(read, folder):
    (folder / 'val/ILSVRC2012_val_00000002.JPEG').unlink()
    found, _ = read('ILSVRC2012', folder)
    labels = {path: label for path, label in found.images['validation']}
    assert labels == {
        f'val/ILSVRC2012_val_0000000{n}.JPEG': label for n, label in [(1, 1), (3, 0), (4, 2)]
    }


def val_by_class(folder):
    shutil.rmtree(folder / 'val')
    shutil.rmtree(folder / 'ILSVRC2012_devkit_t12')
    for number, wnid in enumerate(WNIDS):
        archives.touch(
            folder, f'val/{wnid}/ILSVRC2012_val_{number:08d}.JPEG', f'val/{wnid}/.DS_Store'
        )


def test_val_by_class_needs_no_devkit(read, folder):
    val_by_class(folder)
    found, warnings = read('ILSVRC2012', folder)
    assert [label for _, label in found.images['validation']] == [0, 1, 2]
    assert (found.class_names, warnings) == (WNIDS, [])
    assert len(found.skipped) == 4


def test_names_come_from_a_file_of_synsets(read, folder):
    val_by_class(folder)
    archives.write(folder / 'LOC_synset_mapping.txt', 'n03126707 crane', 'n02012849 crane')
    found, _ = read('ILSVRC2012', folder)
    assert found.class_names == ('n01440764', 'n02012849 crane', 'n03126707 crane')


@pytest.mark.parametrize('place', ['', 'devkit/data', 'data'])
def test_the_devkit_may_be_elsewhere(read, folder, place):
    expected, _ = read('ILSVRC2012', folder)
    (folder / place).mkdir(parents=True, exist_ok=True)
    for path in (folder / 'ILSVRC2012_devkit_t12/data').iterdir():
        path.rename(folder / place / path.name)
    assert read('ILSVRC2012', folder)[0] == expected


@pytest.mark.parametrize('name', ['meta.mat', 'ILSVRC2012_validation_ground_truth.txt'])
def test_a_flat_val_needs_the_devkit(read, folder, name):
    (folder / 'ILSVRC2012_devkit_t12/data' / name).unlink()
    message = refused(read, folder)
    assert f'{name} is missing; searched for {folder}/{name} and ' in message
    assert f'{folder}/ILSVRC2012_devkit_t12/data/{name}' in message


def test_mistakes_in_val_are_named(read, folder):
    truth = folder / 'ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt'
    archives.write(truth, '3', '1', '2', '1001')
    assert f'{truth}, line 4: id 1001 is not one of the classes' in refused(read, folder)
    archives.write(truth, '3', '1', '2')
    assert f'{truth} has 3 lines, but val/ holds' in refused(read, folder)
    (folder / 'val/ILSVRC2012_val_00000004.JPEG').rename(folder / 'val/cat.JPEG')
    assert 'val/cat.JPEG: the name has no number' in refused(read, folder)


def test_classes_of_val_must_be_in_train(read, folder):
    shutil.rmtree(folder / 'train/n02012849')
    assert 'line 1: class n02012849 of ILSVRC2012_val_00000001' in refused(read, folder)
    val_by_class(folder)
    assert f'{folder}/val/n02012849: train/ has no folder of this name' in refused(read, folder)


def test_archives_that_are_still_packed_are_named(read, folder):
    shutil.rmtree(folder / 'train')
    archives.touch(folder, 'train/n01440764.tar')
    assert 'unpack each .tar' in refused(read, folder)


def test_val_with_images_and_folders_is_refused(read, folder):
    archives.touch(folder, 'val/n01440764/a.JPEG')
    assert 'val holds both images and folders, such as n01440764' in refused(read, folder)
