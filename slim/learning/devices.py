"""Which devices train: `--num_clones` GPUs of one machine, or the machines of `TF_CONFIG`."""

import json
import logging
import os

import tensorflow as tf

from slim.errors import UserError

log = logging.getLogger('slim')


def _tf_config():
    """TF_CONFIG's content, {} where it is unset.

    Raises:
      UserError: if it is no JSON or lacks its cluster or task.
    """
    text = os.environ.get('TF_CONFIG', '')
    if not text.strip():
        os.environ.pop('TF_CONFIG', None)  # TensorFlow itself takes an empty one for broken JSON.
        return {}
    try:
        config = json.loads(text)
        workers = config['cluster']['worker']
        index = config['task']['index']
        if config['task']['type'] != 'worker' or not 0 <= index < len(workers):
            raise KeyError(config['task'])
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise UserError(
            f'TF_CONFIG is not understood ({error!r}); it reads like {{"cluster": {{"worker": '
            '["host1:port", "host2:port"]}, "task": {"type": "worker", "index": 0}}'
        ) from error
    return config


def _use_cpus(count):
    """Makes `count` logical devices of the CPU: the same program, for trying things out."""
    cpu = tf.config.list_physical_devices('CPU')[0]
    configuration = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
    tf.config.set_logical_device_configuration(cpu, configuration)
    return [f'/cpu:{number}' for number in range(count)]


def set_up(tf32=False):
    """Sets what holds for every use of TensorFlow. Call it before any other.

    Takes GPU memory as it is needed, so that training and evaluation can share a GPU, and computes
    in full float32: by itself TensorFlow lets newer GPUs multiply with 10 bits of the mantissa.

    Args:
      tf32: whether they may.
    """
    gpus = tf.config.list_physical_devices('GPU')
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if not gpus and os.path.exists('/dev/nvidiactl') and 'CUDA_VISIBLE_DEVICES' not in os.environ:
        log.warning(
            'WARNING: this machine has an NVIDIA GPU that TensorFlow cannot use; '
            './setup.sh gpu installs what it lacks'
        )
    tf.config.experimental.enable_tensor_float_32_execution(tf32)


def prefetch(batches, count=2):
    """A dataset of batches that are on the GPU before they are asked for; as it is without one."""
    if not tf.config.list_logical_devices('GPU'):
        return batches
    return batches.apply(tf.data.experimental.prefetch_to_device('/gpu:0', count))


def create_strategy(num_clones=1, clone_on_cpu=False):
    """The distribution strategy. Call it after `set_up`, before anything is computed.

    Args:
      num_clones: GPUs of this machine to use; without a GPU, that many logical CPU devices.
      clone_on_cpu: whether to leave the GPUs alone.

    Returns:
      A `tf.distribute.Strategy`: for one device `OneDeviceStrategy` on a GPU and the default one on
      the CPU, `MirroredStrategy` for several, `MultiWorkerMirroredStrategy` where TF_CONFIG is set.

    Raises:
      UserError: if there are too few GPUs, or TF_CONFIG is not understood.
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
        raise UserError('--num_clones: with TF_CONFIG a machine without GPUs is one device')
    if several_machines:
        return tf.distribute.MultiWorkerMirroredStrategy()
    if gpus and num_clones == 1:
        return tf.distribute.OneDeviceStrategy('/gpu:0')  # Its batches wait on the GPU.
    if gpus:
        return tf.distribute.MirroredStrategy([f'/gpu:{number}' for number in range(num_clones)])
    if num_clones == 1:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy(
        _use_cpus(num_clones), cross_device_ops=tf.distribute.ReductionToOneDevice()
    )


def describe(strategy):
    """How many devices of which kind a strategy trains on."""
    kind = 'GPU' if tf.config.list_logical_devices('GPU') else 'CPU'
    return f'{strategy.num_replicas_in_sync} {kind} device(s)'


def is_chief():
    """Whether this process is the one that writes checkpoints and logs."""
    config = _tf_config()
    return not config or config['task']['index'] == 0


def use_deterministic_operations():
    """From here on TensorFlow uses only operations that give the same bits on every run."""
    tf.config.experimental.enable_op_determinism()
