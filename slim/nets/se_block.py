"""Squeeze-and-Excitation (Hu et al., arXiv 1709.01507): a map's channels, weighed by all of it."""

import tensorflow as tf

from slim.compat import tf_slim

REDUCTION = 16


def se_block(inputs, reduction=REDUCTION, scope='SE_block'):
    """Scales each channel by a factor in (0, 1) that depends on the means of all channels.

    Args:
      inputs: float [batch, height, width, channels].
      reduction: how many times fewer channels there are between the two layers.
      scope: variable scope.

    Returns:
      Tensor of the shape and dtype of `inputs`. The factors are computed in float32.
    """
    channels = inputs.shape[-1]
    with (
        tf.compat.v1.variable_scope(scope),
        tf_slim.arg_scope([tf_slim.conv2d], kernel_size=[1, 1], normalizer_fn=None),
    ):
        squeezed = tf.reduce_mean(tf.cast(inputs, tf.float32), [1, 2], keepdims=True)
        hidden = tf_slim.conv2d(
            squeezed, channels // reduction, activation_fn=tf.nn.relu, scope='Conv'
        )
        factors = tf_slim.conv2d(hidden, channels, activation_fn=tf.sigmoid, scope='Conv_1')
        return inputs * tf.cast(factors, inputs.dtype)
