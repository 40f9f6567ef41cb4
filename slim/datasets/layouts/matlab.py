"""Variables of MATLAB files, in the shapes that devkits have: numbers, cells of text, structs."""

import zlib
from collections.abc import Sequence
from typing import Any

from slim.errors import UserError


def _load(path: str, key: str) -> Any:
    """The variable `key`, without MATLAB's dimensions of one."""
    # Imported here: it takes a moment, and most layouts do without.
    from scipy.io import loadmat, matlab

    try:
        content = loadmat(path, variable_names=[key], simplify_cells=True)
    except NotImplementedError as error:
        raise UserError(f'{path} is a MATLAB file of version 7.3; expected the original') from error
    except (matlab.MatReadError, OSError, TypeError, ValueError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno:  # scipy's own for a truncated file have none
            raise
        what = f'is not a MATLAB file, or damaged ({error})'
        raise UserError(f'{path} {what}; fetch it anew') from error
    if key not in content:
        raise UserError(f'{path} has no variable {key!r}; it is another file than expected')
    return content[key]


def whole_number(value: Any, where: str) -> int:
    """A MATLAB number, which is a float64 more often than not, as an int.

    Raises:
      UserError: if it is none.
    """
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f'{where}: {value!r} is not a whole number') from error
    if number != value:
        raise UserError(f'{where}: {value!r} is not a whole number')
    return number


def whole_numbers(path: str, key: str) -> list[int]:
    """A vector of whole numbers.

    Raises:
      UserError: if the file cannot be read, or holds no such variable.
    """
    import numpy as np

    return [whole_number(value, f'{path}, {key}') for value in np.ravel(_load(path, key)).tolist()]


def texts(path: str, key: str) -> list[str]:
    """A cell array of text; raises as `whole_numbers`."""
    import numpy as np

    values = np.ravel(np.asarray(_load(path, key), object)).tolist()
    for value in values:
        if not isinstance(value, str):
            raise UserError(f'{path}, {key}: {value!r} is not text')
    return [value.strip() for value in values]


def records(path: str, key: str, fields: Sequence[str]) -> list[tuple]:
    """The named fields of each struct of an array; raises as `whole_numbers`."""
    structs = _load(path, key)
    structs = [structs] if isinstance(structs, dict) else structs
    try:
        return [tuple(struct[field] for field in fields) for struct in structs]
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f'{path}, {key}: expected structs with the fields {", ".join(fields)}'
        ) from error
