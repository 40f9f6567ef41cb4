"""TFRecord shards of images, with the features that slim has written since 2016."""

import errno
import os
import re
from collections.abc import Iterable

import tensorflow as tf

from slim.datasets import whole_files

# What TensorFlow's writer reports, as the operating system would have said it.
_ERRNO = {
    tf.errors.ResourceExhaustedError: errno.ENOSPC,
    tf.errors.PermissionDeniedError: errno.EACCES,
    tf.errors.NotFoundError: errno.ENOENT,
}


def shard_name(split_name: str, index: int, count: int) -> str:
    """The file name of shard `index` (from 0) out of `count`.

    >>> shard_name('train', 0, 10)
    'train_00000-of-00010.tfrecord'
    """
    return f'{split_name}_{index:05d}-of-{count:05d}.tfrecord'


def is_shard_name(name: str, split_names: Iterable[str]) -> bool:
    """Whether `shard_name` gives `name` for one of these splits and any number of shards."""
    splits = '|'.join(re.escape(split_name) for split_name in split_names)
    return re.fullmatch(rf'(?:{splits})_\d{{5,}}-of-\d{{5,}}\.tfrecord', name) is not None


def _bytes_feature(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _int64_feature(value: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def make_example(encoded: bytes, label: int, height: int, width: int) -> bytes:
    """A serialized `tf.train.Example` of one image; equal arguments give equal bytes.

    Args:
      encoded: the contents of a JPEG file.
      label: of its class, from 0.
      height: in pixels, as stored in the file.
      width: likewise.
    """
    features = {
        'image/encoded': _bytes_feature(encoded),
        'image/format': _bytes_feature(b'jpg'),
        'image/class/label': _int64_feature(label),
        'image/height': _int64_feature(height),
        'image/width': _int64_feature(width),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    # Otherwise the features come in any order, and no two conversions are alike.
    return example.SerializeToString(deterministic=True)


def parse_example(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """What training needs of a serialized Example. Works inside `tf.data`.

    Args:
      serialized: string scalar.

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
    """The labels, int64 [n], of n serialized Examples, string [n]."""
    label = {'image/class/label': tf.io.FixedLenFeature([], tf.int64)}
    return tf.io.parse_example(serialized, label)['image/class/label']


def write_shard(path: str, examples: Iterable[bytes]) -> None:
    """Writes serialized Examples to a shard, whole or not at all.

    Args:
      path: of the shard.
      examples: may be a generator; what it raises ends the shard and passes through.

    Raises:
      OSError: if the shard cannot be written.
    """
    with whole_files.whole_file(path) as unfinished:
        try:
            with tf.io.TFRecordWriter(unfinished) as writer:
                for example in examples:
                    writer.write(example)
        except tf.errors.OpError as error:
            code = _ERRNO.get(type(error), errno.EIO)
            raise OSError(code, os.strerror(code), unfinished) from error
