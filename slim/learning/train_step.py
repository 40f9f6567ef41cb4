"""One update of the variables, on one device or many: the arithmetic of 2018 in a `tf.function`."""

from dataclasses import dataclass

import tensorflow as tf

from slim.learning import losses as loss_functions
from slim.learning.checkpoints import AVERAGE_SUFFIX
from slim.learning.optimizers import create_optimizer, create_slots
from slim.learning.schedules import learning_rate_at
from slim.learning.scopes import select
from slim.nets.dropout import dropout_seed


@dataclass(frozen=True)
class StepResult:
    """What an update tells.

    Attributes:
      total_loss: the sum of `losses`.
      losses: by name, means over all devices and batches of the update.
      learning_rate: that of this update.
      control: the sum over all devices of the integers given to the step.
    """

    total_loss: float
    losses: dict[str, float]
    learning_rate: float
    control: tuple[int, ...]


def select_trainable(variables, scopes, last_layer_scopes=()):
    """The trainable variables whose names contain one of `scopes` (all of them if None).

    Raises:
      UserError: if a scope matches nothing.
    """
    trainable = {name: v for name, v in variables.items() if v.trainable}
    if scopes is None:
        return trainable
    chosen = select(trainable, scopes, 'trainable_scopes', last_layer_scopes)
    return {name: trainable[name] for name in chosen}


