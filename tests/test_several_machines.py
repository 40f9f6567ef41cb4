"""Training on two machines with TF_CONFIG, here two processes on the loopback interface."""

import json
import signal
import socket
import time

import numpy as np
import pytest

from slim.datasets.dataset import load_dataset

STEPS = 4


def free_ports(count):
    """Returns unused ports of this machine."""
    sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range(count)]
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


@pytest.fixture
def flags(tiny_flags):
    """Returns flags of a training with visible changes per step and as few variables as possible.

    The machines synchronize every variable when it is created, which takes a tenth of a second.
    """
    return (
        *tiny_flags,
        '--clone_on_cpu',
        '--optimizer=sgd',
        '--learning_rate=0.02',
        '--batch_norm_decay=0.5',
        f'--max_number_of_steps={STEPS}',
    )


@pytest.fixture
def start_workers(start_script, tmp_path):
    """Returns `start_workers(*flags)`, which starts train.py as two workers."""

    def start(*flags):
        addresses = [f'127.0.0.1:{port}' for port in free_ports(2)]
        return [
            start_script(
                'train.py',
                *flags,
                f'--train_dir={tmp_path}/worker {index}',
                env={
                    'TF_CONFIG': json.dumps(
                        {
                            'cluster': {'worker': addresses},
                            'task': {'type': 'worker', 'index': index},
                        }
                    )
                },
            )
            for index in range(2)
        ]

    return start


def end_all(scripts, number=None, timeout=400):
    """Waits for scripts that end together, and returns their exit statuses."""
    if number is not None:
        for script in scripts:
            script.process.send_signal(number)
    deadline = time.monotonic() + timeout
    return [script.end(timeout=max(1, deadline - time.monotonic())) for script in scripts]


def read_checkpoint(folder, step):
    from slim.learning import checkpoints

    checkpoint = checkpoints.Checkpoint(str(folder / f'model.ckpt-{step}'))
    return {name: checkpoint.read(name) for name in checkpoint.shapes}


def test_two_machines_give_the_same_result_as_two_devices(
    start_workers, run_script, flags, tiny_config, tmp_path
):
    # A regression test: the step once ended with 'ValueError: destinations can not be empty'.
    workers = start_workers(*flags)
    assert end_all(workers) == [0, 0], workers[0].stderr + workers[1].stderr
    for worker in workers:
        assert '8 images per step' in worker.stderr
        assert 'Traceback' not in worker.stderr
    # Only worker 0 writes.
    steps = {path.name for path in (tmp_path / 'worker 0').glob('*.index')}
    assert steps == {'model.ckpt-0.index', f'model.ckpt-{STEPS}.index'}
    assert not (tmp_path / 'worker 1').exists()

    clones = run_script('train.py', *flags, f'--train_dir={tmp_path}/clones', '--num_clones=2')
    assert clones.returncode == 0, clones.stderr
    assert '2 CPU device(s), 8 images per step' in clones.stderr

    start = read_checkpoint(tmp_path / 'worker 0', 0)
    machines = read_checkpoint(tmp_path / 'worker 0', STEPS)
    devices = read_checkpoint(tmp_path / 'clones', STEPS)
    assert machines.keys() == devices.keys()
    assert machines['global_step'] == devices['global_step'] == STEPS
    for name, value in machines.items():
        if name == 'global_step':
            continue
        np.testing.assert_allclose(value, devices[name], rtol=1e-4, atol=1e-4, err_msg=name)
    # Both have changed: equality is not due to a training without effect.
    learned = [np.abs(machines[name] - start[name]).max() for name in start if 'weights' in name]
    assert max(learned) > 1e-3


@pytest.mark.parametrize('position', [0, 8 * 11])
def test_the_shards_of_the_machines_together_are_the_batch_of_one(data_dir, tiny_config, position):
    """Compares them at the start, and near the end of an epoch of 96 images."""
    import tensorflow as tf

    from slim.datasets import input_pipeline
    from slim.preprocessing import preprocessing_factory

    dataset = load_dataset(str(data_dir), 'photos', 'train')
    preprocess = preprocessing_factory.get_preprocessing('inception', is_training=True)

    def batches(host_shard=None, count=3):
        given = {'position': position, 'host_shard': host_shard}
        dataset_of_batches = input_pipeline.training_batches(dataset, preprocess, 75, 8, 0, **given)
        return [tf.nest.map_structure(np.asarray, b) for b in dataset_of_batches.take(count)]

    whole = batches()
    first, second = (batches(input_pipeline.HostShard(index, 2)) for index in range(2))
    for (images, labels), *halves in zip(whole, first, second, strict=True):
        assert images.shape == (8, 75, 75, 3)
        np.testing.assert_array_equal(np.concatenate([half[0] for half in halves]), images)
        np.testing.assert_array_equal(np.concatenate([half[1] for half in halves]), labels)


@pytest.mark.slow
def test_a_signal_to_one_machine_stops_both_with_one_checkpoint(start_workers, flags, tmp_path):
    given = (*flags, '--max_number_of_steps=100000', '--log_every_n_steps=1')
    workers = start_workers(*given)
    for worker in workers:
        worker.wait_for('global step 3:', timeout=400)
    # The signal goes to the worker that does not write; the other one receives it with a step.
    workers[1].process.send_signal(signal.SIGTERM)
    statuses = end_all(workers, timeout=60)
    assert statuses == [128 + signal.SIGTERM] * 2, workers[0].stderr + workers[1].stderr
    [step] = {worker.stderr.split('stopped at step ')[1].split()[0] for worker in workers}
    assert (tmp_path / 'worker 0' / f'model.ckpt-{step}.index').exists()
    assert not (tmp_path / 'worker 1').exists()
