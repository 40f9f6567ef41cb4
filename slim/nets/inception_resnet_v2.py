"""Inception-ResNet-V2 (Szegedy et al., *Inception-v4, Inception-ResNet and the Impact of Residual
Connections on Learning*, arXiv 1602.07261).

The table `LAYERS` defines the network from top to bottom; its scope names are those of the released
checkpoints. `inception_resnet_v2_se` is the same network with Squeeze-and-Excitation on every
scaled residual, and after the blocks without residual.
"""

import functools
from typing import Any

import tensorflow as tf

from slim.compat import tf_slim
from slim.nets import inception_blocks
from slim.nets.inception_blocks import STEM, AvgPool, Conv, Layer, MaxPool, Reduce, Residual

# Comments on the right: sizes of the feature maps for images of 299x299 pixels.

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

LAYERS: dict[str, Layer] = {
    **STEM,  # 35x35x192
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
        [Reduce(384, (3, 3), 'Conv2d_1a_3x3')],
        [
            Conv(256, (1, 1), 'Conv2d_0a_1x1'),
            Conv(256, (3, 3), 'Conv2d_0b_3x3'),
            Reduce(384, (3, 3), 'Conv2d_1a_3x3'),
        ],
        [MaxPool('MaxPool_1a_3x3')],
    ),
    'Repeat_1': Residual(BLOCK17, scale=0.10, scope='block17', times=20),  # 17x17x1088
    'Mixed_7a': (  # 8x8x2080
        [Conv(256, (1, 1), 'Conv2d_0a_1x1'), Reduce(384, (3, 3), 'Conv2d_1a_3x3')],
        [Conv(256, (1, 1), 'Conv2d_0a_1x1'), Reduce(288, (3, 3), 'Conv2d_1a_3x3')],
        [
            Conv(256, (1, 1), 'Conv2d_0a_1x1'),
            Conv(288, (3, 3), 'Conv2d_0b_3x3'),
            Reduce(320, (3, 3), 'Conv2d_1a_3x3'),
        ],
        [MaxPool('MaxPool_1a_3x3')],
    ),
    'Repeat_2': Residual(BLOCK8, scale=0.20, scope='block8', times=9),  # 8x8x2080
    'Block8': Residual(BLOCK8, scale=1.0, has_activation=False),  # 8x8x2080
    'Conv2d_7b_1x1': Conv(1536, (1, 1), 'Conv2d_7b_1x1'),  # 8x8x1536
}

# From row to end point of the original code, which has one of the rows of residual blocks, renamed.
END_POINTS = {
    row: 'PreAuxLogits' if row == 'Repeat_1' else row
    for row, layer in LAYERS.items()
    if row == 'Repeat_1' or not isinstance(layer, Residual)
}

AUXILIARY_HEAD = inception_blocks.AuxiliaryHead(
    'PreAuxLogits', convolution='Conv2d_2a_5x5', logits='Logits'
)


def inception_resnet_v2_base(
    inputs: tf.Tensor,
    final_endpoint: str = 'Conv2d_7b_1x1',
    output_stride: int = 16,
    align_feature_maps: bool = False,
    scope: str | Any = None,
    use_se: bool = False,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Builds Inception-ResNet-V2 without its heads.

    Args:
      inputs: float [batch, height, width, 3] in [-1, 1].
      final_endpoint: name of the last end point.
      output_stride: pixels of the image per pixel of PreAuxLogits, 16 or 8. With 8 the convolutions
        before it are dilated, and it is the last end point that can be built.
      align_feature_maps: whether to pad all layers, so that feature maps are aligned.
      scope: variable scope, by default 'InceptionResnetV2'.
      use_se: whether a Squeeze-and-Excitation block scales every residual, and the output of the
        blocks without residual.

    Returns:
      The activation at `final_endpoint`, and a dictionary from each end point up to it to its
      activation [batch, height', width', channels].

    Raises:
      ValueError: if the end point is unknown, the stride impossible or the image too small.
    """
    rows = {end_point: row for row, end_point in END_POINTS.items()}
    if final_endpoint not in rows:
        raise ValueError(f'unknown end point {final_endpoint}; choose from {", ".join(rows)}')
    if output_stride not in (8, 16):
        raise ValueError(f'output_stride must be 8 or 16, not {output_stride}')
    if output_stride == 8 and list(rows).index(final_endpoint) > list(rows).index('PreAuxLogits'):
        raise ValueError(f'output_stride=8 ends at PreAuxLogits, before {final_endpoint}')
    layers, revise, strided = dict(LAYERS), inception_blocks.revise, Conv | MaxPool
    if align_feature_maps:
        for row, layer in layers.items():
            layers[row] = revise(layer, strided, lambda part: part._replace(padding='SAME'))
    if output_stride == 8:
        layers['Mixed_6a'] = revise(
            layers['Mixed_6a'], strided, lambda part: part._replace(stride=1)
        )
        layers['Repeat_1'] = revise(layers['Repeat_1'], Conv, lambda conv: conv._replace(rate=2))
    net, activations = inception_blocks.build(
        layers, 'InceptionResnetV2', inputs, rows[final_endpoint], scope, use_se
    )
    return net, {END_POINTS[row]: activations[row] for row in activations if row in END_POINTS}


# Arguments, defaults and results are those of `build_with_heads`. The network with
# Squeeze-and-Excitation is the paper's.
inception_resnet_v2 = functools.partial(
    inception_blocks.build_with_heads,
    inception_resnet_v2_base,
    AUXILIARY_HEAD,
    scope='InceptionResnetV2',
)
inception_resnet_v2_se = functools.partial(
    inception_blocks.build_with_heads,
    functools.partial(inception_resnet_v2_base, use_se=True),
    AUXILIARY_HEAD,
    scope='InceptionResnetV2SE',
)


def inception_resnet_v2_arg_scope(
    weight_decay: float = 0.00004, batch_norm_decay: float = 0.9997
) -> dict:
    """Returns `inception_arg_scope` with weight decay of the biases, too, and Xavier's initializer.

    Arguments as there; `weight_decay` is the factor of the L2 loss of weights and biases.
    """
    with (
        tf_slim.arg_scope(inception_blocks.inception_arg_scope(weight_decay, batch_norm_decay)),
        tf_slim.arg_scope([tf_slim.conv2d], weights_initializer=tf_slim.xavier_initializer()),
        tf_slim.arg_scope(
            [tf_slim.conv2d, tf_slim.fully_connected],
            biases_regularizer=tf_slim.l2_regularizer(weight_decay),
        ) as scope,
    ):
        return scope
