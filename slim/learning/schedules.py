"""Learning rate as a function of the step: the three schedules of the original code."""

import tensorflow as tf

from slim.configs import ScheduleConfig
from slim.errors import UserError, nearest


def decay_steps(schedule: ScheduleConfig, num_images: int, images_per_update: int) -> int:
    """Returns the steps between decays: floor(num_images * epochs / images_per_update), >= 1."""
    return max(1, int(num_images / images_per_update * schedule.num_epochs_per_decay))


def _fixed(schedule: ScheduleConfig, step: tf.Tensor, steps: float) -> tf.Tensor:
    """Stays at the initial learning rate."""
    del step, steps
    return tf.constant(schedule.learning_rate, tf.float32)


def _exponential(schedule: ScheduleConfig, step: tf.Tensor, steps: float) -> tf.Tensor:
    """Multiplies the learning rate by `decay_factor` every `steps` steps (staircase)."""
    power = tf.floor(tf.cast(step, tf.float32) / steps)
    return schedule.learning_rate * tf.pow(tf.constant(schedule.decay_factor, tf.float32), power)


def _polynomial(schedule: ScheduleConfig, step: tf.Tensor, steps: float) -> tf.Tensor:
    """Decreases the learning rate linearly over `steps` steps, then keeps it."""
    left = 1.0 - tf.minimum(tf.cast(step, tf.float32), steps) / steps
    span = schedule.learning_rate - schedule.end_learning_rate
    return span * left + schedule.end_learning_rate


SCHEDULES = {'fixed': _fixed, 'exponential': _exponential, 'polynomial': _polynomial}


def learning_rate_at(schedule: ScheduleConfig, step: tf.Tensor, steps: int) -> tf.Tensor:
    """Returns the learning rate, a float32 scalar, after `step` (integer scalar) training steps.

    `steps` between decays are from `decay_steps`. Raises a `UserError` for an unknown decay type.
    """
    if schedule.decay_type not in SCHEDULES:
        hint = nearest(schedule.decay_type, SCHEDULES)
        raise UserError(f'unknown learning rate decay type {schedule.decay_type}{hint}')
    return SCHEDULES[schedule.decay_type](schedule, step, float(steps))
