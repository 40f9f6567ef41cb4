"""Text files of archives: UTF-8, something a line."""

import re
from collections.abc import Iterator

from slim.errors import UserError


def lines(path: str) -> Iterator[tuple[str, str]]:
    """The lines of a file that are not blank, as (where it stands, for messages; text).

    Raises:
      UserError: if one is not UTF-8.
    """
    with open(path, 'rb') as file:
        for number, line in enumerate(file, 1):
            where = f'{path}, line {number}'
            try:
                # Some editors begin a file with a byte order mark.
                text = line.decode('utf-8-sig' if number == 1 else 'utf-8').strip()
            except UnicodeDecodeError as error:
                raise UserError(f'{where}: not UTF-8 text') from error
            if text:
                yield where, text


def pairs(path: str) -> Iterator[tuple[str, str, str]]:
    """The lines '<key> <rest>' of a file, as (where it stands; key; rest, which may hold spaces).

    Raises:
      UserError: if a line has but one word.
    """
    for where, text in lines(path):
        key, _, rest = text.partition(' ')
        if not rest.strip():
            raise UserError(f"{where}: {text!r} cannot be parsed; expected '<id> <value>'")
        yield where, key, rest.strip()


def table(path: str) -> dict[str, str]:
    """The lines '<key> <rest>' of a file by their keys, in order.

    Raises:
      UserError: if a line is not of that form, or has a key of an earlier one.
    """
    found: dict[str, str] = {}
    for where, key, rest in pairs(path):
        if key in found:
            raise UserError(f'{where}: {key} is there twice')
        found[key] = rest
    return found


def names(path: str) -> list[str]:
    """The lines of a file, each of which is there once.

    Raises:
      UserError: if one is there twice, or there are none.
    """
    found: dict[str, None] = {}
    for where, text in lines(path):
        if text in found:
            raise UserError(f'{where}: {text} is there twice')
        found[text] = None
    if not found:
        raise UserError(f'{path} is empty; expected a name on each line')
    return list(found)


def whole_number(text: str, where: str) -> int:
    """The number that `text` holds, not negative.

    Raises:
      UserError: if it holds none.
    """
    if re.fullmatch('[0-9]{1,18}', text) is None:
        raise UserError(f'{where}: {text!r} is not a whole number')
    return int(text)
