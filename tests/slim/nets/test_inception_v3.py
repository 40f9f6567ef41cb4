"""Inception-V3 against the figures of 2018, through the TF2 runtime and in a TF1 graph."""

import numpy as np
import pytest
import tensorflow as tf

from slim.compat import tf_slim
from slim.learning.model import Model
from slim.nets import inception_v3, nets_factory
from tests import reference
from tests.reference import deterministic

REFERENCE = reference.load('inception_v3')
WEIGHT_DECAY = 4e-5


def _through_the_runtime(images):
    """Variables, logits, end points and regularization loss of the reference network in TF2."""
    network_fn = nets_factory.get_network_fn('inception_v3', 10, WEIGHT_DECAY)
    model = Model(network_fn, 299)
    variables = model.named_variables()
    for name, variable in variables.items():
        variable.assign(deterministic.weights(name, variable.shape))
    logits, end_points = tf.function(model.__call__, autograph=False)(images)
    return variables, logits, end_points, model.regularization_loss()


def _in_a_graph(images):
    """The same in a TF1 graph and session."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        network_fn = nets_factory.get_network_fn('inception_v3', 10, WEIGHT_DECAY)
        outputs = network_fn(tf.constant(images))
        variables = {v.op.name: v for v in v1.global_variables()}
        session.run(
            [variable.initializer for variable in variables.values()],
            {
                v.initializer.inputs[1]: deterministic.weights(name, v.shape.as_list())
                for name, v in variables.items()
            },
        )
        loss = v1.losses.get_regularization_loss()
        (logits, end_points), loss = session.run((outputs, loss))
        return variables, logits, end_points, loss


@pytest.fixture(scope='module', params=[_through_the_runtime, _in_a_graph])
def network(request):
    return request.param(deterministic.inputs(REFERENCE['input_seed'], REFERENCE['batch'], 299))


def _relative_error(got, want):
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    return np.linalg.norm(got - want) / np.linalg.norm(want)


def test_variables_have_the_names_shapes_and_trainability_of_2018(network):
    variables = network[0]
    got = {name: (v.shape.as_list(), v.trainable) for name, v in variables.items()}
    want = {row['name']: (row['shape'], row['trainable']) for row in REFERENCE['variables']}
    assert got == want


def test_logits_are_those_of_2018(network):
    assert _relative_error(network[1], REFERENCE['logits']) < 2e-4


def test_every_end_point_is_that_of_2018(network):
    end_points = network[2]
    assert set(end_points) == set(REFERENCE['end_points'])
    for name, want in REFERENCE['end_points'].items():
        got = deterministic.summary(end_points[name])
        assert got['shape'] == want['shape'], name
        assert _relative_error(got['samples'], want['samples']) < 2e-4, name
        assert got['mean'] == pytest.approx(want['mean'], rel=2e-4, abs=2e-4), name
        assert got['std'] == pytest.approx(want['std'], rel=2e-4), name


def test_regularization_loss_is_that_of_2018(network):
    assert float(network[3]) == pytest.approx(REFERENCE['regularization_loss'], rel=1e-5)


def _build(size, is_training=False, **arguments):
    """Logits and end points of the network in a fresh graph; nothing is computed."""
    with tf.Graph().as_default():
        images = tf.compat.v1.placeholder(tf.float32, [2, size, size, 3])
        with tf_slim.arg_scope(inception_v3.inception_v3_arg_scope()):
            return inception_v3.inception_v3(images, 10, is_training=is_training, **arguments)


@pytest.mark.parametrize('size', [75, 107, 160, 224, 299, 331, 362, 363, 448, 560])
def test_takes_images_of_any_size(size):
    logits, end_points = _build(size)
    assert logits.shape == [2, 10]
    # The auxiliary head begins with a 5x5 pooling of Mixed_6e.
    assert ('AuxLogits' in end_points) == (end_points['Mixed_6e'].shape[1] >= 5) == (size >= 107)
    if 'AuxLogits' in end_points:
        assert end_points['AuxLogits'].shape == [2, 10]


def test_pools_the_whole_map_of_a_large_image():
    pooled = {size: _build(size)[1] for size in (299, 448)}
    assert 'AvgPool_1a' in pooled[299]
    assert 'global_pool' in pooled[448]


def test_global_pool_and_the_8x8_window_are_the_same_at_299():
    images = deterministic.inputs(0, 1, 299)
    features = []
    for global_pool in (False, True):
        tf.random.set_seed(0)
        network_fn = nets_factory.get_network_fn('inception_v3', None)
        features.append(
            Model(network_fn, 299, global_pool=global_pool, min_depth=4, depth_multiplier=0.1)(
                images
            )[0]
        )
    np.testing.assert_allclose(features[0], features[1], rtol=1e-4, atol=1e-6)


def test_depth_multiplier_scales_every_layer_down_to_the_least_depth():
    _, end_points = _build(107, depth_multiplier=0.25)
    assert end_points['Mixed_7c'].shape[-1] == 512
    assert end_points['Conv2d_1a_3x3'].shape[-1] == 16


def test_the_base_stops_at_its_final_end_point():
    with tf.Graph().as_default():
        images = tf.zeros([1, 107, 107, 3])
        net, end_points = inception_v3.inception_v3_base(images, final_endpoint='Mixed_5d')
    assert list(end_points)[-1] == 'Mixed_5d'
    assert net is end_points['Mixed_5d']


def test_without_classes_gives_pooled_features():
    with tf.Graph().as_default():
        net, end_points = inception_v3.inception_v3(tf.zeros([1, 299, 299, 3]), num_classes=None)
    assert net.shape == [1, 1, 1, 2048]
    assert end_points['PreLogits'] is net
    assert not {'Logits', 'AuxLogits'} & set(end_points)


@pytest.mark.parametrize(
    'arguments, message',
    [
        ({'size': 74}, '75x75'),
        ({'size': 299, 'depth_multiplier': 0}, 'depth_multiplier'),
    ],
)
def test_says_what_it_cannot_build(arguments, message):
    with pytest.raises(ValueError, match=message):
        _build(**arguments)


def test_says_which_end_points_there_are():
    with pytest.raises(ValueError, match='Mixed_7c'), tf.Graph().as_default():
        inception_v3.inception_v3_base(tf.zeros([1, 107, 107, 3]), final_endpoint='Mixed_8a')
