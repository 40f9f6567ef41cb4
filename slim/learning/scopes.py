"""Which variables a flag means: scopes, as parts of names, as in 2018."""

from slim.errors import UserError

LAST_LAYER = 'last_layer'  # Stands for the network's own, whatever it is called.


def select(names, scopes, flag, last_layer_scopes=()):
    """The names that contain one of `scopes`.

    Scopes match as substrings, as in 2018: 'Logits' also means 'AuxLogits'.

    Args:
      names: of variables.
      scopes: parts of names; 'last_layer' stands for `last_layer_scopes`.
      flag: what to call it when one of them matches nothing.
      last_layer_scopes: the network's, from the registry. Of several heads one need not be there.

    Returns:
      The names, in their order.

    Raises:
      UserError: if a scope matches nothing; says which there are.

    >>> select(['Net/Conv/weights', 'Net/Logits/biases'], ['last_layer'], 'f', ['Net/Logits'])
    ['Net/Logits/biases']
    """
    chosen = set()
    for scope in scopes:
        parts = last_layer_scopes if scope == LAST_LAYER else [scope]
        found = {name for name in names if any(part in name for part in parts)}
        if not found:
            roots = sorted({'/'.join(name.split('/')[:2]) for name in names})
            raise UserError(
                f'--{flag}={scope} matches no variable of the network; there are {", ".join(roots)}'
            )
        chosen |= found
    return [name for name in names if name in chosen]
