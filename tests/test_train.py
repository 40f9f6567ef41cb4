"""train.py: flags, errors in one line, signals and resuming."""

import dataclasses
import re
import shutil
import signal

import numpy as np
import pytest

from slim import configs
from slim.datasets.dataset import load_dataset
from slim.errors import UserError

# Flags of the original train.py that are still accepted.
ORIGINAL_FLAGS = """
    train_dir dataset_dir dataset_name dataset_split_name model_name preprocessing_name
    checkpoint_path checkpoint_exclude_scopes trainable_scopes ignore_missing_vars optimizer
    opt_epsilon momentum rmsprop_momentum rmsprop_decay adadelta_rho
    adagrad_initial_accumulator_value adam_beta1 adam_beta2 ftrl_learning_rate_power
    ftrl_initial_accumulator_value ftrl_l1 ftrl_l2 learning_rate learning_rate_decay_type
    end_learning_rate learning_rate_decay_factor num_epochs_per_decay label_smoothing
    moving_average_decay weight_decay batch_size train_image_size max_number_of_steps
    log_every_n_steps save_summaries_secs save_interval_secs num_clones clone_on_cpu
    replicas_to_aggregate labels_offset num_readers num_preprocessing_threads
"""


def test_help_lists_every_flag_without_tensorflow(run_script, without_tensorflow):
    result = run_script('train.py', '--help', env=without_tensorflow)
    assert (result.returncode, result.stderr) == (0, '')
    assert 'python train.py --dataset_name=cub_200 --train_dir=' in result.stdout
    for flag in ORIGINAL_FLAGS.split():
        assert re.search(rf'^  --(\[no\])?{flag}\b', result.stdout, re.M), flag


@pytest.mark.parametrize(
    ('arguments', 'parts'),
    [
        ([], ['--train_dir is required']),
        (['--train_dir=t'], ['--dataset_name is required']),
        (['--train_dri=t'], ['unknown flag --train_dri', 'did you mean --train_dir']),
        (['--optimizer=adma'], ['adma', 'adam', 'rmsprop']),
        (['--learning_rate_decay_type=cosine'], ['cosine', 'polynomial']),
        (['--batch_size=0'], ['batch_size']),
        (['--max_number_of_steps=many'], ['max_number_of_steps', 'many']),
        (['train'], ['unexpected argument train']),
        (
            ['--sync_replicas'],
            ['--sync_replicas of the original code was removed', '--replicas_to_aggregate'],
        ),
        (['--master=local'], ['--master of the original code was removed', 'TF_CONFIG']),
        (
            ['--worker_replicas=2'],
            ['--worker_replicas of the original code was removed', 'TF_CONFIG'],
        ),
        (['--num_ps_tasks', '1'], ['--num_ps_tasks of the original code was removed', 'TF_CONFIG']),
        (['--task=1'], ['--task of the original code was removed', 'task.index']),
        (['--quantize_delay=1'], ['--quantize_delay of the original code was removed']),
    ],
)
def test_mistakes_in_flags_get_one_line_without_tensorflow(
    run_script, failure, without_tensorflow, arguments, parts
):
    line = failure(run_script('train.py', *arguments, env=without_tensorflow), lines=1)
    for part in parts:
        assert part in line


@pytest.mark.parametrize(
    ('name', 'arguments', 'parts'),
    [
        ('cub_200', [], ['cub_200 is missing', 'download.py cub_200', 'prepare_dataset.py']),
        ('demo', [], ['demo is missing', 'prepare_dataset.py --dataset_name=demo']),
        ('photoes', [], ['unknown dataset photoes', 'did you mean photos']),
        ('photos', [], ['not converted yet', 'convert_dataset.py --dataset_name=photos']),
    ],
)
def test_a_missing_dataset_gets_one_line_without_tensorflow(
    run_script, failure, without_tensorflow, photos_dir, tmp_path, name, arguments, parts
):
    given = (f'--dataset_dir={photos_dir}', f'--dataset_name={name}', f'--train_dir={tmp_path}/t')
    line = failure(run_script('train.py', *given, *arguments, env=without_tensorflow), lines=1)
    for part in parts:
        assert part in line
    assert not (tmp_path / 't').exists()


