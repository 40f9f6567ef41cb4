import json
import subprocess
import sys
from pathlib import Path

import ot
import pytest
from sklearn.neighbors import KDTree

from benchmarks import measuring, transfer

ROOT = Path(__file__).parents[2]


def run(*arguments, timeout=20):
    command = [sys.executable, '-m', 'benchmarks.transfer', *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout)


def test_small_run(tmp_path):
    output = tmp_path / 'results.json'
    result = run(
        '--scale=0.02',
        '--width=64',
        '--repeats=1',
        '--only=8 x 4 classes',
        f'--output={output}',
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    results = json.loads(output.read_text())
    first, second = results['rows']
    for summary in first, second:
        assert summary['seconds'] > 0 and summary['cpu_seconds'] > 0
        assert 50 < summary['peak_mib'] < 500  # TensorFlow alone would take more.
    assert second['baseline'] == first['name']
    ratio = second['seconds'] / first['seconds']
    assert second['times_baseline'] == pytest.approx(ratio)
    assert transfer.format_table(results['rows']) in result.stdout


def test_rows_that_are_compared_compute_the_same(monkeypatch):
    """Measures every row in this process: a new one for each would take most of the time."""

    def call(function, *arguments):
        calls.clear()
        return function(*arguments)

    calls, solve_with_pot = [], ot.emd
    monkeypatch.setattr(
        ot, 'emd', lambda *args, **kw: calls.append(1) or solve_with_pot(*args, **kw)
    )
    monkeypatch.setattr(measuring, 'call_in_new_process', call)
    rows = transfer.create_rows(transfer.Sizes(0.02, 64))
    results = {}
    for row in rows:
        results[row.name] = row.measure().result
        assert bool(calls) == ('POT' in row.name), row.name  # pyemd must not solve with POT.
    assert [row.baseline for row in rows if row.baseline] == ['8 x 4 classes: POT']
    assert results["8 x 4 classes: pyemd's C++ solver"] == pytest.approx(
        results['8 x 4 classes: POT'], rel=1e-4
    )
    assert results['logistic regression']['accuracy'] > 0.5


def test_neighbours_are_those_of_a_tree():
    images = transfer.draw_images(transfer.Sizes(0.02, 64))
    (train, _), (val, _) = images
    distances, _ = KDTree(train).query(val, k=5)
    assert transfer.find_neighbours(images) == {'distance': pytest.approx(distances.mean())}


def test_sizes_of_the_paper():
    sizes = transfer.Sizes(1.0, 4)
    pairs = transfer.paper_pairs(sizes)
    assert len(pairs) == 21
    assert {len(source[0]) for source, _ in pairs} == {1000, 700, 1700}
    targets = [len(target[0]) for _, target in pairs[::3]]
    assert targets == [200, 102, 196, 120, 100, 555, 101]
    [(source, target)] = transfer.large_pairs(sizes)
    assert (source[0].shape, target[0].shape) == ((6089, 4), (555, 4))
    (train, _), (val, labels) = transfer.draw_images(sizes)
    assert (train.shape, val.shape, len(set(labels))) == ((5994, 4), (5794, 4), 200)


@pytest.mark.parametrize(
    'argument, message',
    [
        ('--scale=2', 'scale'),
        ('--only=no such row', 'no row'),
        ('--output=no/such/folder/x.json', 'no such folder'),
    ],
)
def test_bad_flags(argument, message):
    result = run(argument)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr
