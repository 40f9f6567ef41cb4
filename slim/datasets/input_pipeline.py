"""Batches of preprocessed images from TFRecord shards or image files, with `tf.data`.

Training data are a function of a seed and a position. Every epoch has its own order of the images,
each image once; the image at position p (counted from the start of training, over all epochs) is
augmented with randomness drawn from the seed and p. A training that resumes at position p therefore
sees exactly what it would have seen, whatever the number of threads, readers or hosts.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from slim.configs import TrainingConfig
from slim.datasets.dataset import Dataset
from slim.datasets.images import BadImage, to_store
from slim.errors import UserError

# Number of encoded images to draw from at random. The images are shuffled when the shards are
# written, and the shards in every epoch, so the buffer has little left to do; it costs about 100 kB
# per image.
SHUFFLE_BUFFER = 1024

LABEL_ERROR = 'label out of range:'  # Distinguishes this failure from others in tf.data.
OUT_OF_MEMORY = 'out of memory; use a smaller --batch_size or smaller images'

# Exceptions that iterating over batches, or computing with them, can raise; see `explain_failure`.
FAILURES = (
    tf.errors.DataLossError,
    tf.errors.InvalidArgumentError,
    tf.errors.ResourceExhaustedError,
)


@dataclass(frozen=True)
class HostShard:
    """An input host's shard of the data: the part of every batch that it decodes.

    Attributes:
      index: index of the part, from 0.
      count: number of equal, consecutive parts.
      replicas: number of consecutive batches, one per device, into which the host splits its part.
    """

    index: int = 0
    count: int = 1
    replicas: int = 1


def parse_example(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns what training needs of a serialized Example, inside `tf.data`.

    Args:
      serialized: string scalar, as `tfrecord.make_example` returns it.

    Returns:
      (contents of the JPEG file, string scalar; label, int64 scalar).
    """
    features = tf.io.parse_single_example(
        serialized,
        {
            'image/encoded': tf.io.FixedLenFeature([], tf.string),
            'image/class/label': tf.io.FixedLenFeature([], tf.int64),
        },
    )
    return features['image/encoded'], features['image/class/label']


def parse_labels(serialized: tf.Tensor) -> tf.Tensor:
    """Returns the labels, int64 [n], of n serialized Examples, string [n]."""
    label = {'image/class/label': tf.io.FixedLenFeature([], tf.int64)}
    return tf.io.parse_example(serialized, label)['image/class/label']


def _records(dataset: Dataset, shard: tf.Tensor) -> tf.data.Dataset:
    """Returns the serialized Examples of the selected images of a shard, given by its index."""
    records = tf.data.TFRecordDataset(tf.gather(tf.constant(dataset.shards), shard))
    if dataset.selected is None:
        return records
    counts = tf.constant(dataset.images_per_shard, tf.int64)
    begin = tf.reduce_sum(counts[:shard])
    selected = tf.constant(dataset.selected)[begin : begin + tf.gather(counts, shard)]
    both = tf.data.Dataset.zip(records, tf.data.Dataset.from_tensor_slices(selected))
    return both.filter(lambda _, selected: selected).map(lambda record, _: record)


def _epoch(
    dataset: Dataset, epoch: tf.Tensor, skip: tf.Tensor, seed: int, num_readers: int
) -> tf.data.Dataset:
    """Returns the serialized Examples of one epoch in its order, without the first `skip`."""
    shards = tf.random.experimental.stateless_shuffle(
        tf.range(len(dataset.shards)), seed=tf.stack([tf.cast(seed, tf.int64), epoch])
    )
    records = tf.data.Dataset.from_tensor_slices(shards).interleave(
        functools.partial(_records, dataset),
        cycle_length=min(num_readers, len(dataset.shards)),
        block_length=1,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    order = tf.random.stateless_uniform(
        [], tf.stack([epoch, tf.cast(seed, tf.int64)]), None, None, tf.int64
    )
    # Shuffling mixes in the graph's seed: the order must not depend on what the caller set there.
    tf.compat.v1.get_default_graph().seed = 1
    return records.shuffle(SHUFFLE_BUFFER, seed=order, reshuffle_each_iteration=False).skip(skip)


def _target(label: tf.Tensor, dataset: Dataset, labels_offset: int) -> tf.Tensor:
    """Returns the label minus the offset, or fails if it is out of range.

    Otherwise training would silently go on with a one-hot vector of zeros.
    """
    label -= labels_offset
    num_classes = dataset.num_classes - labels_offset
    in_range = (label >= 0) & (label < num_classes)
    message = f'a label is not in 0 to {num_classes - 1}; is --labels_offset right?'
    with tf.control_dependencies([tf.debugging.Assert(in_range, [LABEL_ERROR, message, label])]):
        return tf.identity(label)


def _map(records: tf.data.Dataset, load: Callable, num_threads: int | None) -> tf.data.Dataset:
    threads = num_threads or tf.data.AUTOTUNE
    return records.map(load, num_parallel_calls=threads, deterministic=True)


def training_batches(
    dataset: Dataset,
    preprocess: Callable,
    image_size: int,
    batch_size: int,
    seed: int,
    position: int = 0,
    labels_offset: int = TrainingConfig.labels_offset,
    host_shard: HostShard | None = None,
    num_readers: int = TrainingConfig.num_readers,
    num_threads: int | None = TrainingConfig.num_preprocessing_threads,
) -> tf.data.Dataset:
    """Returns an endless dataset of training batches.

    Args:
      dataset: dataset to read.
      preprocess: function (encoded, height, width, seed) -> float32 [height, width, 3].
      image_size: height and width in pixels.
      batch_size: number of images per batch over all hosts and devices.
      seed: random seed for order and augmentation.
      position: number of images that training has seen already; the batches begin there. The
        records of the current epoch are read again up to there, without being decoded.
      labels_offset: number to subtract from every label.
      host_shard: part of every batch to return; None: all of it, in one piece.
      num_readers: number of shards to read in parallel.
      num_threads: number of images to decode in parallel; None: tuned by `tf.data`.

    Returns:
      Dataset of (images float32 [n, image_size, image_size, 3], labels int64 [n]), where n is the
      batch size divided by the number of devices. Consecutive elements are for consecutive devices.

    Iterating raises tf.errors.DataLossError for a damaged shard, and tf.errors.InvalidArgumentError
    for an image that does not decode or a label out of range; `explain_failure` names it.
    """
    host_shard = host_shard or HostShard()
    first_epoch, skip = divmod(position, dataset.num_images)

    def epoch_records(epoch: tf.Tensor) -> tf.data.Dataset:
        skipped = tf.where(tf.equal(epoch, first_epoch), tf.constant(skip, tf.int64), 0)
        return _epoch(dataset, epoch, skipped, seed, num_readers)

    def is_on_this_host(index: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
        index_in_batch = (index - position) % batch_size
        return tf.equal(index_in_batch // (batch_size // host_shard.count), host_shard.index)

    def load(index: tf.Tensor, serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        encoded, label = parse_example(serialized)
        image_seed = tf.stack([tf.cast(seed, tf.int64), index])
        image = preprocess(encoded, image_size, image_size, image_seed)
        return image, _target(label, dataset, labels_offset)

    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max)
    records = epochs.flat_map(epoch_records).enumerate(start=position)
    if host_shard.count > 1:
        records = records.filter(is_on_this_host)
    per_device = batch_size // (host_shard.count * host_shard.replicas)
    batches = _map(records, load, num_threads).batch(per_device, drop_remainder=True)
    return batches.prefetch(2 * host_shard.replicas)


def evaluation_batches(
    dataset: Dataset,
    preprocess: Callable | tuple[Callable, ...],
    image_size: int | tuple[int, ...],
    batch_size: int,
    labels_offset: int = TrainingConfig.labels_offset,
    num_threads: int | None = TrainingConfig.num_preprocessing_threads,
) -> tf.data.Dataset:
    """Returns a dataset of every image of a split once, in the order of its shards.

    Args:
      dataset, labels_offset, num_threads: as in `training_batches`.
      preprocess: function (encoded, height, width) -> float32 [height, width, 3], or [crops,
        height, width, 3]; for several networks a tuple of them.
      image_size: height and width in pixels; a tuple if `preprocess` is one.
      batch_size: number of images per batch; the last batch may be smaller.

    Returns:
      Dataset of (images float32 [n, image_size, image_size, 3] or [n, crops, ...], labels int64
      [n]); for several networks, images is a tuple. Iterating raises what that of
      `training_batches` does.
    """

    def load(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        encoded, label = parse_example(serialized)
        images = tf.nest.map_structure(
            lambda function, size: function(encoded, size, size), preprocess, image_size
        )
        return images, _target(label, dataset, labels_offset)

    records = tf.data.TFRecordDataset(list(dataset.shards))
    return _map(records, load, num_threads).batch(batch_size).prefetch(2)


def file_batches(
    paths: Sequence[str],
    indices: np.ndarray,
    preprocess: Callable,
    image_size: int,
    batch_size: int,
    num_threads: int | None = TrainingConfig.num_preprocessing_threads,
) -> tf.data.Dataset:
    """Returns a dataset of image files, each with the index of its result.

    Args:
      paths: paths of the files. Other formats than JPEG are re-encoded as by a conversion.
      indices: int64 [len(paths)], returned with the images.
      preprocess, image_size, batch_size, num_threads: as in `evaluation_batches`.

    Returns:
      Dataset of (indices int64 [n], images float32 [n, image_size, image_size, 3]).
    """

    def load(index: tf.Tensor, path: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return index, preprocess(_read_as_jpeg(path), image_size, image_size)

    files = tf.data.Dataset.from_tensor_slices((indices, list(paths)))
    return _map(files, load, num_threads).batch(batch_size).prefetch(2)


def explain_failure(error: tf.errors.OpError, dataset: Dataset) -> Exception:
    """Returns a `UserError` that names the file because of which iterating over a dataset failed.

    TensorFlow's own message does not name the shard or image, so the shards are read once more. An
    error that has nothing to do with the data is returned as it is.
    """
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return UserError(OUT_OF_MEMORY)
    if LABEL_ERROR in error.message:
        detail = error.message.split(LABEL_ERROR, 1)[1].strip(' [],()\'"')
        return UserError(f'dataset {dataset.name}: {detail.splitlines()[0]}')
    if not isinstance(error, tf.errors.DataLossError) and 'jpeg' not in error.message.lower():
        return error
    advice = f'remove that file and run python convert_dataset.py --dataset_name={dataset.name}'
    for shard in dataset.shards:
        try:
            for number, record in enumerate(tf.data.TFRecordDataset(shard)):
                encoded, _ = parse_example(record)
                try:
                    _decode(encoded)
                except tf.errors.InvalidArgumentError:
                    return UserError(f'{shard}: its image {number} does not decode; {advice}')
        except (tf.errors.DataLossError, tf.errors.InvalidArgumentError):
            return UserError(f'{shard}: the file is damaged; {advice}')
    return error


def explain_file_failure(error: Exception, paths: Sequence[str]) -> Exception:
    """Returns a `UserError` that names the first bad file among `paths`, whose reading failed.

    An error that has nothing to do with the files is returned as it is.
    """
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return UserError(OUT_OF_MEMORY)
    for path in paths:
        try:
            _decode(_read_as_jpeg(path))
        except tf.errors.NotFoundError:
            return UserError(f'{path}: the file is missing')
        except tf.errors.OpError:
            return UserError(f'{path}: the file is not an image that can be decoded')
    return error


def _read_as_jpeg(path: tf.Tensor | str) -> tf.Tensor:
    """Returns the contents of an image file, string scalar; other formats re-encoded as JPEG."""
    content = tf.io.read_file(path)

    def encode(content: bytes | np.ndarray) -> bytes:
        content = content if isinstance(content, bytes) else content.item()  # an eager call
        try:
            return to_store(content).encoded
        except BadImage:
            return content  # The decoder will report it.

    return tf.cond(
        tf.strings.substr(content, 0, 2) == b'\xff\xd8',
        lambda: content,
        lambda: tf.ensure_shape(tf.numpy_function(encode, [content], tf.string), []),
    )


def _decode(encoded: tf.Tensor) -> None:
    """Decodes a JPEG, and nothing else: `decode_jpeg` alone accepts a PNG, too."""
    tf.io.extract_jpeg_shape(encoded)
    tf.io.decode_jpeg(encoded, channels=3)
