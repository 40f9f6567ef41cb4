"""Errors that the user can correct: a script prints them as one line and exits with status 1."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Input that cannot be used. The message says what is wrong, where, and what to do about it."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns the end of a message about an unknown name: the nearest known names, else all.

    >>> nearest('inception_v33', ['inception_v3', 'vgg_16'])
    '; did you mean inception_v3?'
    >>> nearest('v3', ['inception_v3', 'vgg_16'])
    '; did you mean inception_v3?'
    >>> nearest('x', ['inception_v3', 'vgg_16'])
    '; there are inception_v3, vgg_16'
    """
    known = list(known)
    by_lowercase = {other.lower(): other for other in known}
    matches = difflib.get_close_matches(name.lower(), by_lowercase, n=3, cutoff=0.6)
    close = [by_lowercase[match] for match in matches]
    close = close or [other for other in known if name.lower() in other.lower()][:3]
    if close:
        return f'; did you mean {", ".join(close)}?'
    return f'; there are {", ".join(known[:50])}{", ..." if len(known) > 50 else ""}'
