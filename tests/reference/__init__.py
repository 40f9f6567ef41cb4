"""Figures measured on the code of 2018, and how to read them; see README.md beside this file."""

import json
import pathlib

FOLDER = pathlib.Path(__file__).parent


def load(name):
    """The content of `<name>.json`."""
    return json.loads((FOLDER / f'{name}.json').read_text())
