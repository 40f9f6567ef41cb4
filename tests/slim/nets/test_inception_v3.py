"""Inception-V3: sizes, end points, depth. Its figures of 2018 are in test_reference."""

import numpy as np
import pytest
import tensorflow as tf

from slim.compat import tf_slim
from slim.learning.model import Model
from slim.nets import inception_v3, nets_factory
from tests.reference import deterministic


def _build(size, is_training=False, **arguments):
    """Logits and end points of the network in a fresh graph; nothing is computed."""
    with tf.Graph().as_default():
        images = tf.compat.v1.placeholder(tf.float32, [2, size, size, 3])
        with tf_slim.arg_scope(inception_v3.inception_v3_arg_scope()):
            return inception_v3.inception_v3(images, 10, is_training=is_training, **arguments)


@pytest.mark.parametrize('size', [75, 107, 160, 224, 299, 331, 362, 363, 448, 560])
def test_takes_images_of_any_size(size):
    logits, end_points = _build(size)
    assert logits.shape == [2, 10]
    # The auxiliary head begins with a 5x5 pooling of Mixed_6e.
    assert ('AuxLogits' in end_points) == (end_points['Mixed_6e'].shape[1] >= 5) == (size >= 107)
    if 'AuxLogits' in end_points:
        assert end_points['AuxLogits'].shape == [2, 10]


def test_pools_the_whole_map_of_a_large_image():
    pooled = {size: _build(size)[1] for size in (299, 448)}
    assert 'AvgPool_1a' in pooled[299]
    assert 'global_pool' in pooled[448]


def test_global_pool_and_the_8x8_window_are_the_same_at_299():
    images = deterministic.inputs(0, 1, 299)
    features = []
    for global_pool in (False, True):
        tf.random.set_seed(0)
        network_fn = nets_factory.get_network_fn('inception_v3', None)
        features.append(
            Model(network_fn, 299, global_pool=global_pool, min_depth=4, depth_multiplier=0.1)(
                images
            )[0]
        )
    np.testing.assert_allclose(features[0], features[1], rtol=1e-4, atol=1e-6)


def test_depth_multiplier_scales_every_layer_down_to_the_least_depth():
    _, end_points = _build(107, depth_multiplier=0.25)
    assert end_points['Mixed_7c'].shape[-1] == 512
    assert end_points['Conv2d_1a_3x3'].shape[-1] == 16


def test_the_base_stops_at_its_final_end_point():
    with tf.Graph().as_default():
        images = tf.zeros([1, 107, 107, 3])
        net, end_points = inception_v3.inception_v3_base(images, final_endpoint='Mixed_5d')
    assert list(end_points)[-1] == 'Mixed_5d'
    assert net is end_points['Mixed_5d']


def test_without_classes_gives_pooled_features():
    with tf.Graph().as_default():
        net, end_points = inception_v3.inception_v3(tf.zeros([1, 299, 299, 3]), num_classes=None)
    assert net.shape == [1, 1, 1, 2048]
    assert end_points['PreLogits'] is net
    assert not {'Logits', 'AuxLogits'} & set(end_points)


@pytest.mark.parametrize(
    'arguments, message',
    [
        ({'size': 74}, '75x75'),
        ({'size': 299, 'depth_multiplier': 0}, 'depth_multiplier'),
    ],
)
def test_says_what_it_cannot_build(arguments, message):
    with pytest.raises(ValueError, match=message):
        _build(**arguments)


def test_says_which_end_points_there_are():
    with pytest.raises(ValueError, match='Mixed_7c'), tf.Graph().as_default():
        inception_v3.inception_v3_base(tf.zeros([1, 107, 107, 3]), final_endpoint='Mixed_8a')