class TrainStep:
    """A model with all that training changes: optimizer slots, moving averages, the global step."""

    def __init__(
        self,
        strategy,
        create_model,
        optimizer,
        schedule,
        decay_steps,
        trainable_scopes=None,
        last_layer_scopes=(),
        label_smoothing=0.0,
        moving_average_decay=None,
        replicas_to_aggregate=1,
        seed=0,
        scale_loss=False,
        jit_compile=False,
    ):
        """Creates all variables.

        Args:
          strategy: the `tf.distribute.Strategy` to train under.
          create_model: function without arguments that gives the `Model`.
          optimizer: an `OptimizerConfig`.
          schedule: a `Schedule`, whose stairs are of `decay_steps` updates.
          decay_steps: see `schedules.decay_steps`.
          trainable_scopes: list of scopes to train, or None for all; see `scopes.select`.
          last_layer_scopes: what 'last_layer' among them stands for.
          label_smoothing: see `losses.cross_entropy`.
          moving_average_decay: of the variables' moving averages; None for no averages.
          replicas_to_aggregate: how many batches' gradients are collected before one update.
          seed: of dropout.
          scale_loss: whether the loss is multiplied by a large number before its gradients are
            taken and they are divided by it, so that float16 does not round the small ones to
            zero. An update whose gradients overflow is left out, and the number halved.
          jit_compile: whether XLA compiles the forward and backward pass.

        Raises:
          UserError: for an unknown optimizer or schedule, or a scope that matches nothing.
        """
        self.strategy = strategy
        self._schedule, self._decay_steps = schedule, decay_steps
        self._label_smoothing = label_smoothing
        self._batches_per_update = replicas_to_aggregate
        self._average_decay = moving_average_decay
        self._seed = seed
        with strategy.scope():
            self.model = create_model()
            model_variables = self.model.named_variables()
            self.trained = select_trainable(model_variables, trainable_scopes, last_layer_scopes)
            self.global_step = tf.Variable(
                0,
                dtype=tf.int64,
                name='global_step',
                trainable=False,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
            self._averages = {}
            if moving_average_decay is not None:
                self._averages = {
                    name: tf.Variable(
                        tf.zeros(v.shape, v.dtype), trainable=False, name=name + AVERAGE_SUFFIX
                    )
                    for name, v in model_variables.items()
                }
            self._optimizer = create_optimizer(optimizer, self._learning_rate)
            self._slots = create_slots(self._optimizer, optimizer.name, self.trained)
            self._loss_scale = None
            if scale_loss:
                self._loss_scale = tf.compat.v1.mixed_precision.DynamicLossScale()
                self._optimizer = tf.compat.v1.mixed_precision.MixedPrecisionLossScaleOptimizer(
                    self._optimizer, self._loss_scale
                )
        self._learning_rate()  # Tells of an unknown schedule here rather than in the first step.
        if jit_compile:
            self._gradients = tf.function(self._gradients, autograph=False, jit_compile=True)
        self._function = tf.function(self._update, autograph=False)
        self._snapshot = tf.function(self._read_all, autograph=False)

    def _learning_rate(self):
        return learning_rate_at(self._schedule, self.global_step, self._decay_steps)

    def variables(self):
        """All that a checkpoint holds, by TF1 name: model, slots, averages, step, loss scale."""
        averages = {name + AVERAGE_SUFFIX: v for name, v in self._averages.items()}
        model = self.model.named_variables()
        scale = self._loss_scale._weights if self._loss_scale else {}
        scale = {f'loss_scale/{name}': v for (name, _), v in scale.items()}
        return {**model, **self._slots, **averages, **scale, 'global_step': self.global_step}

    def is_same_everywhere(self, number):
        """Whether all machines have called this with the same integer. All have to call it."""

        @tf.function(autograph=False)
        def sums(value):
            def reduce(value):
                value = tf.stack([value, value * value])
                replica = tf.distribute.get_replica_context()
                return replica.all_reduce(tf.distribute.ReduceOp.SUM, value)

            total = self.strategy.run(reduce, args=(value,))
            return self.strategy.experimental_local_results(total)[0]

        # Equal exactly where the mean of the squares is the square of the mean.
        first, second = sums(tf.constant(number, tf.float64)).numpy()
        return second * self.strategy.num_replicas_in_sync == first * first

    def snapshot(self):
        """The values of `variables`, by TF1 name; statistics kept per device become their mean.

        On several machines all of them have to call it together.
        """
        return self._snapshot()

    def _read_all(self):
        return {name: v.read_value() for name, v in sorted(self.variables().items())}

    def start_averages(self):
        """Sets the moving averages to the variables' values: where every training begins."""
        for name, average in self._averages.items():
            average.assign(self.model.named_variables()[name].read_value())

    def __call__(self, batches, control=(0, 0)):
        """Makes one update.

        Args:
          batches: list of `replicas_to_aggregate` batches (images float32 [n, h, w, 3], labels int
            [n]), as the strategy's distributed iterator gives them.
          control: integers that this machine wants all machines to know.

        Returns:
          A `StepResult`.
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

    def _update(self, batches, control):
        """The update as a graph, in cross-replica context: losses, learning rate, control.

        They are one float32 vector, since fetching each number of a GPU waits for the device.
        """
        rate = self._learning_rate()
        # As in 2018 the averages take the values that the update starts from.
        self._update_averages()
        results = self.strategy.run(self._update_replica, args=(batches, control))
        losses, control = tf.nest.map_structure(
            lambda value: self.strategy.experimental_local_results(value)[0], results
        )
        self.global_step.assign_add(1)
        return tf.concat([[losses[name] for name in self._loss_names()], [rate], control], axis=0)

    def _update_replica(self, batches, control):
        """One device's part: gradients of its batches, applied after summing over all devices."""
        replica = tf.distribute.get_replica_context()
        device_seed = tf.random.fold_in(
            tf.stack([tf.cast(self._seed, tf.int64), self.global_step]),
            replica.replica_id_in_sync_group,
        )
        losses, gradients = self._collect(batches, device_seed)
        # Every device and every batch weighs the same; the optimizer sums over devices.
        share = 1.0 / (self._batches_per_update * self.strategy.num_replicas_in_sync)
        gradients = [gradient * share for gradient in gradients]
        self._optimizer.apply_gradients(zip(gradients, self.trained.values(), strict=True))
        losses = {name: value / self._batches_per_update for name, value in losses.items()}
        losses = replica.all_reduce(tf.distribute.ReduceOp.MEAN, losses)
        # All devices are handed the same tensor; a sum over devices needs one on each of them.
        control = tf.identity(control)
        return losses, replica.all_reduce(tf.distribute.ReduceOp.SUM, control)

    def _collect(self, batches, seed):
        """Sums of losses and of gradients over the batches of one update."""
        if len(batches) == 1:
            return self._gradients(*batches[0], seed)
        images = tf.stack([images for images, _ in batches])
        labels = tf.stack([labels for _, labels in batches])

        def add(number, total):
            batch_seed = tf.random.fold_in(seed, number)
            result = self._gradients(images[number], labels[number], batch_seed)
            return number + 1, tf.nest.map_structure(tf.add, total, result)

        # A loop in the graph: one copy of the network, however many batches.
        zeros = {name: tf.constant(0.0) for name in self._loss_names()}
        start = zeros, [tf.zeros(v.shape, v.dtype) for v in self.trained.values()]
        _, total = tf.while_loop(lambda number, _: number < len(batches), add, [0, start])
        return total

    def _loss_names(self):
        _, end_points = self.model.output_shapes
        auxiliary = ['auxiliary'] if 'AuxLogits' in end_points else []
        return ['cross_entropy', *auxiliary, 'regularization']

    def _gradients(self, images, labels, seed):
        """Losses by name, and the gradients of their sum with respect to the trained variables."""
        trained = list(self.trained.values())
        with dropout_seed(seed), tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(trained)
            logits, end_points = self.model(images)
            losses = loss_functions.classification_losses(
                logits, end_points, labels, self._label_smoothing
            )
            losses['regularization'] = self.model.regularization_loss()
            total = tf.add_n(list(losses.values()))
            if self._loss_scale:
                total *= self._loss_scale()
        gradients = tape.gradient(total, trained, unconnected_gradients='zero')
        if self._loss_scale:
            gradients = [gradient / self._loss_scale() for gradient in gradients]
        return losses, gradients

    def _update_averages(self):
        """Moves the averages towards the variables, by less in the first steps."""
        if not self._averages:
            return
        step = tf.cast(self.global_step, tf.float32)
        decay = tf.minimum((1.0 + step) / (10.0 + step), self._average_decay)
        variables = self.model.named_variables()
        for name, average in self._averages.items():
            average.assign_sub((1.0 - decay) * (average - variables[name].read_value()))
