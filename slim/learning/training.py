"""The training loop: updates, checkpoints, summaries; it resumes where it stopped."""

import collections
import contextlib
import itertools
import logging
import math
import os
import signal
import threading
import time

import numpy as np
import tensorflow as tf

from slim import files
from slim.datasets import input_pipeline
from slim.errors import UserError
from slim.learning import checkpoints, devices, schedules
from slim.learning.model import Model
from slim.learning.summaries import TrainingSummaries
from slim.learning.train_step import TrainStep
from slim.nets import nets_factory
from slim.preprocessing import preprocessing_factory

log = logging.getLogger('slim')

STOP, SAVE, SUMMARIZE = range(3)  # What a machine can ask of all machines with a step.


class _StopSignal:
    """Notes SIGTERM and SIGINT while the loop runs, so that it can end between two steps."""

    def __init__(self):
        self.number = None

    def __enter__(self):
        self._previous = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._previous[number] = signal.signal(number, self._note)
        return self

    def _note(self, number, _):
        self.number = number
        name = signal.Signals(number).name
        log.warning('%s: a checkpoint will be saved after this step. Again to stop at once.', name)
        signal.signal(number, self._previous[number])

    def __exit__(self, *_):
        for number, handler in self._previous.items():
            signal.signal(number, handler)


def _check(config, network, replicas):
    """Refuses what cannot train, before anything heavy begins.

    Raises:
      UserError: naming the flag.
    """
    if config.batch_size < 1 or config.batch_size % replicas:
        raise UserError(
            f'--batch_size={config.batch_size} cannot be divided among {replicas} device(s); '
            'it counts the images of all of them'
        )
    network.check_image_size(config.image_size or network.default_image_size)
    _preprocessing(config, network)
    if config.moving_average_decay is not None and not 0 < config.moving_average_decay < 1:
        raise UserError('--moving_average_decay must be between 0 and 1')


def create_train_step(config, dataset, strategy):
    """The `TrainStep` that a configuration describes, with freshly initialised variables."""
    network = nets_factory.get_network(config.model_name)
    network_fn = nets_factory.get_network_fn(
        config.model_name,
        dataset.num_output_classes(config.labels_offset),
        config.weight_decay,
        is_training=True,
        batch_norm_decay=config.batch_norm_decay,
    )
    tf.random.set_seed(config.seed)  # Of the initial weights, the only draw that is not stateless.
    arguments = network.optional_arguments(depth_multiplier=config.depth_multiplier)
    size = config.image_size or network.default_image_size
    return TrainStep(
        strategy,
        lambda: Model(network_fn, size, config.precision, **arguments),
        config.optimizer,
        config.schedule,
        schedules.decay_steps(config.schedule, dataset.num_images, config.images_per_update),
        trainable_scopes=config.trainable_scopes,
        last_layer_scopes=network.last_layer_scopes,
        label_smoothing=config.label_smoothing,
        moving_average_decay=config.moving_average_decay,
        replicas_to_aggregate=config.replicas_to_aggregate,
        seed=config.seed,
        scale_loss=config.precision == 'float16',
        jit_compile=config.jit_compile,
    )


def initialize(step, config, train_dir):
    """Gives a step its values: the newest checkpoint of `train_dir`, else `checkpoint_path`'s.

    Says in the log which weights they are.

    Raises:
      UserError: if a checkpoint does not fit.
    """
    newest = checkpoints.latest_checkpoint(train_dir)
    if newest:
        if config.checkpoint_path:
            log.warning(
                'WARNING: --checkpoint_path=%s is NOT used: %s already holds %s, from which '
                'training resumes. Give another --train_dir to start anew.',
                config.checkpoint_path,
                train_dir,
                os.path.basename(newest),
            )
        try:
            report = checkpoints.restore(step.variables(), checkpoints.Checkpoint(newest))
        except checkpoints.DamagedCheckpointError as error:
            raise UserError(
                f'{error}; remove {newest}.* to go on from the checkpoint before it'
            ) from error
        except UserError as error:
            raise UserError(
                f'{error} -- {train_dir} holds a training begun with other flags (network, '
                'optimizer, trainable scopes, moving averages): keep them, or give another '
                '--train_dir'
            ) from error
        log.info('resuming from step %d: %s', int(step.global_step.numpy()), report)
        return
    if config.checkpoint_path:
        report = checkpoints.restore(
            step.model.named_variables(),
            checkpoints.Checkpoint(config.checkpoint_path),
            exclude_scopes=config.checkpoint_exclude_scopes,
            last_layer_scopes=nets_factory.get_network(config.model_name).last_layer_scopes,
            ignore_missing_vars=config.ignore_missing_vars,
        )
        log.info('fine-tuning: %s', report)
    else:
        log.info('training from scratch: %d variables initialised', len(step.variables()))
    step.start_averages()