def test_an_unknown_network_gets_one_line_without_tensorflow(
    run_script, failure, without_tensorflow, tiny_flags, tmp_path
):
    given = (*tiny_flags, f'--train_dir={tmp_path}/t', '--model_name=inception_v33')
    line = failure(run_script('train.py', *given, env=without_tensorflow), lines=1)
    assert 'unknown network inception_v33; did you mean inception_v3' in line
    assert not (tmp_path / 't').exists()


def test_a_truncated_shard_gets_one_line_without_tensorflow(
    run_script, failure, without_tensorflow, own_data_dir, tmp_path
):
    shard = own_data_dir / 'photos' / 'train_00001-of-00002.tfrecord'
    shard.write_bytes(shard.read_bytes()[:-1])
    given = ('--dataset_name=photos', f'--dataset_dir={own_data_dir}', f'--train_dir={tmp_path}/t')
    line = failure(run_script('train.py', *given, env=without_tensorflow), lines=1)
    assert f'{shard} has' in line
    assert 'convert_dataset.py --dataset_name=photos' in line
    assert not (tmp_path / 't').exists()


def fewer_classes(trained, folder):
    """Writes a copy of a checkpoint with five classes and returns its path."""
    import tensorflow as tf

    from slim.learning import checkpoints

    reader = tf.train.load_checkpoint(str(trained / 'model.ckpt-3'))
    tensors = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    for name, value in tensors.items():
        if 'Logits/Conv2d_1c_1x1' in name or 'Logits/Conv2d_2b_1x1' in name:
            tensors[name] = value[..., :5]
    return checkpoints.save(str(folder), tensors, 3)


def test_another_number_of_classes_is_refused_with_both_shapes_and_the_flag(
    run_script, failure, trained, tiny_flags, tmp_path
):
    path = fewer_classes(trained, tmp_path / 'five')
    given = (*tiny_flags, f'--train_dir={tmp_path}/t', f'--checkpoint_path={path}')
    line = failure(run_script('train.py', *given))
    assert path in line
    # 768 / 4 channels; five and eight classes. The auxiliary head is compared first.
    assert '[1, 1, 192, 5]' in line or '[5]' in line
    assert '[1, 1, 192, 8]' in line or '[8]' in line
    assert '--checkpoint_exclude_scopes=' in line
    assert not list((tmp_path / 't').glob('*'))


@pytest.mark.parametrize(
    ('tf_config', 'arguments', 'parts'),
    [
        ('host1:2222', [], ['TF_CONFIG is not valid', '{"cluster": {"worker":']),
        # A blank TF_CONFIG counts as unset.
        ('', ['--num_clones=3', '--clone_on_cpu'], ['--batch_size=8', 'divided among 3 device']),
    ],
)
def test_devices_that_cannot_be_used_get_one_line(
    run_script, failure, tiny_flags, tmp_path, tf_config, arguments, parts
):
    given = (*tiny_flags, f'--train_dir={tmp_path}/t', *arguments)
    line = failure(run_script('train.py', *given, env={'TF_CONFIG': tf_config}), lines=1)
    for part in parts:
        assert part in line
    assert not (tmp_path / 't').exists()


def test_a_folder_that_cannot_be_written_gets_one_line(run_script, failure, tiny_flags, tmp_path):
    (tmp_path / 'file').touch()
    line = failure(run_script('train.py', *tiny_flags, f'--train_dir={tmp_path}/file/t'), lines=1)
    assert f'{tmp_path}/file: Not a directory' in line


# From here on, library functions are called in this process, to import TensorFlow only once.


@pytest.mark.parametrize(
    'text',
    [
        '[]',
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
    ],
)
def test_an_incomplete_tf_config_is_refused(tiny_config, monkeypatch, text):
    from slim.learning import devices

    monkeypatch.setenv('TF_CONFIG', text)
    with pytest.raises(UserError, match='TF_CONFIG is not valid'):
        devices.create_strategy()


