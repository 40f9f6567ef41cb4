"""TFRecord shards of images, with the features that slim has written since 2016.

Written without TensorFlow, whose import takes longer than converting a thousand images: protobuf
serializes the Examples, google-crc32c computes the checksums that frame them.
"""

import hashlib
import re
import struct
from collections.abc import Iterable

import google_crc32c
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from slim import files

MASK = 0xA282EAD8  # Added to a checksum, so that it is none of data that holds checksums.


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


def _example_class():
    """The class of `tf.train.Example`, as far as images need it, by the numbers of its fields.

    In a pool of its own: TensorFlow's own definition may be in the same process.
    """
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name='example.proto', package='tensorflow', syntax='proto3'
    )

    def add(message, name, number, kind, repeated=False, of=None, **more):
        label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
        of = f'.tensorflow.{of}' if of else None
        message.field.add(name=name, number=number, type=kind, label=label, type_name=of, **more)

    lists = file.message_type.add(name='BytesList')
    add(lists, 'value', 1, field.TYPE_BYTES, repeated=True)
    lists = file.message_type.add(name='Int64List')
    add(lists, 'value', 1, field.TYPE_INT64, repeated=True)  # Packed, as proto3 has it.
    feature = file.message_type.add(name='Feature')
    feature.oneof_decl.add(name='kind')
    add(feature, 'bytes_list', 1, field.TYPE_MESSAGE, of='BytesList', oneof_index=0)
    add(feature, 'int64_list', 3, field.TYPE_MESSAGE, of='Int64List', oneof_index=0)
    features = file.message_type.add(name='Features')
    entry = features.nested_type.add(name='FeatureEntry')
    entry.options.map_entry = True
    add(entry, 'key', 1, field.TYPE_STRING)
    add(entry, 'value', 2, field.TYPE_MESSAGE, of='Feature')
    add(features, 'feature', 1, field.TYPE_MESSAGE, repeated=True, of='Features.FeatureEntry')
    example = file.message_type.add(name='Example')
    add(example, 'features', 1, field.TYPE_MESSAGE, of='Features')
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName('tensorflow.Example'))


_Example = _example_class()


def make_example(encoded: bytes, label: int, height: int, width: int) -> bytes:
    """A serialized `tf.train.Example` of one image; equal arguments give equal bytes.

    Args:
      encoded: the contents of a JPEG file.
      label: of its class, from 0.
      height: in pixels, as stored in the file.
      width: likewise.
    """
    example = _Example()
    feature = example.features.feature
    feature['image/encoded'].bytes_list.value.append(encoded)
    feature['image/format'].bytes_list.value.append(b'jpg')
    feature['image/class/label'].int64_list.value.append(label)
    feature['image/height'].int64_list.value.append(height)
    feature['image/width'].int64_list.value.append(width)
    # Otherwise the features come in any order, and no two conversions are alike.
    return example.SerializeToString(deterministic=True)


def _masked_checksum(data: bytes) -> bytes:
    checksum = google_crc32c.value(data)
    rotated = (checksum >> 15) | (checksum << 17)
    return struct.pack('<I', (rotated + MASK) & 0xFFFFFFFF)


def write_shard(path: str, examples: Iterable[bytes]) -> tuple[int, str]:
    """Writes serialized Examples to a shard, which gets its name from `files.finish(path)`.

    Args:
      path: of the shard. If an example fails there is nothing.
      examples: may be a generator; what it raises ends the shard and passes through.

    Returns:
      The shard's size in bytes, and its SHA-256 in hexadecimal.

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
