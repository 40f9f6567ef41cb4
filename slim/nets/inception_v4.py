"""Inception-V4 (Szegedy et al., *Inception-v4, Inception-ResNet and the Impact of Residual
Connections on Learning*, arXiv 1602.07261).

The table `LAYERS` defines the network from top to bottom; its scope names are those of the released
checkpoints.
"""

import functools
import itertools

from slim.nets import inception_blocks
from slim.nets.inception_blocks import STEM, AuxiliaryHead, AvgPool, Conv, Layer, MaxPool, Reduce

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
    **dict(itertools.islice(STEM.items(), 3)),  # 147x147x64
    'Mixed_3a': (  # 73x73x160
        [MaxPool('MaxPool_0a_3x3')],
        [Reduce(96, (3, 3), 'Conv2d_0a_3x3')],
    ),
    'Mixed_4a': (  # 71x71x192
        [Conv(64, (1, 1), 'Conv2d_0a_1x1'), Conv(96, (3, 3), 'Conv2d_1a_3x3', padding='VALID')],
        [
            Conv(64, (1, 1), 'Conv2d_0a_1x1'),
            Conv(64, (1, 7), 'Conv2d_0b_1x7'),
            Conv(64, (7, 1), 'Conv2d_0c_7x1'),
            Conv(96, (3, 3), 'Conv2d_1a_3x3', padding='VALID'),
        ],
    ),
    'Mixed_5a': (  # 35x35x384
        [Reduce(192, (3, 3), 'Conv2d_1a_3x3')],
        [MaxPool('MaxPool_1a_3x3')],
    ),
    **{f'Mixed_5{letter}': MIXED_35X35 for letter in 'bcde'},  # 35x35x384
    'Mixed_6a': (  # 17x17x1024
        [Reduce(384, (3, 3), 'Conv2d_1a_3x3')],
        [
            Conv(192, (1, 1), 'Conv2d_0a_1x1'),
            Conv(224, (3, 3), 'Conv2d_0b_3x3'),
            Reduce(256, (3, 3), 'Conv2d_1a_3x3'),
        ],
        [MaxPool('MaxPool_1a_3x3')],
    ),
    **{f'Mixed_6{letter}': MIXED_17X17 for letter in 'bcdefgh'},  # 17x17x1024
    'Mixed_7a': (  # 8x8x1536
        [Conv(192, (1, 1), 'Conv2d_0a_1x1'), Reduce(192, (3, 3), 'Conv2d_1a_3x3')],
        [
            Conv(256, (1, 1), 'Conv2d_0a_1x1'),
            Conv(256, (1, 7), 'Conv2d_0b_1x7'),
            Conv(320, (7, 1), 'Conv2d_0c_7x1'),
            Reduce(320, (3, 3), 'Conv2d_1a_3x3'),
        ],
        [MaxPool('MaxPool_1a_3x3')],
    ),
    **{f'Mixed_7{letter}': MIXED_8X8 for letter in 'bcd'},  # 8x8x1536
}

# Arguments and results are those of `build` and `build_with_heads`.
inception_v4_base = functools.partial(inception_blocks.build, LAYERS, 'InceptionV4')
inception_v4 = functools.partial(
    inception_blocks.build_with_heads,
    inception_v4_base,
    AuxiliaryHead('Mixed_6h', convolution='Conv2d_2a', logits='Aux_logits'),
    scope='InceptionV4',
)
