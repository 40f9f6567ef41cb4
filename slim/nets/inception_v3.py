"""Inception-V3 (Szegedy et al., *Rethinking the Inception Architecture*, arXiv 1512.00567).

The network is the table `LAYERS`, read from top to bottom; scope names are those of the released
checkpoints, irregular ones included. Below it the two heads. With a Squeeze-and-Excitation block
after every Inception block it is `inception_v3_se`.
"""

import functools

import tensorflow as tf

from slim.compat import tf_slim
from slim.nets import inception_blocks
from slim.nets.dropout import dropout
from slim.nets.inception_blocks import AvgPool, Conv, MaxPool

inception_v3_arg_scope = inception_blocks.inception_arg_scope

# Sizes on the right are those of a 299x299 image.


def _mixed_35x35(pool_depth, first='Conv2d_0a_1x1', second='Conv2d_0b_5x5'):
    """The block of the paper's figure 5, with its 5x5 kept whole."""
    return (
        [Conv(64, (1, 1), 'Conv2d_0a_1x1')],
        [Conv(48, (1, 1), first), Conv(64, (5, 5), second)],
        [
            Conv(64, (1, 1), 'Conv2d_0a_1x1'),
            Conv(96, (3, 3), 'Conv2d_0b_3x3'),
            Conv(96, (3, 3), 'Conv2d_0c_3x3'),
        ],
        [AvgPool(), Conv(pool_depth, (1, 1), 'Conv2d_0b_1x1')],
    )


def _mixed_17x17(depth):
    """The block of the paper's figure 6: 7x7 factorised into 1x7 and 7x1."""
    return (
        [Conv(192, (1, 1), 'Conv2d_0a_1x1')],
        [
            Conv(depth, (1, 1), 'Conv2d_0a_1x1'),
            Conv(depth, (1, 7), 'Conv2d_0b_1x7'),
            Conv(192, (7, 1), 'Conv2d_0c_7x1'),
        ],
        [
            Conv(depth, (1, 1), 'Conv2d_0a_1x1'),
            Conv(depth, (7, 1), 'Conv2d_0b_7x1'),
            Conv(depth, (1, 7), 'Conv2d_0c_1x7'),
            Conv(depth, (7, 1), 'Conv2d_0d_7x1'),
            Conv(192, (1, 7), 'Conv2d_0e_1x7'),
        ],
        [AvgPool(), Conv(192, (1, 1), 'Conv2d_0b_1x1')],
    )


def _mixed_8x8(vertical):
    """The block of the paper's figure 7; `vertical` names its first 3x1 convolution."""
    return (
        [Conv(320, (1, 1), 'Conv2d_0a_1x1')],
        [
            Conv(384, (1, 1), 'Conv2d_0a_1x1'),
            (Conv(384, (1, 3), 'Conv2d_0b_1x3'), Conv(384, (3, 1), vertical)),
        ],
        [
            Conv(448, (1, 1), 'Conv2d_0a_1x1'),
            Conv(384, (3, 3), 'Conv2d_0b_3x3'),
            (Conv(384, (1, 3), 'Conv2d_0c_1x3'), Conv(384, (3, 1), 'Conv2d_0d_3x1')),
        ],
        [AvgPool(), Conv(192, (1, 1), 'Conv2d_0b_1x1')],
    )


