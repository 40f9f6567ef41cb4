"""Checkpoints: TensorFlow 1's files, read and written; atomic; strict, with helpful messages."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from slim import configs
from slim.errors import UserError
from slim.learning import checkpoints
from slim.learning.model import Model
from slim.learning.train_step import TrainStep
from slim.nets import nets_factory
from tests.reference import deterministic

v1 = tf.compat.v1


def _model(num_classes=5):
    network_fn = nets_factory.get_network_fn('inception_v3', num_classes)
    return Model(network_fn, 107, depth_multiplier=0.1)


@pytest.fixture(scope='module')
def small_inception():
    """The network of most tests, built once."""
    return _model()


@pytest.fixture
def model(small_inception):
    """The same, with all variables set to -1, a value that none of the checkpoints holds."""
    for variable in small_inception.variables:
        variable.assign(-tf.ones_like(variable))
    return small_inception


def _graph_of(num_classes=5):
    """Builds the same network in the default graph; returns its variables by name."""
    network_fn = nets_factory.get_network_fn('inception_v3', num_classes)
    network_fn(v1.placeholder(tf.float32, [1, 107, 107, 3]), depth_multiplier=0.1)
    return {v.op.name: v for v in v1.global_variables()}


def _load_in_session(session, values):
    session.run(
        [variable.initializer for variable in values],
        {variable.initializer.inputs[1]: value for variable, value in values.items()},
    )


def test_a_tensorflow_1_saver_reads_a_training_checkpoint(tmp_path):
    network_fn = nets_factory.get_network_fn('inception_v3', 5, is_training=True)
    step = TrainStep(
        configs.TrainingConfig(moving_average_decay=0.99),
        nets_factory.get_network('inception_v3'),
        lambda: Model(network_fn, 107, depth_multiplier=0.1),
        10,
    )
    step([(np.zeros([2, 107, 107, 3], np.float32), np.array([0, 1]))])
    want = {name: value.numpy() for name, value in step.snapshot().items()}
    path = checkpoints.save(str(tmp_path), step.snapshot(), 1)
    with tf.Graph().as_default(), v1.Session() as session:
        variables = _graph_of()
        global_step = v1.train.get_or_create_global_step()
        averages = tf.train.ExponentialMovingAverage(0.99, global_step)
        averages.apply(list(variables.values()))
        optimizer = v1.train.RMSPropOptimizer(0.1, momentum=0.9, epsilon=1.0)
        trained = v1.trainable_variables()
        optimizer.apply_gradients([(tf.zeros_like(v), v) for v in trained])
        everything = v1.global_variables()
        v1.train.Saver(everything).restore(session, path)
        got = session.run({v.op.name: v for v in everything})
    assert set(got) == set(
        want
    )  # Model, optimizer state, EMA weights, step: all under the original names.
    for name, value in want.items():
        np.testing.assert_array_equal(got[name], value, err_msg=name)


@pytest.mark.parametrize('with_averages', [False, True])
def test_a_checkpoint_of_a_tensorflow_1_saver_is_read(tmp_path, model, with_averages):
    path = str(tmp_path / 'inception_v3_iNat_299.ckpt')
    with tf.Graph().as_default(), v1.Session() as session:
        variables = _graph_of()
        raw = {
            name: deterministic.weights(name, v.shape.as_list()) for name, v in variables.items()
        }
        values = {variables[name]: value for name, value in raw.items()}
        step = v1.train.get_or_create_global_step()
        values[step] = np.int64(7)
        if with_averages:
            averages = tf.train.ExponentialMovingAverage(0.9999)
            averages.apply(list(variables.values()))
            for name, variable in variables.items():
                values[averages.average(variable)] = raw[name] + 1
        _load_in_session(session, values)
        v1.train.Saver().save(session, path)

    checkpoint = checkpoints.Checkpoint(path)
    assert checkpoint.global_step == 7
    assert checkpoint.has_ema_weights == with_averages
    for weights, shift in {'auto': int(with_averages), 'raw': 0}.items():
        use_ema = checkpoints.use_ema_weights(checkpoint, weights)
        report = checkpoints.restore(model.named_variables(), checkpoint, use_ema=use_ema)
        assert set(report.restored) == set(raw) and not report.unused and not report.new
        for name, variable in model.named_variables().items():
            np.testing.assert_array_equal(variable, raw[name] + shift, err_msg=name)
    if not with_averages:
        with pytest.raises(UserError, match='no EMA weights; use --weights=raw'):
            checkpoints.use_ema_weights(checkpoint, 'average')


@pytest.fixture
def saved(tmp_path, small_inception):
    """The path of a checkpoint of the network, and its values by name."""
    variables = small_inception.named_variables()
    values = {name: deterministic.weights(name, v.shape) for name, v in variables.items()}
    tensors = {name: tf.constant(value) for name, value in values.items()}
    path = checkpoints.save(str(tmp_path), {**tensors, 'global_step': tf.constant(3, tf.int64)}, 3)
    return path, values


def test_another_number_of_classes_needs_an_excluded_scope(saved):
    model = _model(num_classes=8)
    before = {name: v.numpy() for name, v in model.named_variables().items()}
    checkpoint = checkpoints.Checkpoint(saved[0])
    message = r'shape \[5\], .* needs \[8\] \(4 in total: .*\).*_exclude_scopes=AuxLogits,Logits'
    with pytest.raises(UserError, match=message):
        checkpoints.restore(model.named_variables(), checkpoint)
    for name, variable in model.named_variables().items():  # A failure changes nothing.
        np.testing.assert_array_equal(variable, before[name], err_msg=name)
    report = checkpoints.restore(model.named_variables(), checkpoint, exclude_scopes=['Logits'])
    assert {name.split('/')[1] for name in report.excluded} == {'Logits', 'AuxLogits'}
    for name, variable in model.named_variables().items():
        want = before[name] if 'Logits' in name else saved[1][name]
        np.testing.assert_array_equal(variable, want, err_msg=name)
    assert 'excluded by scope (InceptionV3/AuxLogits, InceptionV3/Logits)' in str(report)


def test_a_scope_that_matches_nothing_is_refused(saved, model):
    checkpoint = checkpoints.Checkpoint(saved[0])
    with pytest.raises(UserError, match='Logitz matches no variable.*InceptionV3/Logits'):
        checkpoints.restore(model.named_variables(), checkpoint, exclude_scopes=['Logitz'])


def test_a_missing_variable_is_named_with_the_flags_that_help(tmp_path, saved, model):
    name = 'InceptionV3/Mixed_7c/Branch_0/Conv2d_0a_1x1/weights'
    tensors = {key: tf.constant(value) for key, value in saved[1].items() if key != name}
    path = checkpoints.save(str(tmp_path / 'other'), tensors, 0)
    with pytest.raises(
        UserError, match=rf'lacks {name} \(1 in total\).*=Mixed_7c.*--ignore_missing_vars'
    ):
        checkpoints.restore(model.named_variables(), checkpoints.Checkpoint(path))
    report = checkpoints.restore(
        model.named_variables(), checkpoints.Checkpoint(path), ignore_missing_vars=True
    )
    assert report.new == (name,)


def test_a_checkpoint_of_another_network_is_recognized(tmp_path, model):
    path = checkpoints.save(str(tmp_path), {'resnet_v2_50/conv1/weights': tf.zeros([2])}, 0)
    with pytest.raises(UserError, match='another network.*resnet_v2_50.*--model_name'):
        checkpoints.restore(model.named_variables(), checkpoints.Checkpoint(path))


def test_unused_variables_are_reported_but_not_optimizer_state(tmp_path, saved, model):
    tensors = {name: tf.constant(value) for name, value in saved[1].items()}
    slot = 'InceptionV3/Logits/Conv2d_1c_1x1/weights/Momentum'
    extra = {'InceptionV3/Mixed_8/weights': tf.zeros([1]), slot: tf.zeros([1, 1, 76, 5])}
    path = checkpoints.save(str(tmp_path / 'other'), {**tensors, **extra}, 0)
    report = checkpoints.restore(model.named_variables(), checkpoints.Checkpoint(path))
    assert report.unused == ('InceptionV3/Mixed_8/weights',)


@pytest.mark.parametrize('left', [0, 1000])
def test_a_truncated_checkpoint_is_refused(saved, model, left):
    path, _ = saved
    data = path + '.data-00000-of-00001'
    with open(data, 'r+b') as file:
        file.truncate(left)
    before = {name: v.numpy() for name, v in model.named_variables().items()}
    with pytest.raises(UserError, match='damaged'):
        checkpoints.restore(model.named_variables(), checkpoints.Checkpoint(path))
    for name, variable in model.named_variables().items():
        np.testing.assert_array_equal(variable, before[name], err_msg=name)


def test_a_damaged_index_is_refused(saved):
    with open(saved[0] + '.index', 'r+b') as file:
        file.truncate(50)
    with pytest.raises(UserError, match='damaged'):
        checkpoints.Checkpoint(saved[0])


def test_a_missing_checkpoint_is_refused_with_a_list_of_the_others(saved, tmp_path):
    with pytest.raises(UserError, match='model.ckpt-4.*holds model.ckpt-3'):
        checkpoints.Checkpoint(str(tmp_path / 'model.ckpt-4'))
    with pytest.raises(UserError, match='holds no checkpoint'):
        checkpoints.Checkpoint(str(tmp_path.parent))


def test_the_newest_checkpoints_are_kept_and_found_by_tensorflow(tmp_path):
    for step in range(5):
        tensors = {'global_step': tf.constant(step, tf.int64)}
        path = checkpoints.save(str(tmp_path), tensors, step, max_to_keep=2)
        assert tf.train.latest_checkpoint(str(tmp_path)) == path
    assert [os.path.basename(p) for p in checkpoints.list_checkpoints(str(tmp_path))] == [
        'model.ckpt-3',
        'model.ckpt-4',
    ]
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        'checkpoint',
        'model.ckpt-3.data-00000-of-00001',
        'model.ckpt-3.index',
        'model.ckpt-4.data-00000-of-00001',
        'model.ckpt-4.index',
    ]
    moved = tmp_path.rename(tmp_path.parent / 'moved')  # The state file's paths are relative.
    assert checkpoints.Checkpoint(str(moved)).global_step == 4


def test_a_failed_save_leaves_the_folder_unchanged(saved, tmp_path):
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(OSError):
        checkpoints.save(str(tmp_path / 'model.ckpt-3.index' / 'x'), {'a': tf.zeros([1])}, 1)
    assert sorted(os.listdir(tmp_path)) == before


WRITER = """
import sys
from slim.quiet_import import import_tensorflow
tf = import_tensorflow()
from slim.learning import checkpoints
step = 0
while True:
    tensors = {'x': tf.fill([2_000_000], step), 'global_step': tf.constant(step, tf.int64)}
    checkpoints.save(sys.argv[1], tensors, step, max_to_keep=3)
    print(step, flush=True)
    step += 1
