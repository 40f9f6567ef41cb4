"""The lines of the tables: what is measured, and how. Each is made, run once and then given back.

Importing it does not import TensorFlow.
"""

import dataclasses
import math
import os
import tempfile
import time
from dataclasses import dataclass

from benchmarks import photographs
from benchmarks.measuring import Row, measure_for
from slim import command_line, configs
from slim.datasets import split_lists
from slim.errors import UserError, nearest
from slim.nets import nets_factory

DATASET = 'photographs'
NUM_SHARDS = 4
WARM_UP = 2  # Calls that are not measured: the first one traces, the second may be slow, too.

PRECISIONS = ('float32', 'bfloat16', 'float16')  # Without importing TensorFlow.
MATRIX_PRODUCT, NETWORK = 'matrix product', 'network alone'


@dataclass(frozen=True)
class Settings:
    """What is measured, and how long; see the flags of the scripts for each."""

    model_name: str
    depth_multiplier: float
    image_size: int
    batch_size: int
    num_images: int
    seconds: float


def create_settings(flags, model_name):
    """The `Settings` that the flags describe, of one network.

    Raises:
      UserError: if there is no such network, or it cannot be had as the flags want it.
    """
    network = nets_factory.get_network(model_name)
    size = flags.image_size or network.default_image_size
    network.check_image_size(size)
    network.optional_arguments(flags.depth_multiplier)
    return command_line.fields_from_flags(Settings, flags, model_name=model_name, image_size=size)


def precisions_from_flags(flags):
    """The values of --precision, each once.

    Raises:
      UserError: if there is none, or one of them is unknown.
    """
    command_line.require(flags, 'precision')
    for precision in flags.precision:
        if precision not in PRECISIONS:
            raise UserError(f'--precision: there is no {precision}{nearest(precision, PRECISIONS)}')
    return list(dict.fromkeys(flags.precision))


def matmul_row(size, seconds, precision):
    """The rate of a large matrix product: the yardstick for all else of its precision."""
    import tensorflow as tf

    from slim.learning.precision import PRECISIONS

    matrices = tf.random.stateless_uniform([2, size, size], seed=[0, 0])
    left, right = tf.unstack(tf.cast(matrices, PRECISIONS[precision]))

    # Both stay arguments, or the product would be computed when the graph is optimised. One number
    # stands for all: adding them up takes some CPUs long in 16 bits.
    @tf.function
    def product(left, right):
        return tf.cast(tf.matmul(left, right)[0, 0], tf.float32)

    flops = 2 * size**3
    calls = max(1, int(4e9 // flops))  # A result is awaited now and then: a small one is overhead.

    def work():
        results = [product(left, right) for _ in range(calls)]
        float(results[-1])
        return calls * flops, None

    work()
    return Row(MATRIX_PRODUCT, lambda: measure_for(seconds, work), flops=1, precision=precision)


def create_source(settings, checkpoint, precision):
    """A `CheckpointSource` of features, and its operations an image."""
    from benchmarks.flops import count_flops
    from slim.learning import extraction

    source = extraction.create_source(extraction_config(settings, checkpoint, precision))
    return source, count_flops(source.features_of.get_concrete_function())


def extraction_config(settings, checkpoint, precision):
    """The `ExtractionConfig` of a checkpoint's features."""

    return configs.ExtractionConfig(
        checkpoint,
        model_name=settings.model_name,
        depth_multiplier=settings.depth_multiplier,
        image_size=settings.image_size,
        precision=precision,
        batch_size=settings.batch_size,
    )


def network_row(settings, features_of, flops, precision, name=NETWORK):
    """Inference alone, up to the features, on a batch in memory; `features_of` as a source's."""
    images, _ = constant_batch(settings)

    def alone():
        features_of(images).numpy()
        return settings.batch_size, None

    for _ in range(WARM_UP):
        alone()
    return Row(name, lambda: measure_for(settings.seconds, alone), flops, precision=precision)


def inference_rows(settings, checkpoint, precision, folder, feature_dir):
    """Inference alone, and features from the JPEG files of `folder` to .npy under `feature_dir`."""
    from benchmarks.flops import count_flops
    from slim.learning import extraction

    extractor = extraction.Extractor(extraction_config(settings, checkpoint, precision))
    flops = count_flops(extractor.features_of.get_concrete_function())

    def extract_to(target):
        extractor.extract(folder, DATASET, 'train', target)
        return settings.num_images, None

    def end_to_end():
        # A folder of its own each time: features that are there already are not made again.
        with tempfile.TemporaryDirectory(dir=feature_dir) as target:
            return measure_for(0, lambda: extract_to(target))

    extractor.extract(folder, DATASET, 'validation', feature_dir)
    return [
        network_row(settings, extractor.features_of, flops, precision),
        Row('features from JPEG files', end_to_end, flops, NETWORK, precision),
    ]


def create_training(settings, dataset, scopes, precision):
    """A `TrainStep` of freshly initialised variables and its operations an image."""
    import tensorflow as tf

    from benchmarks.flops import count_flops
    from slim import configs
    from slim.learning import losses, training
    from slim.nets.dropout import dropout_seed

    config = configs.TrainingConfig(
        model_name=settings.model_name,
        depth_multiplier=settings.depth_multiplier,
        image_size=settings.image_size,
        batch_size=settings.batch_size,
        trainable_scopes=scopes,
        optimizer=configs.OptimizerConfig('momentum'),
        # Slow, so that training on one batch for as long as it takes stays finite.
        schedule=configs.ScheduleConfig('fixed', learning_rate=0.0001),
        precision=precision,
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


def training_rows(settings, dataset, step, flops, precision, what):
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
        Row(name, lambda: measure_for(settings.seconds, alone), flops, precision=precision),
        Row(f'{what}, from TFRecords', end_to_end, flops, name, precision),
    ]


def input_rows(settings, dataset, paths, training_baseline):
    """The input pipelines with nothing behind them, on one thread and on as many as help."""
    import tensorflow as tf

    from slim.datasets import input_pipeline
    from slim.preprocessing import preprocessing_factory

    style = nets_factory.get_network(settings.model_name).preprocessing
    preprocess = preprocessing_factory.get_preprocessing(style, is_training=False)
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
        ('input of extraction', files, NETWORK),
        ('input of evaluation', records, NETWORK),
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
        preprocessing_factory.get_preprocessing(style, is_training=True),
        settings.image_size,
        settings.batch_size,
        seed=0,
        num_threads=num_threads,
    )


def image_paths(folder, split='train'):
    """Paths of the JPEG files of a split of the dataset in `folder`, in the order of its list."""
    listed = split_lists.read_list(split_lists.list_path(folder, split))
    return [os.path.join(folder, image.path) for image in listed]
