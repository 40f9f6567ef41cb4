"""Inspection of checkpoints, compared with TensorFlow 1 graphs and their Saver."""

import os

import numpy as np
import pytest
import tensorflow as tf

from slim.errors import UserError
from slim.learning import checkpoints, inspection
from slim.nets import nets_factory

v1 = tf.compat.v1
BODY = 'InceptionV3/Mixed_7c/Branch_0/Conv2d_0a_1x1/weights'


def _save(path, tensors):
    """Writes a checkpoint of tensors by name in TensorFlow's second format; returns its path."""
    names = sorted(tensors)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    tf.raw_ops.SaveV2(
        prefix=str(path),
        tensor_names=names,
        shape_and_slices=[''] * len(names),
        tensors=[tensors[name] for name in names],
    )
    return str(path)


@pytest.fixture(scope='module')
def original_training(tmp_path_factory):
    """A TF1 checkpoint with EMA weights and momentum; shapes and parameters in its graph."""
    path = str(tmp_path_factory.mktemp('original') / 'birds.ckpt')
    with tf.Graph().as_default(), v1.Session() as session:
        network_fn = nets_factory.get_network_fn('inception_v3', 6, is_training=True)
        images = v1.placeholder(tf.float32, [None, 107, 107, 3])
        network_fn(images, depth_multiplier=0.1)
        model, trained = v1.global_variables(), v1.trainable_variables()
        step = v1.train.get_or_create_global_step()
        tf.train.ExponentialMovingAverage(0.999, step).apply(model)
        v1.train.MomentumOptimizer(0.1, 0.9).apply_gradients(
            [(tf.zeros_like(variable), variable) for variable in trained], step
        )
        session.run(v1.global_variables_initializer())
        session.run(step.assign(1234))
        v1.train.Saver(v1.global_variables()).save(session, path)
        sizes = {v.op.name: tuple(v.shape.as_list()) for v in model}
        parameters = sum(v.shape.num_elements() for v in trained)
    return path, sizes, parameters


@pytest.fixture(scope='module')
def tensors(original_training):
    """Zeros for each variable of the network in `original_training`, without optimizer state."""
    return {name: np.zeros(shape, np.float32) for name, shape in original_training[1].items()}


def test_a_checkpoint_of_the_original_training_is_described(original_training):
    path, sizes, parameters = original_training
    found = inspection.inspect(path)
    (fit,) = found.fits
    assert (fit.fits, fit.network, fit.num_classes) == (True, 'inception_v3', 6)
    assert (fit.depth_multiplier, fit.left_out) == (0.1, ())
    assert {variable.name: variable.shape for variable in found.model} == sizes
    assert {variable.dtype for variable in found.model} == {'float32'}
    assert found.num_parameters == parameters
    assert found.num_parameters + found.num_statistics == sum(
        int(np.prod(shape)) for shape in sizes.values()
    )
    assert len(found.averages) == len(sizes)
    weights = [name for name in sizes if not name.endswith(inspection.STATISTICS)]
    assert found.slot_counts == {'Momentum': len(weights)}
    assert found.global_step == 1234

    text = inspection.describe(found)
    for line in (
        'network          inception_v3, 6 classes, depth multiplier 0.1',
        f'EMA weights      {len(sizes)}',
        f'optimizer state  {len(weights)}: Momentum ({len(weights)})',
        'global step      1234',
    ):
        assert line in text.splitlines()
    assert 'Momentum' not in text.split('\n\n')[1]
    table = inspection.describe(found, everything=True).split('\n\n')[1].splitlines()[1:]
    assert len(table) == 2 * len(sizes) + len(weights)
    assert [line.split()[0] for line in table] == sorted(line.split()[0] for line in table)


def test_only_the_network_that_is_asked_for_is_compared(original_training):
    path, _, _ = original_training
    (fit,) = inspection.inspect(path, 'inception_v3_se').fits
    assert fit.network == 'inception_v3_se' and not fit.fits


