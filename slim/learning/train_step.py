"""One training step on one or more devices: the original code's arithmetic in a `tf.function`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from slim.configs import TrainingConfig
from slim.learning import losses as loss_functions
from slim.learning.checkpoints import AVERAGE_SUFFIX
from slim.learning.model import Model
from slim.learning.optimizers import create_optimizer, create_slots
from slim.learning.schedules import learning_rate_at
from slim.learning.scopes import select
from slim.nets.dropout import dropout_seed
from slim.nets.nets_factory import Network

LossesAndGradients = tuple[dict[str, tf.Tensor], list[tf.Tensor]]


@dataclass(frozen=True)
class StepResult:
    """Result of one training step.

    Attributes:
      total_loss: sum of `losses`.
      losses: losses by name, each the mean over all devices and accumulated batches.
      learning_rate: learning rate of this step.
      control: sum over all devices of the integers passed to the step.
    """

    total_loss: float
    losses: dict[str, float]
    learning_rate: float
    control: tuple[int, ...]


class TrainStep:
    """A model with the rest of the training state: optimizer state, EMA weights, global step.

    Attributes:
      config: settings of the training.
      network: the network's row of the registry.
      strategy: distribution strategy.
      model: the network with its variables.
      trained: the variables that are trained, by TF1 name.
      global_step: int64 scalar, number of training steps made.
    """

    def __init__(
        self,
        config: TrainingConfig,
        network: Network,
        create_model: Callable[[], Model],
        decay_steps: int,
        strategy: tf.distribute.Strategy | None = None,
    ):
        """Creates all variables.

        With `config.precision == 'float16'` the loss is scaled: it is multiplied by a large number
        before the gradients are taken, and these are divided by it, so that small ones do not
        underflow. A step whose gradients overflow is skipped, and the number halved.

        Args:
          config: settings of the training.
          network: the network's row of the registry.
          create_model: function that builds the `Model`; called in the strategy's scope.
          decay_steps: steps between decays of the learning rate; see `schedules.decay_steps`.
          strategy: distribution strategy; by default one device.

        Raises:
          UserError: for an unknown optimizer or schedule, or a scope that matches nothing.
        """
        self.config, self.network, self._decay_steps = config, network, decay_steps
        self.strategy = strategy or tf.distribute.get_strategy()
        with self.strategy.scope():
            self.model = create_model()
            variables = self.model.named_variables()
            names = [name for name, v in variables.items() if v.trainable]
            if config.trainable_scopes is not None:
                heads = network.last_layer_scopes
                names = select(names, config.trainable_scopes, 'trainable_scopes', heads)
            self.trained = {name: variables[name] for name in names}
            first = tf.VariableAggregation.ONLY_FIRST_REPLICA
            self.global_step = tf.Variable(
                0, dtype=tf.int64, name='global_step', trainable=False, aggregation=first
            )
            self._averages = {}
            if config.moving_average_decay is not None:
                for name, v in variables.items():
                    self._averages[name] = tf.Variable(
                        tf.zeros(v.shape, v.dtype), trainable=False, name=name + AVERAGE_SUFFIX
                    )
            self._optimizer = create_optimizer(config.optimizer, self._learning_rate)
            self._slots = create_slots(self._optimizer, config.optimizer.name, self.trained)
            self._loss_scale = None
            if config.precision == 'float16':
                mixed_precision = tf.compat.v1.mixed_precision
                self._loss_scale = mixed_precision.DynamicLossScale()
                self._optimizer = mixed_precision.MixedPrecisionLossScaleOptimizer(
                    self._optimizer, self._loss_scale
                )
        self._learning_rate()  # Raises for an unknown schedule here, not in the first step.
        self._gradients: Callable[..., Any] = self._compute_gradients
        if config.jit_compile:  # XLA compiles the forward and backward pass.
            self._gradients = tf.function(self._gradients, autograph=False, jit_compile=True)
        self._function = tf.function(self._update, autograph=False)
        self._snapshot = tf.function(self._read_all, autograph=False)

    def _learning_rate(self) -> tf.Tensor:
        return learning_rate_at(self.config.schedule, self.global_step, self._decay_steps)

    def variables(self) -> dict[str, tf.Variable]:
        """Returns all variables of a checkpoint by TF1 name.

        These are the model, optimizer state, EMA weights, global step and loss scale.
        """
        averages = {name + AVERAGE_SUFFIX: v for name, v in self._averages.items()}
        model = self.model.named_variables()
        weights = self._loss_scale._weights if self._loss_scale else {}
        scale = {f'loss_scale/{name}': v for (name, _), v in weights.items()}
        return {**model, **self._slots, **averages, **scale, 'global_step': self.global_step}

    def is_same_everywhere(self, number: int) -> bool:
        """Returns whether all machines pass the same integer. All of them have to call it."""

        def total(values: tf.Tensor) -> tf.Tensor:
            replica = tf.distribute.get_replica_context()
            # The identity is a tensor of its own on each device, which a sum over devices needs.
            return replica.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(values))

        values = tf.constant([number, number**2], tf.float64)
        totals = tf.function(self.strategy.run, autograph=False)(total, args=(values,))
        # All are equal if and only if the mean of the squares is the square of the mean.
        first, second = self.strategy.experimental_local_results(totals)[0].numpy()
        return bool(second * self.strategy.num_replicas_in_sync == first * first)

    def snapshot(self) -> dict[str, tf.Tensor]:
        """Returns the values of `variables` by TF1 name; per-device statistics are averaged.

        With several machines, all of them have to call it together.
        """
        return self._snapshot()

    def _read_all(self) -> dict[str, tf.Tensor]:
        return {name: v.read_value() for name, v in sorted(self.variables().items())}

    def start_averages(self) -> None:
        """Sets the EMA weights to the variables' values, as at the start of a training."""
        for name, average in self._averages.items():
            average.assign(self.model.named_variables()[name].read_value())

    def __call__(self, batches: Iterable[tuple], control: Sequence[int] = (0, 0)) -> StepResult:
        """Runs one training step.

        Args:
          batches: list of `replicas_to_aggregate` batches (images float32 [n, h, w, 3], labels int
            [n]) from the strategy's distributed iterator.
          control: integers to send to all machines.
        """
        numbers = self._function(tuple(batches), tf.constant(control, tf.float32)).numpy().tolist()
        names = self._loss_names()
        losses = dict(zip(names, numbers, strict=False))
        return StepResult(
            total_loss=sum(losses.values()),
            losses=losses,
            learning_rate=numbers[len(names)],
            control=tuple(round(value) for value in numbers[len(names) + 1 :]),
        )

    def _update(self, batches: tuple, control: tf.Tensor) -> tf.Tensor:
        """Runs the step as a graph, in cross-replica context.

        Returns a float32 vector of losses, learning rate and control. One vector, because fetching
        each number from a GPU would wait for the device.
        """
        rate = self._learning_rate()
        # As in the original code, the EMA weights are updated with the values before the step.
        self._update_averages()
        results = self.strategy.run(self._update_replica, args=(batches, control))
        losses, control = tf.nest.map_structure(
            lambda value: self.strategy.experimental_local_results(value)[0], results
        )
        self.global_step.assign_add(1)
        return tf.concat([[losses[name] for name in self._loss_names()], [rate], control], axis=0)

    def _update_replica(
        self, batches: tuple, control: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Applies the gradients of one device's batches, summed over all devices."""
        replica = tf.distribute.get_replica_context()
        device_seed = tf.random.fold_in(
            tf.stack([tf.cast(self.config.seed, tf.int64), self.global_step]),
            replica.replica_id_in_sync_group,
        )
        losses, gradients = self._accumulate(batches, device_seed)
        # Every device and every batch has the same weight; the optimizer sums over devices.
        weight = 1.0 / (len(batches) * self.strategy.num_replicas_in_sync)
        gradients = [gradient * weight for gradient in gradients]
        self._optimizer.apply_gradients(zip(gradients, self.trained.values(), strict=True))
        losses = {name: value / len(batches) for name, value in losses.items()}
        losses = replica.all_reduce(tf.distribute.ReduceOp.MEAN, losses)
        # All devices receive the same tensor; a sum over devices needs one on each of them.
        control = tf.identity(control)
        return losses, replica.all_reduce(tf.distribute.ReduceOp.SUM, control)

    def _accumulate(self, batches: tuple, seed: tf.Tensor) -> LossesAndGradients:
        """Returns the sums of losses and of gradients over the batches of one step."""
        if len(batches) == 1:
            return self._gradients(*batches[0], seed)
        images = tf.stack([images for images, _ in batches])
        labels = tf.stack([labels for _, labels in batches])

        def add(number: tf.Tensor, total: tuple) -> tuple:
            batch_seed = tf.random.fold_in(seed, number)
            result = self._gradients(images[number], labels[number], batch_seed)
            return number + 1, tf.nest.map_structure(tf.add, total, result)

        # A loop in the graph: one copy of the network for any number of batches.
        zeros = {name: tf.constant(0.0) for name in self._loss_names()}
        start = zeros, [tf.zeros(v.shape, v.dtype) for v in self.trained.values()]
        _, total = tf.while_loop(lambda number, _: number < len(batches), add, [0, start])
        return total

    def _loss_names(self) -> list[str]:
        _, end_points = self.model.output_shapes
        auxiliary = ['auxiliary'] if 'AuxLogits' in end_points else []
        return ['cross_entropy', *auxiliary, 'regularization']

    def _compute_gradients(
        self, images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> LossesAndGradients:
        """Returns the losses by name, and the gradients of their sum for the trained variables."""
        trained = list(self.trained.values())
        with dropout_seed(seed), tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(trained)
            logits, end_points = self.model(images)
            losses = loss_functions.classification_losses(
                logits, end_points, labels, self.config.label_smoothing
            )
            losses['regularization'] = self.model.regularization_loss()
            total = tf.add_n(list(losses.values()))
            if self._loss_scale:
                total *= self._loss_scale()
        gradients = tape.gradient(total, trained, unconnected_gradients='zero')
        if self._loss_scale:
            gradients = [gradient / self._loss_scale() for gradient in gradients]
        return losses, gradients

    def _update_averages(self) -> None:
        """Updates the EMA weights, with a smaller decay in the first steps."""
        if not self._averages:
            return
        step = tf.cast(self.global_step, tf.float32)
        decay = tf.minimum((1.0 + step) / (10.0 + step), self.config.moving_average_decay)
        variables = self.model.named_variables()
        for name, average in self._averages.items():
            average.assign_sub((1.0 - decay) * (average - variables[name].read_value()))
