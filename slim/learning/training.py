"""The training loop: from the newest checkpoint to the last step, with checkpoints and summaries.

`train` sets everything up and `_loop` runs the steps; what they call stands below them.
"""

import itertools
import logging
import math
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import tensorflow as tf

from slim import files
from slim.configs import TrainingConfig
from slim.datasets import input_pipeline
from slim.datasets.dataset import Dataset
from slim.errors import UserError
from slim.learning import checkpoints, devices, schedules
from slim.learning.loop_helpers import Clock, Meter, StopSignal
from slim.learning.model import Model
from slim.learning.summaries import TrainingSummaries
from slim.learning.train_step import StepResult, TrainStep
from slim.nets import nets_factory
from slim.preprocessing import preprocessing_factory

log = logging.getLogger('slim')

STOP, SAVE, SUMMARIZE = range(3)  # Requests that a machine sends to all machines with a step.


def train(
    config: TrainingConfig,
    dataset: Dataset,
    train_dir: str,
    strategy: tf.distribute.Strategy | None = None,
    flags: Mapping[str, object] | None = None,
) -> int | None:
    """Trains until `max_number_of_steps`, or until SIGTERM or SIGINT.

    Resumes from the newest checkpoint of `train_dir`. The result is then the same as without the
    interruption, data order and augmentation included (bit for bit on one CPU device).

    Args:
      config: settings of the training.
      dataset: training split.
      train_dir: folder of checkpoints and event files.
      strategy: strategy from `devices.create_strategy`; by default one device.
      flags: names and values of flags, shown in TensorBoard.

    Returns:
      Number of the signal that ended training, None if it reached its last step.

    Raises:
      UserError: for every mistake of the user's, and for a loss or variable that is not finite, in
        which case no checkpoint is written.
      OSError: if `train_dir` cannot be written.
    """
    if devices.is_chief():
        files.check_writable(train_dir)
    step = create_train_step(config, dataset, strategy or tf.distribute.get_strategy())
    initialize(step, train_dir)
    start = int(step.global_step.numpy())
    if not step.is_same_everywhere(start):
        raise UserError(
            f'the machines of TF_CONFIG start from different steps, this one from {start}; '
            f'{train_dir} must be a shared folder, or empty on all of them'
        )
    if start >= _last_step(config):
        log.info('nothing to do: %s is at step %d of %d', train_dir, start, _last_step(config))
        return None
    _log_start(step, start)
    batches = _batches(step, dataset, start * config.images_per_update)
    try:
        # Before anything is written, so that an error in the data does not leave files behind.
        batches = itertools.chain([next(batches)], batches)
        if start == 0:
            _save(step, train_dir)
        return _loop(step, dataset, batches, train_dir, flags or {})
    except input_pipeline.FAILURES as error:
        raise input_pipeline.explain_failure(error, dataset) from error


def _loop(
    step: TrainStep,
    dataset: Dataset,
    batches: Iterator,
    train_dir: str,
    flags: Mapping[str, object],
) -> int | None:
    """Runs the training steps from `step.global_step` on; see `train`."""
    config, chief = step.config, devices.is_chief()
    start = saved = number = int(step.global_step.numpy())
    last = _last_step(config)
    save_clock, summary_clock = Clock(config.save_interval_secs), Clock(config.save_summaries_secs)
    meter = Meter(config.images_per_update)
    with TrainingSummaries(train_dir if chief else None) as summaries, StopSignal() as stop:
        summaries.write_flags(flags, start)
        while number < last:
            began = time.monotonic()
            inputs = [next(batches) for _ in range(config.replicas_to_aggregate)]
            waited = time.monotonic() - began
            first = number == start
            # All machines save together, so each one sends its requests to the others.
            control = [0, 0, 0]
            control[STOP] = int(stop.number is not None)
            control[SAVE] = int(chief and save_clock.is_due())
            control[SUMMARIZE] = int(chief and (first or summary_clock.is_due()))
            result = step(inputs, control)
            number += 1
            if not math.isfinite(result.total_loss):
                losses = ', '.join(f'{name} {value:g}' for name, value in result.losses.items())
                raise UserError(
                    f'the loss is not finite at step {number} ({losses}); the last checkpoint is '
                    f'that of step {saved}. A smaller --learning_rate usually helps'
                )
            meter.add(time.monotonic() - began, waited, first)
            if number % config.log_every_n_steps == 0 or number == last:
                log.info('global step %d: loss = %.4f (%s)', number, result.total_loss, meter)
            if result.control[SUMMARIZE]:
                summary_clock.restart()
                summaries.write_scalars(_scalars(config, dataset, result, number, meter), number)
                summaries.write_images(_displayable(step, inputs), number)
            if result.control[SAVE] or result.control[STOP] or number == last:
                _save(step, train_dir)
                saved = number
                save_clock.restart()
            if result.control[STOP]:
                log.info('stopped at step %d', number)
                return stop.number or signal.SIGTERM
        summaries.write_scalars(_scalars(config, dataset, result, number, meter), number)
    return None


