"""Inception-V3: image sizes and pooling.

Reference values of the original are in test_reference, the arguments in test_original_arguments.
"""

import numpy as np
import pytest
import tensorflow as tf

from slim.compat import tf_slim
from slim.learning.model import Model
from slim.nets import inception_v3, nets_factory
from tests.reference import deterministic


def _build(size, is_training=False, **arguments):
    """Builds the network in a new graph; returns logits and end points."""
    with tf.Graph().as_default():
        images = tf.compat.v1.placeholder(tf.float32, [2, size, size, 3])
        with tf_slim.arg_scope(inception_v3.inception_v3_arg_scope()):
            return inception_v3.inception_v3(images, 10, is_training=is_training, **arguments)


@pytest.mark.parametrize('size', [75, 107, 160, 224, 299, 331, 362, 363, 448, 560])
def test_accepts_images_of_any_size(size):
    logits, end_points = _build(size)
    assert logits.shape == [2, 10]
    # The auxiliary head begins with a 5x5 pooling of Mixed_6e.
    assert ('AuxLogits' in end_points) == (end_points['Mixed_6e'].shape[1] >= 5) == (size >= 107)
    if 'AuxLogits' in end_points:
        assert end_points['AuxLogits'].shape == [2, 10]


def test_pools_the_whole_feature_map_of_a_large_image():
    pooled = {size: _build(size)[1] for size in (299, 448)}
    assert 'AvgPool_1a' in pooled[299]
    assert 'global_pool' in pooled[448]


def test_global_pool_and_the_8x8_window_agree_at_299_pixels():
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


def test_depth_multiplier_scales_every_layer_down_to_the_smallest_depth():
    _, end_points = _build(107, depth_multiplier=0.25)
    assert end_points['Mixed_7c'].shape[-1] == 512
    assert end_points['Conv2d_1a_3x3'].shape[-1] == 16


def test_the_message_lists_the_end_points():
    with pytest.raises(ValueError, match='Mixed_7c'), tf.Graph().as_default():
        inception_v3.inception_v3_base(tf.zeros([1, 107, 107, 3]), final_endpoint='Mixed_8a')
