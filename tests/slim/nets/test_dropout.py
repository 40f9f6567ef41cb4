"""Dropout as a function of its seed."""

import numpy as np
import tensorflow as tf

from slim.nets.dropout import dropout, dropout_seed

ONES = np.ones([50, 40], np.float32)


def _dropped(seed, **arguments):
    with dropout_seed(tf.constant(seed)):
        return np.asarray(dropout(ONES, 0.8, **arguments))


def test_equal_seeds_drop_the_same():
    np.testing.assert_array_equal(_dropped([1, 2]), _dropped([1, 2]))
    assert (_dropped([1, 2]) != _dropped([1, 3])).any()


def test_two_layers_drop_differently():
    with dropout_seed(tf.constant([1, 2])):
        first, second = dropout(ONES, 0.8), dropout(ONES, 0.8)
    assert (first.numpy() != second.numpy()).any()


def test_keeps_the_fraction_and_the_expected_sum():
    kept = np.mean([_dropped([0, step]) > 0 for step in range(20)])
    assert abs(kept - 0.8) < 0.01
    assert set(np.unique(_dropped([0, 0]))) == {np.float32(0), np.float32(1.25)}


def test_is_inactive_outside_of_training():
    np.testing.assert_array_equal(_dropped([0, 0], is_training=False), ONES)


def test_is_tf_slims_dropout_without_a_seed():
    with tf.Graph().as_default():
        dropout(tf.constant(ONES), 0.8)
        operations = {op.type for op in tf.compat.v1.get_default_graph().get_operations()}
    assert 'RandomUniform' in operations
