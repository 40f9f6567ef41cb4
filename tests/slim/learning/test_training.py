"""The training loop: resuming after an interruption, checkpoints, logs and errors."""

import dataclasses
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from slim import configs
from slim.datasets.dataset import load_dataset
from slim.errors import UserError
from slim.learning import checkpoints, training
from slim.nets import nets_factory
from tests.slim.learning import small_network

STEPS = 12  # Two epochs of the training set, so that the learning rate falls once.
FLAGS = (
    '--dataset_name=stripes --depth_multiplier=0.1 --train_image_size=75 --batch_size=8 '
    '--optimizer=momentum --learning_rate=0.01 --num_epochs_per_decay=1 --label_smoothing=0.1 '
    f'--moving_average_decay=0.99 --seed=5 --max_number_of_steps={STEPS} --max_checkpoints=0 '
    '--save_interval_secs=0 --log_every_n_steps=1 --deterministic'
).split()


def _start(data, train_dir):
    script = os.path.join(os.path.dirname(__file__), '..', '..', '..', 'train.py')
    command = [sys.executable, script, f'--dataset_dir={data}', f'--train_dir={train_dir}', *FLAGS]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def _contents(path):
    checkpoint = checkpoints.Checkpoint(path)
    return {name: checkpoint.read(name) for name in checkpoint.shapes}


def test_a_killed_training_resumes_bit_for_bit(stripes, tmp_path):
    undisturbed, killed = tmp_path / 'undisturbed', tmp_path / 'killed'
    process = _start(stripes, undisturbed)
    assert process.wait(timeout=120) == 0, process.stderr.read()
    process.stderr.close()

    step = random.Random(os.getpid()).randrange(
        2, STEPS - 2
    )  # Any step will do: another one in every run.
    process = _start(stripes, killed)
    for line in process.stderr:
        if f'global step {step}:' in line:
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait(timeout=60) == -signal.SIGKILL
    process.stderr.close()
    left = checkpoints.Checkpoint(str(killed)).global_step
    assert step - 1 <= left < STEPS

    process = _start(stripes, killed)
    _, log = process.communicate(timeout=120)
    assert process.returncode == 0 and f'resuming from step {left}' in log
    for number in (left + 1, STEPS):
        want = _contents(str(undisturbed / f'model.ckpt-{number}'))
        got = _contents(str(killed / f'model.ckpt-{number}'))
        assert set(got) == set(want)
        for name, value in want.items():
            np.testing.assert_array_equal(got[name], value, err_msg=f'{name}, killed at {step}')


@pytest.fixture(scope='module')
def dataset(stripes):
    return load_dataset(str(stripes), 'stripes', 'train')


@pytest.fixture(scope='module', autouse=True)
def registered_network():
    """Adds the small network, which is built ten times faster, to the registry."""
    nets_factory.NETWORKS['small'] = small_network.NETWORK
    yield
    del nets_factory.NETWORKS['small']


CONFIG = configs.TrainingConfig(
    model_name='small',
    image_size=75,
    batch_size=8,
    max_number_of_steps=3,
    optimizer=configs.OptimizerConfig(name='momentum'),
    schedule=configs.ScheduleConfig('fixed', 0.01),
    log_every_n_steps=1,
)


def _config(**changes):
    return dataclasses.replace(CONFIG, **changes)


@pytest.fixture(scope='module')
def trained(dataset, tmp_path_factory):
    """Returns the folder of a training with `CONFIG`, to be read only."""
    folder = tmp_path_factory.mktemp('trained')
    assert training.train(CONFIG, dataset, str(folder)) is None
    return folder


@pytest.fixture
def own_trained(trained, tmp_path):
    """Returns a copy of `trained` that a test may continue or damage."""
    return shutil.copytree(trained, tmp_path / 'own trained')


def test_saves_the_first_and_the_last_step(trained):
    paths = [os.path.basename(path) for path in checkpoints.list_checkpoints(str(trained))]
    assert paths == ['model.ckpt-0', 'model.ckpt-3']


def test_saves_and_logs_at_its_intervals(dataset, tmp_path, caplog):
    with caplog.at_level(logging.INFO, 'slim'):
        config = _config(save_interval_secs=0, log_every_n_steps=2, max_number_of_steps=4)
        training.train(config, dataset, str(tmp_path))
    assert len(checkpoints.list_checkpoints(str(tmp_path))) == 5
    lines = [r.getMessage() for r in caplog.records if r.getMessage().startswith('global step')]
    assert [line.split(':')[0] for line in lines] == ['global step 2', 'global step 4']


def test_warns_that_a_checkpoint_of_train_dir_takes_precedence(
    dataset, own_trained, tmp_path, caplog
):
    config = _config(checkpoint_path=str(tmp_path / 'b'), max_number_of_steps=4)
    training.train(config, dataset, str(own_trained))  # b does not exist and is not read.
    assert 'NOT used' in caplog.text and 'model.ckpt-3' in caplog.text
    assert checkpoints.Checkpoint(str(own_trained)).global_step == 4