@pytest.fixture
def refusal(tiny_config, tmp_path):
    """Returns `refusal(data_dir, **changes)`, which trains and returns the message of the error."""
    from slim.learning import training

    def train(data_dir, folder=None, **changes):
        dataset = load_dataset(str(data_dir), 'photos', 'train')
        config = tiny_config(max_number_of_steps=1, **changes)
        with pytest.raises(UserError) as caught:
            training.train(config, dataset, str(folder or tmp_path / 't'))
        assert not list(tmp_path.glob('t/.writing*'))
        return ' '.join(str(caught.value).split())

    return train


@pytest.mark.parametrize(
    ('changes', 'parts'),
    [
        ({'image_size': 50}, ['50x50', 'too small', '75x75']),
        ({'labels_offset': 8}, ['--labels_offset=8', 'no class of 8']),
        ({'moving_average_decay': 1.5}, ['--moving_average_decay']),
        ({'preprocessing_name': 'vgg', 'min_crop_area': 0.5}, ['--min_crop_area', 'vgg']),
    ],
)
def test_a_configuration_that_cannot_train_is_refused(refusal, data_dir, changes, parts):
    message = refusal(data_dir, **changes)
    for part in parts:
        assert part in message


def test_labels_out_of_range_are_refused(refusal, data_dir):
    message = refusal(data_dir, labels_offset=1, batch_size=32)
    assert 'a label is not in 0 to 6' in message
    assert '--labels_offset' in message


def flip_bytes_in_the_middle(path):
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 16] = bytes(byte ^ 0xFF for byte in content[middle : middle + 16])
    path.write_bytes(content)


def test_a_damaged_shard_is_refused_by_name(refusal, own_data_dir):
    shard = own_data_dir / 'photos' / 'train_00001-of-00002.tfrecord'
    flip_bytes_in_the_middle(shard)
    message = refusal(own_data_dir)
    assert f'{shard}: the file is damaged' in message
    assert 'convert_dataset.py --dataset_name=photos' in message


@pytest.fixture(scope='module')
def step(tiny_config, data_dir):
    """Returns a `TrainStep` to load checkpoints into."""
    import tensorflow as tf

    from slim.learning import training

    dataset = load_dataset(str(data_dir), 'photos', 'train')
    return training.create_train_step(tiny_config(), dataset, tf.distribute.get_strategy())


@pytest.fixture
def start_refusal(step, tiny_config, tmp_path):
    """Returns `start_refusal(path)`, which starts from a checkpoint and returns the error message.

    It checks that no variable was changed.
    """
    from slim.learning import training

    def start(path=None, train_dir=None, **changes):
        before = {key: v.numpy() for key, v in step.variables().items()}
        step.config = tiny_config(checkpoint_path=path and str(path), **changes)
        with pytest.raises(UserError) as caught:
            training.initialize(step, str(train_dir or tmp_path / 't'))
        for name, variable in step.variables().items():
            np.testing.assert_array_equal(variable, before[name], name)
        return ' '.join(str(caught.value).split())

    return start


def test_a_missing_checkpoint_is_refused_with_the_existing_ones(start_refusal, trained):
    message = start_refusal(trained / 'model.ckpt-2')
    assert f'no checkpoint {trained}/model.ckpt-2' in message
    assert 'model.ckpt-0, model.ckpt-3' in message


def test_a_folder_without_checkpoints_is_refused(start_refusal, tmp_path):
    assert f'{tmp_path} holds no checkpoint' in start_refusal(tmp_path)


@pytest.fixture
def copied(trained, tmp_path):
    """Returns the path of a checkpoint that a test may damage."""
    shutil.copytree(trained, tmp_path / 'copied')
    return tmp_path / 'copied' / 'model.ckpt-3'


@pytest.mark.parametrize('suffix', ['.data-00000-of-00001', '.index'])
@pytest.mark.parametrize('fraction', [0.5, 0])
def test_a_truncated_checkpoint_is_refused(start_refusal, copied, suffix, fraction):
    file = copied.with_name(copied.name + suffix)
    content = file.read_bytes()
    file.write_bytes(content[: int(fraction * len(content))])
    # TensorFlow's reader has a bug: it raises IndexError for a data file that is too short.
    message = start_refusal(copied)
    assert f'{copied} is damaged' in message


