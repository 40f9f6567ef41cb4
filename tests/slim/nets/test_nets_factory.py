"""The registry: each row builds and describes its network correctly."""

import contextlib
import functools
import subprocess
import sys

import pytest
import tensorflow as tf

from slim.errors import UserError
from slim.learning.model import Model
from slim.nets import nets_factory

# Trainable parameters with 10 classes. The first eight are those of tests/reference; VGG's and
# ResNet-V1's are the published ones for 1000 classes minus 990 * (inputs of the last layer + 1).
PARAMETERS = {
    'inception_v3': 24_353_332,
    'inception_v3_se': 26_014_952,
    'inception_v4': 43_723_860,
    'inception_resnet_v2': 56_897_012,
    'inception_resnet_v2_se': 66_146_266,
    'resnet_v2_50': 23_539_850,
    'resnet_v2_101': 42_549_386,
    'resnet_v2_152': 58_208_394,
    'resnet_v2_200': 62_697_610,
    'resnet_v1_50': 23_528_522,
    'resnet_v1_101': 42_520_650,
    'resnet_v1_152': 58_164_298,
    'resnet_v1_200': 62_645_322,
    'inception_v1': 5_602_874,
    'inception_v2': 10_163_586,
    'vgg_a': 128_807_306,
    'vgg_16': 134_301_514,
    'vgg_19': 139_611_210,
    'alexnet_v2': 46_247_882,
    'overfeat': 141_648_394,
}


@functools.cache
def _built(name):
    """Graph, logits' shape, end points' shapes and trainable variables' shapes at default size."""
    size = nets_factory.get_network(name).default_image_size
    with tf.Graph().as_default() as graph:
        logits, end_points = nets_factory.get_network_fn(name, 10)(tf.zeros([2, size, size, 3]))
        variables = tf.compat.v1.trainable_variables()
        return (
            graph,
            logits.shape,
            {end_point: value.shape for end_point, value in end_points.items()},
            {variable.op.name: variable.shape for variable in variables},
        )


@contextlib.contextmanager
def _reuse(graph):
    """Builds in `graph` with its variables; creates none."""
    v1 = tf.compat.v1
    with graph.as_default(), v1.variable_scope(v1.get_variable_scope(), reuse=True):
        yield


@pytest.mark.parametrize('name', nets_factory.NETWORKS)
def test_every_network_has_its_exact_number_of_parameters(name):
    assert set(PARAMETERS) == set(nets_factory.NETWORKS)
    *_, variables = _built(name)
    assert sum(shape.num_elements() for shape in variables.values()) == PARAMETERS[name]


@pytest.mark.parametrize('name', nets_factory.NETWORKS)
def test_a_row_describes_its_network(name):
    network = nets_factory.NETWORKS[name]
    network_fn = nets_factory.get_network_fn(name, 10)
    assert network_fn.default_image_size == network.default_image_size
    _, logits, end_points, variables = _built(name)
    assert logits == [2, 10]
    assert network.feature_end_point in end_points
    assert ('AuxLogits' in end_points) == network.has_auxiliary_head
    assert {variable.split('/')[0] for variable in variables} == {network.scope}
    # Only the classifiers have one output per class.
    wide = {variable for variable, shape in variables.items() if shape[-1] == 10}
    for scope in network.last_layer_scopes:
        assert any(variable.startswith(scope + '/') for variable in wide), scope
    assert all(variable.startswith(network.last_layer_scopes) for variable in wide)


@pytest.mark.parametrize('name', nets_factory.NETWORKS)
def test_accepts_its_smallest_image_and_refuses_smaller_ones(name):
    network = nets_factory.NETWORKS[name]
    network_fn = nets_factory.get_network_fn(name, 10)
    size = network.minimum_image_size
    # With the variables of the default size: any difference in names or shapes raises an error.
    with _reuse(_built(name)[0]):
        logits, _ = network_fn(tf.zeros([1, size, size, 3]))
        assert logits.shape == [1, 10]
        with pytest.raises(ValueError, match=f'{size}x{size}'):
            network_fn(tf.zeros([1, size - 1, size - 1, 3]))
    with pytest.raises(UserError, match=str(size)):
        network.check_image_size(size - 1)


@pytest.mark.parametrize('name', nets_factory.PAPER_NETWORKS)
def test_the_networks_of_the_paper_accept_larger_images(name):
    network_fn = nets_factory.get_network_fn(name, 10)
    graph, *_, variables = _built(name)
    # Whatever the size of the images, the variables are the same: one size starts from another.
    # Reuse raises an error for any other name or shape.
    with _reuse(graph):
        for size in (331, 448, 560):
            logits, end_points = network_fn(tf.zeros([1, size, size, 3]))
            assert logits.shape == [1, 10]
            if 'AuxLogits' in end_points:
                assert end_points['AuxLogits'].shape == [1, 10]
        built = {v.op.name: v.shape for v in tf.compat.v1.trainable_variables()}
    assert built == variables


def test_the_message_about_an_unknown_network_names_the_nearest():
    with pytest.raises(UserError, match='did you mean inception_v3'):
        nets_factory.get_network('inception_v33')


def test_the_registry_does_not_import_tensorflow():
    program = (
        'import sys; from slim.nets import nets_factory; nets_factory.get_network("inception_v3"); '
        'sys.exit("tensorflow" in sys.modules)'
    )
    assert subprocess.run([sys.executable, '-c', program]).returncode == 0


def test_weight_decay_and_batch_norm_decay_reach_the_layers():
    strong, weak = (
        Model(nets_factory.get_network_fn('inception_v3', 10, decay), 107, depth_multiplier=0.1)
        for decay in (1e-2, 1e-4)
    )
    for variable, other in zip(strong.variables, weak.variables, strict=True):
        other.assign(variable)
    ratio = float(strong.regularization_loss()) / float(weak.regularization_loss())
    assert ratio == pytest.approx(100, rel=1e-4)
    fast = nets_factory.get_network_fn('inception_v3', 10, is_training=True, batch_norm_decay=0.0)
    model = Model(fast, 75, depth_multiplier=0.1)
    model(tf.random.stateless_uniform([4, 75, 75, 3], [0, 0]))
    moved = model.named_variables()['InceptionV3/Conv2d_1a_3x3/BatchNorm/moving_mean']
    before = moved.numpy()
    model(tf.zeros([4, 75, 75, 3]))  # Decay 0: the moving mean is that of this batch, zero.
    assert abs(before).max() > 0
    assert abs(moved.numpy()).max() == 0


@pytest.mark.parametrize('name, decay', [('inception_v3', 0.9997), ('resnet_v2_50', 0.997)])
def test_batch_norm_decay_defaults_to_that_of_the_original(name, decay):
    model = Model(nets_factory.get_network_fn(name, 2, is_training=True), 75)
    model(tf.random.stateless_uniform([2, 75, 75, 3], [0, 0]))
    # Moving variances start at one. A channel with variance v has 1 - (1 - decay) (1 - v) after a
    # step, so the lowest value is `decay`, of a channel without variance.
    moved = [v.numpy() for n, v in model.named_variables().items() if n.endswith('moving_variance')]
    forgotten = max((1 - value.min()) for value in moved)
    assert 0.5 * (1 - decay) < forgotten <= (1 - decay) * 1.001


def test_batch_norm_decay_is_refused_for_a_network_without_batch_norm():
    with pytest.raises(UserError, match='vgg_16 has no batch norm'):
        nets_factory.get_network_fn('vgg_16', 10, batch_norm_decay=0.9)
