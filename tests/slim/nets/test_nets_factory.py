"""The registry: each row builds, and says the truth about its network."""

import subprocess
import sys

import pytest
import tensorflow as tf

from slim.errors import UserError
from slim.learning.model import Model
from slim.nets import nets_factory

PARAMETERS = {'inception_v3': 24_353_332}  # Trainable ones, with 10 classes.


def test_every_network_has_its_exact_number_of_parameters():
    assert set(PARAMETERS) == set(nets_factory.NETWORKS)
    for name, count in PARAMETERS.items():
        model = Model(nets_factory.get_network_fn(name, 10), 299)
        assert sum(v.shape.num_elements() for v in model.trainable_variables) == count, name


@pytest.mark.parametrize('name', nets_factory.NETWORKS)
def test_a_row_says_the_truth(name):
    network = nets_factory.NETWORKS[name]
    network_fn = nets_factory.get_network_fn(name, 10)
    assert network_fn.default_image_size == network.default_image_size
    with tf.Graph().as_default():
        size = network.minimum_image_size
        logits, end_points = network_fn(tf.zeros([1, size, size, 3]))
        names = [v.op.name for v in tf.compat.v1.global_variables()]
    assert logits.shape == [1, 10]
    assert network.feature_end_point in end_points
    for scope in network.last_layer_scopes:
        with tf.Graph().as_default():
            network_fn(tf.zeros([1, network.default_image_size, network.default_image_size, 3]))
            names = [v.op.name for v in tf.compat.v1.global_variables()]
        assert any(name.startswith(scope) for name in names), scope
    with pytest.raises(ValueError), tf.Graph().as_default():
        network_fn(tf.zeros([1, size - 1, size - 1, 3]))
    with pytest.raises(UserError, match=str(network.minimum_image_size)):
        network.check_image_size(size - 1)


def test_an_unknown_network_is_answered_with_the_nearest():
    with pytest.raises(UserError, match='did you mean inception_v3'):
        nets_factory.get_network('inception_v33')


def test_the_registry_answers_without_tensorflow():
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
    model(tf.zeros([4, 75, 75, 3]))  # With no memory the moving mean is that of this batch: zero.
    assert abs(before).max() > 0
    assert abs(moved.numpy()).max() == 0