LAYERS = {
    'Conv2d_1a_3x3': Conv(32, (3, 3), 'Conv2d_1a_3x3', stride=2, padding='VALID'),  # 149x149x32
    'Conv2d_2a_3x3': Conv(32, (3, 3), 'Conv2d_2a_3x3', padding='VALID'),  # 147x147x32
    'Conv2d_2b_3x3': Conv(64, (3, 3), 'Conv2d_2b_3x3'),  # 147x147x64
    'MaxPool_3a_3x3': MaxPool('MaxPool_3a_3x3'),  # 73x73x64
    'Conv2d_3b_1x1': Conv(80, (1, 1), 'Conv2d_3b_1x1', padding='VALID'),  # 73x73x80
    'Conv2d_4a_3x3': Conv(192, (3, 3), 'Conv2d_4a_3x3', padding='VALID'),  # 71x71x192
    'MaxPool_5a_3x3': MaxPool('MaxPool_5a_3x3'),  # 35x35x192
    'Mixed_5b': _mixed_35x35(32),  # 35x35x256
    'Mixed_5c': _mixed_35x35(64, first='Conv2d_0b_1x1', second='Conv_1_0c_5x5'),  # 35x35x288
    'Mixed_5d': _mixed_35x35(64),  # 35x35x288
    'Mixed_6a': (  # 17x17x768
        [Conv(384, (3, 3), 'Conv2d_1a_1x1', stride=2, padding='VALID')],
        [
            Conv(64, (1, 1), 'Conv2d_0a_1x1'),
            Conv(96, (3, 3), 'Conv2d_0b_3x3'),
            Conv(96, (3, 3), 'Conv2d_1a_1x1', stride=2, padding='VALID'),
        ],
        [MaxPool('MaxPool_1a_3x3')],
    ),
    'Mixed_6b': _mixed_17x17(128),  # 17x17x768
    'Mixed_6c': _mixed_17x17(160),  # 17x17x768
    'Mixed_6d': _mixed_17x17(160),  # 17x17x768
    'Mixed_6e': _mixed_17x17(192),  # 17x17x768
    'Mixed_7a': (  # 8x8x1280
        [
            Conv(192, (1, 1), 'Conv2d_0a_1x1'),
            Conv(320, (3, 3), 'Conv2d_1a_3x3', stride=2, padding='VALID'),
        ],
        [
            Conv(192, (1, 1), 'Conv2d_0a_1x1'),
            Conv(192, (1, 7), 'Conv2d_0b_1x7'),
            Conv(192, (7, 1), 'Conv2d_0c_7x1'),
            Conv(192, (3, 3), 'Conv2d_1a_3x3', stride=2, padding='VALID'),
        ],
        [MaxPool('MaxPool_1a_3x3')],
    ),
    'Mixed_7b': _mixed_8x8('Conv2d_0b_3x1'),  # 8x8x2048
    'Mixed_7c': _mixed_8x8('Conv2d_0c_3x1'),  # 8x8x2048
}

MINIMUM_IMAGE_SIZE = 75  # Below it the last reduction has nothing to slide over.


def _scaled_depth(depth_multiplier, min_depth):
    """From a layer's channels in the table to those of a network scaled by `depth_multiplier`."""
    return lambda channels: max(int(channels * depth_multiplier), min_depth)


def inception_v3_base(
    inputs,
    final_endpoint='Mixed_7c',
    min_depth=16,
    depth_multiplier=1.0,
    scope=None,
    use_se=False,
):
    """Inception-V3 without its heads.

    Args:
      inputs: float [batch, height, width, 3] in [-1, 1], at least 75x75.
      final_endpoint: name of the layer to stop at, a key of `LAYERS`.
      min_depth: the least number of channels that `depth_multiplier` leaves a convolution.
      depth_multiplier: scales the number of channels of every convolution; above zero.
      scope: variable scope, by default 'InceptionV3'.
      use_se: whether a Squeeze-and-Excitation block follows every Inception block.

    Returns:
      The activation at `final_endpoint`, and a dictionary from each end point up to it to its
      activation [batch, height', width', channels].

    Raises:
      ValueError: if the multiplier is not positive, the end point unknown or the image too small.
    """
    if depth_multiplier <= 0:
        raise ValueError(f'depth_multiplier must be greater than zero, not {depth_multiplier}.')
    inception_blocks.check_size(inputs, MINIMUM_IMAGE_SIZE)
    depth = _scaled_depth(depth_multiplier, min_depth)
    with tf.compat.v1.variable_scope(scope, 'InceptionV3', [inputs]):
        return inception_blocks.build(LAYERS, inputs, final_endpoint, depth, use_se)


def _auxiliary_logits(net, num_classes, depth, spatial_squeeze):
    """The auxiliary head on Mixed_6e (section 4 of the paper): [batch, num_classes] in float32.

    Where the map is so large that the head gives a map of logits (448 pixels and up), their mean
    is taken.
    """
    normal = tf.compat.v1.truncated_normal_initializer
    with tf.compat.v1.variable_scope('AuxLogits'):
        net = inception_blocks.auxiliary_features(
            net, 'Conv2d_2a_{}x{}', depth, weights_initializer=normal(0.0, 0.01)
        )
        net = tf_slim.conv2d(
            net,
            num_classes,
            [1, 1],
            activation_fn=None,
            normalizer_fn=None,
            weights_initializer=normal(0.0, 0.001),
            scope='Conv2d_2b_1x1',
        )
        if not spatial_squeeze:
            return net
        return tf.reduce_mean(net, [1, 2], name='SpatialSqueeze')


