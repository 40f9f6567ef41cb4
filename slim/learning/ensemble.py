"""The networks of an evaluation, one or several, each with its preprocessing and its checkpoint."""

import logging

import tensorflow as tf

from slim.configs import EvaluationConfig
from slim.errors import UserError
from slim.learning import checkpoints
from slim.learning.model import Model
from slim.nets import nets_factory
from slim.preprocessing import crops, preprocessing_factory

log = logging.getLogger('slim')


def log_mean_exp(log_probs: tf.Tensor) -> tf.Tensor:
    """Returns the logarithm of the mean of exp(`log_probs`) over axis 0; a single row is unchanged.

    Probabilities themselves would underflow in float32: all classes but the first few would tie.
    """
    count = tf.cast(tf.shape(log_probs)[0], log_probs.dtype)
    return tf.reduce_logsumexp(log_probs, axis=0) - tf.math.log(count)


def create_members(config: EvaluationConfig, num_classes: int) -> list['Member']:
    """Creates the networks of an evaluation.

    Raises:
      UserError: if a network is unknown or cannot process images of its size.
    """
    networks = [nets_factory.get_network(name) for name, _ in config.members]
    # Networks of fixed depth ignore the multiplier, unless no other network takes it.
    is_used = any(network.has_depth_multiplier for network in networks)
    return [
        Member(
            config,
            name,
            size or network.default_image_size,
            num_classes,
            1.0 if is_used and not network.has_depth_multiplier else config.depth_multiplier,
        )
        for (name, size), network in zip(config.members, networks, strict=True)
    ]


def _check_finite(scores: tf.Tensor) -> tf.Tensor:
    return tf.debugging.check_numerics(scores, 'the logits are not finite')


class Member:
    """A network in inference mode whose weights can be restored repeatedly.

    Attributes:
      image_size: height and width of its images in pixels.
      preprocess: function (bytes of a JPEG, height, width) -> float32 image, or six crops of it.
      input: preprocessing and image size; members for which it is equal share their images.
    """

    def __init__(
        self,
        config: EvaluationConfig,
        model_name: str,
        image_size: int,
        num_classes: int,
        depth_multiplier: float,
    ) -> None:
        """Builds the network.

        Raises:
          UserError: if it cannot process images of this size, or has no depth multiplier.
        """
        network = nets_factory.get_network(model_name)
        network.check_image_size(image_size)
        # The auxiliary head is not used here, and its shape depends on the image size.
        self._model = Model(
            nets_factory.get_network_fn(model_name, num_classes),
            image_size,
            config.precision,
            **network.optional_arguments(depth_multiplier, create_aux_logits=False),
        )
        self._path = ''
        self._is_only_one = len(config.members) == 1
        self.image_size = image_size
        style = config.preprocessing_name or network.preprocessing
        self.input = style, image_size
        shape = [image_size, image_size, 3]
        if config.num_crops == 1:
            self.preprocess = preprocessing_factory.get_preprocessing(style, is_training=False)
        else:
            self.preprocess = preprocessing_factory.get_jpeg_crops(style)
            shape = [crops.NUM_BOXES, *shape]
        images = tf.TensorSpec([None, *shape], tf.float32)
        # XLA drops checks from what it compiles, so the check stays outside.
        check = tf.function(_check_finite, autograph=False)
        scores = self._single_crop_scores if config.num_crops == 1 else self._multi_crop_scores
        compiled = tf.function(scores, autograph=False, jit_compile=config.jit_compile or None)
        self._scores = tf.function(
            lambda images: check(compiled(images)), input_signature=[images], autograph=False
        )

    def _single_crop_scores(self, images: tf.Tensor) -> tf.Tensor:
        """Returns scores [n, classes] for images [n, height, width, 3]."""
        logits = self._model(images)[0]
        # A single image is ranked by its logits: softmax would only add rounding errors.
        return logits if self._is_only_one else tf.nn.log_softmax(logits)

    def _multi_crop_scores(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the log of the mean softmax over 12 crops, [n, classes], for [n, 6, ., ., 3]."""
        logits = self._model(crops.with_horizontal_flips(images))[0]
        return log_mean_exp(crops.by_crop(tf.nn.log_softmax(logits)))

    def restore(self, checkpoint: checkpoints.Checkpoint, weights: str) -> None:
        """Restores its variables; `weights` is one of `configs.WEIGHTS`.

        Raises:
          UserError: if the checkpoint does not fit or is damaged.
        """
        use_ema = checkpoints.use_ema_weights(checkpoint, weights)
        variables = self._model.named_variables()
        report = checkpoints.restore(variables, checkpoint, use_ema=use_ema)
        self._path = checkpoint.path
        log.info('evaluating %s', report)

    def scores(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the score of each class: float32 [n, classes].

        Scores are logits for a single network and crop; otherwise they are log softmax values, to
        be averaged over members, which have been averaged over crops.

        Args:
          images: float32 [n, height, width, 3]; for 12 crops [n, 6, height, width, 3].

        Raises:
          UserError: if the logits are not finite.
        """
        try:
            return self._scores(images)
        except tf.errors.InvalidArgumentError as error:
            if 'not finite' not in error.message:
                raise
            raise UserError(f'{self._path}: the logits are not finite') from error
