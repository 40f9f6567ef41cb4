"""Measures what a machine reaches, side by side: the network alone, extraction, training, input.

    python -m benchmarks.throughput --output=results.json

Everything is measured in turn, round after round, in one process, so that a machine that is slower
for a while is slower for all; the table shows medians over the rounds. benchmarks/README.md says
what each line means. It takes about four minutes on 2 cores; on a GPU use --batch_size=128
--num_images=4096 --matmul_size=16384.
"""

import contextlib
import dataclasses
import json
import logging
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass

from absl import flags

from benchmarks import photographs
from slim import command_line
from slim.datasets import whole_files
from slim.errors import UserError
from slim.nets import nets_factory
from slim.quiet_import import import_tensorflow

# What is measured
flags.DEFINE_string('model_name', 'inception_v3', 'Network.')
flags.DEFINE_float('depth_multiplier', 1.0, 'Scales the channels of every layer; 0.25 is small.')
flags.DEFINE_integer('image_size', None, "Height and width in pixels; by default the network's.")
flags.DEFINE_integer('batch_size', 32, 'Images of a batch.', lower_bound=1)
flags.DEFINE_integer(
    'num_images', 128, 'JPEG files to extract and to train on.', lower_bound=len(photographs.NAMES)
)
flags.DEFINE_integer('matmul_size', 4096, 'Rows and columns of the matrices.', lower_bound=1)

# How long, and what becomes of it
flags.DEFINE_integer('repeats', 4, 'Rounds, of which the medians are shown.', lower_bound=1)
flags.DEFINE_float('seconds', 3.0, 'Least duration of one measurement.', lower_bound=0.0)
flags.DEFINE_string('output', None, 'JSON file to write the figures to.')

log = logging.getLogger('slim')

DATASET = 'photographs'
NUM_SHARDS = 4
WARM_UP = 2  # Calls that are not measured: the first one traces, the second may be slow, too.
LAST_LAYER = ('Logits',)  # As a part of names: the auxiliary head's, too.


