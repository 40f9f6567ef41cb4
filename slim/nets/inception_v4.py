"""Inception-V4 (Szegedy et al., *Inception-v4, Inception-ResNet and the Impact of Residual
Connections on Learning*, arXiv 1602.07261).

The table `LAYERS` defines the network from top to bottom; its scope names are those of the released
checkpoints.
"""

import functools
from typing import Any

import tensorflow as tf

from slim.nets import inception_blocks
from slim.nets.inception_blocks import AuxiliaryHead, AvgPool, Conv, Layer, MaxPool

inception_v4_arg_scope = inception_blocks.inception_arg_scope

# Comments on the right: sizes of the feature maps for images of 299x299 pixels.

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

LAYERS: dict[str, Layer] = {
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


def inception_v4_base(
    inputs: tf.Tensor, final_endpoint: str = 'Mixed_7d', scope: str | Any = None
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Builds Inception-V4 without its heads.

    Args:
      inputs: float [batch, height, width, 3] in [-1, 1].
      final_endpoint: name of the last layer, a key of `LAYERS`.
      scope: variable scope, by default 'InceptionV4'.

    Returns:
      The activation at `final_endpoint`, and a dictionary from each end point up to it to its
      activation [batch, height', width', channels].

    Raises:
      ValueError: if the end point is unknown or the image too small.
    """
    with tf.compat.v1.variable_scope(scope, 'InceptionV4', [inputs]):
        return inception_blocks.build(LAYERS, inputs, final_endpoint)


# Arguments, defaults and results are those of `build_with_heads`.
inception_v4 = functools.partial(
    inception_blocks.build_with_heads,
    inception_v4_base,
    AuxiliaryHead('Mixed_6h', convolution='Conv2d_2a', logits='Aux_logits'),
    scope='InceptionV4',
)
