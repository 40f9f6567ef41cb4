"""Dropout whose mask depends on a seed alone, so that an interrupted training resumes exactly."""

import contextlib
import contextvars
import itertools

import tensorflow as tf

from slim.compat import tf_slim

_seed = contextvars.ContextVar('dropout_seed', default=None)


@contextlib.contextmanager
def dropout_seed(seed):
    """Within this context each `dropout` draws its own mask from `seed`, an integer tensor [2].

    The first one built in it draws the first mask, and so on.
    """
    token = _seed.set((seed, itertools.count()))
    try:
        yield
    finally:
        _seed.reset(token)


@tf_slim.add_arg_scope
def dropout(inputs, keep_prob=0.8, is_training=True, scope=None):
    """As `tf_slim.dropout`; inside `dropout_seed`, with a mask that is a function of the seed.

    tf-slim's own draws from a generator hidden in the kernel, whose state no checkpoint holds:
    outside of `dropout_seed` (in a TF1 graph, say) that is what runs.

    Args:
      inputs: float tensor of any shape.
      keep_prob: probability that an element is kept; the kept ones are divided by it.
      is_training: outside of training the inputs pass unchanged.
      scope: name scope.

    Returns:
      Tensor of the shape and dtype of `inputs`.
    """
    context = _seed.get()
    if context is None:
        return tf_slim.dropout(inputs, keep_prob, is_training=is_training, scope=scope)
    if not is_training or keep_prob == 1:
        return inputs
    with tf.name_scope(scope or 'Dropout'):
        seed, layers = context
        seed = tf.random.fold_in(seed, next(layers))
        return tf.nn.experimental.stateless_dropout(inputs, rate=1 - keep_prob, seed=seed)
