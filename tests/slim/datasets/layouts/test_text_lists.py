import pytest

from slim.errors import UserError


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
        ('aircraft', 'fgvc-aircraft-2013b/data/variants.txt', 'F/A-18', 'line 4: F/A-18 is there'),
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
def test_a_bad_line_is_named(read, miniature, name, file, line, problem):
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
