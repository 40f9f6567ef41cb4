import pytest

from slim.errors import UserError


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
        ('image_class_labels.txt', '9 3', '9 3\n9 1', 'line 6: 9 is there twice'),
        ('train_test_split.txt', '7 0', '7 2', "image 7 has '2'; expected 1 (train) or 0 (test)"),
        ('classes.txt', '2 002', '5 extra\n2 002', 'the ids are not 1 to 4, each once'),
        ('classes.txt', '2 002', '-2 002', "'-2' is not a whole number"),
        ('images.txt', '002.Laysan_Albatross/Laysan: on', '../../Laysan: on', 'leaves that folder'),
        (
            'images.txt',
            '002.Laysan_Albatross/Laysan: on a deck.jpg',
            '003.Émeraude/a b.jpg',
            'images/003.Émeraude/a b.jpg is listed twice, in train',
        ),
    ],
)
def test_a_bad_line_is_named(read, miniature, file, old, new, problem):
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


def test_without_any_image_it_is_an_error(read, miniature):
    folder = miniature('nabirds')
    images = folder / 'nabirds/images'
    images.rename(folder / 'elsewhere')
    images.mkdir()
    with pytest.raises(UserError, match='none of the 5 listed images is there: .*0817/0000139e'):
        read('nabirds', folder)
