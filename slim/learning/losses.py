"""The losses of 2018: cross entropy, the auxiliary head's, and the weights' L2 loss."""

import tensorflow as tf

AUXILIARY_WEIGHT = 0.4


def cross_entropy(logits, labels, label_smoothing=0.0, weight=1.0):
    """Mean cross entropy with label smoothing (arXiv 1512.00567, section 7).

    Args:
      logits: float [batch, classes].
      labels: int [batch], from 0.
      label_smoothing: share of the probability that is spread evenly over all classes.
      weight: factor of the loss.

    Returns:
      float32 scalar.
    """
    # TensorFlow 1's own loss weighs each image before it takes the mean. The other order differs in
    # the last bit, which a deep network's gradients make the third digit within two updates.
    return tf.compat.v1.losses.softmax_cross_entropy(
        tf.one_hot(labels, logits.shape[-1]),
        tf.cast(logits, tf.float32),
        weights=weight,
        label_smoothing=label_smoothing,
        loss_collection=None,
    )


def classification_losses(logits, end_points, labels, label_smoothing=0.0):
    """The losses of a batch by name: cross_entropy, and auxiliary where the network has that head.

    Returns:
      Dictionary of float32 scalars, already weighted; their sum is the batch's loss.
    """
    losses = {'cross_entropy': cross_entropy(logits, labels, label_smoothing)}
    if 'AuxLogits' in end_points:
        losses['auxiliary'] = cross_entropy(
            end_points['AuxLogits'], labels, label_smoothing, AUXILIARY_WEIGHT
        )
    return losses