def inception_v3(
    inputs,
    num_classes=1000,
    is_training=True,
    dropout_keep_prob=0.8,
    min_depth=16,
    depth_multiplier=1.0,
    prediction_fn=tf_slim.softmax,
    spatial_squeeze=True,
    reuse=None,
    create_aux_logits=True,
    scope='InceptionV3',
    global_pool=False,
    use_se=False,
):
    """Inception-V3 with its classifier and, in `end_points['AuxLogits']`, its auxiliary one.

    Args:
      inputs: float [batch, height, width, 3] in [-1, 1], at least 75x75, of static size.
      num_classes: width of the logits; 0 or None leaves both heads out and returns the pooled
        features [batch, 1, 1, channels].
      is_training: whether batch norm uses the batch's statistics and dropout is active.
      dropout_keep_prob: share of the pooled features that dropout keeps.
      min_depth, depth_multiplier: as in `inception_v3_base`.
      prediction_fn: from logits to `end_points['Predictions']`.
      spatial_squeeze: whether logits are [batch, num_classes], or [batch, 1, 1, num_classes].
      reuse: whether the variables are there already (TF1 graphs).
      create_aux_logits: whether to build the auxiliary head. Maps of Mixed_6e under 5x5 (images
        under 107 pixels) leave no room for it: then `end_points` has no 'AuxLogits'.
      scope: variable scope.
      global_pool: whether to average the whole last map. Otherwise the pooling window is 8x8 as in
        2018, which at 299 pixels is the same; where that window would not cover the map in one
        step (map of 10x10, images of 363 pixels and up) the whole map is averaged regardless.
      use_se: as in `inception_v3_base`.

    Returns:
      Logits float32 [batch, num_classes] and the dictionary of end points.

    Raises:
      ValueError: as `inception_v3_base`.
    """
    with (
        tf.compat.v1.variable_scope(scope, 'InceptionV3', [inputs], reuse=reuse) as variable_scope,
        tf_slim.arg_scope([tf_slim.batch_norm, dropout], is_training=is_training),
    ):
        net, end_points = inception_v3_base(
            inputs,
            min_depth=min_depth,
            depth_multiplier=depth_multiplier,
            scope=variable_scope,
            use_se=use_se,
        )
        mixed_6e = end_points['Mixed_6e']
        if create_aux_logits and num_classes and inception_blocks.has_room_for_head(mixed_6e):
            depth = _scaled_depth(depth_multiplier, min_depth)
            end_points['AuxLogits'] = _auxiliary_logits(
                mixed_6e, num_classes, depth, spatial_squeeze
            )

        with tf.compat.v1.variable_scope('Logits'):
            net = tf.cast(net, tf.float32)
            height, width = net.shape[1:3]
            if global_pool or max(height, width) > 9:
                net = tf.reduce_mean(net, [1, 2], keepdims=True, name='GlobalPool')
                end_points['global_pool'] = net
            else:
                kernel = [min(height, 8), min(width, 8)]
                net = tf_slim.avg_pool2d(
                    net, kernel, padding='VALID', scope='AvgPool_1a_{}x{}'.format(*kernel)
                )
                end_points['AvgPool_1a'] = net
            if not num_classes:
                end_points['PreLogits'] = net
                return net, end_points
            net = dropout(net, keep_prob=dropout_keep_prob, scope='Dropout_1b')
            end_points['PreLogits'] = net  # [batch, 1, 1, 2048]
            logits = tf_slim.conv2d(
                net,
                num_classes,
                [1, 1],
                activation_fn=None,
                normalizer_fn=None,
                scope='Conv2d_1c_1x1',
            )
            if spatial_squeeze:
                logits = tf.squeeze(logits, [1, 2], name='SpatialSqueeze')
        end_points['Logits'] = logits
        end_points['Predictions'] = prediction_fn(logits, scope='Predictions')
    return logits, end_points


inception_v3.default_image_size = 299

# As released with the paper; end points and arguments are those of `inception_v3`.
inception_v3_se = functools.partial(inception_v3, scope='InceptionV3SE', use_se=True)
