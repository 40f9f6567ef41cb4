"""Losses, on cases that can be solved by hand."""

import math

import numpy as np
import pytest

from slim.learning import losses


def test_equal_logits_give_the_logarithm_of_the_number_of_classes():
    loss = losses.cross_entropy(np.zeros([3, 8], np.float32), [0, 4, 7])
    assert float(loss) == pytest.approx(math.log(8), rel=1e-6)


def test_label_smoothing_distributes_its_fraction_evenly():
    logits = np.array([[2.0, 0.0]], np.float32)
    first, second = 2 - math.log(math.e**2 + 1), -math.log(math.e**2 + 1)
    want = -(0.95 * first + 0.05 * second)
    assert float(losses.cross_entropy(logits, [0], 0.1)) == pytest.approx(want, rel=1e-6)


def test_the_auxiliary_loss_has_weight_0_4():
    logits = np.zeros([2, 8], np.float32)
    got = losses.classification_losses(logits, {'AuxLogits': logits}, [1, 2])
    assert set(got) == {'cross_entropy', 'auxiliary'}
    assert float(got['auxiliary']) == pytest.approx(0.4 * math.log(8), rel=1e-6)


def test_without_auxiliary_head_there_is_no_auxiliary_loss():
    assert set(losses.classification_losses(np.zeros([1, 2]), {}, [0])) == {'cross_entropy'}
