"""tf-slim's older networks: Inception-V1 and V2, VGG, AlexNet, OverFeat.

tf-slim builds them. This module adds images larger than they were designed for, of which the map of
logits is averaged, and building them without a number of classes. Their dropout is tf-slim's: a
resumed training draws other masks than an uninterrupted one.
"""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tf_slim import nets

from slim.nets import inception_blocks

inception_arg_scope = inception_blocks.inception_arg_scope
vgg_arg_scope = nets.vgg.vgg_arg_scope
alexnet_v2_arg_scope = nets.alexnet.alexnet_v2_arg_scope
overfeat_arg_scope = nets.overfeat.overfeat_arg_scope


def _classic(
    network: Callable,
    inputs: tf.Tensor,
    num_classes: int | None = 1000,
    is_training: bool = True,
    **arguments: Any,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Builds a network of this module: logits float32 [batch, num_classes], and its end points.

    Args:
      network: function of tf-slim that builds it.
      inputs: float [batch, height, width, 3]; any dimension but the last may be unknown.
      num_classes: number of logits. With 0 or None, for callers that need only an end point, there
        is a classifier for one class, because tf-slim cannot omit it.
      is_training: whether batch norm uses the batch's statistics and dropout is active.
      **arguments: further arguments of tf-slim's function.
    """
    logits, end_points = network(
        inputs, num_classes or 1, is_training=is_training, spatial_squeeze=False, **arguments
    )
    logits = tf.reduce_mean(tf.cast(logits, tf.float32), [1, 2])
    end_points['Logits'] = logits
    end_points['Predictions'] = tf.nn.softmax(logits)
    return logits, end_points


inception_v1 = functools.partial(_classic, nets.inception_v1.inception_v1)
inception_v2 = functools.partial(_classic, nets.inception_v2.inception_v2)
vgg_a = functools.partial(_classic, nets.vgg.vgg_a)
vgg_16 = functools.partial(_classic, nets.vgg.vgg_16)
vgg_19 = functools.partial(_classic, nets.vgg.vgg_19)
alexnet_v2 = functools.partial(_classic, nets.alexnet.alexnet_v2)
overfeat = functools.partial(_classic, nets.overfeat.overfeat)
