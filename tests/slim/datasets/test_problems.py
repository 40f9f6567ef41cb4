import csv

from slim.datasets import problems
from slim.datasets.problems import Problem

EMPTY = Problem('train.txt', 12, 'a, "b": é.jpg', 'empty', 'is empty')
LATER = Problem('val.txt', 1, '', 'unreadable line', 'cannot be parsed')
CLASS = Problem('train.txt', 0, '', 'class without image', 'class 3 is without a training image')


def test_a_problem_reads_as_a_sentence():
    assert str(EMPTY) == 'train.txt, line 12: a, "b": é.jpg is empty'
    assert str(LATER) == 'val.txt, line 1: cannot be parsed'
    assert str(CLASS) == 'train.txt: class 3 is without a training image'


def test_the_summary_begins_with_the_most_frequent_problem():
    assert problems.summary([CLASS, EMPTY, EMPTY]) == '2 empty, 1 class without image'


def test_the_report_is_sorted_by_list_and_line(tmp_path):
    path = tmp_path / 'problems.csv'
    problems.write_report(str(path), [LATER, EMPTY, CLASS])
    with open(path, encoding='utf-8', newline='') as file:
        rows = list(csv.reader(file))
    assert rows == [
        ['list', 'line', 'path', 'problem', 'detail'],
        ['train.txt', '', '', CLASS.problem, CLASS.detail],
        ['train.txt', '12', EMPTY.path, 'empty', 'is empty'],
        ['val.txt', '1', '', LATER.problem, LATER.detail],
    ]
