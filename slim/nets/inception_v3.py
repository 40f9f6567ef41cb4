"""Inception-V3 (Szegedy et al., *Rethinking the Inception Architecture*, arXiv 1512.00567).

The table `LAYERS` defines the network from top to bottom; its scope names, irregular ones included,
are those of the released checkpoints. The two heads follow. `inception_v3_se` is the same network
with a Squeeze-and-Excitation block after every Inception block.
"""

import functools
from typing import Any

import tensorflow as tf

from slim.compat import tf_slim
from slim.nets import inception_blocks
from slim.nets.dropout import dropout
from slim.nets.inception_blocks import STEM, AvgPool, Conv, Layer, MaxPool, Reduce

inception_v3_arg_scope = inception_blocks.inception_arg_scope

# Comments on the right: sizes of the feature maps for images of 299x299 pixels.


def _mixed_35x35(
    pool_depth: int, first: str = 'Conv2d_0a_1x1', second: str = 'Conv2d_0b_5x5'
) -> tuple:
    """Returns the block of the paper's figure 5, with its 5x5 convolution not factorised."""
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


def _mixed_17x17(depth: int) -> tuple:
    """Returns the block of the paper's figure 6: 7x7 factorised into 1x7 and 7x1."""
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


def _mixed_8x8(vertical: str) -> tuple:
    """Returns the block of the paper's figure 7; `vertical` names its first 3x1 convolution."""
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


LAYERS: dict[str, Layer] = {
    **STEM,  # 35x35x192
    'Mixed_5b': _mixed_35x35(32),  # 35x35x256
    'Mixed_5c': _mixed_35x35(64, first='Conv2d_0b_1x1', second='Conv_1_0c_5x5'),  # 35x35x288
    'Mixed_5d': _mixed_35x35(64),  # 35x35x288
    'Mixed_6a': (  # 17x17x768
        [Reduce(384, (3, 3), 'Conv2d_1a_1x1')],
        [
            Conv(64, (1, 1), 'Conv2d_0a_1x1'),
            Conv(96, (3, 3), 'Conv2d_0b_3x3'),
            Reduce(96, (3, 3), 'Conv2d_1a_1x1'),
        ],
        [MaxPool('MaxPool_1a_3x3')],
    ),
    'Mixed_6b': _mixed_17x17(128),  # 17x17x768
    'Mixed_6c': _mixed_17x17(160),  # 17x17x768
    'Mixed_6d': _mixed_17x17(160),  # 17x17x768
    'Mixed_6e': _mixed_17x17(192),  # 17x17x768
    'Mixed_7a': (  # 8x8x1280
        [Conv(192, (1, 1), 'Conv2d_0a_1x1'), Reduce(320, (3, 3), 'Conv2d_1a_3x3')],
        [
            Conv(192, (1, 1), 'Conv2d_0a_1x1'),
            Conv(192, (1, 7), 'Conv2d_0b_1x7'),
            Conv(192, (7, 1), 'Conv2d_0c_7x1'),
            Reduce(192, (3, 3), 'Conv2d_1a_3x3'),
        ],
        [MaxPool('MaxPool_1a_3x3')],
    ),
    'Mixed_7b': _mixed_8x8('Conv2d_0b_3x1'),  # 8x8x2048
    'Mixed_7c': _mixed_8x8('Conv2d_0c_3x1'),  # 8x8x2048
}


def _scale_depth(channels: int, depth_multiplier: float, min_depth: int) -> int:
    """Returns the number of channels of a convolution in a network of another depth."""
    return max(int(channels * depth_multiplier), min_depth)


