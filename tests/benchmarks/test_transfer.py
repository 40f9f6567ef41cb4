import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import transfer

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
        '--only=21 pairs',
        f'--output={output}',
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    results = json.loads(output.read_text())
    first, second = results['rows']
    for figures in first, second:
        assert figures['seconds'] > 0 and figures['cpu_seconds'] > 0
        assert 50 < figures['peak_mib'] < 2000
    assert second['baseline'] == first['name']
    ratio = second['seconds'] / first['seconds']
    assert second['times_baseline'] == pytest.approx(ratio)
    assert transfer.format_table(results['rows']) in result.stdout


def test_lines_that_are_compared_compute_the_same(monkeypatch):
    """Every line, in this process: starting one for each would take most of the time."""
    monkeypatch.setattr(transfer_rows, 'measure_in_process', transfer.measure_here)
    has_cpp = importlib.metadata.version('pyemd').startswith('1.')
    rows = transfer.create_rows(transfer.Sizes(0.02, 64), has_cpp)
    found = {row.name: row.measure().result for row in rows}
    # The C++ to its precision, float64 to that of float32.
    for row in rows:
        if row.baseline:
            for name in found[row.name].keys() - {'iterations'}:
                expected = found[row.baseline][name]
                tolerance = 0.02 if name == 'accuracy' else 1e-4
                assert found[row.name][name] == pytest.approx(expected, rel=tolerance), row.name


def test_sizes_are_the_papers():
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
        ('--only=no such line', 'no line'),
        ('--output=no/such/folder/x.json', 'no such folder'),
    ],
)
def test_bad_flags(argument, message):
    result = run(argument)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr
