"""What the Inception networks are made of: the words of their tables, and how they are read.

A network is a table from scope to layer. A layer is a `Conv`, a `MaxPool`, an `AvgPool` or a
`Residual`; a tuple of lists is an Inception block, each list a branch under its own scope, their
outputs concatenated in depth. Inside a branch a list is a sequence of layers and a tuple is layers
side by side.
"""

import contextlib
from typing import NamedTuple

import tensorflow as tf

from slim.compat import tf_slim
from slim.nets.dropout import dropout
from slim.nets.se_block import se_block


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


class Residual(NamedTuple):
    """Blocks in a row, each adding `scale` times what its branches make of the map to the map.

    Named `<scope>_1` to `<scope>_<times>` in their row's scope; with times=1 it is the row itself.
    """

    branches: tuple
    scale: float
    scope: str = ''
    times: int = 1
    has_activation: bool = True

    def scopes(self):
        """The variable scope of each block, within that of the row."""
        if not self.scope:
            return [contextlib.nullcontext()]
        names = [f'{self.scope}_{number}' for number in range(1, self.times + 1)]
        return [tf.compat.v1.variable_scope(name) for name in names]


def _as_it_is(channels):
    return channels


def _is_block(layer):
    """Whether a layer of a table is an Inception block; the named tuples are tuples, too."""
    return isinstance(layer, tuple) and not hasattr(layer, '_fields')


def _apply(layer, net, depth):
    """Applies a layer, a sequence (list) or side-by-side layers (tuple) to `net`."""
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


def _apply_branches(branches, net, depth):
    """The branches of a block side by side, each under a scope of its own."""
    outputs = []
    for number, branch in enumerate(branches):
        with tf.compat.v1.variable_scope(f'Branch_{number}'):
            outputs.append(_apply(branch, net, depth))
    return tf.concat(outputs, axis=3)


def _add_residual(layer, net, depth, use_se, activation_fn):
    """Adds to `net` what the branches of a `Residual` make of it (arXiv 1602.07261, figure 20)."""
    mixed = _apply_branches(layer.branches, net, depth)
    up = tf_slim.conv2d(
        mixed, net.shape[3], [1, 1], normalizer_fn=None, activation_fn=None, scope='Conv2d_1x1'
    )
    residual = layer.scale * up
    net += se_block(residual) if use_se else residual
    return activation_fn(net) if layer.has_activation else net


def build(
    layers,
    inputs,
    final_endpoint,
    depth=_as_it_is,
    use_se=False,
    activation_fn=tf.nn.relu,
):
    """Applies a table of layers, in the current variable scope.

    Args:
      layers: the table.
      inputs: float [batch, height, width, 3].
      final_endpoint: the key of `layers` to stop at.
      depth: from a convolution's channels in the table to those it is to have.
      use_se: whether a Squeeze-and-Excitation block follows every Inception block; where there is
        a residual it scales that.
      activation_fn: what ends a `Residual`.

    Returns:
      The activation at `final_endpoint`, and a dictionary from each key up to it to its activation.

    Raises:
      ValueError: if there is no such key.
    """
    if final_endpoint not in layers:
        raise ValueError(f'Unknown end point {final_endpoint}; there are {", ".join(layers)}.')
    net, end_points = inputs, {}
    for name, layer in layers.items():
        if isinstance(layer, Residual):
            with tf.compat.v1.variable_scope(name):
                for scope in layer.scopes():
                    with scope:
                        net = _add_residual(layer, net, depth, use_se, activation_fn)
        elif _is_block(layer):
            with tf.compat.v1.variable_scope(name):
                net = _apply_branches(layer, net, depth)
                net = se_block(net) if use_se else net
        else:
            net = _apply(layer, net, depth)
        end_points[name] = net
        if name == final_endpoint:
            return net, end_points


def check_size(inputs, minimum):
    """Raises a `ValueError` for images of static size under `minimum` pixels."""
    height, width = inputs.shape[1:3]
    if min(height or minimum, width or minimum) < minimum:
        raise ValueError(
            f'This network takes images of {minimum}x{minimum} pixels or more, not '
            f'{height}x{width}.'
        )


def has_room_for_head(net):
    """Whether a map is large enough for the 5x5 pooling that auxiliary heads begin with."""
    return min(net.shape[1:3]) >= 5


def auxiliary_features(net, last_scope, depth=_as_it_is, **last_arguments):
    """What the auxiliary heads of all Inception networks classify.

    Args:
      net: float [batch, height, width, channels], at least 5x5. At 299 pixels it is 17x17.
      last_scope: scope of the last convolution; '{}' in it stands for its height and width.
      depth: as in `build`.
      **last_arguments: for the last convolution.

    Returns:
      float32 [batch, height', width', 768], at 299 pixels of height and width 1. In 2018 the last
      kernel of V4 and Inception-ResNet-V2 grew with the image, so that no other size could take a
      head over; here it is never above the 5x5 of 299 pixels.
    """
    net = tf_slim.avg_pool2d(net, [5, 5], stride=3, padding='VALID', scope='AvgPool_1a_5x5')
    net = tf_slim.conv2d(net, depth(128), [1, 1], scope='Conv2d_1b_1x1')
    kernel = [min(size, 5) for size in net.shape[1:3]]
    scope = last_scope.format(*kernel)
    net = tf_slim.conv2d(net, depth(768), kernel, padding='VALID', scope=scope, **last_arguments)
    return tf.cast(net, tf.float32)


class AuxiliaryHead(NamedTuple):
    """Where a network of arXiv 1602.07261 has its auxiliary head, and its layers' names."""

    end_point: str
    convolution: str
    logits: str


def add_heads(net, end_points, auxiliary, num_classes, dropout_keep_prob):
    """The classifiers of Inception-V4 and Inception-ResNet-V2 (arXiv 1602.07261), in float32.

    Args:
      net: the last map, float [batch, height, width, channels].
      end_points: dictionary of all activations so far; those of the heads are added.
      auxiliary: an `AuxiliaryHead`, or None for none. Where the map is under 5x5 there is none.
      num_classes: width of the logits; 0 or None leaves both heads out.
      dropout_keep_prob: share of the pooled features that dropout keeps.

    Returns:
      Logits float32 [batch, num_classes], without classes the pooled features [batch, 1, 1,
      channels].
    """
    if auxiliary and num_classes and has_room_for_head(end_points[auxiliary.end_point]):
        with tf.compat.v1.variable_scope('AuxLogits'):
            hidden = auxiliary_features(end_points[auxiliary.end_point], auxiliary.convolution)
            hidden = tf.reduce_mean(hidden, [1, 2])  # 1x1 at 299 pixels, more of larger images.
            end_points['AuxLogits'] = tf_slim.fully_connected(
                hidden, num_classes, activation_fn=None, scope=auxiliary.logits
            )
    with tf.compat.v1.variable_scope('Logits'):
        net = tf.reduce_mean(tf.cast(net, tf.float32), [1, 2], keepdims=True)
        end_points['global_pool'] = net
        if not num_classes:
            return net
        net = dropout(net, keep_prob=dropout_keep_prob, scope='Dropout_1b')
        net = tf_slim.flatten(net, scope='PreLogitsFlatten')
        end_points['PreLogitsFlatten'] = net  # [batch, channels]
        logits = tf_slim.fully_connected(net, num_classes, activation_fn=None, scope='Logits')
    end_points['Logits'] = logits
    end_points['Predictions'] = tf.nn.softmax(logits, name='Predictions')
    return logits


def inception_arg_scope(
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
