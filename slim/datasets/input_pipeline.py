"""From TFRecord shards or JPEG files to batches of what a network takes, with `tf.data`.

Training is a function of a seed and a position. The images of every epoch are in an order of their
own, each image once; the image at position p (counted from the start of training, over all epochs)
is augmented by randomness drawn from the seed and p. So a training that resumes at position p sees
exactly what it would have seen, whatever the number of threads, readers or machines.
"""

import functools
from dataclasses import dataclass

import tensorflow as tf

from slim.datasets.images import BadImage, to_store
from slim.errors import UserError

# Encoded images held to be drawn from at random. The shards are shuffled when they are written and
# their order at every epoch, so this buffer has little left to do; it costs about 100 kB an image.
SHUFFLE_BUFFER = 1024

LABEL_ERROR = 'label out of range:'  # Tells this failure from the others that tf.data reports.

# What iterating over batches, or computing with them, can end with; see `explain_failure`.
FAILURES = (
    tf.errors.DataLossError,
    tf.errors.InvalidArgumentError,
    tf.errors.ResourceExhaustedError,
)


@dataclass(frozen=True)
class HostShard:
    """The part of every batch that one machine decodes.

    Attributes:
      index: which of the equal, consecutive parts.
      count: how many parts.
      replicas: into how many consecutive batches this machine cuts its part, one a device.
    """

    index: int = 0
    count: int = 1
    replicas: int = 1


