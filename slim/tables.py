"""Tables of results: for people, as CSV and as JSON."""

import csv
import io
import json
import os

from slim.errors import UserError
from slim.files import check_writable, write_text

FORMATS = ('.csv', '.json')


def format_table(rows: list[dict]) -> str:
    """Text in columns under their names: strings to the left, numbers to the right.

    >>> print(format_table([{'target': 'birds', 'emd': 1.5}, {'target': 'x', 'emd': 20.0}]))
    target      emd
    birds    1.5000
    x       20.0000
    """
    columns = list(rows[0])
    is_left = [isinstance(rows[0][column], str) for column in columns]
    lines = [columns, *([_cell(row[column]) for column in columns] for row in rows)]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return '\n'.join(
        '  '.join(
            cell.ljust(width) if left else cell.rjust(width)
            for cell, width, left in zip(line, widths, is_left, strict=True)
        ).rstrip()
        for line in lines
    )


def _cell(value):
    return f'{value:.4f}' if isinstance(value, float) else str(value)


def format_csv(rows: list[list]) -> str:
    """Lines of cells as CSV; a float has all its digits."""
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerows(rows)
    return text.getvalue()


def check_table_path(path: str, flag: str) -> None:
    """Makes sure, before any work is done for it, that `write_table` can write to `path`.

    Raises:
      UserError: if its ending is neither .csv nor .json, or its folder is not there.
      OSError: if the folder cannot be written.
    """
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.splitext(path)[1] not in FORMATS:
        raise UserError(f'--{flag}={path}: expected a name that ends in {" or ".join(FORMATS)}')
    if not os.path.isdir(folder):
        raise UserError(f'--{flag}={path}: there is no such folder')
    check_writable(folder)


def write_table(path: str, rows: list[dict], settings: dict) -> None:
    """Writes rows as CSV, or as JSON with the settings that they depend on, as `path` ends.

    Raises:
      OSError: if they cannot be written.
    """
    if path.endswith('.json'):
        text = json.dumps({'settings': settings, 'rows': rows}, indent=1) + '\n'
    else:
        text = format_csv([list(rows[0]), *(list(row.values()) for row in rows)])
    write_text(path, text)
