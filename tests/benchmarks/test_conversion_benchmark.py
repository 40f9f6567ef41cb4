import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*arguments, timeout=20):
    command = [sys.executable, '-m', 'benchmarks.conversion', *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout)


def test_small_run(tmp_path):
    output = tmp_path / 'results.json'
    sizes = ('--num_images=100', '--num_shards=2', '--repeats=1', '--times=2')
    result = run(*sizes, f'--output={output}', timeout=400)
    assert result.returncode == 0, result.stderr
    rows = json.loads(output.read_text())['rows']
    names = ['loop: TensorFlow, 1 process', 'conversion, 1 worker', 'conversion, 2 workers']
    names += ['convert_dataset.py, 2 workers, start-up included', 'the same, 200 images']
    assert [summary['name'] for summary in rows] == names
    for summary in rows:
        assert summary['images_per_second'] > 0 and summary['cpu_ms_per_image'] > 0
        assert 10 < summary['peak_mib'] < 2000
        assert summary['name'] in result.stdout
    for summary in rows[1:4]:
        rate = summary['images_per_second'] / rows[0]['images_per_second']
        assert summary['baseline'] == names[0]
        assert summary['of_baseline'] == pytest.approx(rate)


@pytest.mark.parametrize('flag', ['--num_workers=two', '--num_workers=1,0', '--num_workers='])
def test_bad_number_of_workers(flag):
    result = run(flag)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert f'{flag}: expected numbers from 1 up' in line