def parse_example(serialized):
    """What training needs of a serialized Example. Works inside `tf.data`.

    Args:
      serialized: string scalar, as `tfrecord.make_example` gives it.

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


def parse_labels(serialized):
    """The labels, int64 [n], of n serialized Examples, string [n]."""
    label = {'image/class/label': tf.io.FixedLenFeature([], tf.int64)}
    return tf.io.parse_example(serialized, label)['image/class/label']


def _records(dataset, shard):
    """The serialized Examples that a shard, given by its number, has to give."""
    records = tf.data.TFRecordDataset(tf.gather(tf.constant(dataset.shards), shard))
    if dataset.kept is None:
        return records
    counts = tf.constant(dataset.images_per_shard, tf.int64)
    begin = tf.reduce_sum(counts[:shard])
    kept = tf.constant(dataset.kept)[begin : begin + tf.gather(counts, shard)]
    both = tf.data.Dataset.zip(records, tf.data.Dataset.from_tensor_slices(kept))
    return both.filter(lambda _, kept: kept).map(lambda record, _: record)


def _epoch(dataset, epoch, skip, seed, num_readers):
    """The serialized Examples of one epoch in its order, without the first `skip`."""
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
    # Shuffling mixes the graph's seed in: the order must not depend on what the caller set there.
    tf.compat.v1.get_default_graph().seed = 1
    return records.shuffle(SHUFFLE_BUFFER, seed=order, reshuffle_each_iteration=False).skip(skip)


def _check_label(label, num_classes):
    """`label`, or an error in the pipeline: a one-hot of zeros would train on it silently."""
    in_range = (label >= 0) & (label < num_classes)
    message = f'a label is not in 0 to {num_classes - 1}; is --labels_offset right?'
    with tf.control_dependencies([tf.debugging.Assert(in_range, [LABEL_ERROR, message, label])]):
        return tf.identity(label)


def training_batches(
    dataset,
    preprocess,
    image_size,
    batch_size,
    seed,
    position=0,
    labels_offset=0,
    share=None,
    num_readers=4,
    num_threads=None,
):
    """An endless `tf.data.Dataset` of training batches.

    Args:
      dataset: a `slim.datasets.dataset.Dataset`.
      preprocess: (encoded, height, width, seed) -> float32 [height, width, 3].
      image_size: height and width in pixels.
      batch_size: images of a batch over all machines and devices.
      seed: of order and augmentation, an int.
      position: how many images training has seen already; the batches begin there. The records of
        the epoch that it falls into are read again up to it, without being decoded.
      labels_offset: subtracted from every label.
      share: the part of every batch to give, a `HostShard`; by default the whole in one piece.
      num_readers: shards that are read side by side.
      num_threads: images that are decoded side by side; None lets `tf.data` find it out.

    Returns:
      Dataset of (images float32 [n, image_size, image_size, 3], labels int64 [n]), where n is the
      batch size divided among all devices. Consecutive elements are for consecutive devices.

    Iterating raises tf.errors.DataLossError at a damaged shard, and tf.errors.InvalidArgumentError
    at an image that does not decode or a label out of range; `explain_failure` says which.
    """
    share = share or HostShard()
    num_classes = dataset.num_classes - labels_offset
    first_epoch, skip = divmod(position, dataset.num_images)

    def epoch_records(epoch):
        is_first = tf.equal(epoch, first_epoch)
        skipped = tf.where(is_first, tf.constant(skip, tf.int64), 0)
        return _epoch(dataset, epoch, skipped, seed, num_readers)

    def is_ours(index, _):
        place = (index - position) % batch_size
        return tf.equal(place // (batch_size // share.count), share.index)

    def load(index, serialized):
        encoded, label = parse_example(serialized)
        image_seed = tf.stack([tf.cast(seed, tf.int64), index])
        image = preprocess(encoded, image_size, image_size, image_seed)
        return image, _check_label(label - labels_offset, num_classes)

    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max)
    records = epochs.flat_map(epoch_records).enumerate(start=position)
    if share.count > 1:
        records = records.filter(is_ours)
    threads = num_threads or tf.data.AUTOTUNE
    images = records.map(load, num_parallel_calls=threads, deterministic=True)
    per_device = batch_size // (share.count * share.replicas)
    return images.batch(per_device, drop_remainder=True).prefetch(2 * share.replicas)


def evaluation_batches(
    dataset, preprocess, image_size, batch_size, labels_offset=0, num_threads=None
):
    """Every image of a split once, in the order of its shards.

    Args:
      dataset, labels_offset, num_threads: as in `training_batches`.
      preprocess: (encoded, height, width) -> float32 [height, width, 3], or [crops, height, width,
        3]; for several networks a tuple of them.
      image_size: height and width in pixels; a tuple where `preprocess` is one.
      batch_size: images of a batch; the last one holds what is left.

    Returns:
      Dataset of (images float32 [n, image_size, image_size, 3], or [n, crops, ...], labels int64
      [n]); for several networks, images is a tuple with those of each. It raises as
      `training_batches` does.
    """
    num_classes = dataset.num_classes - labels_offset

    def load(serialized):
        encoded, label = parse_example(serialized)
        images = tf.nest.map_structure(
            lambda of_one, size: of_one(encoded, size, size), preprocess, image_size
        )
        return images, _check_label(label - labels_offset, num_classes)

    records = tf.data.TFRecordDataset(list(dataset.shards))
    threads = num_threads or tf.data.AUTOTUNE
    images = records.map(load, num_parallel_calls=threads, deterministic=True)
    return images.batch(batch_size).prefetch(2)


def file_batches(paths, indices, preprocess, image_size, batch_size, num_threads=None):
    """Batches of image files, each with the index that tells where its result belongs.

    Args:
      paths: of the files, strings. What is no JPEG becomes one as in a conversion.
      indices: int64 [len(paths)], given back with each image.
      preprocess, image_size, batch_size, num_threads: as in `evaluation_batches`.

    Returns:
      Dataset of (indices int64 [n], images float32 [n, image_size, image_size, 3]).
    """

    def load(index, path):
        return index, preprocess(_read_as_jpeg(path), image_size, image_size)

    files = tf.data.Dataset.from_tensor_slices((indices, list(paths)))
    threads = num_threads or tf.data.AUTOTUNE
    images = files.map(load, num_parallel_calls=threads, deterministic=True)
    return images.batch(batch_size).prefetch(2)


def _out_of_memory(error):
    """A `UserError` if it is memory that ran out, else None."""
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return UserError('out of memory; a smaller --batch_size or smaller images need less')
    return None


def explain_failure(error, dataset):
    """Why iterating over a dataset failed with `error`: a `UserError` that names the file.

    TensorFlow's own message does not say which shard or image it was, so they are read once more.
    An error that has nothing to do with the data is given back as it is.
    """
    if explained := _out_of_memory(error):
        return explained
    if LABEL_ERROR in error.message:
        detail = error.message.split(LABEL_ERROR, 1)[1].strip(' [],()\'"')
        return UserError(f'dataset {dataset.name}: {detail.splitlines()[0]}')
    if not isinstance(error, tf.errors.DataLossError) and 'jpeg' not in error.message.lower():
        return error
    again = f'remove that file and run python convert_dataset.py --dataset_name={dataset.name}'
    for shard in dataset.shards:
        try:
            for number, record in enumerate(tf.data.TFRecordDataset(shard)):
                encoded, _ = parse_example(record)
                try:
                    _decode(encoded)
                except tf.errors.InvalidArgumentError:
                    return UserError(f'{shard}: its image {number} does not decode; {again}')
        except (tf.errors.DataLossError, tf.errors.InvalidArgumentError):
            return UserError(f'{shard}: the file is damaged; {again}')
    return error


def explain_file_failure(error, paths):
    """Why reading `paths` failed with `error`: a `UserError` that names the first bad file.

    An error that has nothing to do with the files is given back as it is.
    """
    if explained := _out_of_memory(error):
        return explained
    for path in paths:
        try:
            _decode(_read_as_jpeg(path))
        except tf.errors.NotFoundError:
            return UserError(f'{path}: the file is missing')
        except tf.errors.OpError:
            return UserError(f'{path}: the file is no image that decodes')
    return error


def _read_as_jpeg(path):
    """The contents of an image file, string scalar; of another kind than JPEG, encoded as one."""
    content = tf.io.read_file(path)

    def encode(content):
        content = content if isinstance(content, bytes) else content.item()  # As eager calls do.
        try:
            return to_store(content).encoded
        except BadImage:
            return content  # The decoder will say so.

    return tf.cond(
        tf.strings.substr(content, 0, 2) == b'\xff\xd8',
        lambda: content,
        lambda: tf.ensure_shape(tf.numpy_function(encode, [content], tf.string), []),
    )


def _decode(encoded):
    """Decodes a JPEG, and nothing else: the decoder alone would take a PNG as well."""
    tf.io.extract_jpeg_shape(encoded)
    tf.io.decode_jpeg(encoded, channels=3)
