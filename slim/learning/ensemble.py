"""The networks of an evaluation, one or several, each with its images and its checkpoint."""

import logging

import tensorflow as tf

from slim.errors import UserError
from slim.learning import checkpoints
from slim.learning.model import Model
from slim.nets import nets_factory
from slim.preprocessing import crops, preprocessing_factory

log = logging.getLogger('slim')


def log_mean_exp(logarithms):
    """The logarithm of the mean over axis 0 of what `logarithms` are of; one alone stays as it is.

    Small probabilities would be zero in float32, and then all classes beyond the first few tie.
    """
    count = tf.cast(tf.shape(logarithms)[0], logarithms.dtype)
    return tf.reduce_logsumexp(logarithms, axis=0) - tf.math.log(count)


def create_members(config, num_classes):
    """The networks that an `EvaluationConfig` names, each a `Member`.

    Raises:
      UserError: if a network is unknown or cannot take images of its size.
    """
    networks = [nets_factory.get_network(name) for name, _ in config.members]
    # The networks whose depth is fixed have no part in it, unless there is nobody else to take it.
    taken = any(network.has_depth_multiplier for network in networks)
    return [
        Member(
            config,
            name,
            size or network.default_image_size,
            num_classes,
            1.0 if taken and not network.has_depth_multiplier else config.depth_multiplier,
        )
        for (name, size), network in zip(config.members, networks, strict=True)
    ]


def _check_finite(scores):
    return tf.debugging.check_numerics(scores, 'the logits are not finite')


class Member:
    """A network in inference mode, to be given one checkpoint after another.

    Attributes:
      image_size: height and width in pixels of the images that it takes.
      preprocess: makes them of a JPEG's bytes: (encoded, height, width) -> float32.
      input: what tells its images from another member's: preprocessing and size.
    """

    def __init__(self, config, model_name, image_size, num_classes, depth_multiplier):
        """Builds the network.

        Raises:
          UserError: if it cannot take images of this size, or has no depth multiplier.
        """
        network = nets_factory.get_network(model_name)
        network.check_image_size(image_size)
        network_fn = nets_factory.get_network_fn(model_name, num_classes)
        # The auxiliary head plays no part here, and its shape depends on the size of the images.
        self._model = Model(
            network_fn,
            image_size,
            config.precision,
            **network.optional_arguments(depth_multiplier, create_aux_logits=False),
        )
        self._path = None
        self.image_size = image_size
        style = config.preprocessing_name or network.preprocessing
        self.input = style, image_size
        shape = [image_size, image_size, 3]
        if config.num_crops == 1:
            self.preprocess = preprocessing_factory.get_preprocessing(style, is_training=False)
            # A single image is ranked by its logits: softmax would only round.
            scores = self._logits if len(config.members) == 1 else self._log_softmax
        else:
            self.preprocess = preprocessing_factory.get_jpeg_crops(style)
            shape = [crops.NUM_BOXES, *shape]
            scores = self._log_mean_softmax
        images = tf.TensorSpec([None, *shape], tf.float32)
        # XLA has no checks inside of what it compiles.
        check = tf.function(_check_finite, autograph=False)
        compiled = tf.function(scores, autograph=False, jit_compile=config.jit_compile or None)
        self._scores = tf.function(
            lambda images: check(compiled(images)), input_signature=[images], autograph=False
        )

    def _logits(self, images):
        """Logits [n, classes] of images [n, height, width, 3]."""
        return self._model(images)[0]

    def _log_softmax(self, images):
        """Logarithm of the softmax [n, classes] of images [n, height, width, 3]."""
        return tf.nn.log_softmax(self._logits(images))

    def _log_mean_softmax(self, images):
        """Logarithm of the mean softmax over 12 crops [n, classes], images [n, 6, ., ., 3]."""
        return log_mean_exp(crops.by_crop(self._log_softmax(crops.with_horizontal_flips(images))))

    def restore(self, checkpoint, weights):
        """Takes its variables from a `Checkpoint`: averages or not, as `choose_weights` says.

        Raises:
          UserError: if the checkpoint does not fit or is damaged.
        """
        averages = checkpoints.choose_weights(checkpoint, weights)
        variables = self._model.named_variables()
        report = checkpoints.restore(variables, checkpoint, use_averages=averages)
        self._path = checkpoint.path
        log.info('evaluating %s', report)

    def scores(self, images):
        """How well each class fits: float32 [n, classes].

        Logits where they alone decide; the logarithm of the softmax where its mean is taken over
        crops or is to be taken over members.

        Args:
          images: float32 [n, height, width, 3], for 12 crops [n, 6, height, width, 3].

        Raises:
          UserError: if the logits are not finite.
        """
        try:
            return self._scores(images)
        except tf.errors.InvalidArgumentError as error:
            if 'not finite' not in error.message:
                raise
            raise UserError(f'{self._path}: the logits are not finite') from error