def _preprocessing(config, network):
    """What makes an image of a batch of a JPEG's bytes."""
    return preprocessing_factory.get_preprocessing(
        config.preprocessing_name or network.preprocessing,
        is_training=True,
        min_crop_area=config.min_crop_area,
    )


def _batches(config, dataset, strategy, position):
    """Iterator over distributed batches from the image at `position` on."""
    network = nets_factory.get_network(config.model_name)
    preprocess = _preprocessing(config, network)

    def dataset_fn(context):
        machines = context.num_input_pipelines
        host_shard = input_pipeline.HostShard(
            index=context.input_pipeline_id,
            count=machines,
            replicas=strategy.num_replicas_in_sync // machines,
        )
        return input_pipeline.training_batches(
            dataset,
            preprocess,
            config.image_size or network.default_image_size,
            config.batch_size,
            config.seed,
            position=position,
            labels_offset=config.labels_offset,
            host_shard=host_shard,
            num_readers=config.num_readers,
            num_threads=config.num_preprocessing_threads,
        )

    return iter(strategy.distribute_datasets_from_function(dataset_fn))


class _Clock:
    """Tells when something that is due every so many seconds is due."""

    def __init__(self, seconds):
        self._seconds, self._last = seconds, time.monotonic()

    def is_due(self):
        return time.monotonic() - self._last >= self._seconds

    def restart(self):
        self._last = time.monotonic()


def train(config, dataset, train_dir, strategy=None, flags=None):
    """Trains until `max_number_of_steps`, or until SIGTERM or SIGINT.

    Resumes from the newest checkpoint of `train_dir`; there the result is what it would have been
    without the interruption, data order and augmentation included (bit for bit on one CPU device).

    Args:
      config: a `TrainingConfig`.
      dataset: the training split, a `slim.datasets.dataset.Dataset`.
      train_dir: folder of checkpoints and event files.
      strategy: from `devices.create_strategy`; by default one device.
      flags: dictionary to show in TensorBoard.

    Returns:
      The number of the signal that ended training, None when it reached its last step.

    Raises:
      UserError: for whatever is the user's to mend; no checkpoint is written after a loss that is
        not finite.
      OSError: if `train_dir` cannot be written.
    """
    strategy = strategy or tf.distribute.get_strategy()
    network = nets_factory.get_network(config.model_name)
    _check(config, network, strategy.num_replicas_in_sync)
    chief = devices.is_chief()
    if chief:
        files.check_writable(train_dir)
    step = create_train_step(config, dataset, strategy)
    initialize(step, config, train_dir)
    start = int(step.global_step.numpy())
    if not step.is_same_everywhere(start):
        raise UserError(
            f'the machines of TF_CONFIG do not start from the same step, this one from {start}; '
            f'{train_dir} has to be a folder that they share, or empty on all of them'
        )
    last = config.max_number_of_steps if config.max_number_of_steps is not None else math.inf
    if start >= last:
        log.info('nothing to do: %s is at step %d of %d', train_dir, start, last)
        return None
    log.info(
        'training %d of %d variables on %s, %d images an update, steps %d to %s; batch '
        'norm uses the statistics of each batch and updates the moving ones',
        len(step.trained),
        len(step.model.trainable_variables),
        devices.describe(strategy),
        config.images_per_update,
        start,
        last,
    )

    if network.has_auxiliary_head and 'AuxLogits' not in step.model.output_shapes[1]:
        log.info('no auxiliary head: its place in the network is too small for these images')

    def save():
        tensors = step.snapshot()
        # A finite loss can have gradients that are not; a checkpoint of those would be the last.
        for name, tensor in tensors.items():
            if not np.isfinite(tensor).all():
                raise UserError(
                    f'{name} is not finite, and no checkpoint was saved. A smaller '
                    '--learning_rate usually helps'
                )
        if chief:
            number = int(tensors['global_step'])
            path = checkpoints.save(train_dir, tensors, number, config.max_checkpoints)
            log.info('saved %s', path)

    batches = _batches(config, dataset, strategy, start * config.images_per_update)
    try:
        # Before anything is written: a mistake in the data should not leave a training behind.
        batches = itertools.chain([next(batches)], batches)
        if start == 0:
            save()
        with (
            contextlib.closing(TrainingSummaries(train_dir if chief else None)) as summaries,
            _StopSignal() as stop,
        ):
            summaries.write_flags(flags or {}, start)
            return _loop(config, dataset, step, batches, summaries, save, stop, start, last)
    except input_pipeline.FAILURES as error:
        raise input_pipeline.explain_failure(error, dataset) from error


