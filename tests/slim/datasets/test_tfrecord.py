import errno
import hashlib
import io
import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from slim import files
from slim.datasets import input_pipeline, tfrecord


def jpeg(height=7, width=5):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, 'JPEG')
    return file.getvalue()


def test_shard_names():
    assert tfrecord.shard_name('train', 0, 10) == 'train_00000-of-00010.tfrecord'
    assert tfrecord.shard_name('validation', 123, 1000) == 'validation_00123-of-01000.tfrecord'


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        (tfrecord.shard_name('train', 3, 4), True),
        (tfrecord.shard_name('validation', 0, 100000), True),
        (tfrecord.shard_name('test', 3, 4), False),
        ('cub_200_train_00000-of-00010.tfrecord', False),
        ('train_00000-of-00010.tfrecord.bak', False),
        ('train_0-of-1.tfrecord', False),
    ],
)
def test_shards_are_recognised_by_name(name, expected):
    assert tfrecord.is_shard_name(name, ['train', 'validation']) is expected


def test_examples_have_the_features_of_the_original_slim():
    encoded = jpeg()
    example = tf.train.Example.FromString(tfrecord.make_example(encoded, 3, 7, 5))
    features = example.features.feature
    assert sorted(features) == [
        'image/class/label',
        'image/encoded',
        'image/format',
        'image/height',
        'image/width',
    ]
    assert features['image/encoded'].bytes_list.value == [encoded]
    assert features['image/format'].bytes_list.value == [b'jpg']
    assert features['image/class/label'].int64_list.value == [3]
    assert features['image/height'].int64_list.value == [7]
    assert features['image/width'].int64_list.value == [5]


@pytest.mark.parametrize('label', [0, 1, 127, 128, 5088, 2**40])
def test_examples_equal_those_of_tensorflow_byte_for_byte(label):
    encoded = jpeg()
    values = {'image/class/label': label, 'image/height': 7, 'image/width': 500}
    feature = {
        name: tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        for name, value in values.items()
    }
    for name, value in {'image/encoded': encoded, 'image/format': b'jpg'}.items():
        feature[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    wanted = example.SerializeToString(deterministic=True)
    assert tfrecord.make_example(encoded, label, 7, 500) == wanted


def test_shards_equal_those_of_tensorflow_byte_for_byte(tmp_path):
    examples = [b'', b'x', bytes(range(256)) * 300]
    size, sha256 = tfrecord.write_shard(str(tmp_path / 'ours'), examples)
    assert os.listdir(tmp_path) == ['ours' + files.UNFINISHED]
    files.finish(str(tmp_path / 'ours'))
    with tf.io.TFRecordWriter(str(tmp_path / 'theirs')) as writer:
        for example in examples:
            writer.write(example)
    content = (tmp_path / 'ours').read_bytes()
    assert content == (tmp_path / 'theirs').read_bytes()
    assert (size, sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_a_shard_can_be_read_in_tf_data(tmp_path):
    path = str(tmp_path / 'shard')
    images = [(jpeg(height), height * 11) for height in (3, 4, 5)]
    tfrecord.write_shard(path, (tfrecord.make_example(e, label, 1, 1) for e, label in images))
    files.finish(path)
    parsed = tf.data.TFRecordDataset(path).map(input_pipeline.parse_example)
    assert parsed.element_spec == (tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.int64))
    assert [(e.numpy(), label.numpy()) for e, label in parsed] == images
    assert os.listdir(tmp_path) == ['shard']


def test_an_exception_in_the_examples_leaves_no_shard(tmp_path):
    def examples():
        yield b'first'
        raise RuntimeError('no second one')

    with pytest.raises(RuntimeError, match='no second one'):
        tfrecord.write_shard(str(tmp_path / 'shard'), examples())
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_an_os_error(tmp_path):
    path = str(tmp_path / 'shard')
    os.symlink('/dev/full', path + files.UNFINISHED)
    with pytest.raises(OSError, match='No space left') as caught:
        tfrecord.write_shard(path, [b'x' * 1000])
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename.startswith(path)
    assert os.listdir(tmp_path) == []


def test_a_missing_folder_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        tfrecord.write_shard(str(tmp_path / 'nowhere' / 'shard'), [b'x'])
