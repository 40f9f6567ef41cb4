"""Building blocks of the Inception networks: the layers of their tables and an interpreter.

A network is a table from scope to layer. A layer is a `Conv`, a `MaxPool`, an `AvgPool` or a
`Residual`; a tuple of lists is an Inception block, each list a branch under its own scope, whose
outputs are concatenated in depth. Inside a branch a list is a sequence of layers and a tuple is
parallel layers.
"""

import contextlib
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from slim.compat import tf_slim
from slim.nets.dropout import dropout

SE_REDUCTION = 16  # ratio of the channels of an SE block to those between its two layers


class Conv(NamedTuple):
    """Convolution, batch norm, ReLU."""

    depth: int
    kernel: tuple[int, int]
    scope: str
    stride: int = 1
    padding: str = 'SAME'
    rate: int = 1


# Convolution that halves the feature map, as `MaxPool` does.
Reduce = functools.partial(Conv, stride=2, padding='VALID')


class MaxPool(NamedTuple):
    """3x3 max pooling; with stride 2 it halves the feature map."""

    scope: str
    stride: int = 2
    padding: str = 'VALID'


class AvgPool(NamedTuple):
    """3x3 average pooling with stride 1."""

    scope: str = 'AvgPool_0a_3x3'


class Residual(NamedTuple):
    """Sequence of residual blocks: each adds `scale` times the output of its branches to its input.

    The blocks have the variable scopes `<scope>_1` to `<scope>_<times>` within that of the table's
    row; without `scope` there is one block, directly in the scope of the row.
    """

    branches: tuple
    scale: float
    scope: str = ''
    times: int = 1
    has_activation: bool = True


Layer = Conv | MaxPool | AvgPool | Residual | list | tuple

# First layers of Inception-V3 and Inception-ResNet-V2; Inception-V4 begins with the first three.
# Comments on the right: sizes of the feature maps for images of 299x299 pixels.
STEM: dict[str, Layer] = {
    'Conv2d_1a_3x3': Reduce(32, (3, 3), 'Conv2d_1a_3x3'),  # 149x149x32
    'Conv2d_2a_3x3': Conv(32, (3, 3), 'Conv2d_2a_3x3', padding='VALID'),  # 147x147x32
    'Conv2d_2b_3x3': Conv(64, (3, 3), 'Conv2d_2b_3x3'),  # 147x147x64
    'MaxPool_3a_3x3': MaxPool('MaxPool_3a_3x3'),  # 73x73x64
    'Conv2d_3b_1x1': Conv(80, (1, 1), 'Conv2d_3b_1x1', padding='VALID'),  # 73x73x80
    'Conv2d_4a_3x3': Conv(192, (3, 3), 'Conv2d_4a_3x3', padding='VALID'),  # 71x71x192
    'MaxPool_5a_3x3': MaxPool('MaxPool_5a_3x3'),  # 35x35x192
}


def revise(layer: Layer, kinds: Any, change: Callable[[Any], Layer]) -> Layer:
    """Returns a layer of a table with `change` applied to every layer of class `kinds` in it."""
    if isinstance(layer, Residual):
        branches = tuple(revise(branch, kinds, change) for branch in layer.branches)
        return layer._replace(branches=branches)
    if isinstance(layer, Conv | MaxPool | AvgPool):
        return change(layer) if isinstance(layer, kinds) else layer
    return type(layer)(revise(part, kinds, change) for part in layer)


def se_block(inputs: tf.Tensor) -> tf.Tensor:
    """Squeeze-and-Excitation (Hu et al., arXiv 1709.01507): rescales the channels of a feature map.

    The factors, in (0, 1), depend on the means of all channels; they are computed in float32.

    Args:
      inputs: float [batch, height, width, channels]; the result has its shape and dtype.
    """
    channels = inputs.shape[-1]
    with (
        tf.compat.v1.variable_scope('SE_block'),
        tf_slim.arg_scope([tf_slim.conv2d], kernel_size=[1, 1], normalizer_fn=None),
    ):
        squeezed = tf.reduce_mean(tf.cast(inputs, tf.float32), [1, 2], keepdims=True)
        hidden = tf_slim.conv2d(
            squeezed, channels // SE_REDUCTION, activation_fn=tf.nn.relu, scope='Conv'
        )
        factors = tf_slim.conv2d(hidden, channels, activation_fn=tf.sigmoid, scope='Conv_1')
        return inputs * tf.cast(factors, inputs.dtype)


