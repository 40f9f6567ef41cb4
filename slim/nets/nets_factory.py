"""The registry of networks: one row says all that the scripts need to know of one.

Importing it does not import TensorFlow: a row names its builder, which is looked up when used.
"""

import functools
import importlib
from dataclasses import dataclass, replace

from slim.errors import UserError, nearest


@dataclass(frozen=True)
class Network:
    """A row of the registry.

    Attributes:
      module: where the network is built.
      function: the builder in it, with slim's signature: (images, num_classes, is_training, ...)
        -> (logits, end points).
      arg_scope: what gives the arg scope to build it under: (weight_decay, batch_norm_decay).
      scope: the variable scope, with which the name of every variable begins.
      classifiers: the scopes in it of the layers whose width is the number of classes.
      default_image_size: height and width in pixels that it was designed for.
      minimum_image_size: the least that it takes.
      feature_end_point: the end point whose mean over height and width is an image's feature.
      preprocessing: name of the preprocessing, a key of `preprocessing_factory.PREPROCESSING`.
      batch_norm_decay: decay of batch norm's moving statistics in 2018; None without batch norm.
      has_auxiliary_head: whether the builder takes `create_aux_logits`.
      has_depth_multiplier: whether the builder takes `depth_multiplier`.
    """

    module: str
    function: str
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
    def last_layer_scopes(self):
        """Full scopes of the classifiers: those to leave out when the classes change."""
        return tuple(f'{self.scope}/{name}' for name in self.classifiers)

    def optional_arguments(self, depth_multiplier=1.0, create_aux_logits=True):
        """Arguments for the builder, without those that it does not take.

        Raises:
          UserError: if the multiplier is not positive, or the network's depth is fixed.
        """
        if depth_multiplier <= 0:
            raise UserError(f'--depth_multiplier must be above zero, not {depth_multiplier}')
        arguments = {}
        if self.has_depth_multiplier:
            arguments['depth_multiplier'] = depth_multiplier
        elif depth_multiplier != 1.0:
            raise UserError('--depth_multiplier: this network has no such parameter')
        if self.has_auxiliary_head:
            arguments['create_aux_logits'] = create_aux_logits
        return arguments

    def check_image_size(self, size):
        """Raises a `UserError` for images of `size` pixels that the network cannot take."""
        if size < self.minimum_image_size:
            raise UserError(
                f'images of {size}x{size} pixels are too small: {self.function} takes '
                f'{self.minimum_image_size}x{self.minimum_image_size} and more'
            )


_V3 = Network(
    module='slim.nets.inception_v3',
    function='inception_v3',
    arg_scope='inception_v3_arg_scope',
    scope='InceptionV3',
    classifiers=('Logits', 'AuxLogits'),
    default_image_size=299,
    minimum_image_size=75,
    feature_end_point='Mixed_7c',
    preprocessing='inception',
    has_auxiliary_head=True,
    has_depth_multiplier=True,
)
_V4 = replace(
    _V3,
    module='slim.nets.inception_v4',
    function='inception_v4',
    arg_scope='inception_v4_arg_scope',
    scope='InceptionV4',
    feature_end_point='Mixed_7d',
    has_depth_multiplier=False,
)
_INCEPTION_RESNET = replace(
    _V4,
    module='slim.nets.inception_resnet_v2',
    function='inception_resnet_v2',
    arg_scope='inception_resnet_v2_arg_scope',
    scope='InceptionResnetV2',
    feature_end_point='Conv2d_7b_1x1',
)
# Preprocessing and size are those that the paper's checkpoints were trained with.
_RESNET = Network(
    module='slim.nets.resnet',
    function='resnet_v2_50',
    arg_scope='resnet_arg_scope',
    scope='resnet_v2_50',
    classifiers=('logits',),
    default_image_size=299,
    minimum_image_size=32,
    feature_end_point='global_pool',
    preprocessing='inception',
    batch_norm_decay=0.997,
)
_VGG = Network(
    module='slim.nets.classics',
    function='vgg_16',
    arg_scope='vgg_arg_scope',
    scope='vgg_16',
    classifiers=('fc8',),
    default_image_size=224,
    minimum_image_size=224,
    feature_end_point='vgg_16/fc7',
    preprocessing='vgg',
    batch_norm_decay=None,
)
_EARLY_INCEPTION = replace(
    _VGG,
    arg_scope='inception_arg_scope',
    classifiers=('Logits',),
    feature_end_point='Mixed_5c',
    preprocessing='inception',
    batch_norm_decay=0.9997,
)


