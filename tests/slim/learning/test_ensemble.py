"""The mean of probabilities, of which only the logarithms are known."""

import numpy as np
import tensorflow as tf

from slim.learning import ensemble


def test_the_mean_is_of_probabilities_also_where_float32_has_no_such_number():
    random = np.random.default_rng(0)
    logarithms = random.uniform(-40, 0, [12, 5, 7])
    want = np.log(np.exp(logarithms).mean(0))
    for shift in (0, -2000):
        shifted = tf.constant(logarithms + shift, tf.float32)
        got = ensemble.log_mean_exp(shifted).numpy()
        np.testing.assert_allclose(got - shift, want, atol=1e-3 if shift else 1e-5)


def test_one_alone_keeps_its_bits():
    random = np.random.default_rng(0)
    logits = np.concatenate([random.normal(0, scale, 1000) for scale in (1e-3, 1, 1e3, 1e6)])
    logits = tf.constant(logits[None], tf.float32)
    np.testing.assert_array_equal(ensemble.log_mean_exp(logits), logits[0])