def inception_v3_base(
    inputs: tf.Tensor,
    final_endpoint: str = 'Mixed_7c',
    min_depth: int = 16,
    depth_multiplier: float = 1.0,
    scope: str | Any = None,
    use_se: bool = False,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Builds Inception-V3 without its heads.

    Args:
      inputs: float [batch, height, width, 3] in [-1, 1].
      final_endpoint: name of the last layer, a key of `LAYERS`.
      min_depth: smallest number of channels of a convolution after `depth_multiplier`.
      depth_multiplier: factor of the number of channels of every convolution, above zero.
      scope: variable scope, by default 'InceptionV3'.
      use_se: whether a Squeeze-and-Excitation block follows every Inception block.

    Returns:
      The activation at `final_endpoint`, and a dictionary from each end point up to it to its
      activation [batch, height', width', channels].

    Raises:
      ValueError: if the multiplier is not positive, the end point unknown or the image too small.
    """
    if depth_multiplier <= 0:
        raise ValueError(f'depth_multiplier must be greater than zero, not {depth_multiplier}')

    def scale(conv: Conv) -> Conv:
        return conv._replace(depth=_scale_depth(conv.depth, depth_multiplier, min_depth))

    layers = {name: inception_blocks.revise(row, Conv, scale) for name, row in LAYERS.items()}
    return inception_blocks.build(layers, 'InceptionV3', inputs, final_endpoint, scope, use_se)


def _auxiliary_logits(
    net: tf.Tensor, num_classes: int, depths: tuple[int, ...], spatial_squeeze: bool
) -> tf.Tensor:
    """Adds the auxiliary head on Mixed_6e (section 4 of the paper).

    Returns logits, float32 [batch, num_classes], averaged where the head gives a map of logits (448
    pixels and up); without `spatial_squeeze` that map, [batch, height', width', num_classes].
    """
    normal = tf.compat.v1.truncated_normal_initializer
    linear = {'normalizer_fn': None, 'activation_fn': None, 'weights_initializer': normal(0, 0.001)}
    with tf.compat.v1.variable_scope('AuxLogits'):
        net = inception_blocks.auxiliary_features(
            net, 'Conv2d_2a_{}x{}', depths, weights_initializer=normal(0.0, 0.01)
        )
        net = tf_slim.conv2d(net, num_classes, [1, 1], scope='Conv2d_2b_1x1', **linear)
        return tf.reduce_mean(net, [1, 2], name='SpatialSqueeze') if spatial_squeeze else net


def _pool(net: tf.Tensor, end_points: dict[str, tf.Tensor], global_pool: bool) -> tf.Tensor:
    """Averages the last feature map to float32 [batch, 1, 1, channels], which is an end point, too.

    Without `global_pool` the window is 8x8, or as large as a smaller map, in the top left corner;
    maps of 10x10 and more, which a step of that window does not cover, are averaged as a whole.
    """
    net = tf.cast(net, tf.float32)
    height, width = net.shape[1:3]
    if global_pool or max(height or 0, width or 0) > 9:
        net = tf.reduce_mean(net, [1, 2], keepdims=True, name='GlobalPool')
        end_points['global_pool'] = net
        return net
    if height and width:
        kernel = [min(height, 8), min(width, 8)]
        scope = 'AvgPool_1a_{}x{}'.format(*kernel)
        net = tf_slim.avg_pool2d(net, kernel, padding='VALID', scope=scope)
    else:  # The same window, once the size is known.
        size = tf.shape(net)[1:3]
        height, width = tf.unstack(tf.where(tf.reduce_max(size) > 9, size, tf.minimum(size, 8)))
        net = tf.reduce_mean(net[:, :height, :width], [1, 2], keepdims=True, name='AvgPool_1a')
    end_points['AvgPool_1a'] = net
    return net


def _logits(
    net: tf.Tensor,
    end_points: dict[str, tf.Tensor],
    num_classes: int | None,
    dropout_keep_prob: float,
    spatial_squeeze: bool,
    global_pool: bool,
) -> tf.Tensor:
    """Adds pooling and classifier; arguments and result as in `inception_v3`."""
    with tf.compat.v1.variable_scope('Logits'):
        net = _pool(net, end_points, global_pool)
        end_points['PreLogits'] = net  # [batch, 1, 1, 2048]
        if not num_classes:
            return net
        net = dropout(net, keep_prob=dropout_keep_prob, scope='Dropout_1b')
        end_points['PreLogits'] = net
        logits = tf_slim.conv2d(
            net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None, scope='Conv2d_1c_1x1'
        )
        if spatial_squeeze:
            logits = tf.squeeze(logits, [1, 2], name='SpatialSqueeze')
    end_points['Logits'] = logits
    end_points['Predictions'] = tf_slim.softmax(logits, scope='Predictions')
    return logits


def inception_v3(
    inputs: tf.Tensor,
    num_classes: int | None = 1000,
    is_training: bool = True,
    dropout_keep_prob: float = 0.8,
    min_depth: int = 16,
    depth_multiplier: float = 1.0,
    spatial_squeeze: bool = True,
    reuse: bool | None = None,
    create_aux_logits: bool = True,
    scope: str = 'InceptionV3',
    global_pool: bool = False,
    use_se: bool = False,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Builds Inception-V3 with its classifier and, in `end_points['AuxLogits']`, its auxiliary one.

    Returns logits, float32 [batch, num_classes], and the dictionary of end points.

    Args:
      inputs: float [batch, height, width, 3] in [-1, 1]; any dimension but the last may be unknown.
      num_classes: number of logits; 0 or None omits both heads and returns the pooled features
        [batch, 1, 1, channels].
      is_training, dropout_keep_prob, reuse, scope: as in `inception_blocks.build_with_heads`.
      min_depth, depth_multiplier, use_se: as in `inception_v3_base`.
      spatial_squeeze: whether logits are [batch, num_classes] or [batch, 1, 1, num_classes].
      create_aux_logits: whether to build the auxiliary head. Mixed_6e below 5x5 (images below 107
        pixels) leaves no room for it: then `end_points` has no 'AuxLogits'.
      global_pool: whether to average the whole last feature map. Otherwise the window is 8x8 as in
        the original code, the same at 299 pixels; 10x10 and larger maps (363 pixels and up), which
        that window does not cover in one step, are always averaged as a whole.

    Raises:
      ValueError: as `inception_v3_base`.
    """
    with (
        tf.compat.v1.variable_scope(scope, 'InceptionV3', [inputs], reuse=reuse) as variable_scope,
        tf_slim.arg_scope([tf_slim.batch_norm, dropout], is_training=is_training),
    ):
        net, end_points = inception_v3_base(
            inputs, 'Mixed_7c', min_depth, depth_multiplier, variable_scope, use_se
        )
        mixed_6e = end_points['Mixed_6e']
        if create_aux_logits and num_classes and inception_blocks.has_room_for_head(mixed_6e):
            depths = tuple(_scale_depth(d, depth_multiplier, min_depth) for d in (128, 768))
            end_points['AuxLogits'] = _auxiliary_logits(
                mixed_6e, num_classes, depths, spatial_squeeze
            )
        logits = _logits(
            net, end_points, num_classes, dropout_keep_prob, spatial_squeeze, global_pool
        )
    return logits, end_points


# The paper's network with Squeeze-and-Excitation; end points and arguments as in `inception_v3`.
inception_v3_se = functools.partial(inception_v3, scope='InceptionV3SE', use_se=True)
