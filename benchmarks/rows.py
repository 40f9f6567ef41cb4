"""The rows of `benchmarks.throughput`: each is built, run once and then returned."""

import contextlib
import dataclasses
import functools
import logging
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from benchmarks import photographs
from benchmarks.flops import count_flops
from benchmarks.measuring import Measurement, Row, measure_for
from slim import configs
from slim.datasets import conversion, input_pipeline, split_lists
from slim.datasets.dataset import Dataset, load_dataset
from slim.learning import checkpoints, extraction, losses, training
from slim.learning.precision import PRECISIONS
from slim.learning.train_step import TrainStep
from slim.nets import nets_factory
from slim.nets.dropout import dropout_seed
from slim.preprocessing import preprocessing_factory

log = logging.getLogger('slim')

LAST_LAYER = ('Logits',)  # Matches the auxiliary head's last layer, too.
NUM_SHARDS = 4
WARM_UP = 2  # Calls that are not measured: the first one traces, the second may be slow, too.

MATRIX_PRODUCT, NETWORK = 'matrix product', 'network alone'


@dataclass(frozen=True)
class Settings:
    """Settings of the measurements; see the flags of `benchmarks.throughput`."""

    model_name: str
    depth_multiplier: float
    image_size: int
    batch_size: int
    num_images: int
    seconds: float

    def network(self, precision: str) -> dict[str, Any]:
        """Fields that the configurations of extraction and training share."""
        names = 'model_name', 'depth_multiplier', 'image_size', 'batch_size'
        return {'precision': precision, **{name: getattr(self, name) for name in names}}

    def preprocessing(self, is_training: bool) -> Callable:
        """Returns the preprocessing of the network's images."""
        style = nets_factory.get_network(self.model_name).preprocessing
        return preprocessing_factory.get_preprocessing(style, is_training=is_training)


def create_rows(
    settings: Settings, precisions: list[str], matmul_size: int, folder: str
) -> list[Row]:
    """Creates all rows, with their files in `folder`, and runs each once.

    The precisions of a row follow each other, so that their ratio is one of the same moment.
    """
    dataset_folder = os.path.join(folder, photographs.NAME)
    log.info('writing %d photographs', settings.num_images)
    photographs.write_dataset(dataset_folder, settings.num_images, NUM_SHARDS)
    with contextlib.redirect_stdout(sys.stderr):  # Standard output is for the table.
        conversion.convert(folder, photographs.NAME, num_shards=NUM_SHARDS, progress=False)
    dataset = load_dataset(folder, photographs.NAME, 'train')

    by_precision = []
    for precision in precisions:
        log.info('building the networks in %s', precision)
        steps = {
            'last layer': create_train_step(settings, dataset, LAST_LAYER, precision),
            'all layers': create_train_step(settings, dataset, None, precision),
        }
        variables = steps['last layer'].model.named_variables()
        checkpoint = checkpoints.save(os.path.join(folder, 'networks', precision), variables, 0)
        features = os.path.join(folder, 'features', precision)
        created = [matmul_row(matmul_size, min(settings.seconds, 1.0), precision)]
        created += inference_rows(settings, checkpoint, precision, dataset_folder, features)
        for name, step in steps.items():
            created += training_rows(settings, dataset, step, precision, name)
        by_precision.append(created)
    computed = [row for same_name in zip(*by_precision, strict=True) for row in same_name]
    return computed + input_rows(settings, dataset, dataset_folder, 'last layer, step alone')


