"""The mean of probabilities that are given as log_probs."""

import numpy as np
import tensorflow as tf

from slim.learning import evaluation


def test_the_mean_is_correct_for_probabilities_that_underflow_in_float32():
    random = np.random.default_rng(0)
    log_probs = random.uniform(-40, 0, [12, 5, 7])
    want = np.log(np.exp(log_probs).mean(0))
    for shift in (0, -2000):
        shifted = tf.constant(log_probs + shift, tf.float32)
        got = evaluation.log_mean_exp(shifted).numpy()
        np.testing.assert_allclose(got - shift, want, atol=1e-3 if shift else 1e-5)


def test_a_single_row_is_unchanged():
    random = np.random.default_rng(0)
    logits = np.concatenate([random.normal(0, scale, 1000) for scale in (1e-3, 1, 1e3, 1e6)])
    logits = tf.constant(logits[None], tf.float32)
    np.testing.assert_array_equal(evaluation.log_mean_exp(logits), logits[0])
