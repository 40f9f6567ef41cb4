"""Inception-ResNet-V2 (Szegedy et al., *Inception-v4, Inception-ResNet and the Impact of Residual
Connections on Learning*, arXiv 1602.07261).

The network is the table `LAYERS`, read from top to bottom; scope names are those of the released
checkpoints. Below it the two heads. With Squeeze-and-Excitation on every scaled residual, and after
the blocks that have none, it is `inception_resnet_v2_se`.
"""

import functools

import tensorflow as tf

from slim.compat import tf_slim
from slim.nets import inception_blocks
from slim.nets.dropout import dropout
from slim.nets.inception_blocks import AuxiliaryHead, AvgPool, Conv, MaxPool, Residual

# Sizes on the right are those of a 299x299 image.

BLOCK35 = (  # The paper's figure 16.
    [Conv(32, (1, 1), 'Conv2d_1x1')],
    [Conv(32, (1, 1), 'Conv2d_0a_1x1'), Conv(32, (3, 3), 'Conv2d_0b_3x3')],
    [
        Conv(32, (1, 1), 'Conv2d_0a_1x1'),
        Conv(48, (3, 3), 'Conv2d_0b_3x3'),
        Conv(64, (3, 3), 'Conv2d_0c_3x3'),
    ],
)

BLOCK17 = (  # The paper's figure 17.
    [Conv(192, (1, 1), 'Conv2d_1x1')],
    [
        Conv(128, (1, 1), 'Conv2d_0a_1x1'),
        Conv(160, (1, 7), 'Conv2d_0b_1x7'),
        Conv(192, (7, 1), 'Conv2d_0c_7x1'),
    ],
)

BLOCK8 = (  # The paper's figure 19.
    [Conv(192, (1, 1), 'Conv2d_1x1')],
    [
        Conv(192, (1, 1), 'Conv2d_0a_1x1'),
        Conv(224, (1, 3), 'Conv2d_0b_1x3'),
        Conv(256, (3, 1), 'Conv2d_0c_3x1'),
    ],
)

LAYERS = {
    'Conv2d_1a_3x3': Conv(32, (3, 3), 'Conv2d_1a_3x3', stride=2, padding='VALID'),  # 149x149x32
    'Conv2d_2a_3x3': Conv(32, (3, 3), 'Conv2d_2a_3x3', padding='VALID'),  # 147x147x32
    'Conv2d_2b_3x3': Conv(64, (3, 3), 'Conv2d_2b_3x3'),  # 147x147x64
    'MaxPool_3a_3x3': MaxPool('MaxPool_3a_3x3'),  # 73x73x64
    'Conv2d_3b_1x1': Conv(80, (1, 1), 'Conv2d_3b_1x1', padding='VALID'),  # 73x73x80
    'Conv2d_4a_3x3': Conv(192, (3, 3), 'Conv2d_4a_3x3', padding='VALID'),  # 71x71x192
    'MaxPool_5a_3x3': MaxPool('MaxPool_5a_3x3'),  # 35x35x192
    'Mixed_5b': (  # 35x35x320
        [Conv(96, (1, 1), 'Conv2d_1x1')],
        [Conv(48, (1, 1), 'Conv2d_0a_1x1'), Conv(64, (5, 5), 'Conv2d_0b_5x5')],
        [
            Conv(64, (1, 1), 'Conv2d_0a_1x1'),
            Conv(96, (3, 3), 'Conv2d_0b_3x3'),
            Conv(96, (3, 3), 'Conv2d_0c_3x3'),
        ],
        [AvgPool(), Conv(64, (1, 1), 'Conv2d_0b_1x1')],
    ),
    'Repeat': Residual(BLOCK35, scale=0.17, scope='block35', times=10),  # 35x35x320
    'Mixed_6a': (  # 17x17x1088
        [Conv(384, (3, 3), 'Conv2d_1a_3x3', stride=2, padding='VALID')],
        [
            Conv(256, (1, 1), 'Conv2d_0a_1x1'),
            Conv(256, (3, 3), 'Conv2d_0b_3x3'),
            Conv(384, (3, 3), 'Conv2d_1a_3x3', stride=2, padding='VALID'),
        ],
        [MaxPool('MaxPool_1a_3x3')],
    ),
    'Repeat_1': Residual(BLOCK17, scale=0.10, scope='block17', times=20),  # 17x17x1088
    'Mixed_7a': (  # 8x8x2080
        [
            Conv(256, (1, 1), 'Conv2d_0a_1x1'),
            Conv(384, (3, 3), 'Conv2d_1a_3x3', stride=2, padding='VALID'),
        ],
        [
            Conv(256, (1, 1), 'Conv2d_0a_1x1'),
            Conv(288, (3, 3), 'Conv2d_1a_3x3', stride=2, padding='VALID'),
        ],
        [
            Conv(256, (1, 1), 'Conv2d_0a_1x1'),
            Conv(288, (3, 3), 'Conv2d_0b_3x3'),
            Conv(320, (3, 3), 'Conv2d_1a_3x3', stride=2, padding='VALID'),
        ],
        [MaxPool('MaxPool_1a_3x3')],
    ),
    'Repeat_2': Residual(BLOCK8, scale=0.20, scope='block8', times=9),  # 8x8x2080
    'Block8': Residual(BLOCK8, scale=1.0, has_activation=False),  # 8x8x2080
    'Conv2d_7b_1x1': Conv(1536, (1, 1), 'Conv2d_7b_1x1'),  # 8x8x1536
}

