"""Computation in 16 bits: what stays float32, and how close the results are to float32."""

import functools

import numpy as np
import pytest
import skimage.data
import sklearn.datasets
import tensorflow as tf

from slim import configs
from slim.learning import precision
from slim.learning.model import Model
from slim.learning.train_step import TrainStep
from slim.nets import nets_factory
from tests.slim.learning import small_network
from tests.slim.learning.feature_differences import differences, randomize

PAPER = tuple(nets_factory.PAPER_NETWORKS)
QUICK = ('inception_v3_se', 'resnet_v2_50')
HALF = ('bfloat16', 'float16')


def _crops(size, shift=0):
    """Returns 48 adjacent crops of photographs, float32 [48, size, size, 3] in [-1, 1]."""
    photographs = [skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea()]
    photographs += sklearn.datasets.load_sample_images().images
    crops = []
    for photograph in photographs:
        height, width = (length - shift - size for length in photograph.shape[:2])
        crops += [
            photograph[top + shift : top + shift + size, left + shift : left + shift + size]
            for top in range(0, height, size)
            for left in range(0, width, size)
        ]
    return np.asarray(crops[:48], np.float32) / 127.5 - 1


def _features(name, precisions, *batches, **arguments):
    """Returns the features of each batch by precision, from a network with seeded weights."""
    size = batches[0].shape[1]
    end_point = nets_factory.get_network(name).feature_end_point
    tf.random.set_seed(0)
    network_fn = nets_factory.get_network_fn(name, 10)
    models = [Model(network_fn, size, each, **arguments) for each in precisions]
    randomize(models[0])
    for variable_name, variable in models[0].named_variables().items():
        for model in models[1:]:
            model.named_variables()[variable_name].assign(variable)
    features = {}
    for name_of_type, model in zip(precisions, models, strict=True):
        assert {v.dtype for v in model.variables} == {tf.float32}
        run = tf.function(model.__call__, autograph=False)
        features[name_of_type] = []
        for images in batches:
            logits, end_points = run(images)
            assert logits.dtype == tf.float32
            activation = end_points[end_point]
            # Pooling is done in float32; only a feature map has the type of the layers.
            if activation.shape[1] > 1:
                assert activation.dtype == precision.PRECISIONS[name_of_type]
            pooled = tf.reduce_mean(tf.cast(activation, tf.float32), [1, 2])
            features[name_of_type].append(pooled.numpy())
    return features


@pytest.mark.parametrize(
    'name',
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in PAPER],
)
def test_bfloat16_gives_the_same_features_and_neighbours(name):
    gallery, queries = _crops(107), _crops(107, shift=4)
    features = _features(name, ['float32', 'bfloat16'], gallery, queries)
    found = differences(*features['float32'], *features['bfloat16'])
    assert 1e-4 < found['relative_error'] < 1e-2  # Less would mean that nothing was cast.
    assert found['same_nearest'] >= 0.99
    assert found['found'] > 0.9  # Otherwise the neighbours would be arbitrary.


def test_float16_is_closer_to_float32_than_bfloat16():
    images = _crops(107)[:16]
    features = _features('inception_v3', ['float32', *HALF], images, depth_multiplier=0.25)
    want = features['float32'][0]
    errors = [np.linalg.norm(features[name][0] - want) / np.linalg.norm(want) for name in HALF]
    assert errors[1] < errors[0] / 4


def _step(network, name_of_type='float32', strategy=None, **settings):
    """Returns a `TrainStep` of the small network or Inception-V3, without dropout."""
    create_model = functools.partial(small_network.create_model, name_of_type)
    if network == 'inception_v3':
        network_fn = nets_factory.get_network_fn(network, 4, 4e-5, is_training=True)
        create_model = functools.partial(
            Model, network_fn, 107, name_of_type, depth_multiplier=0.1, dropout_keep_prob=1.0
        )
    tf.random.set_seed(1)
    learning_rate = 0.001 if network == 'inception_v3' else 0.01
    config = configs.TrainingConfig(
        optimizer=configs.OptimizerConfig(name='momentum'),
        schedule=configs.ScheduleConfig(learning_rate=learning_rate),
        precision=name_of_type,
        **settings,
    )
    return TrainStep(config, small_network.NETWORK, create_model, 10, strategy)


