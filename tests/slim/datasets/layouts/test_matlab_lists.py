import numpy as np
import pytest
import scipy.io

from slim.errors import UserError
from tests import archives


def refused(read, name, folder):
    with pytest.raises(UserError) as caught:
        read(name, folder)
    return str(caught.value)


def test_the_labels_of_cars_may_lie_in_the_devkit(read, miniature):
    folder = miniature('stanford_cars')
    expected, _ = read('stanford_cars', folder)
    name = 'cars_test_annos_withlabels.mat'
    (folder / name).rename(folder / 'devkit' / name)
    assert read('stanford_cars', folder)[0] == expected
    (folder / 'devkit' / name).unlink()
    message = refused(read, 'stanford_cars', folder)
    assert f'{folder}/{name} and {folder}/devkit/{name}' in message
    assert 'download.py stanford_cars' in message


@pytest.mark.parametrize(('class_id', 'problem'), [(0, 'class 0 is not'), (4, 'not one of 1 to 3')])
def test_a_class_of_cars_that_is_not_there_is_named(read, miniature, class_id, problem):
    folder = miniature('stanford_cars')
    annotations = archives.cars_annotations([(1, '00001.jpg'), (class_id, '00002.jpg')])
    path = folder / 'cars_test_annos_withlabels.mat'
    scipy.io.savemat(path, {'annotations': annotations})
    message = refused(read, 'stanford_cars', folder)
    assert f'{path}, 00002.jpg' in message and problem in message


def test_the_annotations_of_test_cars_without_labels_are_no_labels(read, miniature):
    folder = miniature('stanford_cars')
    annotations = archives.structs(('bbox_x1', 'fname'), [(1, '00001.jpg'), (2, '00002.jpg')])
    scipy.io.savemat(folder / 'cars_test_annos_withlabels.mat', {'annotations': annotations})
    assert 'expected structs with the fields class, fname' in refused(read, 'stanford_cars', folder)


def test_a_single_car_is_a_list_of_one(read, miniature):
    folder = miniature('stanford_cars')
    annotations = archives.cars_annotations([(2, '00001.jpg')])
    scipy.io.savemat(folder / 'cars_test_annos_withlabels.mat', {'annotations': annotations})
    assert read('stanford_cars', folder)[0].images['validation'] == (('cars_test/00001.jpg', 1),)


def test_a_flower_without_a_label_is_named(read, miniature):
    folder = miniature('flower_102')
    content = {'trnid': [[6, 2, 4]], 'valid': [[3]], 'tstid': [[7, 8]]}
    scipy.io.savemat(folder / 'setid.mat', content)
    message = refused(read, 'flower_102', folder)
    assert 'setid.mat, tstid: image 8 has no label' in message and 'which has 7' in message


def test_a_flower_in_both_splits_is_named(read, miniature):
    folder = miniature('flower_102')
    content = {'trnid': [[6, 2, 4]], 'valid': [[3]], 'tstid': [[7, 2]]}
    scipy.io.savemat(folder / 'setid.mat', content)
    assert 'image_00002.jpg is listed twice' in refused(read, 'flower_102', folder)


def test_flowers_need_all_variables(read, miniature):
    folder = miniature('flower_102')
    scipy.io.savemat(folder / 'setid.mat', {'trnid': [[1, 2, 3]], 'tstid': [[4]]})
    assert "setid.mat has no variable 'valid'" in refused(read, 'flower_102', folder)


def test_a_label_that_is_not_whole_is_named(read, miniature):
    folder = miniature('flower_102')
    scipy.io.savemat(folder / 'imagelabels.mat', {'labels': np.array([[1, 2.5]])})
    assert '2.5 is not a whole number' in refused(read, 'flower_102', folder)


@pytest.mark.parametrize('content', [b'', b'<html>Not found</html>' * 40, 'cut'])
def test_a_file_that_is_no_matlab_file_is_named(read, miniature, content):
    folder = miniature('stanford_dogs')
    path = folder / 'train_list.mat'
    path.write_bytes(path.read_bytes()[:-40] if content == 'cut' else content)
    assert f'{path} is not a MATLAB file, or damaged' in refused(read, 'stanford_dogs', folder)


def test_dogs_have_as_many_labels_as_images(read, miniature):
    folder = miniature('stanford_dogs')
    archives.dogs_list(folder / 'test_list.mat', ['n1-a/1.jpg', 'n1-a/2.jpg'], [1])
    assert 'has 2 images but 1 labels' in refused(read, 'stanford_dogs', folder)


@pytest.mark.parametrize(
    ('labels', 'problem'),
    [
        ([1, 1], 'class 1 is the folder n02085620-Chihuahua, and n02099429-curly'),
        ([4, 1], 'class 4 is the folder'),
        ([0, 1], 'class 0 is not'),
    ],
)
def test_a_class_of_dogs_is_one_folder(read, miniature, labels, problem):
    folder = miniature('stanford_dogs')
    files = ['n02099429-curly-coated_retriever/n02099429_33.jpg', 'n02085620-Chihuahua/1.jpg']
    if labels[0] == 4:
        files[0] = 'n4-x/1.jpg'
        problem = 'there is no image of class 3'
    archives.dogs_list(folder / 'test_list.mat', files, labels)
    assert problem in refused(read, 'stanford_dogs', folder)