def _loop(config, dataset, step, batches, summaries, save, stop, start, last):
    """The steps from `start` to `last`; see `train`."""
    chief = devices.is_chief()
    save_clock = _Clock(config.save_interval_secs)
    summary_clock = _Clock(config.save_summaries_secs)
    meter = _Meter(config.images_per_update)
    saved = number = start
    while number < last:
        began = time.monotonic()
        inputs = [next(batches) for _ in range(config.replicas_to_aggregate)]
        waited = time.monotonic() - began
        first = number == start
        # All machines have to save together: they learn of each other's wishes with the step.
        control = [0, 0, 0]
        control[STOP] = int(stop.number is not None)
        control[SAVE] = int(chief and save_clock.is_due())
        control[SUMMARIZE] = int(chief and (first or summary_clock.is_due()))
        result = step(inputs, control)
        number += 1
        if not math.isfinite(result.total_loss):
            parts = ', '.join(f'{name} {value:g}' for name, value in result.losses.items())
            raise UserError(
                f'the loss is not finite at step {number} ({parts}); the last checkpoint is of '
                f'step {saved}. A smaller --learning_rate usually helps'
            )
        meter.add(time.monotonic() - began, waited, first)
        if number % config.log_every_n_steps == 0 or number == last:
            log.info('global step %d: loss = %.4f (%s)', number, result.total_loss, meter.text())
        if result.control[SUMMARIZE]:
            summary_clock.restart()
            summaries.write_scalars(_scalars(config, dataset, result, number, meter), number)
            summaries.write_images(_displayable(config, inputs, step.strategy), number)
        if result.control[SAVE] or result.control[STOP] or number == last:
            save()
            saved = number
            save_clock.restart()
        if result.control[STOP]:
            log.info('stopped at step %d', number)
            return stop.number or signal.SIGTERM
    summaries.write_scalars(_scalars(config, dataset, result, number, meter), number)
    return None


def _scalars(config, dataset, result, number, meter):
    """What TensorBoard plots of a step, by tag."""
    return {
        'total_loss': result.total_loss,
        **{f'losses/{name}': value for name, value in result.losses.items()},
        'learning_rate': result.learning_rate,
        'epoch': number * config.images_per_update / dataset.num_images,
        'images_per_second': meter.images_per_second,
        'input_wait_fraction': meter.wait_fraction,
    }


def _displayable(config, inputs, strategy):
    """Images of the first device's batch, as a person sees them."""
    network = nets_factory.get_network(config.model_name)
    style = preprocessing_factory.get_module(config.preprocessing_name or network.preprocessing)
    images = strategy.experimental_local_results(inputs[0][0])[0]
    return tf.clip_by_value(style.displayable(images), 0.0, 1.0)


class _Meter:
    """Speed over the last steps, and the share of the time that they waited for input."""

    def __init__(self, images_per_step, memory=50):
        self._images = images_per_step
        self._steps = collections.deque(maxlen=memory)
        self._compiled = False

    def add(self, seconds, waited, first):
        """Notes a step. The first one, which compiles, is forgotten as soon as there is another."""
        if self._compiled:
            self._steps.clear()
        self._compiled = first
        self._steps.append((seconds, waited))

    @property
    def _seconds(self):
        return sum(seconds for seconds, _ in self._steps)

    @property
    def images_per_second(self):
        return len(self._steps) * self._images / self._seconds

    @property
    def wait_fraction(self):
        return sum(waited for _, waited in self._steps) / self._seconds

    def text(self):
        seconds = self._seconds / len(self._steps)
        return (
            f'{seconds:.3f} sec/step, {self.images_per_second:.1f} images/sec, '
            f'{100 * self.wait_fraction:.1f}% of it waiting for input'
        )
