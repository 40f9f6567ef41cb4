"""Tables of results: aligned columns for people, CSV and JSON."""

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from slim.errors import UserError
from slim.files import check_writable, write_text

FORMATS = ('.csv', '.json')


def format_table(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str] | None = None,
    headers: bool = True,
    left: Iterable[str] | None = None,
) -> str:
    """Formats rows as text in aligned columns, two spaces apart.

    Args:
      rows: cells by column. A float is shown with 4 decimals, anything else as `str` shows it; a
        missing cell is left empty.
      columns: names of the columns; by default those of the first row. A column without a cell in
        any row is omitted.
      headers: whether to begin with the names of the columns.
      left: columns to align left; by default those whose first cell is a string. All others are
        aligned right.

    >>> print(format_table([{'target': 'birds', 'emd': 1.5}, {'target': 'x', 'emd': 20.0}]))
    target      emd
    birds    1.5000
    x       20.0000
    >>> print(format_table([{'name': 'cub_200', 'size': '1.1 GB'}], headers=False, left=['name']))
    cub_200  1.1 GB
    """
    rows = list(rows)
    columns = list(rows[0]) if columns is None else columns
    columns = [column for column in columns if any(column in row for row in rows)]
    if left is None:
        firsts = {column: next(row[column] for row in rows if column in row) for column in columns}
        left = [column for column, cell in firsts.items() if isinstance(cell, str)]
    left = set(left)
    cells = ([row.get(column, '') for column in columns] for row in rows)
    lines = [[f'{c:.4f}' if isinstance(c, float) else str(c) for c in line] for line in cells]
    if headers:
        lines.insert(0, columns)
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    return '\n'.join(
        '  '.join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for cell, width, column in zip(line, widths, columns, strict=True)
        ).rstrip()
        for line in lines
    )


def format_csv(rows: Iterable[Sequence[Any]]) -> str:
    r"""Formats rows of cells as CSV; a float has all its digits.

    >>> format_csv([['target', 'emd'], ['a, b', 0.1]])
    'target,emd\n"a, b",0.1\n'
    """
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerows(rows)
    return text.getvalue()


def check_table_path(path: str, flag: str) -> None:
    """Checks, before any work is done for it, that `write_table` can write to `path`.

    Raises:
      UserError: if its ending is neither .csv nor .json, or its folder does not exist.
      OSError: if the folder cannot be written.
    """
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.splitext(path)[1] not in FORMATS:
        raise UserError(f'--{flag}={path}: expected a name that ends in {" or ".join(FORMATS)}')
    if not os.path.isdir(folder):
        raise UserError(f'--{flag}={path}: there is no such folder')
    check_writable(folder)


def write_table(path: str, rows: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> None:
    """Writes rows atomically: to *.csv as CSV, to *.json together with the settings.

    Raises:
      OSError: if the file cannot be written.
    """
    if path.endswith('.json'):
        text = json.dumps({'settings': settings, 'rows': rows}, indent=1) + '\n'
    else:
        text = format_csv([list(rows[0]), *(list(row.values()) for row in rows)])
    write_text(path, text)