def matmul_row(size: int, seconds: float, precision: str) -> Row:
    """Returns the row of a large matrix product, with which its precision is compared."""
    matrices = tf.random.stateless_uniform([2, size, size], seed=[0, 0])
    left, right = tf.unstack(tf.cast(matrices, PRECISIONS[precision]))

    # Both are arguments, or the product would be computed when the graph is optimized. One number
    # represents all of them: to add them up takes long on some CPUs in 16 bits.
    @tf.function
    def product(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
        return tf.cast(tf.matmul(left, right)[0, 0], tf.float32)

    flops = 2 * size**3
    calls = max(1, int(4e9 // flops))  # To wait for each small product would be overhead.

    def work() -> tuple[int, None]:
        results = [product(left, right) for _ in range(calls)]
        float(results[-1])
        return calls * flops, None

    work()
    return Row(MATRIX_PRODUCT, lambda: measure_for(seconds, work), flops=1, precision=precision)


def inference_rows(
    settings: Settings, checkpoint: str, precision: str, folder: str, feature_dir: str
) -> list[Row]:
    """Returns the rows of inference: on a batch in memory, and from JPEG files to .npy files.

    The JPEG files are those of the dataset in `folder`; features go to folders in `feature_dir`.
    """
    config = configs.ExtractionConfig(checkpoint, **settings.network(precision))
    extractor = extraction.Extractor(config)
    flops = count_flops(extractor.features_of.get_concrete_function())
    images, _ = constant_batch(settings)

    def alone() -> tuple[int, None]:
        extractor.features_of(images).numpy()
        return settings.batch_size, None

    def extract(target: str) -> tuple[int, None]:
        extractor.extract(folder, photographs.NAME, 'train', target, progress=False)
        return settings.num_images, None

    def end_to_end() -> Measurement:
        # A new folder each time, because existing features are not extracted again.
        with tempfile.TemporaryDirectory(dir=feature_dir) as target:
            return measure_for(0, lambda: extract(target))

    extractor.extract(folder, photographs.NAME, 'validation', feature_dir, progress=False)
    for _ in range(WARM_UP):
        alone()
    return [
        Row(NETWORK, lambda: measure_for(settings.seconds, alone), flops, precision=precision),
        Row('features from JPEG files', end_to_end, flops, NETWORK, precision),
    ]


def create_train_step(
    settings: Settings, dataset: Dataset, scopes: tuple[str, ...] | None, precision: str
) -> TrainStep:
    """Creates a training step of the variables in `scopes`, or of all, freshly initialised."""
    config = configs.TrainingConfig(
        **settings.network(precision),
        trainable_scopes=scopes,
        optimizer=configs.OptimizerConfig('momentum'),
        # So small that the loss stays finite, however long the same batch is trained on.
        schedule=configs.ScheduleConfig('fixed', learning_rate=0.0001),
    )
    return training.create_train_step(config, dataset, tf.distribute.get_strategy())


def count_training_flops(settings: Settings, step: TrainStep) -> int:
    """Counts the operations of a training step per image."""

    def gradients(images: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
        trained = list(step.trained.values())
        with dropout_seed([0, 0]), tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(trained)
            logits, end_points = step.model(images)
            total = sum(losses.classification_losses(logits, end_points, labels).values())
        return tape.gradient(total, trained)

    images = tf.TensorSpec([1, settings.image_size, settings.image_size, 3], tf.float32)
    function = tf.function(gradients, autograph=False)
    return count_flops(function.get_concrete_function(images, tf.TensorSpec([1], tf.int64)))


def training_rows(
    settings: Settings, dataset: Dataset, step: TrainStep, precision: str, name: str
) -> list[Row]:
    """Returns the rows of training: on a batch in memory, and from TFRecords."""
    batch, flops = constant_batch(settings), count_training_flops(settings, step)

    def alone() -> tuple[int, None]:
        step([batch])
        return settings.batch_size, None

    def end_to_end() -> Measurement:
        batches = iter(training_batches(settings, dataset))
        # The first batch has to be waited for, and the pipeline fills its buffers while the network
        # computes on it. From here on it has to keep up.
        step([next(batches)])

        def work() -> tuple[int, float]:
            began = time.perf_counter()
            inputs = [next(batches)]
            waited = time.perf_counter() - began
            step(inputs)
            return settings.batch_size, waited

        return measure_for(settings.seconds, work)

    for _ in range(WARM_UP):
        alone()
    measure_alone = functools.partial(measure_for, settings.seconds, alone)
    return [
        Row(f'{name}, step alone', measure_alone, flops, precision=precision),
        Row(f'{name}, from TFRecords', end_to_end, flops, f'{name}, step alone', precision),
    ]


def input_rows(
    settings: Settings, dataset: Dataset, folder: str, training_baseline: str
) -> list[Row]:
    """Returns the rows of the input pipelines without a network, with one thread and with many.

    The input of training is compared with the row `training_baseline`.
    """
    common = settings.preprocessing(False), settings.image_size, settings.batch_size
    # Enough images for the whole measurement.
    times = math.ceil(1e5 * max(settings.seconds, 1) / settings.num_images)
    many = dataclasses.replace(dataset, shards=dataset.shards * times)
    listed = split_lists.read_list(split_lists.list_path(folder, 'train'))
    paths = [os.path.join(folder, image.path) for image in listed] * times
    indices = tf.range(len(paths), dtype=tf.int64)
    from_files = functools.partial(input_pipeline.file_batches, paths, indices, *common)
    from_records = functools.partial(input_pipeline.evaluation_batches, many, *common)
    augmented = functools.partial(training_batches, settings, dataset)
    pipelines = (
        ('input of extraction', from_files, NETWORK),
        ('input of evaluation', from_records, NETWORK),
        ('input of training', augmented, training_baseline),
    )

    def measure(create: Callable, threads: int | None) -> Measurement:
        batches = iter(create(num_threads=threads))
        next(batches)

        def work() -> tuple[int, None]:
            next(batches)
            return settings.batch_size, None

        return measure_for(settings.seconds / 4, work)

    return [
        Row(f'{name}, {label}', functools.partial(measure, create, threads), baseline=baseline)
        for name, create, baseline in pipelines
        for threads, label in ((1, '1 thread'), (None, 'all threads'))
    ]


def constant_batch(settings: Settings) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns images float32 [batch, size, size, 3] in [-1, 1] and labels int64 [batch]."""
    shape = [settings.batch_size, settings.image_size, settings.image_size, 3]
    images = tf.random.stateless_uniform(shape, seed=[0, 0], minval=-1, maxval=1)
    labels = tf.range(settings.batch_size, dtype=tf.int64) % len(photographs.NAMES)
    return images, labels


def training_batches(
    settings: Settings, dataset: Dataset, num_threads: int | None = None
) -> tf.data.Dataset:
    """Returns the batches that `slim.learning.training` trains on."""
    common = settings.preprocessing(True), settings.image_size, settings.batch_size
    return input_pipeline.training_batches(dataset, *common, seed=0, num_threads=num_threads)
