"""The original code's losses: cross entropy of both heads. The weights' L2 loss is `Model`'s."""

import tensorflow as tf

from slim.configs import TrainingConfig

AUXILIARY_WEIGHT = 0.4


def cross_entropy(
    logits: tf.Tensor,
    labels: tf.Tensor,
    label_smoothing: float = TrainingConfig.label_smoothing,
    weight: float = 1.0,
) -> tf.Tensor:
    """Returns the mean cross entropy with label smoothing (arXiv 1512.00567, section 7), float32.

    Args:
      logits: float [batch, classes].
      labels: int [batch], from 0.
      label_smoothing: fraction of the probability that is distributed evenly over all classes.
      weight: factor of the loss.
    """
    # TensorFlow 1's own loss multiplies each image by the weight before it takes the mean. In the
    # other order the last bit differs, and after two steps the third digit of a deep network's
    # gradients.
    return tf.compat.v1.losses.softmax_cross_entropy(
        tf.one_hot(labels, logits.shape[-1]),
        tf.cast(logits, tf.float32),
        weights=weight,
        label_smoothing=label_smoothing,
        loss_collection=None,
    )


def classification_losses(
    logits: tf.Tensor,
    end_points: dict[str, tf.Tensor],
    labels: tf.Tensor,
    label_smoothing: float = TrainingConfig.label_smoothing,
) -> dict[str, tf.Tensor]:
    """Returns the losses of a batch by name: cross_entropy and, with an auxiliary head, auxiliary.

    They are float32 scalars, already weighted; their sum is the classification loss of the batch.
    Arguments as for `cross_entropy`; `end_points` contains the auxiliary head's 'AuxLogits', if
    the network has one.
    """
    losses = {'cross_entropy': cross_entropy(logits, labels, label_smoothing)}
    if 'AuxLogits' in end_points:
        losses['auxiliary'] = cross_entropy(
            end_points['AuxLogits'], labels, label_smoothing, AUXILIARY_WEIGHT
        )
    return losses
