import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from slim.quiet_import import import_tensorflow

import_tensorflow('slim.compat')

import tensorflow as tf  # noqa: E402

from benchmarks import report  # noqa: E402
from benchmarks.flops import count_flops  # noqa: E402
from benchmarks.measuring import Measurement, Row, measure_rows  # noqa: E402
from slim.learning.model import Model  # noqa: E402
from slim.learning.precision import has_fast_instructions  # noqa: E402
from slim.nets import nets_factory  # noqa: E402

ROOT = Path(__file__).parents[2]

PRECISIONS = ('float32', 'bfloat16')

# Name -> whether operations are counted, baseline, whether it can wait for input.
COMPUTED = {
    'matrix product': (True, None, False),
    'network alone': (True, None, False),
    'features from JPEG files': (True, 'network alone', False),
    'last layer, step alone': (True, None, False),
    'last layer, from TFRecords': (True, 'last layer, step alone', True),
    'all layers, step alone': (True, None, False),
    'all layers, from TFRecords': (True, 'all layers, step alone', True),
}
INPUT = {
    'input of extraction, 1 thread': (False, 'network alone', False),
    'input of extraction, all threads': (False, 'network alone', False),
    'input of evaluation, 1 thread': (False, 'network alone', False),
    'input of evaluation, all threads': (False, 'network alone', False),
    'input of training, 1 thread': (False, 'last layer, step alone', False),
    'input of training, all threads': (False, 'last layer, step alone', False),
}
# The precisions of a row follow each other.
ROWS = {
    **{(name, precision): row for name, row in COMPUTED.items() for precision in PRECISIONS},
    **{(name, None): row for name, row in INPUT.items()},
}


def run(*arguments, timeout=20):
    command = [sys.executable, '-m', 'benchmarks.throughput', *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout)


def test_small_run(tmp_path):
    output = tmp_path / 'results.json'
    result = run(
        '--depth_multiplier=0.1',
        '--image_size=75',
        '--num_images=8',
        '--batch_size=4',
        '--matmul_size=256',
        '--repeats=1',
        '--seconds=0.1',
        '--precision=float32,bfloat16',
        f'--output={output}',
        timeout=600,
    )
    assert result.returncode == 0, result.stderr
    results = json.loads(output.read_text())
    assert results['settings']['batch_size'] == 4
    assert results['machine']['tensorflow'] == tf.__version__
    rows = {(summary['name'], summary.get('precision')): summary for summary in results['rows']}
    assert list(rows) == list(ROWS)
    for (name, precision), (is_counted, baseline, can_wait) in ROWS.items():
        summary = rows[name, precision]
        assert summary.get('baseline') == baseline
        if precision and baseline:
            assert summary['baseline_precision'] == precision
        assert ('waited' in summary) == can_wait
        assert ('of_matrix_product' in summary) == is_counted
        assert ('images_per_second' in summary) == (name != 'matrix product')
        assert ('of_float32' in summary) == (precision == 'bfloat16')
        waited = summary.pop('waited', 0)
        assert 0 <= waited <= 1
        numbers = [value for value in summary.values() if not isinstance(value, str)]
        assert all(math.isfinite(number) and number > 0 for number in numbers), name
    for precision in PRECISIONS:
        # Against the product of the same precision: one round, so that the ratio is of two rates.
        product = rows['matrix product', precision]['gflops_per_second']
        summary = rows['network alone', precision]
        assert summary['of_matrix_product'] == pytest.approx(summary['gflops_per_second'] / product)
    # The number of operations does not depend on the precision.
    operations = [
        rows['all layers, step alone', precision]['gflops_per_second']
        / rows['all layers, step alone', precision]['images_per_second']
        for precision in PRECISIONS
    ]
    assert operations[0] == pytest.approx(operations[1])
    # Table and file agree.
    table = report.format_table(json.loads(output.read_text())['rows'])
    assert result.stdout.startswith(table + '\n')
    assert len(table.splitlines()) == 1 + len(ROWS)
    assert f'TensorFlow {tf.__version__}' in result.stdout.splitlines()[-1]
    is_slow = not has_fast_instructions('bfloat16')
    assert results['machine']['without_fast_instructions'] == ['bfloat16'] * is_slow
    assert ('no instructions for bfloat16' in result.stdout) == is_slow


