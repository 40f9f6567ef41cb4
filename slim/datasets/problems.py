"""What is wrong with a dataset, all of it: one report that a spreadsheet opens."""

import collections
from collections.abc import Iterable
from typing import NamedTuple

from slim import files

NAME = 'problems.csv'
COLUMNS = ('list', 'line', 'path', 'problem', 'detail')


class Problem(NamedTuple):
    """One line or file that cannot be used.

    Attributes:
      list_name: the list, 'train.txt'.
      line: its line, from 1; 0 where it is no single one.
      path: of the image, as the list has it; empty where there is none.
      problem: what it is, in a word or two, the same for all of a kind.
      detail: the rest of a sentence that begins with the line and the path.
    """

    list_name: str
    line: int
    path: str
    problem: str
    detail: str

    def __str__(self):
        where = self.list_name + (f', line {self.line}' if self.line else '')
        return f'{where}: {self.path} {self.detail}' if self.path else f'{where}: {self.detail}'


def summary(found: Iterable[Problem]) -> str:
    """How many there are of each kind.

    >>> summary([Problem('a', 1, 'b', 'missing', ''), Problem('a', 2, 'c', 'missing', '')])
    '2 missing'
    """
    counts = collections.Counter(problem.problem for problem in found)
    return ', '.join(f'{count} {kind}' for kind, count in counts.most_common())


def write_report(path: str, found: Iterable[Problem]) -> None:
    """Writes a CSV file with a line for each problem, in the order of lists and lines."""
    rows = ([*problem[:1], problem.line or '', *problem[2:]] for problem in sorted(found))
    files.write_csv(path, [COLUMNS, *rows])