def test_does_nothing_if_training_is_finished(dataset, own_trained, caplog):
    before = sorted(os.listdir(own_trained))
    with caplog.at_level(logging.INFO, 'slim'):
        training.train(CONFIG, dataset, str(own_trained))
    assert 'nothing to do' in caplog.text and sorted(os.listdir(own_trained)) == before


def test_fine_tuning_starts_from_the_checkpoint_and_trains_the_given_scopes(
    dataset, trained, tmp_path
):
    config = _config(
        checkpoint_path=str(trained),
        checkpoint_exclude_scopes=('Logits',),
        trainable_scopes=('Logits',),
        moving_average_decay=0.9,
        seed=1,
    )
    training.train(config, dataset, str(tmp_path))
    source = _contents(str(trained))
    start, end = (_contents(str(tmp_path / f'model.ckpt-{n}')) for n in (0, 3))
    for name in source:
        if not name.startswith(small_network.SCOPE) or name.endswith('Momentum'):
            continue
        same = (start[name] == source[name]).all()
        assert same == ('Logits' not in name) or name.endswith(('beta', 'moving_mean', 'biases'))
        frozen = 'Logits' not in name and name.endswith(('weights', 'beta'))
        if frozen:
            np.testing.assert_array_equal(end[name], source[name], err_msg=name)
        np.testing.assert_array_equal(
            start[name + checkpoints.AVERAGE_SUFFIX], start[name], err_msg=name
        )


def test_resuming_with_other_flags_is_refused(dataset, own_trained):
    config = _config(optimizer=configs.OptimizerConfig(name='rmsprop'), max_number_of_steps=5)
    with pytest.raises(UserError, match='RMSProp.*begun with other flags'):
        training.train(config, dataset, str(own_trained))


def test_stops_at_a_loss_that_is_not_finite_and_keeps_the_last_checkpoint(dataset, tmp_path):
    config = _config(schedule=configs.ScheduleConfig('fixed', 1e30), max_number_of_steps=50)
    with pytest.raises(UserError, match='not finite at step .* smaller --learning_rate'):
        training.train(config, dataset, str(tmp_path))
    assert [os.path.basename(p) for p in checkpoints.list_checkpoints(str(tmp_path))] == [
        'model.ckpt-0'
    ]
    assert all(np.isfinite(value).all() for value in _contents(str(tmp_path)).values())


@pytest.mark.parametrize(
    'changes, message',
    [
        ({'image_size': 50}, '75x75'),
        ({'labels_offset': 4}, 'labels_offset=4 leaves no class'),
        ({'trainable_scopes': ('Logitz',)}, 'Logitz matches no variable'),
        ({'checkpoint_path': 'nowhere/x.ckpt'}, 'no checkpoint nowhere/x.ckpt'),
        ({'moving_average_decay': 1.5}, 'between 0 and 1'),
        ({'depth_multiplier': 0.0}, 'depth_multiplier must be above zero'),
        ({'optimizer': configs.OptimizerConfig(name='adma')}, 'did you mean adam'),
        ({'schedule': configs.ScheduleConfig('fixd')}, 'did you mean fixed'),
        ({'preprocessing_name': 'vg'}, 'did you mean vgg'),
        ({'model_name': 'inception_3'}, 'did you mean inception_v3'),
    ],
)
def test_refuses_an_invalid_configuration(dataset, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        training.train(_config(**changes), dataset, str(tmp_path / 'x'))


def test_a_folder_that_cannot_be_written_is_refused_at_once(dataset, tmp_path):
    (tmp_path / 'file').write_text('')
    start = time.monotonic()
    with pytest.raises(OSError):
        training.train(CONFIG, dataset, str(tmp_path / 'file' / 'x'))
    assert time.monotonic() - start < 2


def test_a_damaged_checkpoint_is_refused_with_a_remedy(dataset, own_trained):
    newest = own_trained / 'model.ckpt-3'
    with open(f'{newest}.data-00000-of-00001', 'r+b') as file:
        file.truncate(100)
    config = _config(max_number_of_steps=5)
    with pytest.raises(UserError, match=r'damaged.*remove .*model.ckpt-3\.\*'):
        training.train(config, dataset, str(own_trained))
    for path in own_trained.glob('model.ckpt-3.*'):
        path.unlink()
    training.train(config, dataset, str(own_trained))
    assert checkpoints.Checkpoint(str(own_trained)).global_step == 5


def test_an_error_in_the_data_leaves_no_files_behind(dataset, tmp_path):
    with pytest.raises(UserError, match='is --labels_offset right'):
        training.train(_config(labels_offset=1), dataset, str(tmp_path / 'x'))
    assert not (tmp_path / 'x').exists()
