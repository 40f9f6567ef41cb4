"""Set-up of devices: `--num_clones` GPUs of one machine, or the machines of `TF_CONFIG`."""

import json
import logging
import os
from typing import Any

import tensorflow as tf

from slim.errors import UserError

log = logging.getLogger('slim')


def _tf_config() -> dict[str, Any]:
    """Returns the contents of TF_CONFIG, {} if it is unset or blank.

    Raises:
      UserError: if it is not JSON, or has no cluster or no task.
    """
    text = os.environ.get('TF_CONFIG', '')
    if not text.strip():
        os.environ.pop('TF_CONFIG', None)  # TensorFlow rejects an empty one.
        return {}
    try:
        config = json.loads(text)
        workers = config['cluster']['worker']
        index = config['task']['index']
        if config['task']['type'] != 'worker' or not 0 <= index < len(workers):
            raise KeyError(config['task'])
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise UserError(
            f'TF_CONFIG is not valid ({error!r}); it looks like {{"cluster": {{"worker": '
            '["host1:port", "host2:port"]}, "task": {"type": "worker", "index": 0}}'
        ) from error
    return config


def _use_cpus(count: int) -> list[str]:
    """Splits the CPU into `count` logical devices, to try out the program for several devices."""
    cpu = tf.config.list_physical_devices('CPU')[0]
    configuration = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
    tf.config.set_logical_device_configuration(cpu, configuration)
    return [f'/cpu:{number}' for number in range(count)]


def set_up(tf32: bool = False) -> None:
    """Configures TensorFlow's devices. Call it before any other use of TensorFlow.

    GPU memory is allocated as needed, so that training and evaluation can share a GPU. GPUs compute
    in full float32; TensorFlow's default lets newer ones multiply with 10 bits of the mantissa.

    Args:
      tf32: whether to keep that default.
    """
    gpus = tf.config.list_physical_devices('GPU')
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if not gpus and os.path.exists('/dev/nvidiactl') and 'CUDA_VISIBLE_DEVICES' not in os.environ:
        log.warning(
            'WARNING: this machine has an NVIDIA GPU that TensorFlow cannot use; '
            './setup.sh gpu installs the missing libraries'
        )
    tf.config.experimental.enable_tensor_float_32_execution(tf32)


def prefetch(batches: tf.data.Dataset, count: int = 2) -> tf.data.Dataset:
    """Prefetches batches to the GPU; no effect on CPU."""
    if not tf.config.list_logical_devices('GPU'):
        return batches
    return batches.apply(tf.data.experimental.prefetch_to_device('/gpu:0', count))


def create_strategy(num_clones: int = 1, clone_on_cpu: bool = False) -> tf.distribute.Strategy:
    """Creates the distribution strategy. Call it after `set_up`, before anything is computed.

    Args:
      num_clones: number of GPUs of this machine; without a GPU, number of logical CPU devices.
      clone_on_cpu: whether to use the CPU although there are GPUs.

    Returns:
      `MultiWorkerMirroredStrategy` if TF_CONFIG is set, `MirroredStrategy` for several devices,
      `OneDeviceStrategy` for one GPU, the default strategy for the CPU.

    Raises:
      UserError: if there are too few GPUs, or TF_CONFIG is not valid.
    """
    several_machines = bool(_tf_config())
    if clone_on_cpu:
        tf.config.set_visible_devices([], 'GPU')
    gpus = [] if clone_on_cpu else tf.config.list_physical_devices('GPU')
    if gpus and num_clones > len(gpus):
        raise UserError(f'--num_clones={num_clones}, but this machine has {len(gpus)} GPU(s)')
    if gpus:
        tf.config.set_visible_devices(gpus[:num_clones], 'GPU')
    elif several_machines and num_clones > 1:
        raise UserError('--num_clones: with TF_CONFIG, a machine without GPUs counts as one device')
    if several_machines:
        return tf.distribute.MultiWorkerMirroredStrategy()
    if gpus and num_clones == 1:
        return tf.distribute.OneDeviceStrategy('/gpu:0')  # Keeps batches on the GPU.
    if gpus:
        return tf.distribute.MirroredStrategy([f'/gpu:{number}' for number in range(num_clones)])
    if num_clones == 1:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy(
        _use_cpus(num_clones), cross_device_ops=tf.distribute.ReductionToOneDevice()
    )


def describe(strategy: tf.distribute.Strategy) -> str:
    """Returns number and kind of the devices of a strategy: '4 GPU device(s)'."""
    kind = 'GPU' if tf.config.list_logical_devices('GPU') else 'CPU'
    return f'{strategy.num_replicas_in_sync} {kind} device(s)'


def is_chief() -> bool:
    """Returns whether this process is the one that writes checkpoints and summaries."""
    config = _tf_config()
    return not config or config['task']['index'] == 0


def use_deterministic_operations() -> None:
    """Restricts TensorFlow to operations that give the same bits on every run."""
    tf.config.experimental.enable_op_determinism()
