"""Registry of networks: one row contains all that the scripts need to know of a network.

Importing it does not import TensorFlow: a row holds the names of module and builder, which are
imported when the network is built.
"""

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from slim.errors import UserError, nearest

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class Network:
    """Row of the registry.

    Attributes:
      function: name of the network and of its builder, which has the signature (images,
        num_classes, is_training, ...) -> (logits, end points).
      module: module of the builder.
      arg_scope: name of the function there that returns the arg scope to build it under, with the
        signature (weight_decay, batch_norm_decay).
      scope: variable scope, the first part of every variable's name.
      classifiers: scopes in `scope` of the layers with one output per class.
      default_image_size: height and width in pixels that the network was designed for.
      minimum_image_size: smallest height and width in pixels that it accepts.
      feature_end_point: end point whose mean over height and width is the feature of an image.
      preprocessing: name of the preprocessing, one of `configs.PREPROCESSING`.
      batch_norm_decay: decay of moving statistics in the original code; None without batch norm.
      has_auxiliary_head: whether the builder takes `create_aux_logits`.
      has_depth_multiplier: whether the builder takes `depth_multiplier`.
    """

    function: str
    module: str
    arg_scope: str
    scope: str
    classifiers: tuple[str, ...]
    default_image_size: int
    minimum_image_size: int
    feature_end_point: str
    preprocessing: str
    batch_norm_decay: float | None = 0.9997
    has_auxiliary_head: bool = False
    has_depth_multiplier: bool = False

    @property
    def last_layer_scopes(self) -> tuple[str, ...]:
        """Full scopes of the classifiers, which are not restored when the classes change."""
        return tuple(f'{self.scope}/{name}' for name in self.classifiers)

    def optional_arguments(
        self, depth_multiplier: float = 1.0, create_aux_logits: bool = True
    ) -> dict[str, Any]:
        """Returns those of the arguments that the builder takes.

        Raises a `UserError` if the multiplier is not positive, or the network's depth is fixed.
        """
        if depth_multiplier <= 0:
            raise UserError(f'--depth_multiplier must be above zero, not {depth_multiplier}')
        arguments: dict[str, Any] = {}
        if self.has_depth_multiplier:
            arguments['depth_multiplier'] = depth_multiplier
        elif depth_multiplier != 1.0:
            raise UserError('--depth_multiplier: this network has no such parameter')
        if self.has_auxiliary_head:
            arguments['create_aux_logits'] = create_aux_logits
        return arguments

    def check_image_size(self, height: int | None, width: int | None = None) -> None:
        """Raises a `UserError` if images are too small; they are square without `width`.

        A side of None, unknown in a graph, is not checked.
        """
        least = self.minimum_image_size
        if any(side is not None and side < least for side in (height, width)):
            raise UserError(
                f'images of {height}x{width or height} pixels are too small: {self.function} takes '
                f'{least}x{least} and more'
            )


_V3 = Network(
    function='inception_v3',
    module='slim.nets.inception_v3',
    arg_scope='inception_v3_arg_scope',
    scope='InceptionV3',
    classifiers=('Logits', 'AuxLogits'),
    default_image_size=299,
    minimum_image_size=75,  # The last reduction has a 3x3 feature map to work on.
    feature_end_point='Mixed_7c',
    preprocessing='inception',
    has_auxiliary_head=True,
    has_depth_multiplier=True,
)
_V4 = replace(
    _V3,
    function='inception_v4',
    module='slim.nets.inception_v4',
    arg_scope='inception_v4_arg_scope',
    scope='InceptionV4',
    feature_end_point='Mixed_7d',
    has_depth_multiplier=False,
)
_INCEPTION_RESNET = replace(
    _V4,
    function='inception_resnet_v2',
    module='slim.nets.inception_resnet_v2',
    arg_scope='inception_resnet_v2_arg_scope',
    scope='InceptionResnetV2',
    feature_end_point='Conv2d_7b_1x1',
)
# Preprocessing and size are those that the paper's checkpoints were trained with.
_RESNET = Network(
    function='resnet_v2_50',
    module='slim.nets.resnet',
    arg_scope='resnet_arg_scope',
    scope='resnet_v2_50',
    classifiers=('logits',),
    default_image_size=299,
    minimum_image_size=32,  # The last feature map is one pixel.
    feature_end_point='global_pool',
    preprocessing='inception',
    batch_norm_decay=0.997,
)
# tf-slim's older networks: `minimum_image_size` fills their last pooling, or their first fully
# connected layer, once. Inception-V2 shrinks the pooling; its last feature map is one pixel.
_VGG = Network(
    function='vgg_16',
    module='slim.nets.classics',
    arg_scope='vgg_arg_scope',
    scope='vgg_16',
    classifiers=('fc8',),
    default_image_size=224,
    minimum_image_size=224,
    feature_end_point='vgg_16/fc7',
    preprocessing='vgg',
    batch_norm_decay=None,
)
_INCEPTION_V1 = replace(
    _VGG,
    function='inception_v1',
    arg_scope='inception_arg_scope',
    scope='InceptionV1',
    classifiers=('Logits',),
    minimum_image_size=193,
    feature_end_point='Mixed_5c',
    preprocessing='inception',
    batch_norm_decay=0.9997,
)


