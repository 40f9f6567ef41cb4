"""Validation report: everything in a dataset that cannot be used, as a CSV file."""

import collections
from collections.abc import Iterable
from typing import NamedTuple

from slim import files, tables

NAME = 'problems.csv'
COLUMNS = ('list', 'line', 'path', 'problem', 'detail')


class Problem(NamedTuple):
    """One line or file that cannot be used.

    Attributes:
      list_name: file name of the list, such as 'train.txt'.
      line: line number in the list, from 1; 0 if the problem is not one of a single line.
      path: path of the image as in the list; empty if there is none.
      problem: kind of the problem in one to three words.
      detail: rest of a sentence that begins with the line and the path.
    """

    list_name: str
    line: int
    path: str
    problem: str
    detail: str

    def __str__(self) -> str:
        start = f'{self.list_name}, line {self.line}' if self.line else self.list_name
        return f'{start}: {self.path} {self.detail}' if self.path else f'{start}: {self.detail}'


def summary(problems: Iterable[Problem]) -> str:
    """Returns the number of problems of each kind, most frequent first.

    >>> summary([Problem('a', 1, 'b', 'missing', ''), Problem('a', 2, 'c', 'missing', '')])
    '2 missing'
    """
    counts = collections.Counter(problem.problem for problem in problems)
    return ', '.join(f'{count} {kind}' for kind, count in counts.most_common())


def write_report(path: str, problems: Iterable[Problem]) -> None:
    """Writes a CSV file with one row per problem, sorted by list and line."""
    rows = ([*problem[:1], problem.line or '', *problem[2:]] for problem in sorted(problems))
    files.write_text(path, tables.format_csv([COLUMNS, *rows]))
