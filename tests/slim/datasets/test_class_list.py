import pytest

from slim.datasets import class_list
from slim.datasets.layouts.listing import listing
from slim.errors import UserError

NAMES = ('n1 crane', 'n2 tench, Tinca tinca', '3:4 scale', 'wren', 'owl', 'owl')


@pytest.fixture
def read(tmp_path):
    def read(text, names=NAMES):
        path = tmp_path / 'classes.txt'
        path.write_text(text, 'utf-8')
        return class_list.read(str(path), names)

    return read


def test_names_and_lines_of_labels_txt(read):
    assert read('wren\n\n n1 crane\r\n') == [3, 0]
    assert read('17:wren\n2:n2 tench, Tinca tinca\n0:3:4 scale\n') == [3, 1, 2]
    assert read('3:4 scale\nwren\n') == [2, 3]


@pytest.mark.parametrize(
    ('text', 'problem'),
    [
        ('', 'is empty'),
        ('wren\nwren\n', "line 2: the class 'wren' is listed twice"),
        ('wren\nwern\n', "line 2: there is no class 'wern'; did you mean wren?"),
        ('n2\n', 'did you mean n2 tench, Tinca tinca?'),
        ('0:zzzz\n', "no class 'zzzz'; there are n1 crane, n2 tench, Tinca tinca, 3:4"),
        ('owl\n', "2 classes have the name 'owl'"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(read, text, problem):
    with pytest.raises(UserError) as caught:
        read(text)
    assert problem in str(caught.value)


def test_selected_classes_get_new_labels():
    found = listing('r', [('a', 0), ('b', 1), ('c', 3)], [('d', 3), ('e', 2)], NAMES)
    chosen = class_list.select(found, [3, 0])
    assert chosen.class_names == ('wren', 'n1 crane')
    assert chosen.images == {'train': (('a', 1), ('c', 0)), 'validation': (('d', 0),)}
