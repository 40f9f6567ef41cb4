"""The registry of networks: one row says all that the scripts need to know of one.

Importing it does not import TensorFlow: a row names its builder, which is looked up when used.
"""

import functools
import importlib
from dataclasses import dataclass

from slim.errors import UserError, nearest


@dataclass(frozen=True)
class Network:
    """A row of the registry.

    Attributes:
      module: where the network is built.
      function: the builder in it, with slim's signature: (images, num_classes, is_training, ...)
        -> (logits, end points).
      arg_scope: what gives the arg scope to build it under: (weight_decay, batch_norm_decay).
      default_image_size: height and width in pixels that it was designed for.
      minimum_image_size: the least that it takes.
      feature_end_point: the end point whose mean over height and width is an image's feature.
      preprocessing: name of the preprocessing, a key of `preprocessing_factory.PREPROCESSING`.
      last_layer_scopes: scopes of the classifier, those to leave out when the classes change.
      has_auxiliary_head: whether the builder takes `create_aux_logits`.
      has_depth_multiplier: whether the builder takes `depth_multiplier`.
    """

    module: str
    function: str
    arg_scope: str
    default_image_size: int
    minimum_image_size: int
    feature_end_point: str
    preprocessing: str
    last_layer_scopes: tuple[str, ...]
    has_auxiliary_head: bool = False
    has_depth_multiplier: bool = False

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


NETWORKS = {
    'inception_v3': Network(
        module='slim.nets.inception_v3',
        function='inception_v3',
        arg_scope='inception_v3_arg_scope',
        default_image_size=299,
        minimum_image_size=75,
        feature_end_point='Mixed_7c',
        preprocessing='inception',
        last_layer_scopes=('InceptionV3/Logits', 'InceptionV3/AuxLogits'),
        has_auxiliary_head=True,
        has_depth_multiplier=True,
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


def get_network_fn(name, num_classes, weight_decay=0.0, is_training=False, batch_norm_decay=0.9997):
    """A function that builds the network `name`, as slim's factory of the same name gives.

    Args:
      name: a key of `NETWORKS`.
      num_classes: width of the logits; 0 or None for the network without its classifier.
      weight_decay: factor of the L2 loss of the weights.
      is_training: whether the network is built for training.
      batch_norm_decay: decay of the moving statistics; 0.9997 in 2018, which a training from
        scratch of a few hundred steps is too short for.

    Returns:
      `network_fn(images, **kwargs)` -> (logits, end points), where `kwargs` goes to the network's
      own function, with the attribute `default_image_size`.

    Raises:
      UserError: if the name is unknown.
    """
    network = get_network(name)
    from slim.compat import tf_slim

    module = importlib.import_module(network.module)
    function, arg_scope = getattr(module, network.function), getattr(module, network.arg_scope)

    @functools.wraps(function)
    def network_fn(images, **kwargs):
        with tf_slim.arg_scope(arg_scope(weight_decay, batch_norm_decay=batch_norm_decay)):
            return function(images, num_classes, is_training=is_training, **kwargs)

    network_fn.default_image_size = network.default_image_size
    return network_fn
