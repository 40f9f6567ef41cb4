"""Learning rate schedules, compared with TensorFlow 1's and on cases solved by hand."""

import pytest
import tensorflow as tf

from slim import configs
from slim.errors import UserError
from slim.learning.schedules import decay_steps, learning_rate_at

STEPS = [0, 1, 9, 10, 11, 25, 99, 100, 1000]


def test_decay_steps_are_images_times_epochs_per_batch_size():
    # train.sh: 5994 images, batches of 64, 10 epochs.
    assert decay_steps(configs.ScheduleConfig(num_epochs_per_decay=10.0), 5994, 64) == 936
    assert decay_steps(configs.ScheduleConfig(num_epochs_per_decay=0.001), 10, 64) == 1


def _tensorflow_1(schedule, step, steps):
    """Returns the learning rate that the original training script computed."""
    train = tf.compat.v1.train
    if schedule.decay_type == 'exponential':
        rate = train.exponential_decay(
            schedule.learning_rate, step, steps, schedule.decay_factor, staircase=True
        )
    else:
        rate = train.polynomial_decay(
            schedule.learning_rate, step, steps, schedule.end_learning_rate, power=1.0, cycle=False
        )
    return float(rate())


@pytest.mark.parametrize('decay_type', ['exponential', 'polynomial'])
def test_decays_as_in_the_original_code(decay_type):
    schedule = configs.ScheduleConfig(decay_type, 0.045, 0.0001, 0.94)
    for step in STEPS:
        got = float(learning_rate_at(schedule, tf.constant(step, tf.int64), 10))
        assert got == pytest.approx(_tensorflow_1(schedule, step, 10), rel=1e-6), step


def test_fixed_is_constant():
    rates = [
        float(learning_rate_at(configs.ScheduleConfig('fixed', 0.02), step, 10)) for step in STEPS
    ]
    assert rates == pytest.approx([0.02] * len(STEPS))


def test_an_unknown_schedule_is_refused_with_the_nearest_name():
    with pytest.raises(UserError, match='did you mean exponential'):
        learning_rate_at(configs.ScheduleConfig('exponentail'), 0, 10)