# Batch norm over 16 values of a 1x1 map, in Inception's auxiliary head, amplifies differences.
@pytest.mark.parametrize(
    'network, size, tolerance',
    [
        ('small', small_network.IMAGE_SIZE, 1e-2),
        pytest.param('inception_v3', 107, 0.15, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize('name_of_type', HALF)
def test_training_in_16_bits_follows_float32(network, size, tolerance, name_of_type):
    batch = _crops(size)[:16], np.arange(16) % 4
    whole = _step(network)
    step = _step(network, name_of_type)
    want, got = ([each([batch]).total_loss for _ in range(8)] for each in (whole, step))
    assert got[0] == pytest.approx(want[0], rel=2e-2)
    assert got == pytest.approx(want, rel=tolerance)
    assert got != want  # Something was cast.
    variables = step.variables()
    assert {v.dtype for v in step.model.variables} == {tf.float32}
    assert set(whole.variables()) <= set(variables)
    # The trained weights are float32 values that 16 bits cannot represent.
    (name,) = (name for name in variables if name.endswith('Conv2d_2b_3x3/weights'))
    weights = variables[name].numpy()
    rounded = tf.cast(tf.cast(weights, precision.PRECISIONS[name_of_type]), tf.float32).numpy()
    assert (weights != rounded).mean() > 0.9


@pytest.fixture(scope='module')
def small_batch():
    return _crops(small_network.IMAGE_SIZE)[:8], np.arange(8) % small_network.NUM_CLASSES


def test_the_regularization_loss_uses_the_float32_weights(small_batch):
    whole, half = (_step('small', name) for name in ('float32', 'bfloat16'))
    half([small_batch])  # Traces the network in bfloat16.
    for name, variable in half.model.named_variables().items():
        variable.assign(whole.model.named_variables()[name])
    want = float(whole.model.regularization_loss())
    assert float(half.model.regularization_loss()) == pytest.approx(want, rel=1e-6)


def test_a_step_whose_gradients_overflow_is_skipped(small_batch):
    step = _step('small', 'float16')
    scale = step.variables()['loss_scale/current_loss_scale']
    assert float(scale) == 2**15
    before = {name: v.numpy() for name, v in step.trained.items()}
    scale.assign(2.0**100)
    result = step([small_batch])
    assert np.isfinite(result.total_loss)
    assert float(scale) == 2**99
    assert int(step.global_step) == 1
    for name, variable in step.trained.items():
        np.testing.assert_array_equal(variable.numpy(), before[name], err_msg=name)
    scale.assign(2.0**5)
    step([small_batch])
    for name, variable in step.trained.items():
        assert (variable.numpy() != before[name]).any(), name
    assert 'loss_scale/good_steps' in step.snapshot()


def test_two_devices_skip_an_overflow_together(small_batch):
    devices = tf.distribute.MirroredStrategy(
        ['/cpu:0', '/cpu:1'], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    step = _step('small', 'float16', devices)
    images, labels = (
        devices.experimental_distribute_values_from_function(lambda _, v=value: tf.constant(v))
        for value in small_batch
    )
    before = {name: v.numpy() for name, v in step.trained.items()}
    scale = step.variables()['loss_scale/current_loss_scale']
    scale.assign(2.0**100)
    step([(images, labels)])
    assert float(scale.read_value()) == 2**99
    for name, variable in step.trained.items():
        np.testing.assert_array_equal(variable.numpy(), before[name], err_msg=name)
    scale.assign(2.0**5)
    step([(images, labels)])
    for name, variable in step.trained.items():
        assert (variable.numpy() != before[name]).any(), name


def test_xla_gives_the_same_steps(small_batch):
    plain, compiled = _step('small'), _step('small', jit_compile=True)
    for name, variable in compiled.model.named_variables().items():
        variable.assign(plain.model.named_variables()[name])
    for _ in range(3):
        want, got = plain([small_batch]), compiled([small_batch])
        assert got.losses == pytest.approx(want.losses, rel=1e-4)
    values = compiled.snapshot()
    for name, want in plain.snapshot().items():
        np.testing.assert_allclose(values[name], want, rtol=1e-3, atol=1e-5, err_msg=name)


def test_warns_if_a_precision_is_not_faster_on_this_cpu(monkeypatch, caplog):
    monkeypatch.setattr(precision, '_cpu_flags', lambda: {'avx2'})
    precision.warn_if_slow('bfloat16')
    assert 'no instructions for bfloat16' in caplog.text
    caplog.clear()
    monkeypatch.setattr(precision, '_cpu_flags', lambda: {'avx512_bf16'})
    precision.warn_if_slow('bfloat16')
    precision.warn_if_slow('float32')
    assert not caplog.text
