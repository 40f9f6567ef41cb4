import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from slim.quiet_import import import_tensorflow

import_tensorflow('slim.compat')

import tensorflow as tf  # noqa: E402

from benchmarks import report  # noqa: E402
from benchmarks.differences import differences, relative_error  # noqa: E402
from benchmarks.flops import count_flops  # noqa: E402
from slim.learning import checkpoints  # noqa: E402
from slim.learning.model import Model  # noqa: E402
from slim.nets import nets_factory  # noqa: E402

ROOT = Path(__file__).parents[2]


def run(*arguments, timeout=20):
    command = [sys.executable, '-m', 'benchmarks.networks', *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout)


def run_small(output, *arguments):
    result = run(
        '--model_names=inception_v3',
        '--depth_multiplier=0.25',
        '--image_size=75',
        '--num_images=10',
        '--batch_size=4',
        '--matmul_size=128',
        '--repeats=1',
        '--seconds=0',
        f'--output={output}',
        *arguments,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout, json.loads(output.read_text())


@pytest.fixture(scope='module')
def model():
    """The network of `run_small`, with weights of its own."""
    tf.random.set_seed(1)
    network_fn = nets_factory.get_network_fn('inception_v3', None)
    return Model(network_fn, 75, create_aux_logits=False, depth_multiplier=0.25)


@pytest.fixture(scope='module')
def checkpoint(model, tmp_path_factory):
    """The path of a checkpoint of `model`."""
    folder = str(tmp_path_factory.mktemp('trained'))
    return checkpoints.save(folder, model.named_variables(), 7)


def test_random_network(model, tmp_path):
    shown, results = run_small(tmp_path / 'results.json')
    rows = {(figures['name'], figures['precision']): figures for figures in results['rows']}
    names = 'matrix product', 'inception_v3'
    precisions = 'float32', 'bfloat16'
    assert list(rows) == [(name, precision) for name in names for precision in precisions]
    # As many operations as the network has without its classifier, in either precision.
    images = tf.TensorSpec([None, 75, 75, 3], tf.float32)
    traced = tf.function(lambda images: model(images)[1]['Mixed_7c'], autograph=False)
    expected = count_flops(traced.get_concrete_function(images)) / 1e9
    for precision in precisions:
        figures = rows['inception_v3', precision]
        assert figures['gflop_per_image'] == pytest.approx(expected)
        assert figures['images_per_second'] > 0
        product = rows['matrix product', precision]['gflops_per_second']
        assert figures['of_matrix_product'] == pytest.approx(figures['gflops_per_second'] / product)
    assert 'differences' not in rows['inception_v3', 'float32']
    found = rows['inception_v3', 'bfloat16']['differences']
    # Rounding to 8 bits makes a difference, a small one.
    assert 1e-3 < found['relative_error'] < 0.02
    assert found['worst_relative_error'] >= found['relative_error']
    assert 0 <= found['same_nearest'] <= 1 and 0 < found['found'] <= 1
    assert 0 < found['rounded_images'] < found['relative_error']
    # The tables say what the file says.
    assert report.format_networks(results['rows']) in shown
    assert report.format_differences(results['rows']) in shown
    assert 'not trained' in shown


def test_checkpoint(checkpoint, tmp_path):
    shown, results = run_small(
        tmp_path / 'results.json',
        f'--checkpoint_paths={os.path.dirname(checkpoint)}',
        '--precision=float16,float32,float16',
    )
    figures = {figures['precision']: figures for figures in results['rows'][2:]}
    assert list(figures) == ['float16', 'float32']
    # Its last bits are of 1/1000, where bfloat16's are of 1/128.
    found = figures['float16']['differences']
    assert 1e-4 < found['relative_error'] < 0.01
    assert 'not trained' not in shown


def test_float32_alone_has_nothing_to_compare(checkpoint, tmp_path):
    # Of a checkpoint: a random network would be built once more, to be saved.
    shown, results = run_small(
        tmp_path / 'results.json', f'--checkpoint_paths={checkpoint}', '--precision=float32'
    )
    assert [figures['name'] for figures in results['rows']] == ['matrix product', 'inception_v3']
    assert not any('differences' in figures for figures in results['rows'])
    assert 'against' not in shown


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['--model_names=inception_v3,inception_v5'], 'inception_v5'),
        (['--model_names=inception_v4', '--depth_multiplier=0.5'], 'no such parameter'),
        (['--checkpoint_paths=a,b', '--model_names=inception_v3'], '--checkpoint_paths has 2'),
        (['--precision=double'], 'no double'),
    ],
)
def test_bad_flags(arguments, message):
    result = run(*arguments)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr


def test_differences_of_known_features():
    # On a line, and queries half a step beside them.
    features = np.array([[1.0, 0], [2, 0], [10, 0], [11, 0], [20, 0]], np.float32)
    queries = features + np.array([0.4, 0], np.float32)
    moved = features.copy()
    moved[4, 0] = 12.5
    found = differences(features, queries, moved, queries)
    assert found['same_nearest'] == found['found'] == 1
    assert found['relative_error'] == pytest.approx(7.5 / math.sqrt(1 + 4 + 100 + 121 + 400))
    assert found['worst_relative_error'] == pytest.approx(7.5 / 20)
    assert relative_error(features, moved) == found['relative_error']
    moved[4, 0] = 11.1  # Now the nearest to the query of 11.
    assert differences(features, queries, moved, queries)['same_nearest'] == pytest.approx(4 / 5)
    assert differences(features, queries[::-1], moved, queries[::-1])['found'] == pytest.approx(
        1 / 5
    )
    same = differences(features, queries, features, queries)
    wanted = {'relative_error': 0, 'worst_relative_error': 0, 'same_nearest': 1, 'found': 1}
    assert same == wanted


@pytest.mark.parametrize('bad', [[[0.0, 0], [1, 1]], [[1, math.nan], [1, 1]]])
def test_features_that_cannot_be_compared(bad):
    with pytest.raises(ValueError, match='zero or not finite'):
        differences(np.array(bad), np.ones([2, 2]), np.ones([2, 2]), np.ones([2, 2]))