def _apply(layer: Layer, net: tf.Tensor) -> tf.Tensor:
    """Applies a layer, a sequence of layers (list) or parallel layers (tuple) to `net`."""
    match layer:
        case Conv(depth, kernel, scope, stride, padding, rate):
            return tf_slim.conv2d(
                net, depth, kernel, stride=stride, padding=padding, rate=rate, scope=scope
            )
        case MaxPool(scope, stride, padding):
            return tf_slim.max_pool2d(net, [3, 3], stride=stride, padding=padding, scope=scope)
        case AvgPool(scope):
            return tf_slim.avg_pool2d(net, [3, 3], stride=1, padding='SAME', scope=scope)
        case list():
            for step in layer:
                net = _apply(step, net)
            return net
    return tf.concat([_apply(branch, net) for branch in layer], axis=3)


def _apply_branches(branches: tuple, net: tf.Tensor) -> tf.Tensor:
    """Applies the parallel branches of a block, each under a variable scope of its own."""
    outputs = []
    for number, branch in enumerate(branches):
        with tf.compat.v1.variable_scope(f'Branch_{number}'):
            outputs.append(_apply(branch, net))
    return tf.concat(outputs, axis=3)


def _add_residuals(layer: Residual, net: tf.Tensor, use_se: bool) -> tf.Tensor:
    """Applies the blocks of a `Residual` in turn (arXiv 1602.07261, figure 20)."""
    for number in range(1, layer.times + 1):
        name = f'{layer.scope}_{number}'
        with tf.compat.v1.variable_scope(name) if layer.scope else contextlib.nullcontext():
            mixed = _apply_branches(layer.branches, net)
            linear = {'normalizer_fn': None, 'activation_fn': None}
            up = tf_slim.conv2d(mixed, net.shape[3], [1, 1], scope='Conv2d_1x1', **linear)
            residual = layer.scale * up
            net += se_block(residual) if use_se else residual
            net = tf.nn.relu(net) if layer.has_activation else net
    return net


