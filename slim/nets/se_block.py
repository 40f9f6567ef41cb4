"""Squeeze-and-Excitation (Hu et al., arXiv 1709.01507): rescales the channels of a feature map."""

import tensorflow as tf

from slim.compat import tf_slim

REDUCTION = 16  # ratio of the channels of the block to those between its two layers


def se_block(inputs: tf.Tensor) -> tf.Tensor:
    """Scales each channel by a factor in (0, 1) that depends on the means of all channels.

    Args:
      inputs: float [batch, height, width, channels].

    Returns:
      Tensor of the shape and dtype of `inputs`. The factors are computed in float32.
    """
    channels = inputs.shape[-1]
    with (
        tf.compat.v1.variable_scope('SE_block'),
        tf_slim.arg_scope([tf_slim.conv2d], kernel_size=[1, 1], normalizer_fn=None),
    ):
        squeezed = tf.reduce_mean(tf.cast(inputs, tf.float32), [1, 2], keepdims=True)
        hidden = tf_slim.conv2d(
            squeezed, channels // REDUCTION, activation_fn=tf.nn.relu, scope='Conv'
        )
        factors = tf_slim.conv2d(hidden, channels, activation_fn=tf.sigmoid, scope='Conv_1')
        return inputs * tf.cast(factors, inputs.dtype)
