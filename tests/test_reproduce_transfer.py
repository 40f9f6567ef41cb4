import csv
import json
import signal
from pathlib import Path

import pytest

from slim import configs
from slim.experiments import miniature

FOLDERS = ('dataset_dir', 'checkpoint_dir', 'feature_dir', 'output_dir')


@pytest.fixture
def arguments(tmp_path):
    return [f'--{name}={tmp_path / name}' for name in FOLDERS]


def test_help_needs_no_heavy_library(run_script, tmp_path):
    for library in ('tensorflow', 'sklearn', 'matplotlib', 'numpy', 'scipy'):
        (tmp_path / f'{library}.py').write_text('raise RuntimeError(__name__)\n')
    result = run_script('reproduce_transfer.py', '--help', env={'PYTHONPATH': str(tmp_path)})
    assert (result.returncode, result.stderr) == (0, '')
    for flag in ('--seed (default: 0)', '--num_steps', '--precision', '--output_dir'):
        assert flag in result.stdout


@pytest.mark.parametrize(
    'arguments, part',
    [
        (['--num_steps=0'], 'num_steps'),
        (['--precision=float8'], 'float32'),
        (['--output=x'], 'output_dir'),
    ],
)
def test_mistakes_in_flags_get_one_line(run_script, failure, arguments, part):
    assert part in failure(run_script('reproduce_transfer.py', *arguments), lines=1)


def test_results_of_other_settings_are_refused_before_any_work(
    run_script, failure, without_tensorflow, arguments, tmp_path
):
    record = miniature.describe_settings(configs.MiniatureConfig(seed=3))
    miniature.claim(str(tmp_path / 'output_dir'), 'output_dir', record)
    result = run_script('reproduce_transfer.py', *arguments, env=without_tensorflow)
    line = failure(result, lines=1)
    assert 'seed=3 instead of 0; remove it, or choose another --output_dir' in line
    # A refused run does not claim the other folders.
    assert [name for name in FOLDERS if (tmp_path / name).exists()] == ['output_dir']


def test_ctrl_c_prints_how_to_resume_and_leaves_no_partial_dataset(
    start_script, arguments, tmp_path
):
    script = start_script('reproduce_transfer.py', *arguments)
    data = tmp_path / 'dataset_dir'
    script.wait_until(lambda: data.exists() and any(data.glob('.*rendering*/*/images/*/*.jpg')))
    assert script.end(signal.SIGINT) == 128 + signal.SIGINT
    assert script.stderr.splitlines() == [
        'warning: interrupted; run the same command again to resume',
        'reproduce_transfer.py: interrupted',
    ]
    assert not list(data.iterdir())


@pytest.mark.slow
def test_the_whole_experiment(run_script, arguments, tmp_path, root):
    result = run_script('reproduce_transfer.py', *arguments, timeout=3600)
    assert result.returncode == 0, result.stderr
    output = tmp_path / 'output_dir'
    settings = json.loads((output / 'settings.json').read_text())

    def accuracies(folder):
        with open(Path(folder) / 'results.csv', newline='', encoding='utf-8') as file:
            rows = list(csv.DictReader(file))
        return {(row['target'], row['source']): float(row['accuracy']) for row in rows}

    found, committed = accuracies(output), accuracies(root / 'docs' / 'transfer')
    assert len(found) == 3 * len(settings['targets'])
    assert found == pytest.approx(committed, abs=0.1)
