"""A network of a few layers, for tests of training that do not depend on the network.

TensorFlow takes longer to trace Inception-V3's hundred layers than to train them on small images.
This network has batch norm, weight decay, dropout and an auxiliary head.
"""

import dataclasses

import tensorflow as tf

from slim.compat import tf_slim
from slim.learning.model import Model
from slim.nets import nets_factory
from slim.nets.dropout import dropout
from slim.nets.inception_v3 import inception_v3_arg_scope

SCOPE = 'SmallNetwork'
IMAGE_SIZE = 32
NUM_CLASSES = 4
WEIGHT_DECAY = 4e-5
# Row of the registry; the other fields are those of Inception-V3.
NETWORK = dataclasses.replace(
    nets_factory.get_network('inception_v3'),
    function='small_network',
    module=__name__,
    scope=SCOPE,
    has_depth_multiplier=False,
)


def small_network(
    images, num_classes, is_training=True, dropout_keep_prob=1.0, create_aux_logits=True
):
    """Returns logits and end points, with tf-slim's names; see `slim.nets`."""
    assert create_aux_logits
    with (
        tf.compat.v1.variable_scope(SCOPE),
        tf_slim.arg_scope([tf_slim.batch_norm, dropout], is_training=is_training),
    ):
        net = tf_slim.conv2d(images, 8, 3, stride=2, scope='Conv2d_1a_3x3')
        middle = tf_slim.conv2d(net, 16, 3, stride=2, scope='Conv2d_2b_3x3')
        net = tf_slim.conv2d(middle, 16, 3, scope='Conv2d_3b_3x3')
        with tf.compat.v1.variable_scope('AuxLogits'):
            auxiliary = _classifier(middle, num_classes, 'Conv2d_2b_1x1')
        with tf.compat.v1.variable_scope('Logits'):
            net = dropout(net, keep_prob=dropout_keep_prob, scope='Dropout_1b')
            logits = _classifier(net, num_classes, 'Conv2d_1c_1x1')
        return logits, {'AuxLogits': auxiliary, 'Predictions': tf.nn.softmax(logits)}


def _classifier(net, num_classes, scope):
    """Returns float32 logits [batch, classes], like all networks of the registry."""
    net = tf.reduce_mean(tf.cast(net, tf.float32), [1, 2], keepdims=True)
    logits = tf_slim.conv2d(
        net, num_classes, 1, activation_fn=None, normalizer_fn=None, scope=scope
    )
    return tf.squeeze(logits, [1, 2])


def create_model(precision='float32', dropout_keep_prob=1.0):
    """Returns a new `Model` of this network in training mode."""

    def network_fn(images):
        with tf_slim.arg_scope(inception_v3_arg_scope(WEIGHT_DECAY)):
            return small_network(images, NUM_CLASSES, dropout_keep_prob=dropout_keep_prob)

    return Model(network_fn, IMAGE_SIZE, precision)