"""


def test_a_writer_killed_at_any_moment_leaves_complete_checkpoints(tmp_path):
    rng = np.random.default_rng(0)
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, '-c', WRITER, str(tmp_path)], stdout=subprocess.PIPE
        )
        process.stdout.readline()  # It writes from now on.
        time.sleep(rng.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        paths = checkpoints.list_checkpoints(str(tmp_path))
        assert paths
        for path in paths:
            checkpoint = checkpoints.Checkpoint(path)
            values = checkpoint.read('x')
            assert (values == checkpoint.global_step).all()
    checkpoints.save(str(tmp_path), {'x': tf.zeros([1])}, 10**6, max_to_keep=1)
    assert not [name for name in os.listdir(tmp_path) if name.startswith('.')]


def _save_steps(folder, steps):
    for step in steps:
        checkpoints.save(str(folder), {'global_step': tf.constant(step, tf.int64)}, step)


def test_a_state_file_edited_to_an_older_checkpoint_is_followed(tmp_path):
    _save_steps(tmp_path, [1, 2, 3])
    state = tmp_path / 'checkpoint'
    state.write_text(state.read_text().replace('path: "model.ckpt-3"', 'path: "model.ckpt-2"', 1))
    assert checkpoints.Checkpoint(str(tmp_path)).global_step == 2
    assert tf.train.latest_checkpoint(str(tmp_path)).endswith('model.ckpt-2')
    state.write_text('model_checkpoint_path: "model.ckpt-1"\n')
    assert checkpoints.Checkpoint(str(tmp_path)).global_step == 1


def test_without_a_state_file_the_step_in_the_name_decides(tmp_path):
    _save_steps(tmp_path, [9, 10])
    (tmp_path / 'checkpoint').unlink()
    assert checkpoints.Checkpoint(str(tmp_path)).global_step == 10


def test_a_folder_of_released_checkpoints_is_refused_with_their_names(tmp_path):
    _save_steps(tmp_path, [0])
    for suffix in ('.index', '.data-00000-of-00001'):
        (tmp_path / f'model.ckpt-0{suffix}').rename(
            tmp_path / f'inception_v3_iNat_299.ckpt{suffix}'
        )
    (tmp_path / 'checkpoint').unlink()
    with pytest.raises(UserError, match='name one of its files: inception_v3_iNat_299.ckpt'):
        checkpoints.Checkpoint(str(tmp_path))


def test_the_name_of_a_checkpoint_is_distinguished_from_a_folder(tmp_path):
    assert checkpoints.is_checkpoint(str(tmp_path / 'model.ckpt-9'))
    assert not checkpoints.is_checkpoint(str(tmp_path))
    assert not checkpoints.is_checkpoint(str(tmp_path / 'not there yet'))
