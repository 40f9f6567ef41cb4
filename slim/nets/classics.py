"""tf-slim's older networks (Inception-V1 and V2, VGG, AlexNet, OverFeat), fit for the registry.

tf-slim builds them whole. What is added: images larger than they were designed for, of which the
map of logits is averaged, and building without the classifier's width being known. Their dropout
is tf-slim's: a training that resumes draws other masks than one that was never interrupted.
"""

import functools

import tensorflow as tf
from tf_slim import nets

from slim.nets import inception_blocks

inception_arg_scope = inception_blocks.inception_arg_scope
vgg_arg_scope = nets.vgg.vgg_arg_scope
alexnet_v2_arg_scope = nets.alexnet.alexnet_v2_arg_scope
overfeat_arg_scope = nets.overfeat.overfeat_arg_scope


def _classic(network, minimum_image_size, inputs, num_classes=1000, is_training=True, **arguments):
    """One of the networks below.

    Args:
      network: tf-slim's function that builds it.
      minimum_image_size: the least height and width in pixels.
      inputs: float [batch, height, width, 3].
      num_classes: width of the logits. 0 or None is for those who only want an end point: the
        classifier is there, for one class, since tf-slim cannot leave it out.
      is_training: whether batch norm uses the batch's statistics and dropout is active.
      **arguments: what else tf-slim's function takes.

    Returns:
      Logits float32 [batch, num_classes] and the dictionary of end points.

    Raises:
      ValueError: if the image is too small.
    """
    inception_blocks.check_size(inputs, minimum_image_size)
    logits, end_points = network(
        inputs, num_classes or 1, is_training=is_training, spatial_squeeze=False, **arguments
    )
    logits = tf.reduce_mean(tf.cast(logits, tf.float32), [1, 2])
    end_points['Logits'] = logits
    end_points['Predictions'] = tf.nn.softmax(logits)
    return logits, end_points


def _named(network, default_image_size, minimum_image_size):
    function = functools.partial(_classic, network, minimum_image_size)
    function.default_image_size = default_image_size
    return function


# The least sizes are those of which tf-slim's last pooling, or its first fully connected layer, can
# be filled once; of Inception-V2, which shrinks the pooling, those that leave a map of one pixel.
inception_v1 = _named(nets.inception_v1.inception_v1, 224, 193)
inception_v2 = _named(nets.inception_v2.inception_v2, 224, 32)
vgg_a = _named(nets.vgg.vgg_a, 224, 224)
vgg_16 = _named(nets.vgg.vgg_16, 224, 224)
vgg_19 = _named(nets.vgg.vgg_19, 224, 224)
alexnet_v2 = _named(nets.alexnet.alexnet_v2, 224, 195)
overfeat = _named(nets.overfeat.overfeat, 231, 231)
