"""The eight networks of the paper against the figures of 2018, in the TF2 runtime and in a graph.

Every network of the registry that the paper released a checkpoint of has its file in
tests/reference; the others are tf-slim's own, and have their number of parameters in
test_nets_factory.
"""

import numpy as np
import pytest
import tensorflow as tf

from slim.learning.model import Model
from slim.nets import nets_factory
from tests import reference
from tests.reference import deterministic

NETWORKS = (
    'inception_v3',
    'inception_v3_se',
    'inception_v4',
    'inception_resnet_v2',
    'inception_resnet_v2_se',
    'resnet_v2_50',
    'resnet_v2_101',
    'resnet_v2_152',
)
WEIGHT_DECAY = 4e-5
# The SE networks of 2018 had the same pooled features, but no end point for them.
ADDED_END_POINTS = {'AvgPool_1a', 'global_pool'}


# Relative error that an end point may have. Half a unit in the last place of the images moves the
# logits of inception_v3_se by 1e-4, since its factors saturate under the deterministic weights.
# They are 1.4e-4 off with oneDNN's kernels, which are always used here; with Eigen's
# (TF_ENABLE_ONEDNN_OPTS=0) it would be 1.8e-4 to 2.8e-4, as the number of threads will have it.
TOLERANCE = 2e-4


def _through_the_runtime(name, images):
    """Variables, logits, end points and regularization loss of a reference network in TF2."""
    network_fn = nets_factory.get_network_fn(name, 10, WEIGHT_DECAY)
    model = Model(network_fn, 299)
    variables = model.named_variables()
    for variable_name, variable in variables.items():
        variable.assign(deterministic.weights(variable_name, variable.shape))
    logits, end_points = tf.function(model.__call__, autograph=False)(images)
    return variables, logits, end_points, model.regularization_loss()


def _in_a_graph(name, images):
    """The same in a TF1 graph and session."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        network_fn = nets_factory.get_network_fn(name, 10, WEIGHT_DECAY)
        outputs = network_fn(tf.constant(images))
        variables = {v.op.name: v for v in v1.global_variables()}
        session.run(
            [variable.initializer for variable in variables.values()],
            {
                v.initializer.inputs[1]: deterministic.weights(variable_name, v.shape.as_list())
                for variable_name, v in variables.items()
            },
        )
        loss = v1.losses.get_regularization_loss()
        (logits, end_points), loss = session.run((outputs, loss))
        return variables, logits, end_points, loss


@pytest.fixture(
    scope='module',
    params=[(name, build) for name in NETWORKS for build in (_through_the_runtime, _in_a_graph)],
    ids=lambda parameters: f'{parameters[0]}-{parameters[1].__name__.strip("_")}',
)
def network(request):
    """A network's reference figures, and what is to agree with them."""
    name, build = request.param
    figures = reference.load(name)
    images = deterministic.inputs(figures['input_seed'], figures['batch'], figures['image_size'])
    return figures, build(name, images)


def _relative_error(got, want):
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    return np.linalg.norm(got - want) / max(np.linalg.norm(want), 1e-6)  # All zero behind a ReLU.


def test_every_file_of_figures_is_of_a_registered_network_and_read_here():
    files = {path.stem for path in reference.FOLDER.glob('*.json')}
    assert files - {'training_steps', 'eval_preprocessing'} == set(NETWORKS)
    assert set(NETWORKS) == set(nets_factory.PAPER_NETWORKS) <= set(nets_factory.NETWORKS)


def test_variables_have_the_names_shapes_and_trainability_of_2018(network):
    figures, (variables, *_) = network
    got = {name: (v.shape.as_list(), v.trainable) for name, v in variables.items()}
    want = {row['name']: (row['shape'], row['trainable']) for row in figures['variables']}
    assert got == want


def test_logits_are_those_of_2018(network):
    figures, (_, logits, *_) = network
    assert _relative_error(logits, figures['logits']) < TOLERANCE


def test_every_end_point_is_that_of_2018(network):
    figures, (_, _, end_points, _) = network
    assert set(end_points) - ADDED_END_POINTS == set(figures['end_points']) - ADDED_END_POINTS
    assert set(figures['end_points']) <= set(end_points)
    for name, want in figures['end_points'].items():
        got = deterministic.summary(end_points[name])
        assert got['shape'] == want['shape'], name
        assert _relative_error(got['samples'], want['samples']) < TOLERANCE, name
        # A mean of large numbers of both signs is no measure of its own error.
        size = abs(want['mean']) + want['std']
        assert got['mean'] == pytest.approx(want['mean'], rel=0, abs=TOLERANCE * size), name
        assert got['std'] == pytest.approx(want['std'], rel=TOLERANCE), name


def test_regularization_loss_is_that_of_2018(network):
    figures, (*_, loss) = network
    assert float(loss) == pytest.approx(figures['regularization_loss'], rel=1e-5)
