import os

import pytest

from slim.datasets import split_lists
from slim.datasets.split_lists import ListedImage
from slim.errors import UserError


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_reads_paths_with_spaces_colons_and_accents(tmp_path):
    path = write(
        tmp_path / 'train.txt',
        'images/a b/1.jpg: 0\n\nimages/c: d: 7/é.jpg: 12\r\n   \nlast.jpg:  3',
    )
    assert split_lists.read_list(path) == [
        ListedImage('images/a b/1.jpg', 0),
        ListedImage('images/c: d: 7/é.jpg', 12),
        ListedImage('last.jpg', 3),
    ]


def test_only_line_feeds_end_lines(tmp_path):
    odd = 'a\x0bb\u2028c\x85.jpg'
    assert split_lists.read_list(write(tmp_path / 'train.txt', f'{odd}: 1\n')) == [(odd, 1)]


def test_a_byte_order_mark_is_ignored(tmp_path):
    path = write(tmp_path / 'train.txt', b'\xef\xbb\xbfa.jpg: 1\n')
    assert split_lists.read_list(path) == [('a.jpg', 1)]


def test_reading_reverses_writing(tmp_path):
    path = str(tmp_path / 'val.txt')
    images = [ListedImage('a: 1/b c.jpg', 4), ListedImage('ü.jpg', 0)]
    split_lists.write_list(path, images)
    assert split_lists.read_list(path) == images
    assert os.listdir(tmp_path) == ['val.txt']


@pytest.mark.parametrize(
    ('content', 'line', 'problem'),
    [
        ('a.jpg: 0\nb.jpg 1\n', 2, 'relative/path.jpg: label'),
        ('a.jpg:0\n', 1, 'relative/path.jpg: label'),
        ('a.jpg: 0\n\nb.jpg: cat\n', 3, "'cat' is not a whole number"),
        ('a.jpg: 1.0\n', 1, "'1.0' is not a whole number"),
        ('a.jpg: \n', 1, 'not a whole number'),
        ('a.jpg: ²\n', 1, 'not a whole number'),
        ('a.jpg: ' + '9' * 5000 + '\n', 1, 'not a whole number'),
        ('a.jpg: -1\n', 1, 'label -1 is negative'),
        ('a.jpg: 2\nb.jpg: 3\n', 2, 'label 3 is out of range'),
        ('/data/a.jpg: 0\n', 1, 'absolute'),
        ('../a.jpg: 0\n', 1, 'leaves the dataset folder'),
        ('images/../../a.jpg: 0\n', 1, 'leaves the dataset folder'),
        (': 0\n', 1, 'no path'),
        (b'a.jpg: 0\n\xff\xfe.jpg: 1\n', 2, 'UTF-8'),
    ],
)
def test_the_error_names_the_malformed_line(tmp_path, content, line, problem):
    path = write(tmp_path / 'train.txt', content)
    with pytest.raises(UserError) as caught:
        split_lists.read_list(path, num_classes=3)
    assert str(caught.value).startswith(f'{path}, line {line}: ')
    assert problem in str(caught.value)


def test_dots_that_stay_in_the_folder_are_accepted(tmp_path):
    path = write(tmp_path / 'train.txt', 'a/../..b/c..jpg: 0\n')
    assert split_lists.read_list(path) == [('a/../..b/c..jpg', 0)]


@pytest.mark.parametrize('content', ['', '\n  \n'])
def test_an_empty_list_is_an_error(tmp_path, content):
    path = write(tmp_path / 'val.txt', content)
    with pytest.raises(UserError, match='val.txt is empty; expected a line'):
        split_lists.read_list(path)


def test_the_error_for_a_missing_list_names_the_command(tmp_path):
    path = str(tmp_path / 'birds' / 'train.txt')
    with pytest.raises(UserError) as caught:
        split_lists.read_list(path)
    assert path in str(caught.value)
    assert 'prepare_dataset.py --dataset_name=birds' in str(caught.value)
    assert 'relative/path.jpg: label' in str(caught.value)


def test_splits_and_their_lists():
    assert split_lists.list_path('d', 'train') == os.path.join('d', 'train.txt')
    assert split_lists.list_path('d', 'validation') == os.path.join('d', 'val.txt')
    with pytest.raises(UserError, match='val.*train, validation'):
        split_lists.list_path('d', 'val')


@pytest.mark.parametrize('image', [('a\nb.jpg', 0), ('../a.jpg', 0), ('a.jpg', -1)])
def test_a_list_that_would_be_refused_is_not_written(tmp_path, image):
    with pytest.raises(UserError):
        split_lists.write_list(str(tmp_path / 'train.txt'), [('good.jpg', 0), image])
    assert os.listdir(tmp_path) == []


def test_labels_may_contain_colons_and_be_in_any_order(tmp_path):
    write(tmp_path / 'labels.txt', '1:Wren: winter\n0:Crow é\n')
    assert split_lists.read_labels(str(tmp_path)) == ['Crow é', 'Wren: winter']


def test_reading_labels_reverses_writing(tmp_path):
    names = ['Crow', 'Wren: a/b', 'ü']
    split_lists.write_labels(str(tmp_path), names)
    assert (tmp_path / 'labels.txt').read_text('utf-8') == '0:Crow\n1:Wren: a/b\n2:ü\n'
    assert split_lists.read_labels(str(tmp_path)) == names
    with pytest.raises(UserError):
        split_lists.write_labels(str(tmp_path), ['a\nb'])


def test_a_missing_labels_file_gives_none(tmp_path):
    assert split_lists.read_labels(str(tmp_path)) is None


@pytest.mark.parametrize(
    ('content', 'problem'),
    [
        ('0:a\nb\n', 'line 2: cannot be parsed'),
        ('0:a\nx:b\n', 'line 2: cannot be parsed'),
        ('0:a\n\n0:b\n', 'line 3: label 0 is there twice'),
        ('0:a\n2:b\n', 'label 1 is missing'),
        ('', 'is empty'),
    ],
)
def test_the_error_names_the_malformed_label(tmp_path, content, problem):
    path = write(tmp_path / 'labels.txt', content)
    with pytest.raises(UserError) as caught:
        split_lists.read_labels(str(tmp_path))
    assert str(caught.value).startswith(path)
    assert problem in str(caught.value)
