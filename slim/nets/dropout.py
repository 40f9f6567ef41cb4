"""Dropout whose mask depends only on a seed, so that an interrupted training resumes exactly."""

import contextlib
import contextvars
import itertools
from collections.abc import Iterator

import tensorflow as tf

from slim.compat import tf_slim

_seed: contextvars.ContextVar[tuple | None] = contextvars.ContextVar('dropout_seed', default=None)


@contextlib.contextmanager
def dropout_seed(seed: tf.Tensor) -> Iterator[None]:
    """Makes each `dropout` in this context draw its own mask from `seed`, an integer tensor [2].

    The masks are numbered in the order in which the layers are built.
    """
    token = _seed.set((seed, itertools.count()))
    try:
        yield
    finally:
        _seed.reset(token)


@tf_slim.add_arg_scope
def dropout(
    inputs: tf.Tensor, keep_prob: float = 0.8, is_training: bool = True, scope: str | None = None
) -> tf.Tensor:
    """Applies dropout; inside `dropout_seed` its mask is a function of the seed.

    Outside of `dropout_seed`, for example in a TF1 graph, this is `tf_slim.dropout`. That one draws
    from a generator inside the kernel, whose state is not part of a checkpoint.

    Args:
      inputs: float tensor of any shape; the result has its shape and dtype.
      keep_prob: probability that an element is kept; kept elements are divided by it.
      is_training: whether dropout is active; otherwise `inputs` is returned.
      scope: name scope.
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
