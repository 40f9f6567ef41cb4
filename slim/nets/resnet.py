"""ResNet-V1 (He et al., arXiv 1512.03385) and V2 (arXiv 1603.05027): tf-slim's, with slim's head.

tf-slim builds the blocks. Its copy of the networks has since lost `spatial_squeeze` and two end
points that the networks of 2018 have; the head here has them, and is float32 whatever the blocks
compute in.
"""

import functools

import tensorflow as tf
from tf_slim.nets import resnet_utils, resnet_v1, resnet_v2

from slim.compat import tf_slim
from slim.nets.inception_blocks import check_size

MINIMUM_IMAGE_SIZE = 32  # A last map of one pixel.

resnet_arg_scope = resnet_utils.resnet_arg_scope


def _resnet(
    blocks,
    inputs,
    num_classes=None,
    is_training=True,
    global_pool=True,
    output_stride=None,
    spatial_squeeze=True,
    reuse=None,
    scope=None,
):
    """One of the networks below with its classifier.

    Args:
      blocks: tf-slim's function that builds it.
      inputs: float [batch, height, width, 3], at least 32x32.
      num_classes: width of the logits; 0 or None leaves the classifier out and returns the pooled
        features [batch, 1, 1, 2048].
      is_training: whether batch norm uses the batch's statistics.
      global_pool: whether to average the last map; without, the logits are a map.
      output_stride: how many times smaller the last map is to be than the image; 32 by default.
      spatial_squeeze: whether logits are [batch, num_classes], or [batch, 1, 1, num_classes].
      reuse: whether the variables are there already (TF1 graphs).
      scope: variable scope.

    Returns:
      Logits float32 [batch, num_classes] and the dictionary of end points.

    Raises:
      ValueError: if the image is too small.
    """
    check_size(inputs, MINIMUM_IMAGE_SIZE)
    net, end_points = blocks(
        inputs,
        is_training=is_training,
        global_pool=False,
        output_stride=output_stride,
        reuse=reuse,
        scope=scope,
    )
    net = tf.cast(net, tf.float32)
    if global_pool:
        net = tf.reduce_mean(net, [1, 2], keepdims=True, name='pool5')
        end_points['global_pool'] = net
    if not num_classes:
        return net, end_points
    with tf.compat.v1.variable_scope(scope, reuse=reuse):
        logits = tf_slim.conv2d(
            net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None, scope='logits'
        )
    end_points[f'{scope}/logits'] = logits
    if global_pool and spatial_squeeze:
        logits = tf.squeeze(logits, [1, 2], name='SpatialSqueeze')
        end_points[f'{scope}/spatial_squeeze'] = logits
    end_points['predictions'] = tf_slim.softmax(logits, scope='predictions')
    return logits, end_points


def _named(blocks):
    network = functools.partial(_resnet, blocks, scope=blocks.__name__)
    network.default_image_size = 224
    return network


resnet_v1_50 = _named(resnet_v1.resnet_v1_50)
resnet_v1_101 = _named(resnet_v1.resnet_v1_101)
resnet_v1_152 = _named(resnet_v1.resnet_v1_152)
resnet_v1_200 = _named(resnet_v1.resnet_v1_200)
resnet_v2_50 = _named(resnet_v2.resnet_v2_50)
resnet_v2_101 = _named(resnet_v2.resnet_v2_101)
resnet_v2_152 = _named(resnet_v2.resnet_v2_152)
resnet_v2_200 = _named(resnet_v2.resnet_v2_200)