@dataclass(frozen=True)
class Measured:
    """One measurement.

    Attributes:
      amount: images, or operations.
      seconds: what they took.
      cpu_seconds: what all threads of this process took together.
      waited: seconds of them that the network waited for input.
    """

    amount: float
    seconds: float
    cpu_seconds: float
    waited: float | None = None

    @property
    def rate(self):
        """Images, or operations, a second."""
        return self.amount / self.seconds


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
      name: what it is called.
      measure: measures it once.
      flops: operations an image; None where there is nothing to count.
      baseline: name of the line whose rate this one is compared with.
    """

    name: str
    measure: Callable[[], Measured]
    flops: float | None = None
    baseline: str | None = None


def measure_for(seconds, work):
    """Calls `work()`, which gives (images, seconds waited or None), for at least `seconds`."""
    began, cpu_began = time.perf_counter(), time.process_time()
    amount, waited = 0, None
    while not amount or time.perf_counter() - began < seconds:
        done, more = work()
        amount += done
        waited = more if waited is None or more is None else waited + more
    elapsed, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    return Measured(amount, elapsed, cpu_seconds, waited)


def matmul_row(size, seconds):
    """The rate of a large matrix product in float32: the yardstick for all else."""
    import tensorflow as tf

    left, right = tf.random.stateless_uniform([2, size, size], seed=[0, 0])

    # Both stay arguments, or the product would be computed when the graph is optimised.
    @tf.function
    def product(left, right):
        return tf.reduce_sum(tf.matmul(left, right))

    flops = 2 * size**3
    calls = max(1, int(4e9 // flops))  # A result is awaited now and then: a small one is overhead.

    def work():
        results = [product(left, right) for _ in range(calls)]
        float(results[-1])
        return calls * flops, None

    work()
    return Row('matrix product', lambda: measure_for(seconds, work), flops=1)


def inference_rows(settings, checkpoint, folder, feature_dir):
    """Inference alone on a batch in memory, and features from JPEG files to .npy."""
    from benchmarks.flops import count_flops
    from slim.learning import extraction

    extractor = extraction.Extractor(
        extraction.ExtractionConfig(
            checkpoint,
            model_name=settings.model_name,
            depth_multiplier=settings.depth_multiplier,
            image_size=settings.image_size,
            batch_size=settings.batch_size,
        )
    )
    flops = count_flops(extractor.features_of.get_concrete_function())
    images, _ = constant_batch(settings)

    def alone():
        extractor.features_of(images).numpy()
        return settings.batch_size, None

    def extract_to(target):
        extractor.extract(folder, DATASET, 'train', target)
        return settings.num_images, None

    def end_to_end():
        # A folder of its own each time: features that are there already are not made again.
        with tempfile.TemporaryDirectory(dir=feature_dir) as target:
            return measure_for(0, lambda: extract_to(target))

    extractor.extract(folder, DATASET, 'validation', feature_dir)
    for _ in range(WARM_UP):
        alone()
    name = 'network alone'
    return [
        Row(name, lambda: measure_for(settings.seconds, alone), flops),
        Row('features from JPEG files', end_to_end, flops, name),
    ]


def create_training(settings, dataset, scopes):
    """A `TrainStep` of freshly initialised variables and its operations an image."""
    import tensorflow as tf

    from benchmarks.flops import count_flops
    from slim.learning import losses, training
    from slim.learning.optimizers import OptimizerParameters
    from slim.learning.schedules import Schedule
    from slim.nets.dropout import dropout_seed

    config = training.TrainingConfig(
        model_name=settings.model_name,
        depth_multiplier=settings.depth_multiplier,
        image_size=settings.image_size,
        batch_size=settings.batch_size,
        trainable_scopes=scopes,
        optimizer=OptimizerParameters('momentum'),
        # Slow, so that training on one batch for as long as it takes stays finite.
        schedule=Schedule('fixed', learning_rate=0.0001),
    )
    step = training.create_train_step(config, dataset, tf.distribute.get_strategy())

    def gradients(images, labels):
        trained = list(step.trained.values())
        with dropout_seed([0, 0]), tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(trained)
            logits, end_points = step.model(images)
            total = sum(losses.classification_losses(logits, end_points, labels).values())
        return tape.gradient(total, trained)

    shape = [1, settings.image_size, settings.image_size, 3]
    traced = tf.function(gradients, autograph=False).get_concrete_function(
        tf.TensorSpec(shape, tf.float32), tf.TensorSpec([1], tf.int64)
    )
    return step, count_flops(traced)


def training_rows(settings, dataset, step, flops, what):
    """Training steps on a batch in memory, and from TFRecords through the input pipeline."""
    batch = constant_batch(settings)

    def alone():
        step([batch])
        return settings.batch_size, None

    def end_to_end():
        batches = iter(training_batches(settings, dataset))
        # The first batch is waited for in any case, and while the network computes on it the
        # pipeline fills its buffers: from here on it has to keep up.
        step([next(batches)])

        def work():
            began = time.perf_counter()
            inputs = [next(batches)]
            waited = time.perf_counter() - began
            step(inputs)
            return settings.batch_size, waited

        return measure_for(settings.seconds, work)

    for _ in range(WARM_UP):
        alone()
    name = f'{what}, step alone'
    return [
        Row(name, lambda: measure_for(settings.seconds, alone), flops),
        Row(f'{what}, from TFRecords', end_to_end, flops, name),
    ]


def input_rows(settings, dataset, paths, training_baseline):
    """The input pipelines with nothing behind them, on one thread and on as many as help."""
    import tensorflow as tf

    from slim.datasets import input_pipeline
    from slim.preprocessing import preprocessing_factory

    style = nets_factory.get_network(settings.model_name).preprocessing
    preprocess = preprocessing_factory.get_jpeg_preprocessing(style, is_training=False)
    common = preprocess, settings.image_size, settings.batch_size
    # Long enough not to end while it is measured.
    times = math.ceil(1e5 * max(settings.seconds, 1) / settings.num_images)
    many = dataclasses.replace(dataset, shards=dataset.shards * times)
    indices = tf.range(len(paths) * times, dtype=tf.int64)

    def files(threads):
        return input_pipeline.file_batches(paths * times, indices, *common, num_threads=threads)

    def records(threads):
        return input_pipeline.evaluation_batches(many, *common, num_threads=threads)

    def training(threads):
        return training_batches(settings, dataset, threads)

    def measurement(create, threads):
        def measure():
            batches = iter(create(threads))
            next(batches)

            def work():
                next(batches)
                return settings.batch_size, None

            return measure_for(settings.seconds / 4, work)

        return measure

    rows = []
    for what, create, baseline in (
        ('input of extraction', files, 'network alone'),
        ('input of evaluation', records, 'network alone'),
        ('input of training', training, training_baseline),
    ):
        for threads, how in ((1, '1 thread'), (None, 'all threads')):
            row = Row(f'{what}, {how}', measurement(create, threads), baseline=baseline)
            rows.append(row)
    return rows


def constant_batch(settings):
    """Images float32 [batch, size, size, 3] in [-1, 1] and labels int64 [batch], in memory."""
    import tensorflow as tf

    shape = [settings.batch_size, settings.image_size, settings.image_size, 3]
    images = tf.random.stateless_uniform(shape, seed=[0, 0], minval=-1, maxval=1)
    labels = tf.range(settings.batch_size, dtype=tf.int64) % len(photographs.NAMES)
    return images, labels


def training_batches(settings, dataset, num_threads=None):
    """The batches that `slim.learning.training` trains on."""
    from slim.datasets import input_pipeline
    from slim.preprocessing import preprocessing_factory

    style = nets_factory.get_network(settings.model_name).preprocessing
    return input_pipeline.training_batches(
        dataset,
        preprocessing_factory.get_jpeg_preprocessing(style, is_training=True),
        settings.image_size,
        settings.batch_size,
        seed=0,
        num_threads=num_threads,
    )


def measure_rows(rows, repeats):
    """Measures all rows in turn, `repeats` times: lists of `Measured` by name.

    Every other round goes backwards: a machine that grows slower must not favour the first lines.
    """
    measured = {row.name: [] for row in rows}
    for number in range(repeats):
        log.info('measuring, round %d of %d', number + 1, repeats)
        for row in rows if number % 2 == 0 else reversed(rows):
            measured[row.name].append(row.measure())
    return measured


def summarize(row, measured, yardstick):
    """The figures of a row as a dictionary.

    Args:
      row: a `Row`.
      measured: lists of `Measured` by name, as of `measure_rows`.
      yardstick: name of the row whose FLOP/s are 100%.
    """
    rates = [one.rate for one in measured[row.name]]
    figures = {'name': row.name}
    if row.name != yardstick:
        figures |= {
            'images_per_second': statistics.median(rates),
            'least': min(rates),
            'most': max(rates),
            'cpu_ms_per_image': statistics.median(
                1e3 * one.cpu_seconds / one.amount for one in measured[row.name]
            ),
        }
    cores = [one.cpu_seconds / one.seconds for one in measured[row.name]]
    figures['cores_busy'] = statistics.median(cores)
    if row.flops is not None:
        figures['gflops_per_second'] = row.flops * statistics.median(rates) / 1e9
        by_clock, by_cpu = ratios(measured[row.name], measured[yardstick])
        figures['of_matrix_product'] = row.flops * by_clock
        figures['of_matrix_product_by_cpu'] = row.flops * by_cpu
    if row.baseline is not None:
        by_clock, by_cpu = ratios(measured[row.name], measured[row.baseline])
        figures |= {
            'baseline': row.baseline,
            'of_baseline': by_clock,
            'of_baseline_by_cpu': by_cpu,
        }
    if measured[row.name][0].waited is not None:
        shares = [one.waited / one.seconds for one in measured[row.name]]
        figures['waited'] = statistics.median(shares)
    return figures


def ratios(measured, others):
    """How fast `measured` is compared with `others`: medians of the ratios within a round.

    Returns:
      (by the clock, by the CPU time that the same amount takes). Where other programs take turns on
      the same cores only the second one says much; where a GPU computes, only the first one.
    """
    pairs = list(zip(measured, others, strict=True))
    by_clock = statistics.median(one.rate / other.rate for one, other in pairs)
    by_cpu = statistics.median(
        (one.amount / one.cpu_seconds) / (other.amount / other.cpu_seconds) for one, other in pairs
    )
    return by_clock, by_cpu


def format_table(summaries):
    """The table for people. In brackets: the same ratio by CPU time, see `ratios`."""
    columns = ['', 'images/s', 'range', 'CPU ms', 'cores', 'GFLOP/s', 'of product', 'waited']
    columns.append('compared')
    lines = [columns]
    for figures in summaries:
        cells = dict.fromkeys(columns, '')
        cells[''] = figures['name']
        cells['cores'] = f'{figures["cores_busy"]:.2f}'
        if 'images_per_second' in figures:
            cells['images/s'] = f'{figures["images_per_second"]:.1f}'
            cells['range'] = f'{figures["least"]:.1f}-{figures["most"]:.1f}'
            cells['CPU ms'] = f'{figures["cpu_ms_per_image"]:.2f}'
        if 'of_matrix_product' in figures:
            cells['GFLOP/s'] = f'{figures["gflops_per_second"]:.1f}'
            cells['of product'] = (
                f'{figures["of_matrix_product"]:.1%} ({figures["of_matrix_product_by_cpu"]:.1%})'
            )
        if 'waited' in figures:
            cells['waited'] = f'{figures["waited"]:.1%}'
        if 'baseline' in figures:
            ratio = figures['of_baseline']
            by_cpu = figures['of_baseline_by_cpu']
            shown = f'{ratio:.1%} ({by_cpu:.1%}) of' if ratio < 2 else f'{ratio:.1f} x'
            cells['compared'] = f'{shown} {figures["baseline"]}'
        lines.append(list(cells.values()))
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
    aligned = []
    for name, *numbers, compared in lines:
        cells = [cell.rjust(width) for cell, width in zip(numbers, widths[1:-1], strict=True)]
        aligned.append('  '.join([name.ljust(widths[0]), *cells, compared]).rstrip())
    return '\n'.join(aligned)


def describe_machine():
    """What the figures depend on besides the code: dictionary of strings and counts."""
    import tensorflow as tf

    cpu = 'unknown CPU'
    if os.path.exists('/proc/cpuinfo'):
        with open('/proc/cpuinfo', encoding='utf-8') as file:
            names = [line.split(':', 1)[1].strip() for line in file if line[:10] == 'model name']
        cpu = names[0] if names else cpu
    gpus = [
        tf.config.experimental.get_device_details(gpu).get('device_name', gpu.name)
        for gpu in tf.config.list_physical_devices('GPU')
    ]
    cores = len(os.sched_getaffinity(0))
    return {'tensorflow': tf.__version__, 'cpu': cpu, 'cores': cores, 'gpus': gpus}


def create_rows(flags, folder):
    """All that is to be measured, set up in `folder` and run once."""
    from slim.datasets import conversion
    from slim.datasets.dataset import load_dataset
    from slim.learning import checkpoints

    seconds = flags.seconds
    dataset_folder = os.path.join(folder, DATASET)
    log.info('writing %d photographs', flags.num_images)
    photographs.write_dataset(dataset_folder, flags.num_images, NUM_SHARDS)
    with contextlib.redirect_stdout(sys.stderr):  # There the table alone is to be.
        conversion.convert(folder, DATASET, NUM_SHARDS, progress=False)
    dataset = load_dataset(folder, DATASET, 'train')

    log.info('building the networks')
    last_layer, last_layer_flops = create_training(flags, dataset, LAST_LAYER)
    checkpoint = checkpoints.save(
        os.path.join(folder, 'checkpoints'), last_layer.model.named_variables(), 0
    )
    feature_dir = os.path.join(folder, 'features')
    rows = [
        matmul_row(flags.matmul_size, min(seconds, 1.0)),
        *inference_rows(flags, checkpoint, dataset_folder, feature_dir),
        *training_rows(flags, dataset, last_layer, last_layer_flops, 'last layer'),
    ]
    all_layers, all_layers_flops = create_training(flags, dataset, None)
    rows += training_rows(flags, dataset, all_layers, all_layers_flops, 'all layers')
    paths = [
        os.path.join(directory, name)
        for directory, _, names in os.walk(os.path.join(dataset_folder, 'images'))
        for name in sorted(names)
    ]
    return rows + input_rows(flags, dataset, paths, 'last layer, step alone')


def main(flags):
    network = nets_factory.get_network(flags.model_name)
    if flags.image_size is None:
        flags.image_size = network.default_image_size
    network.check_image_size(flags.image_size)
    network.optional_arguments(flags.depth_multiplier)
    if flags.output and not os.path.isdir(os.path.dirname(os.path.abspath(flags.output))):
        raise UserError(f'--output={flags.output}: there is no such folder')
    # Its bar would be drawn over the log.
    os.environ.setdefault('TQDM_DISABLE', '1')
    import_tensorflow('slim.compat')
    from slim.learning import devices

    devices.set_up()
    with tempfile.TemporaryDirectory() as folder:
        rows = create_rows(flags, folder)
        measured = measure_rows(rows, flags.repeats)
    summaries = [summarize(row, measured, rows[0].name) for row in rows]
    machine = describe_machine()
    print(format_table(summaries))
    print(
        f'TensorFlow {machine["tensorflow"]}, {machine["cpu"]}, {machine["cores"]} cores, '
        f'{", ".join(machine["gpus"]) or "no GPU"}'
    )
    if flags.output:
        settings = {name: value for name, value in command_line.own_flags(flags).items()}
        del settings['output']
        results = {'machine': machine, 'settings': settings, 'rows': summaries}
        whole_files.write_text(flags.output, json.dumps(results, indent=1) + '\n')


if __name__ == '__main__':
    command_line.run(main, __doc__)