def test_a_checkpoint_whose_data_is_missing_is_refused(start_refusal, copied):
    copied.with_name(copied.name + '.data-00000-of-00001').unlink()
    assert str(copied) in start_refusal(copied)


def test_flipped_bytes_in_a_checkpoint_are_refused(start_refusal, copied):
    flip_bytes_in_the_middle(copied.with_name(copied.name + '.data-00000-of-00001'))
    assert f'{copied} is damaged' in start_refusal(copied)


def test_a_checkpoint_of_another_network_is_refused(start_refusal, tmp_path):
    from slim.learning import checkpoints

    tensors = {'vgg_16/conv1/weights': np.zeros(3, np.float32), 'global_step': np.int64(7)}
    path = checkpoints.save(str(tmp_path / 'other'), tensors, 7)
    message = start_refusal(path)
    assert f'{path} is of another network' in message
    assert 'vgg_16' in message
    assert '--model_name' in message


def test_an_excluded_scope_that_matches_nothing_is_refused(start_refusal, trained):
    message = start_refusal(trained, checkpoint_exclude_scopes=('Logitz',))
    assert '--checkpoint_exclude_scopes=Logitz matches no variable' in message
    assert 'InceptionV3/Logits' in message


def test_resuming_with_another_optimizer_is_refused(trained, tmp_path, data_dir, tiny_config):
    from slim.learning import training

    # `trained` has the optimizer state of rmsprop.
    config = tiny_config(max_number_of_steps=4)
    config = dataclasses.replace(config, optimizer=configs.OptimizerConfig('momentum'))
    dataset = load_dataset(str(data_dir), 'photos', 'train')
    shutil.copytree(trained, tmp_path / 't')
    files = sorted(path.name for path in tmp_path.glob('t/*'))
    with pytest.raises(UserError, match='begun with other flags') as caught:
        training.train(config, dataset, str(tmp_path / 't'))
    assert 'Momentum' in str(caught.value)
    assert sorted(path.name for path in tmp_path.glob('t/*')) == files


def test_a_signal_saves_a_checkpoint_from_which_training_resumes(
    start_script, tiny_flags, tmp_path
):
    folder = tmp_path / 'signalled'
    given = (*tiny_flags, f'--train_dir={folder}', '--log_every_n_steps=1')

    term = start_script('train.py', *given)
    term.wait_for('global step 4:')
    assert term.end(signal.SIGTERM) == 128 + signal.SIGTERM
    stopped = int(re.search(r'stopped at step (\d+)\n', term.stderr).group(1))
    assert stopped >= 4
    state = (folder / 'checkpoint').read_text()
    assert state.startswith(f'model_checkpoint_path: "model.ckpt-{stopped}"\n')
    assert (folder / f'model.ckpt-{stopped}.index').exists()

    interrupted = start_script('train.py', *given)
    interrupted.wait_for(f'global step {stopped + 2}:')
    assert interrupted.end(signal.SIGINT) == 128 + signal.SIGINT
    assert f'resuming from step {stopped}' in interrupted.stderr
    assert f'global step {stopped + 1}:' in interrupted.stderr
    assert f'global step {stopped}:' not in interrupted.stderr
    assert 'Traceback' not in term.stderr + interrupted.stderr
    last = int(re.search(r'stopped at step (\d+)\n', interrupted.stderr).group(1))
    assert (folder / f'model.ckpt-{last}.index').exists()


def test_a_finished_training_is_not_changed(trained, data_dir, tiny_config):
    from slim.learning import training

    files = {path: path.stat().st_mtime_ns for path in trained.iterdir()}
    dataset = load_dataset(str(data_dir), 'photos', 'train')
    assert training.train(tiny_config(max_number_of_steps=3), dataset, str(trained)) is None
    assert {path: path.stat().st_mtime_ns for path in trained.iterdir()} == files
