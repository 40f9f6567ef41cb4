"""Selection of variables by scope, a part of their names, as in the original code."""

from collections.abc import Iterable, Sequence

from slim.errors import UserError

LAST_LAYER = 'last_layer'  # Stands for the network's classifiers, whatever their scopes are.


def select(
    names: Iterable[str], scopes: Iterable[str], flag: str, last_layer_scopes: Sequence[str] = ()
) -> list[str]:
    """Returns the names that contain one of `scopes`, in their order.

    Scopes match as substrings, as in the original code: 'Logits' also matches 'AuxLogits'.

    Args:
      names: names of variables.
      scopes: parts of names; 'last_layer' stands for `last_layer_scopes`.
      flag: name of the flag that gave the scopes, for the error message.
      last_layer_scopes: scopes of the network's classifiers, from the registry. One of them may be
        absent: a network for small images has no auxiliary head.

    Raises:
      UserError: if a scope matches nothing; lists the scopes that exist.

    >>> select(['Net/Conv/weights', 'Net/Logits/biases'], ['last_layer'], 'f', ['Net/Logits'])
    ['Net/Logits/biases']
    """
    names, selected = list(names), set[str]()
    for scope in scopes:
        parts = last_layer_scopes if scope == LAST_LAYER else [scope]
        matches = {name for name in names if any(part in name for part in parts)}
        if not matches:
            roots = sorted({'/'.join(name.split('/')[:2]) for name in names})
            raise UserError(
                f'--{flag}={scope} matches no variable of the network; there are {", ".join(roots)}'
            )
        selected |= matches
    return [name for name in names if name in selected]