def _like(row, name, **changes):
    """A row of the same family. Slim's scopes are called as the function, save Inception's."""
    return replace(row, function=name, scope=changes.pop('scope', name), **changes)


# Those of the paper's checkpoints.
PAPER_NETWORKS = {
    'inception_v3': _V3,
    'inception_v3_se': _like(_V3, 'inception_v3_se', scope='InceptionV3SE'),
    'inception_v4': _V4,
    'inception_resnet_v2': _INCEPTION_RESNET,
    'inception_resnet_v2_se': _like(
        _INCEPTION_RESNET, 'inception_resnet_v2_se', scope='InceptionResnetV2SE'
    ),
    'resnet_v2_50': _RESNET,
    'resnet_v2_101': _like(_RESNET, 'resnet_v2_101'),
    'resnet_v2_152': _like(_RESNET, 'resnet_v2_152'),
}

NETWORKS = {
    **PAPER_NETWORKS,
    # What else tf-slim has.
    'resnet_v2_200': _like(_RESNET, 'resnet_v2_200'),
    **{
        name: _like(_RESNET, name, default_image_size=224, preprocessing='vgg')
        for name in ('resnet_v1_50', 'resnet_v1_101', 'resnet_v1_152', 'resnet_v1_200')
    },
    'inception_v1': _like(
        _EARLY_INCEPTION, 'inception_v1', scope='InceptionV1', minimum_image_size=193
    ),
    'inception_v2': _like(
        _EARLY_INCEPTION,
        'inception_v2',
        scope='InceptionV2',
        minimum_image_size=32,
        has_depth_multiplier=True,
    ),
    'vgg_a': _like(_VGG, 'vgg_a', feature_end_point='vgg_a/fc7'),
    'vgg_16': _VGG,
    'vgg_19': _like(_VGG, 'vgg_19', feature_end_point='vgg_19/fc7'),
    'alexnet_v2': _like(
        _VGG,
        'alexnet_v2',
        arg_scope='alexnet_v2_arg_scope',
        minimum_image_size=195,
        feature_end_point='alexnet_v2/fc7',
    ),
    'overfeat': _like(
        _VGG,
        'overfeat',
        arg_scope='overfeat_arg_scope',
        default_image_size=231,
        minimum_image_size=231,
        feature_end_point='overfeat/fc7',
    ),
}


def get_network(name: str) -> Network:
    """The registry's row for `name`.

    Raises:
      UserError: if there is none; names the nearest.
    """
    if name not in NETWORKS:
        raise UserError(f'unknown network {name}{nearest(name, NETWORKS)}')
    return NETWORKS[name]


def get_network_fn(name, num_classes, weight_decay=0.0, is_training=False, batch_norm_decay=None):
    """A function that builds the network `name`, as slim's factory of the same name gives.

    Args:
      name: a key of `NETWORKS`.
      num_classes: width of the logits; 0 or None for the network without its classifier.
      weight_decay: factor of the L2 loss of the weights.
      is_training: whether the network is built for training.
      batch_norm_decay: decay of the moving statistics; by default the network's own of 2018, which
        a training from scratch of a few hundred steps is too short for.

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
    decay = {}
    if network.batch_norm_decay is not None:
        decay['batch_norm_decay'] = (
            network.batch_norm_decay if batch_norm_decay is None else batch_norm_decay
        )
    elif batch_norm_decay is not None:
        raise UserError(f'--batch_norm_decay: {name} has no batch norm')

    @functools.wraps(function)
    def network_fn(images, **kwargs):
        with tf_slim.arg_scope(arg_scope(weight_decay, **decay)):
            return function(images, num_classes, is_training=is_training, **kwargs)

    network_fn.default_image_size = network.default_image_size
    return network_fn