def create_train_step(
    config: TrainingConfig, dataset: Dataset, strategy: tf.distribute.Strategy
) -> TrainStep:
    """Creates the `TrainStep` that `config` describes, with freshly initialised variables.

    Raises:
      UserError: naming the flag, if the configuration cannot be trained.
    """
    network = nets_factory.get_network(config.model_name)
    size, replicas = config.image_size or network.default_image_size, strategy.num_replicas_in_sync
    # Everything that is quick to check comes before anything that takes time.
    if config.batch_size < 1 or config.batch_size % replicas:
        raise UserError(
            f'--batch_size={config.batch_size} cannot be divided among {replicas} device(s); '
            'it counts the images of all of them'
        )
    network.check_image_size(size)
    _preprocessing(config, network)
    if config.moving_average_decay is not None and not 0 < config.moving_average_decay < 1:
        raise UserError('--moving_average_decay must be between 0 and 1')
    network_fn = nets_factory.get_network_fn(
        config.model_name,
        dataset.num_output_classes(config.labels_offset),
        config.weight_decay,
        is_training=True,
        batch_norm_decay=config.batch_norm_decay,
    )
    arguments = network.optional_arguments(depth_multiplier=config.depth_multiplier)
    tf.random.set_seed(config.seed)  # For the initial weights, the only stateful random numbers.
    return TrainStep(
        config,
        network,
        lambda: Model(network_fn, size, config.precision, **arguments),
        schedules.decay_steps(config.schedule, dataset.num_images, config.images_per_update),
        strategy,
    )


def initialize(step: TrainStep, train_dir: str) -> None:
    """Loads the newest checkpoint of `train_dir`, else `checkpoint_path`, into the variables.

    Logs which weights were loaded. Without a checkpoint the variables keep their initial values.

    Raises:
      UserError: if a checkpoint is damaged or does not fit.
    """
    config = step.config
    newest = checkpoints.latest_checkpoint(train_dir)
    if newest:
        if config.checkpoint_path:
            log.warning(
                'WARNING: --checkpoint_path=%s is NOT used: %s already holds %s, from which '
                'training resumes. For a new training give another --train_dir.',
                config.checkpoint_path,
                train_dir,
                os.path.basename(newest),
            )
        try:
            report = checkpoints.restore(step.variables(), checkpoints.Checkpoint(newest))
        except checkpoints.DamagedCheckpointError as error:
            raise UserError(
                f'{error}; remove {newest}.* to resume from the checkpoint before it'
            ) from error
        except UserError as error:
            raise UserError(
                f'{error} -- {train_dir} holds a training begun with other flags (network, '
                'optimizer, trainable scopes, EMA weights): keep them, or give another '
                '--train_dir'
            ) from error
        log.info('resuming from step %d: %s', int(step.global_step.numpy()), report)
        return
    if config.checkpoint_path:
        report = checkpoints.restore(
            step.model.named_variables(),
            checkpoints.Checkpoint(config.checkpoint_path),
            exclude_scopes=config.checkpoint_exclude_scopes,
            last_layer_scopes=step.network.last_layer_scopes,
            ignore_missing_vars=config.ignore_missing_vars,
        )
        log.info('fine-tuning: %s', report)
    else:
        log.info('training from scratch: %d variables initialised', len(step.variables()))
    step.start_averages()


def _last_step(config: TrainingConfig) -> float:
    """Returns the step at which training ends, infinity if it does not."""
    return math.inf if config.max_number_of_steps is None else config.max_number_of_steps


def _log_start(step: TrainStep, start: int) -> None:
    log.info(
        'training %d of %d variables on %s, %d images per step, steps %d to %s; batch norm uses '
        'the statistics of each batch and updates the moving ones',
        len(step.trained),
        len(step.model.trainable_variables),
        devices.describe(step.strategy),
        step.config.images_per_update,
        start,
        _last_step(step.config),
    )
    if step.network.has_auxiliary_head and 'AuxLogits' not in step.model.output_shapes[1]:
        log.info('no auxiliary head: its feature map is too small for images of this size')


def _save(step: TrainStep, train_dir: str) -> None:
    """Saves a checkpoint if this machine is the chief; all machines have to call it together.

    Raises:
      UserError: if a variable is not finite.
    """
    tensors = step.snapshot()
    # A finite loss can have gradients that are not; no training could resume from such a step.
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise UserError(
                f'{name} is not finite, and no checkpoint was saved. A smaller --learning_rate '
                'usually helps'
            )
    if devices.is_chief():
        number, to_keep = int(tensors['global_step']), step.config.max_checkpoints
        log.info('saved %s', checkpoints.save(train_dir, tensors, number, to_keep))


def _preprocessing(config: TrainingConfig, network: nets_factory.Network) -> Callable:
    """Returns the function that makes a training image of a JPEG's bytes."""
    return preprocessing_factory.get_preprocessing(
        config.preprocessing_name or network.preprocessing,
        is_training=True,
        min_crop_area=config.min_crop_area,
    )


def _batches(step: TrainStep, dataset: Dataset, position: int) -> Iterator:
    """Returns an iterator over distributed batches, from the image at `position` on."""
    config, network, strategy = step.config, step.network, step.strategy
    preprocess = _preprocessing(config, network)

    def dataset_fn(context: tf.distribute.InputContext) -> tf.data.Dataset:
        machines = context.num_input_pipelines
        replicas = strategy.num_replicas_in_sync // machines
        host_shard = input_pipeline.HostShard(context.input_pipeline_id, machines, replicas)
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


def _scalars(
    config: TrainingConfig, dataset: Dataset, result: StepResult, number: int, meter: Meter
) -> dict[str, float]:
    """Returns the values that TensorBoard plots for a step, by tag."""
    return {
        'total_loss': result.total_loss,
        **{f'losses/{name}': value for name, value in result.losses.items()},
        'learning_rate': result.learning_rate,
        'epoch': number * config.images_per_update / dataset.num_images,
        'images_per_second': meter.images_per_second,
        'input_wait_fraction': meter.wait_fraction,
    }


def _displayable(step: TrainStep, inputs: list) -> tf.Tensor:
    """Returns the first device's images of a step, float32 [n, h, w, 3] in [0, 1]."""
    name = step.config.preprocessing_name or step.network.preprocessing
    style = preprocessing_factory.get_module(name)
    images = step.strategy.experimental_local_results(inputs[0][0])[0]
    return tf.clip_by_value(style.displayable(images), 0.0, 1.0)