def test_no_tensor_but_the_step_is_read(tensors, tmp_path):
    path = _save(tmp_path / 'model.ckpt', tensors)
    os.truncate(path + '.data-00000-of-00001', 0)
    found = inspection.inspect(path)
    assert found.fits[0].fits
    assert found.global_step is None


@pytest.mark.parametrize(
    ('heads', 'num_classes', 'left_out'),
    [
        (['Logits'], 6, ('InceptionV3/AuxLogits',)),
        (['AuxLogits'], None, ('InceptionV3/Logits',)),
        ([], None, ('InceptionV3/Logits', 'InceptionV3/AuxLogits')),
    ],
)
def test_absent_heads_are_reported(tensors, tmp_path, heads, num_classes, left_out):
    kept = {
        name: value
        for name, value in tensors.items()
        if 'Logits/' not in name or name.split('/')[1] in heads
    }
    found = inspection.inspect(_save(tmp_path / 'model.ckpt', kept))
    assert len(found.model) == len(kept) < len(tensors)
    (fit,) = found.fits
    assert (fit.fits, fit.num_classes, fit.left_out) == (True, num_classes, left_out)
    line = inspection.describe(found).splitlines()[1]
    assert line.endswith(f'without {" and ".join(left_out)}')
    assert (f'{num_classes} classes' if num_classes else 'no classifier') in line


def test_differences_are_named(tensors, tmp_path):
    changed = dict(tensors)
    del changed[BODY]
    changed['InceptionV3/Mixed_8a/weights'] = np.zeros([1], np.float32)
    changed['Siamese/distance/weights'] = np.zeros([1], np.float32)
    logits = 'InceptionV3/Logits/Conv2d_1c_1x1/weights'
    changed[logits] = np.zeros([1, 1, 99, 6], np.float32)
    found = inspection.inspect(_save(tmp_path / 'model.ckpt', changed))
    (fit,) = found.fits
    assert not fit.fits
    assert (fit.missing, fit.extra) == ((BODY,), ('InceptionV3/Mixed_8a/weights',))
    assert fit.mismatched == (
        inspection.ShapeMismatch(logits, (1, 1, 99, 6), (1, 1, tensors[logits].shape[2], None)),
    )
    assert (fit.num_classes, fit.depth_multiplier) == (None, 0.1)
    lines = [line.strip() for line in inspection.describe(found).splitlines()]
    assert lines[1].endswith(
        'none fits; the most similar is inception_v3 with depth multiplier 0.1'
    )
    assert lines[2:6] == [
        f'1 missing: {BODY}',
        '1 extra: InceptionV3/Mixed_8a/weights',
        f'1 of another shape: {logits} [1, 1, 99, 6] instead of '
        f'[1, 1, {tensors[logits].shape[2]}, classes]',
        '1 outside any known network: Siamese/distance/weights',
    ]


@pytest.fixture
def no_network_is_built(monkeypatch):
    """Makes building a network an error."""

    def refuse(*_, **__):
        raise AssertionError('a network was built')

    monkeypatch.setattr(nets_factory, 'get_network_fn', refuse)


@pytest.mark.usefixtures('no_network_is_built')
def test_an_unknown_network_is_listed(tmp_path):
    tensors = {
        'lstm/kernel': np.zeros([3, 4], np.float32),
        'lstm/kernel/Adam': np.zeros([3, 4], np.float32),
        'lstm/kernel/Adam_1': np.zeros([3, 4], np.float32),
        'beta1_power': np.float32(0.9),
        'beta2_power': np.float32(0.9),
        'temperature': np.float16(1),
        'InceptionV3x/weights': np.zeros([2], np.int32),
    }
    found = inspection.inspect(_save(tmp_path / 'model.ckpt', tensors))
    assert found.fits == ()
    assert found.slot_counts == {'Adam': 1, 'Adam_1': 1, 'beta1_power': 1, 'beta2_power': 1}
    assert found.num_parameters == 12 + 1 + 2
    assert inspection.describe(found).splitlines()[1:] == [
        'network          unknown',
        'model variables  3: 15 parameters',
        'EMA weights      none',
        'optimizer state  4: Adam (1), Adam_1 (1), beta1_power (1), beta2_power (1)',
        'global step      not in the checkpoint',
        '',
        'name                  shape   dtype',
        'InceptionV3x/weights  [2]     int32',
        'lstm/kernel           [3, 4]  float32',
        'temperature           []      float16',
    ]


