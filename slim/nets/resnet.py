"""ResNet-V1 (He et al., arXiv 1512.03385) and V2 (arXiv 1603.05027): tf-slim's blocks, our head.

tf-slim's current ResNets lack `spatial_squeeze` and two end points of the original code. The head
in this module has them, and is float32 whatever the blocks compute in.
"""

import functools
from collections.abc import Callable

import tensorflow as tf
from tf_slim.nets import resnet_utils, resnet_v1, resnet_v2

from slim.compat import tf_slim

resnet_arg_scope = resnet_utils.resnet_arg_scope


def resnet(
    blocks: Callable,
    inputs: tf.Tensor,
    num_classes: int | None = None,
    is_training: bool = True,
    global_pool: bool = True,
    output_stride: int | None = None,
    spatial_squeeze: bool = True,
    reuse: bool | None = None,
    scope: str = 'resnet',
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Builds a ResNet with its classifier: logits float32 [batch, num_classes], and end points.

    Args:
      blocks: function of tf-slim that builds the network without its classifier.
      inputs: float [batch, height, width, 3]; any dimension but the last may be unknown.
      num_classes: number of logits; 0 or None omits the classifier and returns the pooled features
        [batch, 1, 1, 2048].
      is_training: whether batch norm uses the batch's statistics.
      global_pool: whether to average the last feature map; otherwise the logits are a map.
      output_stride: pixels of the image per pixel of the last feature map; None: 32.
      spatial_squeeze: whether logits are [batch, num_classes] or [batch, 1, 1, num_classes]; no
        effect without `global_pool`.
      reuse: whether to reuse existing variables (TF1 graphs).
      scope: variable scope.
    """
    with tf.compat.v1.variable_scope(scope, reuse=reuse) as variable_scope:
        net, end_points = blocks(
            inputs,
            is_training=is_training,
            global_pool=False,
            output_stride=output_stride,
            scope=variable_scope,
        )
        net = tf.cast(net, tf.float32)
        if global_pool:
            net = tf.reduce_mean(net, [1, 2], keepdims=True, name='pool5')
            end_points['global_pool'] = net
        if not num_classes:
            return net, end_points
        logits = tf_slim.conv2d(
            net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None, scope='logits'
        )
        end_points[f'{scope}/logits'] = logits
        if global_pool and spatial_squeeze:
            logits = tf.squeeze(logits, [1, 2], name='SpatialSqueeze')
            end_points[f'{scope}/spatial_squeeze'] = logits
        end_points['predictions'] = tf_slim.softmax(logits, scope='predictions')
    return logits, end_points


def _named(blocks: Callable) -> Callable:
    return functools.partial(resnet, blocks, scope=blocks.__name__)


resnet_v1_50 = _named(resnet_v1.resnet_v1_50)
resnet_v1_101 = _named(resnet_v1.resnet_v1_101)
resnet_v1_152 = _named(resnet_v1.resnet_v1_152)
resnet_v1_200 = _named(resnet_v1.resnet_v1_200)
resnet_v2_50 = _named(resnet_v2.resnet_v2_50)
resnet_v2_101 = _named(resnet_v2.resnet_v2_101)
resnet_v2_152 = _named(resnet_v2.resnet_v2_152)
resnet_v2_200 = _named(resnet_v2.resnet_v2_200)
