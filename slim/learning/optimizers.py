"""The original code's seven optimizers: TensorFlow 1's own, with its arithmetic and slot names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from slim.configs import OptimizerConfig
from slim.errors import UserError, nearest


@dataclass(frozen=True)
class Optimizer:
    """A row of the table.

    Attributes:
      create: function from settings and learning rate to the `tf.compat.v1.train.Optimizer`.
      slots: names of its slots in the order in which TensorFlow 1 named them: in a checkpoint the
        first is `<variable>/<Name>`, the second `<variable>/<Name>_1`.
      scalars: names of optimizer state that exists once for all variables.
    """

    create: Callable[[OptimizerConfig, float | Callable], tf.compat.v1.train.Optimizer]
    slots: tuple[str, ...] = ()
    scalars: tuple[str, ...] = ()


_v1: Any = tf.compat.v1.train


class _FtrlOptimizer(_v1.FtrlOptimizer):
    """TensorFlow's FTRL, which in contrast to the other six accepts no learning-rate function."""

    def __init__(self, learning_rate: float | Callable, **arguments: float):
        super().__init__(learning_rate, name='Ftrl', **arguments)
        self._given = learning_rate

    def _prepare(self) -> None:
        self._learning_rate = self._given() if callable(self._given) else self._given
        super()._prepare()


OPTIMIZERS = {
    'adadelta': Optimizer(
        lambda c, rate: _v1.AdadeltaOptimizer(rate, rho=c.adadelta_rho, epsilon=c.opt_epsilon),
        slots=('accum', 'accum_update'),
    ),
    'adagrad': Optimizer(
        lambda c, rate: _v1.AdagradOptimizer(rate, c.adagrad_initial_accumulator_value),
        slots=('accumulator',),
    ),
    'adam': Optimizer(
        lambda c, rate: _v1.AdamOptimizer(rate, c.adam_beta1, c.adam_beta2, c.opt_epsilon),
        slots=('m', 'v'),
        scalars=('beta1_power', 'beta2_power'),
    ),
    'ftrl': Optimizer(
        lambda c, rate: _FtrlOptimizer(
            rate,
            learning_rate_power=c.ftrl_learning_rate_power,
            initial_accumulator_value=c.ftrl_initial_accumulator_value,
            l1_regularization_strength=c.ftrl_l1,
            l2_regularization_strength=c.ftrl_l2,
        ),
        slots=('accum', 'linear'),
    ),
    'momentum': Optimizer(
        lambda c, rate: _v1.MomentumOptimizer(rate, c.momentum, name='Momentum'),
        slots=('momentum',),
    ),
    'rmsprop': Optimizer(
        lambda c, rate: _v1.RMSPropOptimizer(
            rate, decay=c.rmsprop_decay, momentum=c.rmsprop_momentum, epsilon=c.opt_epsilon
        ),
        slots=('rms', 'momentum'),
    ),
    'sgd': Optimizer(lambda c, rate: _v1.GradientDescentOptimizer(rate)),
}


def create_optimizer(
    config: OptimizerConfig, learning_rate: float | Callable[[], tf.Tensor]
) -> tf.compat.v1.train.Optimizer:
    """Creates the optimizer `config.name`, to be used in a `tf.function`.

    Args:
      config: name and hyperparameters.
      learning_rate: learning rate, or a function that returns the current one.

    Raises:
      UserError: if the name is unknown.
    """
    if config.name not in OPTIMIZERS:
        raise UserError(f'unknown optimizer {config.name}{nearest(config.name, OPTIMIZERS)}')
    return OPTIMIZERS[config.name].create(config, learning_rate)


def create_slots(
    optimizer: tf.compat.v1.train.Optimizer, name: str, variables: Mapping[str, tf.Variable]
) -> dict[str, tf.Variable]:
    """Creates an optimizer's state, so that a checkpoint can be loaded before the first step.

    Args:
      optimizer: optimizer from `create_optimizer`.
      name: name of the optimizer, a key of `OPTIMIZERS`.
      variables: variables to train, by TF1 name.

    Returns:
      The variables of the state by TF1 name, e.g. `<variable>/Momentum`.
    """
    row = OPTIMIZERS[name]
    # TensorFlow calls this when it traces the first step; the second call has no effect.
    with tf.init_scope():
        optimizer._create_slots(list(variables.values()))
    slots: dict[str, tf.Variable] = {}
    for number, slot in enumerate(row.slots):
        suffix = f'/{optimizer.get_name()}' + (f'_{number}' if number else '')
        slots |= {name + suffix: optimizer.get_slot(v, slot) for name, v in variables.items()}
    scalars = {v.name.split(':')[0]: v for v in optimizer.variables()}
    return slots | {name: scalars[name] for name in row.scalars}
