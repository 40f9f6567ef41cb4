"""Inception-V3 (Szegedy et al., *Rethinking the Inception Architecture*, arXiv 1512.00567).

The network is the table `LAYERS`, read from top to bottom; scope names are those of the released
checkpoints, irregular ones included. Below it: what interprets the table, the two heads, the arg
scope.
"""

from typing import NamedTuple

import tensorflow as tf

from slim.compat import tf_slim
from slim.nets.dropout import dropout


class Conv(NamedTuple):
    """Convolution, batch norm, ReLU."""

    depth: int
    kernel: tuple[int, int]
    scope: str
    stride: int = 1
    padding: str = 'SAME'


class MaxPool(NamedTuple):
    """3x3 maximum, stride 2: halves the map."""

    scope: str


class AvgPool(NamedTuple):
    """3x3 average, stride 1."""

    scope: str = 'AvgPool_0a_3x3'


# In the table a list is a sequence of layers; a tuple is branches side by side, concatenated in
# depth. Sizes on the right are those of a 299x299 image.


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


def _apply(layer, net, depth):
    """Applies a layer, a sequence (list) or side-by-side layers (tuple) of the table to `net`."""
    match layer:
        case Conv(channels, kernel, scope, stride, padding):
            return tf_slim.conv2d(
                net, depth(channels), kernel, stride=stride, padding=padding, scope=scope
            )
        case MaxPool(scope):
            return tf_slim.max_pool2d(net, [3, 3], stride=2, padding='VALID', scope=scope)
        case AvgPool(scope):
            return tf_slim.avg_pool2d(net, [3, 3], stride=1, padding='SAME', scope=scope)
        case list():
            for step in layer:
                net = _apply(step, net, depth)
            return net
        case tuple():
            return tf.concat([_apply(branch, net, depth) for branch in layer], axis=3)


def _apply_block(branches, net, depth, scope):
    """Applies the branches of an Inception block, each under its own scope."""
    with tf.compat.v1.variable_scope(scope):
        outputs = []
        for number, branch in enumerate(branches):
            with tf.compat.v1.variable_scope(f'Branch_{number}'):
                outputs.append(_apply(branch, net, depth))
        return tf.concat(outputs, axis=3)


def _scaled_depth(depth_multiplier, min_depth):
    """From a layer's channels in the table to those of a network scaled by `depth_multiplier`."""
    return lambda channels: max(int(channels * depth_multiplier), min_depth)


def inception_v3_base(
    inputs, final_endpoint='Mixed_7c', min_depth=16, depth_multiplier=1.0, scope=None
):
    """Inception-V3 without its heads.

    Args:
      inputs: float32 [batch, height, width, 3] in [-1, 1], at least 75x75.
      final_endpoint: name of the layer to stop at, a key of `LAYERS`.
      min_depth: the least number of channels that `depth_multiplier` leaves a convolution.
      depth_multiplier: scales the number of channels of every convolution; above zero.
      scope: variable scope, by default 'InceptionV3'.

    Returns:
      The activation at `final_endpoint`, and a dictionary from each end point up to it to its
      activation [batch, height', width', channels].

    Raises:
      ValueError: if the multiplier is not positive, the end point unknown or the image too small.
    """
    if depth_multiplier <= 0:
        raise ValueError(f'depth_multiplier must be greater than zero, not {depth_multiplier}.')
    if final_endpoint not in LAYERS:
        raise ValueError(f'Unknown end point {final_endpoint}; there are {", ".join(LAYERS)}.')
    height, width = inputs.shape[1:3]
    if min(height or MINIMUM_IMAGE_SIZE, width or MINIMUM_IMAGE_SIZE) < MINIMUM_IMAGE_SIZE:
        raise ValueError(
            f'inception_v3 takes images of {MINIMUM_IMAGE_SIZE}x{MINIMUM_IMAGE_SIZE} pixels or '
            f'more, not {height}x{width}.'
        )

    depth = _scaled_depth(depth_multiplier, min_depth)
    end_points = {}
    net = inputs
    with tf.compat.v1.variable_scope(scope, 'InceptionV3', [inputs]):
        for name, layer in LAYERS.items():
            is_block = isinstance(layer, tuple) and not hasattr(layer, '_fields')
            net = _apply_block(layer, net, depth, name) if is_block else _apply(layer, net, depth)
            end_points[name] = net
            if name == final_endpoint:
                return net, end_points


def _auxiliary_logits(net, num_classes, depth, spatial_squeeze):
    """The auxiliary head on Mixed_6e (section 4 of the paper): [batch, num_classes].

    Returns None where the map is smaller than the head's first 5x5 pooling. Where it is so large
    that the head gives a map of logits (448 pixels and up), their mean is taken.
    """
    if min(net.shape[1:3]) < 5:
        return None
    normal = tf.compat.v1.truncated_normal_initializer
    with tf.compat.v1.variable_scope('AuxLogits'):
        net = tf_slim.avg_pool2d(net, [5, 5], stride=3, padding='VALID', scope='AvgPool_1a_5x5')
        net = tf_slim.conv2d(net, depth(128), [1, 1], scope='Conv2d_1b_1x1')
        kernel = [min(size, 5) for size in net.shape[1:3]]
        net = tf_slim.conv2d(
            net,
            depth(768),
            kernel,
            weights_initializer=normal(0.0, 0.01),
            padding='VALID',
            scope='Conv2d_2a_{}x{}'.format(*kernel),
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
):
    """Inception-V3 with its classifier and, in `end_points['AuxLogits']`, its auxiliary one.

    Args:
      inputs: float32 [batch, height, width, 3] in [-1, 1], at least 75x75, of static size.
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
            inputs, min_depth=min_depth, depth_multiplier=depth_multiplier, scope=variable_scope
        )
        if create_aux_logits and num_classes:
            depth = _scaled_depth(depth_multiplier, min_depth)
            mixed_6e = end_points['Mixed_6e']
            aux_logits = _auxiliary_logits(mixed_6e, num_classes, depth, spatial_squeeze)
            if aux_logits is not None:
                end_points['AuxLogits'] = aux_logits

        with tf.compat.v1.variable_scope('Logits'):
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


def inception_v3_arg_scope(
    weight_decay=0.00004,
    use_batch_norm=True,
    batch_norm_decay=0.9997,
    batch_norm_epsilon=0.001,
    activation_fn=tf.nn.relu,
):
    """Defaults of every layer of the Inception family: weight decay, batch norm, ReLU.

    Args:
      weight_decay: factor of the L2 loss (half the sum of squares) of each layer's weights.
      use_batch_norm: whether a batch norm without scale follows each convolution.
      batch_norm_decay: decay of the moving mean and variance.
      batch_norm_epsilon: added to the variance.
      activation_fn: after each convolution.

    Returns:
      An arg scope to build the network under.
    """
    normalizer = {
        'normalizer_fn': tf_slim.batch_norm if use_batch_norm else None,
        'normalizer_params': {
            'decay': batch_norm_decay,
            'epsilon': batch_norm_epsilon,
            'updates_collections': tf.compat.v1.GraphKeys.UPDATE_OPS,
            'fused': None,
        }
        if use_batch_norm
        else {},
    }
    with (
        tf_slim.arg_scope(
            [tf_slim.conv2d, tf_slim.fully_connected],
            weights_regularizer=tf_slim.l2_regularizer(weight_decay),
        ),
        tf_slim.arg_scope(
            [tf_slim.conv2d],
            weights_initializer=tf_slim.variance_scaling_initializer(),
            activation_fn=activation_fn,
            **normalizer,
        ) as scope,
    ):
        return scope