_RESNET_V1 = replace(_RESNET, default_image_size=224, preprocessing='vgg')
_INCEPTION_V2 = replace(_INCEPTION_V1, minimum_image_size=32, has_depth_multiplier=True)


def _named(row: Network, name: str, scope: str = '', **changes: Any) -> Network:
    """Returns the row of a network that is like `row`; its scope is its name by default."""
    end_point = row.feature_end_point.replace(row.function, name)  # VGG's contains the name.
    changes |= {'function': name, 'scope': scope or name, 'feature_end_point': end_point}
    return replace(row, **changes)


# Networks of the paper's checkpoints.
_PAPER = (
    _V3,
    _named(_V3, 'inception_v3_se', 'InceptionV3SE'),
    _V4,
    _INCEPTION_RESNET,
    _named(_INCEPTION_RESNET, 'inception_resnet_v2_se', 'InceptionResnetV2SE'),
    _RESNET,
    _named(_RESNET, 'resnet_v2_101'),
    _named(_RESNET, 'resnet_v2_152'),
)
# Further networks of tf-slim.
_OTHERS = (
    _named(_RESNET, 'resnet_v2_200'),
    *(_named(_RESNET_V1, f'resnet_v1_{depth}') for depth in (50, 101, 152, 200)),
    _INCEPTION_V1,
    _named(_INCEPTION_V2, 'inception_v2', 'InceptionV2'),
    _named(_VGG, 'vgg_a'),
    _VGG,
    _named(_VGG, 'vgg_19'),
    _named(_VGG, 'alexnet_v2', arg_scope='alexnet_v2_arg_scope', minimum_image_size=195),
    _named(
        _VGG,
        'overfeat',
        arg_scope='overfeat_arg_scope',
        default_image_size=231,
        minimum_image_size=231,
    ),
)
PAPER_NETWORKS = {row.function: row for row in _PAPER}
NETWORKS = PAPER_NETWORKS | {row.function: row for row in _OTHERS}


def get_network(name: str) -> Network:
    """Returns the registry's row for `name`; the `UserError` if there is none names the nearest."""
    if name not in NETWORKS:
        raise UserError(f'unknown network {name}{nearest(name, NETWORKS)}')
    return NETWORKS[name]


def get_network_fn(
    name: str,
    num_classes: int | None,
    weight_decay: float = 0.0,
    is_training: bool = False,
    batch_norm_decay: float | None = None,
) -> Callable:
    """Returns a function that builds the network `name`, as the original factory's did.

    Args:
      name: a key of `NETWORKS`.
      num_classes: number of logits; 0 or None for the network without its classifier.
      weight_decay: factor of the L2 loss of the weights.
      is_training: whether the network is built for training.
      batch_norm_decay: decay of the moving statistics; None: the network's own in the original
        code, for which a training from scratch of a few hundred steps is too short.

    Returns:
      `network_fn(images, **kwargs)` -> (logits, end points), where `kwargs` goes to the network's
      own function, with the attribute `default_image_size`.

    Raises:
      UserError: if the name is unknown, or a decay is given for a network without batch norm.
    """
    network = get_network(name)
    from slim.compat import tf_slim

    module = importlib.import_module(network.module)
    function, arg_scope = getattr(module, network.function), getattr(module, network.arg_scope)
    if batch_norm_decay is None:
        batch_norm_decay = network.batch_norm_decay
    elif network.batch_norm_decay is None:
        raise UserError(f'--batch_norm_decay: {name} has no batch norm')
    decay = {} if batch_norm_decay is None else {'batch_norm_decay': batch_norm_decay}

    @functools.wraps(function)
    def network_fn(images: 'tf.Tensor', **kwargs: Any) -> tuple['tf.Tensor', dict]:
        network.check_image_size(*images.shape[1:3])
        with tf_slim.arg_scope(arg_scope(weight_decay, **decay)):
            return function(images, num_classes, is_training=is_training, **kwargs)

    network_fn.default_image_size = network.default_image_size  # type: ignore[attr-defined] # API
    return network_fn
