"""Inception-V4 (Szegedy et al., *Inception-v4, Inception-ResNet and the Impact of Residual
Connections on Learning*, arXiv 1602.07261).

The network is the table `LAYERS`, read from top to bottom; scope names are those of the released
checkpoints. Below it the two heads.
"""

import tensorflow as tf

from slim.compat import tf_slim
from slim.nets import inception_blocks
from slim.nets.dropout import dropout
from slim.nets.inception_blocks import AuxiliaryHead, AvgPool, Conv, MaxPool

inception_v4_arg_scope = inception_blocks.inception_arg_scope

# Sizes on the right are those of a 299x299 image.

MIXED_35X35 = (  # The paper's figure 4.
    [Conv(96, (1, 1), 'Conv2d_0a_1x1')],
    [Conv(64, (1, 1), 'Conv2d_0a_1x1'), Conv(96, (3, 3), 'Conv2d_0b_3x3')],
    [
        Conv(64, (1, 1), 'Conv2d_0a_1x1'),
        Conv(96, (3, 3), 'Conv2d_0b_3x3'),
        Conv(96, (3, 3), 'Conv2d_0c_3x3'),
    ],
    [AvgPool(), Conv(96, (1, 1), 'Conv2d_0b_1x1')],
)

MIXED_17X17 = (  # The paper's figure 5.
    [Conv(384, (1, 1), 'Conv2d_0a_1x1')],
    [
        Conv(192, (1, 1), 'Conv2d_0a_1x1'),
        Conv(224, (1, 7), 'Conv2d_0b_1x7'),
        Conv(256, (7, 1), 'Conv2d_0c_7x1'),
    ],
    [
        Conv(192, (1, 1), 'Conv2d_0a_1x1'),
        Conv(192, (7, 1), 'Conv2d_0b_7x1'),
        Conv(224, (1, 7), 'Conv2d_0c_1x7'),
        Conv(224, (7, 1), 'Conv2d_0d_7x1'),
        Conv(256, (1, 7), 'Conv2d_0e_1x7'),
    ],
    [AvgPool(), Conv(128, (1, 1), 'Conv2d_0b_1x1')],
)

MIXED_8X8 = (  # The paper's figure 6.
    [Conv(256, (1, 1), 'Conv2d_0a_1x1')],
    [
        Conv(384, (1, 1), 'Conv2d_0a_1x1'),
        (Conv(256, (1, 3), 'Conv2d_0b_1x3'), Conv(256, (3, 1), 'Conv2d_0c_3x1')),
    ],
    [
        Conv(384, (1, 1), 'Conv2d_0a_1x1'),
        Conv(448, (3, 1), 'Conv2d_0b_3x1'),
        Conv(512, (1, 3), 'Conv2d_0c_1x3'),
        (Conv(256, (1, 3), 'Conv2d_0d_1x3'), Conv(256, (3, 1), 'Conv2d_0e_3x1')),
    ],
    [AvgPool(), Conv(256, (1, 1), 'Conv2d_0b_1x1')],
)

