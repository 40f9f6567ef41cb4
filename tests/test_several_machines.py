"""Two machines under TF_CONFIG, here two processes that speak over the loopback interface."""

import json
import signal
import socket
import time

import numpy as np
import pytest

from slim.datasets.dataset import load_dataset

STEPS = 4


def free_ports(count):
    """Ports of this machine that nobody listens on."""
    sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range(count)]
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


@pytest.fixture
def flags(tiny_flags):
    """A training whose every step leaves a mark, with as few variables as there can be.

    Machines agree on every variable as it is created, which takes a tenth of a second each.
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
    """`start_workers(*flags)` starts train.py as two workers, each with a folder of its own."""

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
    """Ends scripts that only end together; returns their exit statuses."""
    if number is not None:
        for script in scripts:
            script.process.send_signal(number)
    deadline = time.monotonic() + timeout
    return [script.end(timeout=max(1, deadline - time.monotonic())) for script in scripts]


def read_checkpoint(folder, step):
    from slim.learning import checkpoints

    checkpoint = checkpoints.Checkpoint(str(folder / f'model.ckpt-{step}'))
    return {name: checkpoint.read(name) for name in checkpoint.shapes}


def test_two_machines_train_what_two_devices_of_one_machine_do(
    start_workers, run_script, flags, tiny_config, tmp_path
):
    # Shows a bug: the step ends with 'ValueError: destinations can not be empty'.
    workers = start_workers(*flags)
    assert end_all(workers) == [0, 0], workers[0].stderr + workers[1].stderr
    for worker in workers:
        assert '8 images an update' in worker.stderr
        assert 'Traceback' not in worker.stderr
    # Worker 0 alone writes.
    steps = {path.name for path in (tmp_path / 'worker 0').glob('*.index')}
    assert steps == {'model.ckpt-0.index', f'model.ckpt-{STEPS}.index'}
    assert not (tmp_path / 'worker 1').exists()

    clones = run_script('train.py', *flags, f'--train_dir={tmp_path}/clones', '--num_clones=2')
    assert clones.returncode == 0, clones.stderr
    assert '2 CPU device(s), 8 images an update' in clones.stderr

    start = read_checkpoint(tmp_path / 'worker 0', 0)
    machines = read_checkpoint(tmp_path / 'worker 0', STEPS)
    devices = read_checkpoint(tmp_path / 'clones', STEPS)
    assert machines.keys() == devices.keys()
    assert machines['global_step'] == devices['global_step'] == STEPS
    for name, value in machines.items():
        if name == 'global_step':
            continue
        np.testing.assert_allclose(value, devices[name], rtol=1e-4, atol=1e-4, err_msg=name)
    # Equal because both learned, not because neither did.
    learned = [np.abs(machines[name] - start[name]).max() for name in start if 'weights' in name]
    assert max(learned) > 1e-3


@pytest.mark.parametrize('position', [0, 8 * 11])
def test_the_shares_of_the_machines_are_together_the_batch_of_one(data_dir, tiny_config, position):
    """The second position is near the end of an epoch of 96 images."""
    import tensorflow as tf

    from slim.datasets import input_pipeline
    from slim.preprocessing import preprocessing_factory

    dataset = load_dataset(str(data_dir), 'photos', 'train')
    preprocess = preprocessing_factory.get_preprocessing('inception', is_training=True)

    def batches(host_shard=None, count=3):
        given = {'position': position, 'host_shard': host_shard}
        found = input_pipeline.training_batches(dataset, preprocess, 75, 8, 0, **given)
        return [tf.nest.map_structure(np.asarray, batch) for batch in found.take(count)]

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
    # To the one that does not write: the other learns of it with a step.
    workers[1].process.send_signal(signal.SIGTERM)
    statuses = end_all(workers, timeout=60)
    assert statuses == [128 + signal.SIGTERM] * 2, workers[0].stderr + workers[1].stderr
    [step] = {worker.stderr.split('stopped at step ')[1].split()[0] for worker in workers}
    assert (tmp_path / 'worker 0' / f'model.ckpt-{step}.index').exists()
    assert not (tmp_path / 'worker 1').exists()
