"""TFRecord shards of images, with the features that the original slim has written since 2016.

Written without TensorFlow, whose import takes longer than converting a thousand images: protobuf
serializes the Examples, google-crc32c computes the checksums that frame them.
"""

import hashlib
import re
import struct
from collections.abc import Iterable
from typing import Any

import google_crc32c
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from slim import files

# Added to a checksum, so that the checksum of data that contains checksums is a different one.
MASK = 0xA282EAD8

# `tf.train.Example` with the parts that images need, and TensorFlow's field numbers.
_EXAMPLE_PROTO = """
name: "example.proto" package: "tensorflow" syntax: "proto3"
message_type { name: "BytesList"
  field { name: "value" number: 1 type: TYPE_BYTES label: LABEL_REPEATED } }
message_type { name: "Int64List"
  field { name: "value" number: 1 type: TYPE_INT64 label: LABEL_REPEATED } }
message_type { name: "Feature" oneof_decl { name: "kind" }
  field { name: "bytes_list" number: 1 type_name: ".tensorflow.BytesList" oneof_index: 0 }
  field { name: "int64_list" number: 3 type_name: ".tensorflow.Int64List" oneof_index: 0 } }
message_type { name: "Features"
  field { name: "feature" number: 1 type_name: ".tensorflow.Features.FeatureEntry"
          label: LABEL_REPEATED }
  nested_type { name: "FeatureEntry" options { map_entry: true }
    field { name: "key" number: 1 type: TYPE_STRING }
    field { name: "value" number: 2 type_name: ".tensorflow.Feature" } } }
message_type { name: "Example"
  field { name: "features" number: 1 type_name: ".tensorflow.Features" } }
"""


def shard_name(split_name: str, index: int, count: int) -> str:
    """Returns the file name of shard `index` (from 0) of `count`.

    >>> shard_name('train', 0, 10)
    'train_00000-of-00010.tfrecord'
    """
    return f'{split_name}_{index:05d}-of-{count:05d}.tfrecord'


def is_shard_name(name: str, split_names: Iterable[str]) -> bool:
    """Returns whether `name` is one of `shard_name` for these splits and any number of shards."""
    splits = '|'.join(re.escape(split_name) for split_name in split_names)
    return re.fullmatch(rf'(?:{splits})_\d{{5,}}-of-\d{{5,}}\.tfrecord', name) is not None


def _example_class() -> Any:
    """Returns the class of `tf.train.Example`.

    It has its own pool, because the process may also hold TensorFlow's definition.
    """
    file = descriptor_pb2.FileDescriptorProto()
    text_format.Parse(_EXAMPLE_PROTO, file)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName('tensorflow.Example'))


_Example = _example_class()


def make_example(encoded: bytes, label: int, height: int, width: int) -> bytes:
    """Returns a serialized `tf.train.Example` of one image; equal arguments give equal bytes.

    Args:
      encoded: contents of a JPEG file.
      label: label of the class, from 0.
      height: height in pixels, as stored in the file.
      width: width in pixels, as stored in the file.
    """
    example = _Example()
    feature = example.features.feature
    feature['image/encoded'].bytes_list.value.append(encoded)
    feature['image/format'].bytes_list.value.append(b'jpg')
    feature['image/class/label'].int64_list.value.append(label)
    feature['image/height'].int64_list.value.append(height)
    feature['image/width'].int64_list.value.append(width)
    # Otherwise the order of the features is arbitrary, and no two conversions are equal.
    return example.SerializeToString(deterministic=True)


def _masked_checksum(data: bytes) -> bytes:
    checksum = google_crc32c.value(data)
    rotated = (checksum >> 15) | (checksum << 17)
    return struct.pack('<I', (rotated + MASK) & 0xFFFFFFFF)


def write_shard(path: str, examples: Iterable[bytes]) -> tuple[int, str]:
    """Writes serialized Examples to a shard, which `files.finish(path)` gives its final name.

    Args:
      path: path of the shard. Nothing is left if an exception is raised.
      examples: serialized Examples; may be a generator, whose exceptions pass through.

    Returns:
      Size of the shard in bytes, and its SHA-256, hexadecimal.

    Raises:
      OSError: if the shard cannot be written.
    """
    size, digest = 0, hashlib.sha256()
    with files.unfinished_file(path) as unfinished, open(unfinished, 'wb') as file:
        for example in examples:
            length = struct.pack('<Q', len(example))
            framing = length + _masked_checksum(length)
            for part in (framing, example, _masked_checksum(example)):
                file.write(part)
                digest.update(part)
                size += len(part)
    return size, digest.hexdigest()
