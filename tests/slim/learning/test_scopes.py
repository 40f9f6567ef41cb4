"""Selection of variables by scope."""

import pytest

from slim.errors import UserError
from slim.learning.scopes import select

NAMES = ['Net/Conv/weights', 'Net/AuxLogits/Conv/weights', 'Net/Logits/Conv/biases']
HEADS = ('Net/Logits', 'Net/AuxLogits')


def test_scopes_match_parts_of_names():
    assert select(NAMES, ['Logits'], 'flag') == NAMES[1:]
    assert select(NAMES, ['Net/Logits'], 'flag') == NAMES[2:]
    assert select(NAMES, [], 'flag') == []


def test_last_layer_stands_for_the_classifiers_of_the_network():
    assert select(NAMES, ['last_layer'], 'flag', HEADS) == NAMES[1:]
    # A network for small images has no auxiliary head.
    assert select(NAMES[::2], ['last_layer'], 'flag', HEADS) == NAMES[2:]
    assert select(NAMES, ['last_layer', 'Net/Conv'], 'flag', HEADS) == NAMES


@pytest.mark.parametrize('scope', ['Logitz', 'last_layer'])
def test_a_scope_that_matches_nothing_is_refused(scope):
    with pytest.raises(UserError, match=f'--flag={scope} matches no variable.*Net/AuxLogits'):
        select(NAMES, [scope], 'flag', ['Other/Logits'])
