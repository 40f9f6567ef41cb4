"""The rows of `benchmarks.throughput`: each is built, run once and then returned.

Importing this module does not import TensorFlow.
"""

import dataclasses
import functools
import math
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import photographs
from benchmarks.measuring import Measurement, Row, measure_for
from slim import configs
from slim.datasets import split_lists
from slim.nets import nets_factory

DATASET = 'photographs'
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
        from slim.preprocessing import preprocessing_factory

        style = nets_factory.get_network(self.model_name).preprocessing
        return preprocessing_factory.get_jpeg_preprocessing(style, is_training=is_training)


def matmul_row(size: int, seconds: float, precision: str) -> Row:
    """Returns the row of a large matrix product, with which its precision is compared."""
    import tensorflow as tf

    from slim.learning.precision import PRECISIONS

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

    Args:
      settings: settings of the measurements.
      checkpoint: path of a checkpoint.
      precision: type that the layers compute in.
      folder: folder of the dataset.
      feature_dir: folder for features.
    """
    from benchmarks.flops import count_flops
    from slim.learning import extraction

    config = configs.ExtractionConfig(checkpoint, **settings.network(precision))
    extractor = extraction.Extractor(config)
    flops = count_flops(extractor.features_of.get_concrete_function())
    images, _ = constant_batch(settings)

    def alone() -> tuple[int, None]:
        extractor.features_of(images).numpy()
        return settings.batch_size, None

    def extract(target: str) -> tuple[int, None]:
        extractor.extract(folder, DATASET, 'train', target)
        return settings.num_images, None

    def end_to_end() -> Measurement:
        # A new folder each time, because existing features are not extracted again.
        with tempfile.TemporaryDirectory(dir=feature_dir) as target:
            return measure_for(0, lambda: extract(target))

    extractor.extract(folder, DATASET, 'validation', feature_dir)
    for _ in range(WARM_UP):
        alone()
    return [
        Row(NETWORK, lambda: measure_for(settings.seconds, alone), flops, precision=precision),
        Row('features from JPEG files', end_to_end, flops, NETWORK, precision),
    ]


def create_training(
    settings: Settings, dataset: Any, scopes: tuple[str, ...] | None, precision: str
) -> tuple[Any, int]:
    """Creates a `TrainStep` with freshly initialised variables; returns it with its FLOPs per image.

    Args:
      settings: settings of the measurements.
      dataset: training split, a `slim.datasets.dataset.Dataset`.
      scopes: scopes of the trained variables; None trains all of them.
      precision: type that the layers compute in.
    """
    import tensorflow as tf

    from benchmarks.flops import count_flops
    from slim.learning import losses, training
    from slim.nets.dropout import dropout_seed

    config = configs.TrainingConfig(
        **settings.network(precision),
        trainable_scopes=scopes,
        optimizer=configs.OptimizerConfig('momentum'),
        # So small that the loss stays finite, however long the same batch is trained on.
        schedule=configs.ScheduleConfig('fixed', learning_rate=0.0001),
    )
    step = training.create_train_step(config, dataset, tf.distribute.get_strategy())

    def gradients(images: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
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


def training_rows(
    settings: Settings, dataset: Any, step: Any, flops: int, precision: str, name: str
) -> list[Row]:
    """Returns the rows of training: on a batch in memory, and from TFRecords.

    Args:
      settings, dataset, precision: as in `create_training`.
      step, flops: result of `create_training`.
      name: beginning of the rows' names.
    """
    batch = constant_batch(settings)

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
    settings: Settings, dataset: Any, paths: Sequence[str], training_baseline: str
) -> list[Row]:
    """Returns the rows of the input pipelines without a network, with one thread and with many.

    Args:
      settings: settings of the measurements.
      dataset: training split, a `slim.datasets.dataset.Dataset`.
      paths: paths of its JPEG files.
      training_baseline: name of the row that the input of training is compared with.
    """
    import tensorflow as tf

    from slim.datasets import input_pipeline

    common = settings.preprocessing(False), settings.image_size, settings.batch_size
    # Enough images for the whole measurement.
    times = math.ceil(1e5 * max(settings.seconds, 1) / settings.num_images)
    many = dataclasses.replace(dataset, shards=dataset.shards * times)
    indices = tf.range(len(paths) * times, dtype=tf.int64)
    pipelines = (
        (
            'input of extraction',
            functools.partial(input_pipeline.file_batches, paths * times, indices, *common),
            NETWORK,
        ),
        (
            'input of evaluation',
            functools.partial(input_pipeline.evaluation_batches, many, *common),
            NETWORK,
        ),
        (
            'input of training',
            functools.partial(training_batches, settings, dataset),
            training_baseline,
        ),
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


def constant_batch(settings: Settings) -> tuple[Any, Any]:
    """Returns images float32 [batch, size, size, 3] in [-1, 1] and labels int64 [batch]."""
    import tensorflow as tf

    shape = [settings.batch_size, settings.image_size, settings.image_size, 3]
    images = tf.random.stateless_uniform(shape, seed=[0, 0], minval=-1, maxval=1)
    labels = tf.range(settings.batch_size, dtype=tf.int64) % len(photographs.NAMES)
    return images, labels


def training_batches(settings: Settings, dataset: Any, num_threads: int | None = None) -> Any:
    """Returns the batches that `slim.learning.training` trains on, a `tf.data.Dataset`."""
    from slim.datasets import input_pipeline

    common = settings.preprocessing(True), settings.image_size, settings.batch_size
    return input_pipeline.training_batches(dataset, *common, seed=0, num_threads=num_threads)


def image_paths(folder: str) -> list[str]:
    """Returns the paths of a dataset's training images, in the order of its list."""
    listed = split_lists.read_list(split_lists.list_path(folder, 'train'))
    return [os.path.join(folder, image.path) for image in listed]
