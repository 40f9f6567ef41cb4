"""The seven optimizers of 2018, by name: TensorFlow 1's own, with its arithmetic and slot names."""

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from slim.errors import UserError, nearest


@dataclass(frozen=True)
class Optimizer:
    """A row of the table.

    Attributes:
      create: from parameters and learning rate to the `tf.compat.v1.train.Optimizer`.
      slots: its slots in the order in which TensorFlow 1 named them: a checkpoint calls the first
        `<variable>/<Name>`, the second `<variable>/<Name>_1`.
      scalars: names of what it keeps once for all variables.
    """

    create: Callable
    slots: tuple[str, ...] = ()
    scalars: tuple[str, ...] = ()


_v1 = tf.compat.v1.train


class _FtrlOptimizer(_v1.FtrlOptimizer):
    """TensorFlow's FTRL, which unlike the other six takes no function as learning rate."""

    def __init__(self, learning_rate, **arguments):
        super().__init__(learning_rate, name='Ftrl', **arguments)
        self._given = learning_rate

    def _prepare(self):
        self._learning_rate = self._given() if callable(self._given) else self._given
        super()._prepare()


OPTIMIZERS = {
    'adadelta': Optimizer(
        lambda p, rate: _v1.AdadeltaOptimizer(rate, rho=p.adadelta_rho, epsilon=p.opt_epsilon),
        slots=('accum', 'accum_update'),
    ),
    'adagrad': Optimizer(
        lambda p, rate: _v1.AdagradOptimizer(
            rate, initial_accumulator_value=p.adagrad_initial_accumulator_value
        ),
        slots=('accumulator',),
    ),
    'adam': Optimizer(
        lambda p, rate: _v1.AdamOptimizer(
            rate, beta1=p.adam_beta1, beta2=p.adam_beta2, epsilon=p.opt_epsilon
        ),
        slots=('m', 'v'),
        scalars=('beta1_power', 'beta2_power'),
    ),
    'ftrl': Optimizer(
        lambda p, rate: _FtrlOptimizer(
            rate,
            learning_rate_power=p.ftrl_learning_rate_power,
            initial_accumulator_value=p.ftrl_initial_accumulator_value,
            l1_regularization_strength=p.ftrl_l1,
            l2_regularization_strength=p.ftrl_l2,
        ),
        slots=('accum', 'linear'),
    ),
    'momentum': Optimizer(
        lambda p, rate: _v1.MomentumOptimizer(rate, momentum=p.momentum, name='Momentum'),
        slots=('momentum',),
    ),
    'rmsprop': Optimizer(
        lambda p, rate: _v1.RMSPropOptimizer(
            rate, decay=p.rmsprop_decay, momentum=p.rmsprop_momentum, epsilon=p.opt_epsilon
        ),
        slots=('rms', 'momentum'),
    ),
    'sgd': Optimizer(lambda p, rate: _v1.GradientDescentOptimizer(rate)),
}


def create_optimizer(parameters, learning_rate):
    """The optimizer that `parameters` names.

    Args:
      parameters: an `OptimizerConfig`.
      learning_rate: float, or a function without arguments that gives the current one.

    Returns:
      A `tf.compat.v1.train.Optimizer`, to be used in a `tf.function`.

    Raises:
      UserError: if the name is unknown.
    """
    if parameters.name not in OPTIMIZERS:
        hint = nearest(parameters.name, OPTIMIZERS)
        raise UserError(f'unknown optimizer {parameters.name}{hint}')
    return OPTIMIZERS[parameters.name].create(parameters, learning_rate)


def create_slots(optimizer, name, variables):
    """Creates an optimizer's slots, so that a checkpoint can be loaded before the first update.

    Args:
      optimizer: from `create_optimizer`.
      name: its name, a key of `OPTIMIZERS`.
      variables: what it is to update, a dictionary from TF1 name to variable.

    Returns:
      Dictionary from TF1 name (`<variable>/Momentum`, say) to the slot's variable.
    """
    row = OPTIMIZERS[name]
    # What TensorFlow itself calls when it traces the first update; it does nothing twice.
    with tf.init_scope():
        optimizer._create_slots(list(variables.values()))
    slots = {}
    for variable_name, variable in variables.items():
        for number, slot in enumerate(row.slots):
            suffix = f'_{number}' if number else ''
            full_name = f'{variable_name}/{optimizer.get_name()}{suffix}'
            slots[full_name] = optimizer.get_slot(variable, slot)
    for variable in optimizer.variables():
        if variable.name.split(':')[0] in row.scalars:
            slots[variable.name.split(':')[0]] = variable
    return slots