LAYERS = {
    'Conv2d_1a_3x3': Conv(32, (3, 3), 'Conv2d_1a_3x3', stride=2, padding='VALID'),  # 149x149x32
    'Conv2d_2a_3x3': Conv(32, (3, 3), 'Conv2d_2a_3x3', padding='VALID'),  # 147x147x32
    'Conv2d_2b_3x3': Conv(64, (3, 3), 'Conv2d_2b_3x3'),  # 147x147x64
    'Mixed_3a': (  # 73x73x160
        [MaxPool('MaxPool_0a_3x3')],
        [Conv(96, (3, 3), 'Conv2d_0a_3x3', stride=2, padding='VALID')],
    ),
    'Mixed_4a': (  # 71x71x192
        [
            Conv(64, (1, 1), 'Conv2d_0a_1x1'),
            Conv(96, (3, 3), 'Conv2d_1a_3x3', padding='VALID'),
        ],
        [
            Conv(64, (1, 1), 'Conv2d_0a_1x1'),
            Conv(64, (1, 7), 'Conv2d_0b_1x7'),
            Conv(64, (7, 1), 'Conv2d_0c_7x1'),
            Conv(96, (3, 3), 'Conv2d_1a_3x3', padding='VALID'),
        ],
    ),
    'Mixed_5a': (  # 35x35x384
        [Conv(192, (3, 3), 'Conv2d_1a_3x3', stride=2, padding='VALID')],
        [MaxPool('MaxPool_1a_3x3')],
    ),
    **{f'Mixed_5{letter}': MIXED_35X35 for letter in 'bcde'},  # 35x35x384
    'Mixed_6a': (  # 17x17x1024
        [Conv(384, (3, 3), 'Conv2d_1a_3x3', stride=2, padding='VALID')],
        [
            Conv(192, (1, 1), 'Conv2d_0a_1x1'),
            Conv(224, (3, 3), 'Conv2d_0b_3x3'),
            Conv(256, (3, 3), 'Conv2d_1a_3x3', stride=2, padding='VALID'),
        ],
        [MaxPool('MaxPool_1a_3x3')],
    ),
    **{f'Mixed_6{letter}': MIXED_17X17 for letter in 'bcdefgh'},  # 17x17x1024
    'Mixed_7a': (  # 8x8x1536
        [
            Conv(192, (1, 1), 'Conv2d_0a_1x1'),
            Conv(192, (3, 3), 'Conv2d_1a_3x3', stride=2, padding='VALID'),
        ],
        [
            Conv(256, (1, 1), 'Conv2d_0a_1x1'),
            Conv(256, (1, 7), 'Conv2d_0b_1x7'),
            Conv(320, (7, 1), 'Conv2d_0c_7x1'),
            Conv(320, (3, 3), 'Conv2d_1a_3x3', stride=2, padding='VALID'),
        ],
        [MaxPool('MaxPool_1a_3x3')],
    ),
    **{f'Mixed_7{letter}': MIXED_8X8 for letter in 'bcd'},  # 8x8x1536
}

AUXILIARY_HEAD = AuxiliaryHead('Mixed_6h', convolution='Conv2d_2a', logits='Aux_logits')

MINIMUM_IMAGE_SIZE = 75  # Below it the last reduction has nothing to slide over.


def inception_v4_base(inputs, final_endpoint='Mixed_7d', scope=None):
    """Inception-V4 without its heads.

    Args:
      inputs: float [batch, height, width, 3] in [-1, 1], at least 75x75.
      final_endpoint: name of the layer to stop at, a key of `LAYERS`.
      scope: variable scope, by default 'InceptionV4'.

    Returns:
      The activation at `final_endpoint`, and a dictionary from each end point up to it to its
      activation [batch, height', width', channels].

    Raises:
      ValueError: if the end point is unknown or the image too small.
    """
    inception_blocks.check_size(inputs, MINIMUM_IMAGE_SIZE)
    with tf.compat.v1.variable_scope(scope, 'InceptionV4', [inputs]):
        return inception_blocks.build(LAYERS, inputs, final_endpoint)


def inception_v4(
    inputs,
    num_classes=1001,
    is_training=True,
    dropout_keep_prob=0.8,
    reuse=None,
    scope='InceptionV4',
    create_aux_logits=True,
):
    """Inception-V4 with its classifier and, in `end_points['AuxLogits']`, its auxiliary one.

    Args:
      inputs: float [batch, height, width, 3] in [-1, 1], at least 75x75, of static size.
      num_classes: width of the logits; 0 or None leaves both heads out and returns the pooled
        features [batch, 1, 1, 1536].
      is_training: whether batch norm uses the batch's statistics and dropout is active.
      dropout_keep_prob: share of the pooled features that dropout keeps.
      reuse: whether the variables are there already (TF1 graphs).
      scope: variable scope.
      create_aux_logits: whether to build the auxiliary head; maps of Mixed_6h under 5x5 (images
        under 107 pixels) leave no room for it.

    Returns:
      Logits float32 [batch, num_classes] and the dictionary of end points.

    Raises:
      ValueError: as `inception_v4_base`.
    """
    with (
        tf.compat.v1.variable_scope(scope, 'InceptionV4', [inputs], reuse=reuse) as variable_scope,
        tf_slim.arg_scope([tf_slim.batch_norm, dropout], is_training=is_training),
    ):
        net, end_points = inception_v4_base(inputs, scope=variable_scope)
        auxiliary = AUXILIARY_HEAD if create_aux_logits else None
        logits = inception_blocks.add_heads(
            net, end_points, auxiliary, num_classes, dropout_keep_prob
        )
    return logits, end_points


inception_v4.default_image_size = 299
