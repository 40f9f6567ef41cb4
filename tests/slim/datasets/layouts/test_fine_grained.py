import numpy as np
import pytest
import scipy.io

from slim.errors import UserError
from tests import archives


def append(path, line):
    with open(path, 'a', encoding='utf-8') as file:
        file.write(f'{line}\n')


def replace(path, old, new):
    text = path.read_text('utf-8')
    assert old in text
    path.write_text(text.replace(old, new), 'utf-8')


@pytest.mark.parametrize(
    ('file', 'old', 'new', 'problem'),
    [
        ('image_class_labels.txt', '13 2\n', '', 'no line for image 13 (002.Laysan_Albatross/'),
        ('train_test_split.txt', '7 0\n', '', 'no line for image 7'),
        ('image_class_labels.txt', '9 3', '9 3\n99 1', 'image 99 is not in images.txt'),
        ('image_class_labels.txt', '9 3', '9 4', 'class 4 of image 9 is not in classes.txt'),
        ('image_class_labels.txt', '9 3', '9 x', "image 9: 'x' is not a whole number"),
        ('image_class_labels.txt', '9 3', '9', "line 5: '9' cannot be parsed"),
        ('image_class_labels.txt', '9 3', '9 3\n9 1', 'line 6: 9 is listed twice'),
        ('train_test_split.txt', '7 0', '7 2', "image 7 has '2'; expected 1 (train) or 0 (test)"),
        ('classes.txt', '2 002', '5 extra\n2 002', 'the ids are not 1 to 4, each once'),
        ('classes.txt', '2 002', '-2 002', "'-2' is not a whole number"),
        (
            'images.txt',
            '002.Laysan_Albatross/Laysan: on',
            '../../Laysan: on',
            'is outside that folder',
        ),
        (
            'images.txt',
            '002.Laysan_Albatross/Laysan: on a deck.jpg',
            '003.Émeraude/a b.jpg',
            'images/003.Émeraude/a b.jpg is listed twice, in train',
        ),
    ],
)
def test_a_bad_line_of_cub_or_nabirds_is_named(read, miniature, file, old, new, problem):
    folder = miniature('cub_200')
    replace(folder / 'CUB_200_2011' / file, old, new)
    with pytest.raises(UserError) as caught:
        read('cub_200', folder)
    assert problem in str(caught.value)
    assert str(folder) in str(caught.value)


def test_text_that_is_not_utf_8_is_named(read, miniature):
    folder = miniature('cub_200')
    path = folder / 'CUB_200_2011/classes.txt'
    path.write_bytes(path.read_text('utf-8').encode('latin-1'))
    with pytest.raises(UserError, match='classes.txt, line 3: not UTF-8'):
        read('cub_200', folder)


def test_a_class_without_a_training_image_is_a_warning(read, miniature):
    folder = miniature('cub_200')
    append(folder / 'CUB_200_2011/classes.txt', '4 004.Groove_billed_Ani')
    found, [warning] = read('cub_200', folder)
    assert len(found.class_names) == 4
    assert '1 of the 4 classes have no training image' in warning
    assert warning.endswith('004.Groove_billed_Ani')


def test_a_split_without_images_is_an_error(read, miniature):
    folder = miniature('nabirds')
    path = folder / 'nabirds/train_test_split.txt'
    path.write_text(path.read_text().replace(' 0\n', ' 1\n'))
    with pytest.raises(UserError, match='there are no validation images'):
        read('nabirds', folder)


def test_a_class_of_nabirds_must_have_a_name(read, miniature):
    folder = miniature('nabirds')
    replace(folder / 'nabirds/classes.txt', '817 Oak', '818 Oak')
    with pytest.raises(UserError, match='class 817 of image 0000139e-.* is not in classes.txt'):
        read('nabirds', folder)


def test_an_archive_without_images_is_an_error(read, miniature):
    folder = miniature('nabirds')
    images = folder / 'nabirds/images'
    images.rename(folder / 'elsewhere')
    images.mkdir()
    with pytest.raises(UserError, match='none of the 5 listed images exists: .*0817/0000139e'):
        read('nabirds', folder)


@pytest.mark.parametrize(
    ('name', 'file', 'line', 'problem'),
    [
        (
            'aircraft',
            'fgvc-aircraft-2013b/data/images_variant_test.txt',
            '7 F-16',
            "line 3: the class 'F-16' is not in variants.txt",
        ),
        (
            'aircraft',
            'fgvc-aircraft-2013b/data/images_variant_trainval.txt',
            '1400000',
            "line 4: '1400000' cannot be parsed",
        ),
        (
            'aircraft',
            'fgvc-aircraft-2013b/data/variants.txt',
            'F/A-18',
            'line 4: F/A-18 is listed twice',
        ),
        (
            'aircraft',
            'fgvc-aircraft-2013b/data/images_variant_test.txt',
            '1025794 F/A-18',
            'data/images/1025794.jpg is listed twice, in train and validation',
        ),
        ('food_101', 'food-101/meta/train.txt', 'pho/1', "line 4: the class 'pho' is not in"),
        ('food_101', 'food-101/meta/test.txt', 'apple_pie', "line 3: 'apple_pie' cannot be parsed"),
    ],
)
def test_a_bad_line_of_aircraft_or_food_is_named(read, miniature, name, file, line, problem):
    folder = miniature(name)
    with open(folder / file, 'a', encoding='utf-8') as lines:
        lines.write(f'{line}\n')
    with pytest.raises(UserError) as caught:
        read(name, folder)
    assert problem in str(caught.value)


def test_a_list_without_lines_is_an_error(read, miniature):
    folder = miniature('food_101')
    (folder / 'food-101/meta/classes.txt').write_text('\n')
    with pytest.raises(UserError, match='classes.txt is empty'):
        read('food_101', folder)


def refused(read, name, folder):
    with pytest.raises(UserError) as caught:
        read(name, folder)
    return str(caught.value)


def test_the_labels_of_cars_may_be_in_the_devkit(read, miniature):
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
def test_an_unknown_class_of_cars_is_named(read, miniature, class_id, problem):
    folder = miniature('stanford_cars')
    annotations = archives.cars_annotations([(1, '00001.jpg'), (class_id, '00002.jpg')])
    path = folder / 'cars_test_annos_withlabels.mat'
    scipy.io.savemat(path, {'annotations': annotations})
    message = refused(read, 'stanford_cars', folder)
    assert f'{path}, 00002.jpg' in message and problem in message


def test_annotations_of_test_cars_without_labels_are_refused(read, miniature):
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
def test_a_file_that_is_not_a_matlab_file_is_named(read, miniature, content):
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
        ([1, 1], 'class 1 has two folders, n02085620-Chihuahua and n02099429-curly'),
        ([4, 1], 'class 3 has no images'),
        ([0, 1], 'class 0 is not'),
    ],
)
def test_a_class_of_dogs_is_one_folder(read, miniature, labels, problem):
    folder = miniature('stanford_dogs')
    files = ['n02099429-curly-coated_retriever/n02099429_33.jpg', 'n02085620-Chihuahua/1.jpg']
    if labels[0] == 4:
        files[0] = 'n4-x/1.jpg'
    archives.dogs_list(folder / 'test_list.mat', files, labels)
    assert problem in refused(read, 'stanford_dogs', folder)