def test_ratios_compare_the_same_precision_and_round():
    rates = {
        # A machine that is ten times slower in the second round.
        ('product', 'float32'): [100, 10],
        ('product', 'bfloat16'): [300, 30],
        ('network', 'float32'): [8, 0.8],
        ('network', 'bfloat16'): [12, 1.2],
        ('input', None): [60, 6],
    }

    def row(key, **named):
        # Every other round runs backwards, but each row is measured once per round.
        measured = iter([Measurement(rate, 1.0, 0.5) for rate in rates[key]])
        return Row(key[0], lambda: next(measured), precision=key[1], **named)

    rows = [row(key, flops=1) for key in list(rates)[:2]]
    rows += [row(key, flops=10) for key in list(rates)[2:4]]
    rows.append(row(('input', None), baseline='network'))
    measured = measure_rows(rows, 2)
    summaries = {row.key: report.summarize(row, measured, 'product') for row in rows}
    assert summaries['network', 'float32']['of_matrix_product'] == pytest.approx(0.8)
    assert summaries['network', 'bfloat16']['of_matrix_product'] == pytest.approx(0.4)
    assert summaries['network', 'bfloat16']['of_float32'] == pytest.approx(1.5)
    assert summaries['product', 'bfloat16']['of_float32_by_cpu'] == pytest.approx(3)
    # Input has to keep up with the fastest precision.
    assert summaries['input', None]['baseline_precision'] == 'bfloat16'
    assert summaries['input', None]['of_baseline'] == pytest.approx(5)
    table = report.format_table(summaries.values())
    assert '5.0 x network in bfloat16' in table
    assert 'waited' not in table  # No row waits for input.


@pytest.mark.parametrize(
    'argument, message',
    [
        ('--model_name=inception_v33', 'inception_v3'),
        ('--image_size=20', 'too small'),
        ('--precision=float32,bfloat61', 'bfloat16'),
        ('--precision=', 'required'),
        ('--output=no/such/folder/x.json', 'no such folder'),
    ],
)
def test_bad_flags(argument, message):
    result = run(argument)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr


def traced(function, *shapes):
    specs = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
    return tf.function(function, autograph=False).get_concrete_function(*specs)


def test_operations_of_a_matrix_product():
    product = traced(tf.matmul, [2, 3], [3, 5])
    assert count_flops(product) == 2 * 2 * 3 * 5
    transposed = traced(lambda a, b: tf.matmul(a, b, transpose_a=True), [3, 2], [3, 5])
    assert count_flops(transposed) == 2 * 2 * 3 * 5


def test_operations_of_a_convolution():
    strided = traced(lambda x, w: tf.nn.conv2d(x, w, 2, 'VALID'), [None, 7, 9, 3], [3, 3, 3, 8])
    assert count_flops(strided) == 2 * (3 * 4 * 8) * (3 * 3 * 3)


def test_gradients_of_a_convolution_cost_as_much_as_the_convolution():
    def gradients(images, filters, wanted):
        with tf.GradientTape() as tape:
            tape.watch([images, filters])
            result = tf.reduce_sum(tf.square(tf.nn.conv2d(images, filters, 1, 'SAME')))
        return result, tape.gradient(result, [images, filters][:wanted])

    shapes = [1, 6, 5, 3], [3, 3, 3, 4]
    forward = 2 * (6 * 5 * 4) * (3 * 3 * 3)
    for wanted in 1, 2:
        both = traced(lambda x, w, wanted=wanted: gradients(x, w, wanted), *shapes)
        assert count_flops(both) == (1 + wanted) * forward


def test_unused_operations_are_not_counted():
    def wasteful(left, right):
        tf.matmul(left, right)
        return left

    assert count_flops(traced(wasteful, [2, 3], [3, 5])) == 0


def test_unsupported_operations_raise():
    depthwise = traced(
        lambda x, w: tf.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], 'SAME'), [1, 5, 5, 3], [3, 3, 3, 1]
    )
    with pytest.raises(ValueError, match='Depthwise'):
        count_flops(depthwise)
    unknown_size = traced(
        lambda x, w: tf.nn.conv2d(x, w, 1, 'SAME'), [1, None, None, 3], [1, 1, 3, 4]
    )
    with pytest.raises(ValueError, match='not fully known'):
        count_flops(unknown_size)


def test_inception_v3_has_its_known_cost():
    network_fn = nets_factory.get_network_fn('inception_v3', 1000)
    model = Model(network_fn, 299, create_aux_logits=False)
    logits = traced(lambda images: model(images)[0], [None, 299, 299, 3])
    # 5.7 billion multiplications and additions, as stated by Szegedy et al. and by surveys.
    assert count_flops(logits) / 2 == pytest.approx(5.72e9, rel=0.01)
