"""Errors that the user can correct: a script prints them as one line and exits with status 1."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Input that cannot be used. The message says what is wrong, where, and what to do about it."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns the end of a message about an unknown name: the nearest known names, else all.

    >>> nearest('inception_v33', ['inception_v3', 'vgg_16'])
    '; did you mean inception_v3?'
    >>> nearest('x', ['inception_v3', 'vgg_16'])
    '; there are inception_v3, vgg_16'
    """
    known = list(known)
    by_lowercase = {other.lower(): other for other in known}
    close = difflib.get_close_matches(name.lower(), by_lowercase, n=3, cutoff=0.6)
    if close:
        return f'; did you mean {", ".join(by_lowercase[other] for other in close)}?'
    return f'; there are {", ".join(known)}'