# Of the rows with residuals slim made one an end point, under a name of its own.
END_POINTS = {name: name for name, layer in LAYERS.items() if not isinstance(layer, Residual)}
END_POINTS['Repeat_1'] = 'PreAuxLogits'

AUXILIARY_HEAD = AuxiliaryHead('PreAuxLogits', convolution='Conv2d_2a_5x5', logits='Logits')

MINIMUM_IMAGE_SIZE = 75  # Below it the last reduction has nothing to slide over.


def inception_resnet_v2_base(
    inputs, final_endpoint='Conv2d_7b_1x1', scope=None, activation_fn=tf.nn.relu, use_se=False
):
    """Inception-ResNet-V2 without its heads.

    Args:
      inputs: float [batch, height, width, 3] in [-1, 1], at least 75x75.
      final_endpoint: name of the end point to stop at.
      scope: variable scope, by default 'InceptionResnetV2'.
      activation_fn: what ends a block.
      use_se: whether a Squeeze-and-Excitation block scales every residual, and the output of the
        blocks that have none.

    Returns:
      The activation at `final_endpoint`, and a dictionary from each end point up to it to its
      activation [batch, height', width', channels].

    Raises:
      ValueError: if the end point is unknown or the image too small.
    """
    rows = {end_point: row for row, end_point in END_POINTS.items()}
    if final_endpoint not in rows:
        raise ValueError(f'Unknown end point {final_endpoint}; there are {", ".join(rows)}.')
    inception_blocks.check_size(inputs, MINIMUM_IMAGE_SIZE)
    with tf.compat.v1.variable_scope(scope, 'InceptionResnetV2', [inputs]):
        net, activations = inception_blocks.build(
            LAYERS,
            inputs,
            rows[final_endpoint],
            use_se=use_se,
            activation_fn=activation_fn,
        )
    end_points = {
        END_POINTS[row]: activation for row, activation in activations.items() if row in END_POINTS
    }
    return net, end_points


def inception_resnet_v2(
    inputs,
    num_classes=1001,
    is_training=True,
    dropout_keep_prob=0.8,
    reuse=None,
    scope='InceptionResnetV2',
    create_aux_logits=True,
    activation_fn=tf.nn.relu,
    use_se=False,
):
    """Inception-ResNet-V2 with its classifier and, in `end_points['AuxLogits']`, its auxiliary one.

    Args:
      inputs: float [batch, height, width, 3] in [-1, 1], at least 75x75, of static size.
      num_classes: width of the logits; 0 or None leaves both heads out and returns the pooled
        features [batch, 1, 1, 1536].
      is_training: whether batch norm uses the batch's statistics and dropout is active.
      dropout_keep_prob: share of the pooled features that dropout keeps.
      reuse: whether the variables are there already (TF1 graphs).
      scope: variable scope.
      create_aux_logits: whether to build the auxiliary head; maps of PreAuxLogits under 5x5
        (images under 107 pixels) leave no room for it.
      activation_fn, use_se: as in `inception_resnet_v2_base`.

    Returns:
      Logits float32 [batch, num_classes] and the dictionary of end points.

    Raises:
      ValueError: as `inception_resnet_v2_base`.
    """
    with (
        tf.compat.v1.variable_scope(
            scope, 'InceptionResnetV2', [inputs], reuse=reuse
        ) as variable_scope,
        tf_slim.arg_scope([tf_slim.batch_norm, dropout], is_training=is_training),
    ):
        net, end_points = inception_resnet_v2_base(
            inputs, scope=variable_scope, activation_fn=activation_fn, use_se=use_se
        )
        auxiliary = AUXILIARY_HEAD if create_aux_logits else None
        logits = inception_blocks.add_heads(
            net, end_points, auxiliary, num_classes, dropout_keep_prob
        )
    return logits, end_points


inception_resnet_v2.default_image_size = 299

# As released with the paper; end points and arguments are those of `inception_resnet_v2`.
inception_resnet_v2_se = functools.partial(
    inception_resnet_v2, scope='InceptionResnetV2SE', use_se=True
)


def inception_resnet_v2_arg_scope(
    weight_decay=0.00004,
    batch_norm_decay=0.9997,
    batch_norm_epsilon=0.001,
    activation_fn=tf.nn.relu,
):
    """Defaults of every layer: as `inception_arg_scope`, with weight decay of the biases, too.

    Args:
      weight_decay: factor of the L2 loss (half the sum of squares) of weights and biases.
      batch_norm_decay: decay of the moving mean and variance.
      batch_norm_epsilon: added to the variance.
      activation_fn: after each convolution.

    Returns:
      An arg scope to build the network under.
    """
    with (
        tf_slim.arg_scope(
            inception_blocks.inception_arg_scope(
                weight_decay,
                batch_norm_decay=batch_norm_decay,
                batch_norm_epsilon=batch_norm_epsilon,
                activation_fn=activation_fn,
            )
        ),
        tf_slim.arg_scope(
            [tf_slim.conv2d],
            weights_initializer=tf_slim.xavier_initializer(),
        ),
        tf_slim.arg_scope(
            [tf_slim.conv2d, tf_slim.fully_connected],
            biases_regularizer=tf_slim.l2_regularizer(weight_decay),
        ) as scope,
    ):
        return scope
