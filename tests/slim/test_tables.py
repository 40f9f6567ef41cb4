"""Tests text, CSV and JSON tables."""

import csv
import json

import pytest

from slim import tables
from slim.errors import UserError


def test_columns_and_alignment():
    rows = [{'name': 'a', 'size': '9 MB', 'count': 1}, {'name': 'long', 'count': 200}]
    assert tables.format_table(rows) == 'name  size  count\na     9 MB      1\nlong          200'
    columns = ['count', 'size', 'absent']
    shown = tables.format_table(rows, columns, headers=False, left=['count'])
    assert shown == '1    9 MB\n200'
    # The first cell of a column decides, even where the first row has none.
    assert tables.format_table([{'a': 1}, {'a': 2, 'b': 'x'}], ['b', 'a']).splitlines()[0] == 'b  a'


def test_tables_keep_all_digits(tmp_path):
    rows = [{'target': 'a,b', 'emd': 1 / 3}, {'target': 'c', 'emd': 2.0}]
    tables.write_table(str(tmp_path / 'a.csv'), rows, {})
    with open(tmp_path / 'a.csv', newline='') as file:
        read = list(csv.DictReader(file))
    assert [(row['target'], float(row['emd'])) for row in read] == [('a,b', 1 / 3), ('c', 2.0)]
    tables.write_table(str(tmp_path / 'a.json'), rows, {'gamma': 0.01})
    written = json.loads((tmp_path / 'a.json').read_text())
    assert written == {'settings': {'gamma': 0.01}, 'rows': rows}


def test_check_of_paths(tmp_path):
    for path, message in (('a.txt', 'ends in .csv or .json'), ('no/a.csv', 'no such folder')):
        with pytest.raises(UserError, match=message):
            tables.check_table_path(str(tmp_path / path), 'output')