def build(
    layers: dict[str, Layer],
    default_scope: str,
    inputs: tf.Tensor,
    final_endpoint: str | None = None,
    scope: str | Any = None,
    use_se: bool = False,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Builds a network without its heads from a table of layers.

    Args:
      layers: table from scope to layer.
      default_scope: variable scope if `scope` is None.
      inputs: float [batch, height, width, 3] in [-1, 1].
      final_endpoint: key of the last layer to apply; None: the last of all.
      scope: variable scope.
      use_se: whether a Squeeze-and-Excitation block follows every Inception block; in a residual
        block it scales the residual.

    Returns:
      The activation at `final_endpoint`, and a dictionary from each key up to it to its activation
      [batch, height', width', channels].

    Raises:
      ValueError: if the end point is unknown or the image too small.
    """
    final_endpoint = final_endpoint or next(reversed(layers))
    if final_endpoint not in layers:
        raise ValueError(f'unknown end point {final_endpoint}; choose from {", ".join(layers)}')
    net, end_points = inputs, {}
    with tf.compat.v1.variable_scope(scope, default_scope, [inputs]):
        for name, layer in layers.items():
            if isinstance(layer, Residual):
                with tf.compat.v1.variable_scope(name):
                    net = _add_residuals(layer, net, use_se)
            elif type(layer) is tuple:  # An Inception block; the layers are named tuples.
                with tf.compat.v1.variable_scope(name):
                    net = _apply_branches(layer, net)
                    net = se_block(net) if use_se else net
            else:
                net = _apply(layer, net)
            end_points[name] = net
            if name == final_endpoint:
                break
    return net, end_points


def has_room_for_head(net: tf.Tensor) -> bool:
    """Returns whether a feature map fits the 5x5 pooling of auxiliary heads; yes if unknown."""
    return all(size is None or size >= 5 for size in net.shape[1:3])


def auxiliary_features(
    net: tf.Tensor, last_scope: str, depths: tuple[int, ...] = (128, 768), **last_arguments: Any
) -> tf.Tensor:
    """Returns the features that the auxiliary heads of all Inception networks classify.

    The last kernel is 5x5, as at 299 pixels, or as large as a smaller map. (In the original
    Inception-V4 and Inception-ResNet-V2 it grew with the image, so that a checkpoint's head fitted
    a single image size.) For images of unknown size it is 5x5: computing the head then takes a map
    `net` of at least 17x17, as at 299 pixels.

    Args:
      net: float [batch, height, width, channels], at least 5x5. At 299 pixels it is 17x17.
      last_scope: scope of the last convolution, formatted with the kernel's height and width.
      depths: numbers of channels of the two convolutions.
      **last_arguments: further arguments of the last convolution.

    Returns:
      float32 [batch, height', width', depths[1]]; height' = width' = 1 at 299 pixels.
    """
    net = tf_slim.avg_pool2d(net, [5, 5], stride=3, padding='VALID', scope='AvgPool_1a_5x5')
    net = tf_slim.conv2d(net, depths[0], [1, 1], scope='Conv2d_1b_1x1')
    kernel = [min(size or 5, 5) for size in net.shape[1:3]]
    scope = last_scope.format(*kernel)
    net = tf_slim.conv2d(net, depths[1], kernel, padding='VALID', scope=scope, **last_arguments)
    return tf.cast(net, tf.float32)


class AuxiliaryHead(NamedTuple):
    """End point at which a network of arXiv 1602.07261 has its auxiliary head, and layer names."""

    end_point: str
    convolution: str
    logits: str


def build_with_heads(
    base: Callable,
    head: AuxiliaryHead,
    inputs: tf.Tensor,
    num_classes: int | None = 1001,
    is_training: bool = True,
    dropout_keep_prob: float = 0.8,
    reuse: bool | None = None,
    scope: str | None = None,
    create_aux_logits: bool = True,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Builds Inception-V4 or Inception-ResNet-V2 (arXiv 1602.07261) with float32 heads.

    Returns logits, float32 [batch, num_classes], and the dictionary of end points.

    Args:
      base: function that builds the network without its heads: (inputs, scope=...).
      head: auxiliary head; its logits are `end_points['AuxLogits']`.
      inputs: float [batch, height, width, 3] in [-1, 1]; any dimension but the last may be unknown.
      num_classes: number of logits; 0 or None omits both heads and returns the pooled features
        [batch, 1, 1, 1536].
      is_training: whether batch norm uses the batch's statistics and dropout is active.
      dropout_keep_prob: fraction of the pooled features that dropout keeps.
      reuse: whether to reuse existing variables (TF1 graphs).
      scope: variable scope.
      create_aux_logits: whether to build the auxiliary head; a feature map below 5x5 (images below
        107 pixels) leaves no room for it.

    Raises:
      ValueError: if the image is too small.
    """
    with (
        tf.compat.v1.variable_scope(scope, reuse=reuse) as variable_scope,
        tf_slim.arg_scope([tf_slim.batch_norm, dropout], is_training=is_training),
    ):
        net, end_points = base(inputs, scope=variable_scope)
        if create_aux_logits and num_classes and has_room_for_head(end_points[head.end_point]):
            with tf.compat.v1.variable_scope('AuxLogits'):
                hidden = auxiliary_features(end_points[head.end_point], head.convolution)
                hidden = tf.reduce_mean(hidden, [1, 2])  # 1x1 at 299 pixels, more for larger images
                end_points['AuxLogits'] = tf_slim.fully_connected(
                    hidden, num_classes, activation_fn=None, scope=head.logits
                )
        with tf.compat.v1.variable_scope('Logits'):
            net = tf.reduce_mean(tf.cast(net, tf.float32), [1, 2], keepdims=True, name='AvgPool_1a')
            end_points['global_pool'] = net
            if not num_classes:
                return net, end_points
            net = dropout(net, keep_prob=dropout_keep_prob, scope='Dropout_1b')
            net = tf_slim.flatten(net, scope='PreLogitsFlatten')
            end_points['PreLogitsFlatten'] = net  # [batch, channels]
            logits = tf_slim.fully_connected(net, num_classes, activation_fn=None, scope='Logits')
            end_points['Logits'] = logits
            end_points['Predictions'] = tf.nn.softmax(logits, name='Predictions')
    return logits, end_points


def inception_arg_scope(weight_decay: float = 0.00004, batch_norm_decay: float = 0.9997) -> dict:
    """Returns an arg scope with the Inception networks' weight decay, batch norm and ReLU.

    Args:
      weight_decay: factor of the L2 loss (half the sum of squares) of each layer's weights.
      batch_norm_decay: decay of the moving mean and variance.
    """
    with (
        tf_slim.arg_scope(
            [tf_slim.conv2d, tf_slim.fully_connected],
            weights_regularizer=tf_slim.l2_regularizer(weight_decay),
        ),
        tf_slim.arg_scope(
            [tf_slim.conv2d],
            weights_initializer=tf_slim.variance_scaling_initializer(),
            activation_fn=tf.nn.relu,
            normalizer_fn=tf_slim.batch_norm,
            normalizer_params={
                'decay': batch_norm_decay,
                'epsilon': 0.001,
                'updates_collections': tf.compat.v1.GraphKeys.UPDATE_OPS,
                'fused': None,
            },
        ) as scope,
    ):
        return scope
