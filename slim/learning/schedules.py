"""Learning rate as a function of the step: the three schedules of 2018."""

import tensorflow as tf

from slim.errors import UserError, nearest


def decay_steps(schedule, num_images, images_per_update):
    """Steps to a decay: samples x epochs per decay / images per update, rounded down (least: 1)."""
    return max(1, int(num_images / images_per_update * schedule.num_epochs_per_decay))


def _fixed(schedule, step, steps):
    del step, steps
    return tf.constant(schedule.learning_rate, tf.float32)


def _exponential(schedule, step, steps):
    """Falls by a factor, in stairs."""
    power = tf.floor(tf.cast(step, tf.float32) / steps)
    return schedule.learning_rate * tf.pow(tf.constant(schedule.decay_factor, tf.float32), power)


def _polynomial(schedule, step, steps):
    """Falls in a straight line, and stays at its end."""
    left = 1.0 - tf.minimum(tf.cast(step, tf.float32), steps) / steps
    span = schedule.learning_rate - schedule.end_learning_rate
    return span * left + schedule.end_learning_rate


SCHEDULES = {'fixed': _fixed, 'exponential': _exponential, 'polynomial': _polynomial}


def learning_rate_at(schedule, step, steps):
    """The learning rate of a step.

    Args:
      schedule: a `Schedule`.
      step: integer scalar, updates made so far.
      steps: from `decay_steps`.

    Returns:
      float32 scalar.

    Raises:
      UserError: for an unknown decay type.
    """
    if schedule.decay_type not in SCHEDULES:
        hint = nearest(schedule.decay_type, SCHEDULES)
        raise UserError(f'unknown learning rate decay type {schedule.decay_type}{hint}')
    return SCHEDULES[schedule.decay_type](schedule, step, float(steps))