@pytest.mark.usefixtures('no_network_is_built')
def test_a_checkpoint_of_tensorflow_2_is_recognized(tmp_path):
    module = tf.Module()
    module.kernel = tf.Variable(tf.zeros([3, 4]))
    path = tf.train.Checkpoint(model=module).save(str(tmp_path / 'model.ckpt'))
    text = inspection.describe(inspection.inspect(path))
    assert 'unknown: an object-based checkpoint of TensorFlow 2' in text
    assert 'model/kernel/.ATTRIBUTES/VARIABLE_VALUE' in text


@pytest.mark.usefixtures('no_network_is_built')
def test_a_checkpoint_in_a_single_file_is_read(tmp_path):
    path = str(tmp_path / 'old.ckpt')
    with tf.Graph().as_default(), v1.Session() as session:
        v1.get_variable('fc/weights', [4, 3])
        v1.train.get_or_create_global_step()
        session.run(v1.global_variables_initializer())
        v1.train.Saver(write_version=v1.train.SaverDef.V1).save(session, path)
    assert os.path.isfile(path)
    found = inspection.inspect(path)
    assert found.model == (inspection.Variable('fc/weights', (4, 3), 'float32'),)
    assert found.global_step == 0


@pytest.mark.parametrize('multiplier', [0.05, 0.1, 0.25, 1 / 3, 0.35, 0.5, 0.75, 1.4, 2.0])
def test_the_depth_multiplier_is_inferred_from_the_channels(multiplier):
    channels = [32, 64, 80, 192, 48, 96, 384, 128, 160, 320, 448]
    wanted = {str(number): (3, 3, 9, count) for number, count in enumerate(channels)}
    wanted['logits'] = (1, 1, 9, None)

    def scale(factor):
        return {
            name: (3, 3, 9, 10 if count is None else max(int(count * factor), 16))
            for name, (*_, count) in wanted.items()
        }

    guess = inspection._guess_depth_multiplier(scale(multiplier), wanted)
    assert scale(guess) == scale(multiplier)
    if multiplier != 1 / 3:
        assert guess == multiplier


def test_a_damaged_checkpoint_and_a_missing_one_are_refused(tmp_path):
    path = checkpoints.save(str(tmp_path), {'w': tf.zeros([9]), 'global_step': tf.constant(1)}, 1)
    os.truncate(path + '.data-00000-of-00001', 0)
    with pytest.raises(UserError, match='damaged .truncated.*global_step'):
        inspection.inspect(path)
    os.truncate(path + '.index', 30)
    with pytest.raises(UserError, match='damaged or not a checkpoint'):
        inspection.inspect(path)
    with pytest.raises(UserError, match='no checkpoint .*model.ckpt-2'):
        inspection.inspect(str(tmp_path / 'model.ckpt-2'))


@pytest.mark.slow
@pytest.mark.parametrize('name', nets_factory.NETWORKS)
def test_every_network_is_recognized_by_its_variables(name):
    network = nets_factory.NETWORKS[name]
    size = network.default_image_size
    with tf.Graph().as_default():
        images = v1.placeholder(tf.float32, [None, size, size, 3])
        nets_factory.get_network_fn(name, 11)(images, **network.optional_arguments())
        shapes = {v.op.name: v.shape.as_list() for v in v1.global_variables()}
    fit = inspection.compare(shapes, name)
    assert (fit.fits, fit.num_classes, fit.left_out) == (True, 11, ())
