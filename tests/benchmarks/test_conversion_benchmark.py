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
    result = run(*sizes, f'--output={output}', timeout=180)
    assert result.returncode == 0, result.stderr
    loop, *converted = json.loads(output.read_text())['rows']
    assert len(converted) == 4
    for figures in (loop, *converted):
        assert figures['images_per_second'] > 0 and figures['cpu_ms_per_image'] > 0
        assert 10 < figures['peak_mib'] < 2000
        assert figures['name'] in result.stdout
    for figures in converted[:3]:
        rate = figures['images_per_second'] / loop['images_per_second']
        assert figures['of_loop'] == pytest.approx(rate)


@pytest.mark.parametrize('flag', ['--num_workers=two', '--num_workers=1,0', '--num_workers='])
def test_a_number_of_workers_that_is_none_gets_one_line(flag):
    result = run(flag)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert f'{flag}: expected numbers from 1 up' in line
