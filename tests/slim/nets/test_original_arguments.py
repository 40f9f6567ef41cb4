"""The arguments, shapes and names that the network tests of the original slim library use.

Shapes, op names and parameter counts are those that its tests expect (inception_v3_test,
inception_v4_test, inception_resnet_v2_test, resnet_v2_test). All networks build in a TF1 graph.
"""

import functools

import numpy as np
import pytest
import tensorflow as tf
from tf_slim.nets import resnet_utils, resnet_v2

from slim.compat import tf_slim
from slim.nets import inception_resnet_v2, inception_v3, inception_v4, nets_factory, resnet
from tests.reference import deterministic

v1 = tf.compat.v1

# The end points of the networks without heads, with their shapes at 299x299 pixels.
BASES = {
    'inception_v3': (
        inception_v3.inception_v3_base,
        {
            'Conv2d_1a_3x3': [149, 149, 32],
            'Conv2d_2a_3x3': [147, 147, 32],
            'Conv2d_2b_3x3': [147, 147, 64],
            'MaxPool_3a_3x3': [73, 73, 64],
            'Conv2d_3b_1x1': [73, 73, 80],
            'Conv2d_4a_3x3': [71, 71, 192],
            'MaxPool_5a_3x3': [35, 35, 192],
            'Mixed_5b': [35, 35, 256],
            'Mixed_5c': [35, 35, 288],
            'Mixed_5d': [35, 35, 288],
            **{f'Mixed_6{letter}': [17, 17, 768] for letter in 'abcde'},
            'Mixed_7a': [8, 8, 1280],
            'Mixed_7b': [8, 8, 2048],
            'Mixed_7c': [8, 8, 2048],
        },
    ),
    'inception_v4': (
        inception_v4.inception_v4_base,
        {
            'Conv2d_1a_3x3': [149, 149, 32],
            'Conv2d_2a_3x3': [147, 147, 32],
            'Conv2d_2b_3x3': [147, 147, 64],
            'Mixed_3a': [73, 73, 160],
            'Mixed_4a': [71, 71, 192],
            **{f'Mixed_5{letter}': [35, 35, 384] for letter in 'abcde'},
            **{f'Mixed_6{letter}': [17, 17, 1024] for letter in 'abcdefgh'},
            **{f'Mixed_7{letter}': [8, 8, 1536] for letter in 'abcd'},
        },
    ),
    'inception_resnet_v2': (
        inception_resnet_v2.inception_resnet_v2_base,
        {
            'Conv2d_1a_3x3': [149, 149, 32],
            'Conv2d_2a_3x3': [147, 147, 32],
            'Conv2d_2b_3x3': [147, 147, 64],
            'MaxPool_3a_3x3': [73, 73, 64],
            'Conv2d_3b_1x1': [73, 73, 80],
            'Conv2d_4a_3x3': [71, 71, 192],
            'MaxPool_5a_3x3': [35, 35, 192],
            'Mixed_5b': [35, 35, 320],
            'Mixed_6a': [17, 17, 1088],
            'PreAuxLogits': [17, 17, 1088],
            'Mixed_7a': [8, 8, 2080],
            'Conv2d_7b_1x1': [8, 8, 1536],
        },
    ),
}
INCEPTION = {
    'inception_v3': inception_v3.inception_v3,
    'inception_v4': inception_v4.inception_v4,
    'inception_resnet_v2': inception_resnet_v2.inception_resnet_v2,
}
# The scope of each in the graph and the number of its pooled features.
SCOPES = {
    'inception_v3': ('InceptionV3', 2048),
    'inception_v4': ('InceptionV4', 1536),
    'inception_resnet_v2': ('InceptionResnetV2', 1536),
}
TINY = {'depth_multiplier': 0.1, 'min_depth': 4}  # of Inception-V3
SMALL_RESNET = functools.partial(
    resnet_v2.resnet_v2,
    blocks=[
        resnet_v2.resnet_v2_block('block1', base_depth=1, num_units=3, stride=2),
        resnet_v2.resnet_v2_block('block2', base_depth=2, num_units=3, stride=2),
        resnet_v2.resnet_v2_block('block3', base_depth=4, num_units=3, stride=2),
        resnet_v2.resnet_v2_block('block4', base_depth=8, num_units=2, stride=1),
    ],
)


@pytest.fixture(autouse=True)
def session():
    """A session of a graph of its own, in which the test builds its networks."""
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(0)
        yield session


def _images(*size, batch=2):
    """Random images as an array of the network's input."""
    return np.random.default_rng(0).uniform(-1, 1, [batch, *size, 3]).astype(np.float32)


def _small_resnet(inputs, *arguments, **options):
    with tf_slim.arg_scope(resnet_utils.resnet_arg_scope()):
        return resnet.resnet(SMALL_RESNET, inputs, *arguments, **options)


def _shapes(end_points):
    return {name: value.shape.as_list()[1:] for name, value in end_points.items()}


@functools.cache
def _built(name):
    """Logits and end points of a network with all its heads for five images of 299x299 pixels."""
    with tf.Graph().as_default():
        return INCEPTION[name](tf.zeros([5, 299, 299, 3]), 1000)


@pytest.mark.parametrize('name', BASES)
def test_end_points_have_the_names_and_shapes_of_the_original(name):
    shapes = BASES[name][1]
    _, end_points = _built(name)
    assert _shapes({end_point: end_points[end_point] for end_point in shapes}) == shapes
    assert list(end_points)[: len(shapes)] == list(shapes)


@pytest.mark.parametrize(
    'name, index',
    [(name, index) for name in BASES for index in (0, 4, 8)] + [('inception_v4', None)],
)
def test_the_base_ends_at_final_endpoint(name, index):
    base, shapes = BASES[name]
    names = list(shapes) if index is None else list(shapes)[: index + 1]
    arguments = {} if index is None else {'final_endpoint': names[-1]}
    net, end_points = base(tf.zeros([5, 299, 299, 3]), **arguments)
    assert list(end_points) == names
    assert net is end_points[names[-1]]
    for end_point, value in end_points.items():
        assert value.op.name.startswith(f'{SCOPES[name][0]}/{end_point}')


def test_inception_v3_base_has_the_parameters_of_the_original():
    with tf_slim.arg_scope(inception_v3.inception_v3_arg_scope()):
        _, end_points = inception_v3.inception_v3_base(tf.zeros([5, 299, 299, 3]))
    assert list(end_points) == list(BASES['inception_v3'][1])
    sizes = [np.prod(v.shape.as_list()) for v in tf_slim.get_model_variables()]
    assert sum(sizes) == 21_802_784


@pytest.mark.parametrize('name', INCEPTION)
def test_heads_have_the_names_and_shapes_of_the_original(name):
    scope, width = SCOPES[name]
    logits, end_points = _built(name)
    assert logits.op.name.startswith(f'{scope}/Logits')
    assert end_points['AuxLogits'].op.name.startswith(f'{scope}/AuxLogits')
    for end_point in ('Logits', 'AuxLogits', 'Predictions'):
        assert end_points[end_point].shape == [5, 1000]
    if name == 'inception_v3':
        assert logits.op.name.startswith('InceptionV3/Logits/SpatialSqueeze')
        assert end_points['PreLogits'].shape == [5, 1, 1, width]
    else:
        assert end_points['Predictions'].op.name.startswith(f'{scope}/Logits/Predictions')
        assert end_points['global_pool'].shape == [5, 1, 1, width]
        assert end_points['PreLogitsFlatten'].shape == [5, width]


@pytest.mark.parametrize(
    'name, num_classes', [*((name, None) for name in INCEPTION), ('inception_v3', 0)]
)
def test_without_classes_the_result_is_the_pooled_features(name, num_classes):
    scope, width = SCOPES[name]
    net, end_points = INCEPTION[name](tf.zeros([5, 299, 299, 3]), num_classes)
    assert net.op.name.startswith(f'{scope}/Logits/AvgPool')
    assert net.shape == [5, 1, 1, width]
    assert not {'Logits', 'AuxLogits', 'Predictions'} & set(end_points)


@pytest.mark.parametrize('multiplier', [0.5, 2.0])
def test_depth_multiplier_and_scope(multiplier):
    inputs = tf.zeros([1, 107, 107, 3])
    _, end_points = inception_v3.inception_v3(inputs, 10)
    _, others = inception_v3.inception_v3(
        inputs, 10, scope='depth_multiplied_net', depth_multiplier=multiplier
    )
    for name in BASES['inception_v3'][1]:
        if name.startswith(('Mixed', 'Conv')):
            assert others[name].shape[3] == multiplier * end_points[name].shape[3]
            assert others[name].op.name.startswith('depth_multiplied_net/')


@pytest.mark.parametrize('multiplier', [-0.1, 0.0])
def test_depth_multiplier_is_positive(multiplier):
    with pytest.raises(ValueError, match='depth_multiplier must be greater than zero'):
        inception_v3.inception_v3(tf.zeros([1, 107, 107, 3]), 10, depth_multiplier=multiplier)


def test_logits_that_are_not_squeezed():
    logits, end_points = inception_v3.inception_v3(
        tf.zeros([1, 299, 299, 3]), num_classes=25, spatial_squeeze=False, **TINY
    )
    assert logits.shape == end_points['AuxLogits'].shape == [1, 1, 1, 25]


# Feature maps of 8x8, of 9x9 (the window covers the top left of it), of 11x17 and of 2x1 pixels.
@pytest.mark.parametrize(
    'global_pool, sizes',
    [
        (False, {(331, 331): (9, 9), (400, 600): (11, 17), (110, 76): (2, 1)}),
        (True, {(299, 299): (8, 8), (331, 331): (9, 9)}),
    ],
)
def test_inception_v3_of_images_of_unknown_size(session, global_pool, sizes):
    build = functools.partial(
        inception_v3.inception_v3,
        num_classes=10,
        is_training=False,
        global_pool=global_pool,
        **TINY,
    )
    inputs = v1.placeholder(tf.float32, [None, None, None, 3])
    logits, end_points = build(inputs)
    assert logits.shape.as_list() == end_points['AuxLogits'].shape.as_list() == [None, 10]
    session.run(v1.global_variables_initializer())
    for size, shape in sizes.items():
        images = _images(*size)
        got, last = session.run([logits, end_points['Mixed_7c']], {inputs: images})
        assert last.shape[:3] == (2, *shape)
        static, static_end_points = build(tf.constant(images), reuse=True)
        np.testing.assert_allclose(got, session.run(static), rtol=1e-5, atol=1e-6)
        if size[0] >= 299:
            heads = [points['AuxLogits'] for points in (end_points, static_end_points)]
            got, want = session.run(heads, {inputs: images})
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('name', ['inception_v4', 'inception_resnet_v2'])
def test_reuse_for_evaluation_of_images_of_unknown_size(session, name):
    trained, trained_end_points = INCEPTION[name](
        tf.constant(_images(75, 75)), 10, dropout_keep_prob=0.25
    )
    names = [variable.name for variable in v1.global_variables()]
    inputs = v1.placeholder(tf.float32, [None, None, None, 3])
    logits, end_points = INCEPTION[name](
        inputs, 10, is_training=False, create_aux_logits=False, reuse=True
    )
    assert [variable.name for variable in v1.global_variables()] == names
    assert 'AuxLogits' not in end_points
    assert logits.shape.as_list() == [None, 10]
    session.run(v1.global_variables_initializer())
    *_, last = BASES[name][1]
    for size, shape in {(75, 75): (1, 1), (150, 150): (3, 3), (107, 139): (2, 3)}.items():
        got, feature_map = session.run([logits, end_points[last]], {inputs: _images(*size)})
        assert got.shape == (2, 10)
        assert feature_map.shape[:3] == (2, *shape)
    _check_dropout(session, trained, trained_end_points, 'global_pool', 'PreLogitsFlatten')


def test_reuse_for_evaluation_of_inception_v3(session):
    images = tf.constant(_images(75, 75))
    trained, end_points = inception_v3.inception_v3(images, 10, dropout_keep_prob=0.25, **TINY)
    names = [variable.name for variable in v1.global_variables()]
    evaluated, _ = inception_v3.inception_v3(images, 10, is_training=False, reuse=True, **TINY)
    assert [variable.name for variable in v1.global_variables()] == names
    session.run(v1.global_variables_initializer())
    _check_dropout(session, trained, end_points, 'AvgPool_1a', 'PreLogits')
    np.testing.assert_array_equal(*(session.run(evaluated) for _ in range(2)))


def _check_dropout(session, logits, end_points, pooled, dropped):
    """Checks that a training network keeps a quarter of its features, each time another."""
    fetched = [end_points[pooled], end_points[dropped], logits]
    (before, after, first), again = session.run(fetched), session.run(logits)
    before = before.reshape(after.shape)
    assert 0.15 < np.mean(after[before > 0] > 0) < 0.35
    assert (first != again).any()


@pytest.mark.parametrize(
    'name, sizes',
    [('inception_v1', (193, 224)), ('inception_v2', (224, 260)), ('resnet_v1_50', (32, 65))],
)
def test_networks_of_tf_slim_of_images_of_unknown_size(session, name, sizes):
    inputs = v1.placeholder(tf.float32, [None, None, None, 3])
    logits, _ = nets_factory.get_network_fn(name, 10)(inputs)
    session.run(v1.global_variables_initializer())
    for size in sizes:
        assert session.run(logits, {inputs: _images(size, size, batch=1)}).shape == (1, 10)


@pytest.mark.parametrize('name', ['vgg_a', 'alexnet_v2', 'overfeat', 'resnet_v2_50'])
def test_further_networks_build_for_images_of_unknown_size(name):
    inputs = v1.placeholder(tf.float32, [None, None, None, 3])
    logits, _ = nets_factory.get_network_fn(name, 10)(inputs)
    assert logits.shape.as_list() == [None, 10]


def test_aligned_feature_maps():
    _, end_points = inception_resnet_v2.inception_resnet_v2_base(
        tf.zeros([5, 299, 299, 3]), final_endpoint='PreAuxLogits', align_feature_maps=True
    )
    assert _shapes(end_points) == {
        'Conv2d_1a_3x3': [150, 150, 32],
        'Conv2d_2a_3x3': [150, 150, 32],
        'Conv2d_2b_3x3': [150, 150, 64],
        'MaxPool_3a_3x3': [75, 75, 64],
        'Conv2d_3b_1x1': [75, 75, 80],
        'Conv2d_4a_3x3': [75, 75, 192],
        'MaxPool_5a_3x3': [38, 38, 192],
        'Mixed_5b': [38, 38, 320],
        'Mixed_6a': [19, 19, 1088],
        'PreAuxLogits': [19, 19, 1088],
    }


def test_an_output_stride_of_eight_is_denser(session):
    build = functools.partial(
        inception_resnet_v2.inception_resnet_v2_base,
        tf.constant(_images(299, 299, batch=1)),
        final_endpoint='PreAuxLogits',
        scope='InceptionResnetV2',
    )
    with tf_slim.arg_scope([tf_slim.conv2d], reuse=v1.AUTO_REUSE):
        dense, end_points = build(output_stride=8)
        sparse, _ = build()
    shapes = BASES['inception_resnet_v2'][1]
    assert _shapes(end_points) == {
        **{name: shapes[name] for name in end_points},
        'Mixed_6a': [33, 33, 1088],
        'PreAuxLogits': [33, 33, 1088],
    }
    variables = v1.global_variables()
    session.run(
        [variable.initializer for variable in variables],
        {v.initializer.inputs[1]: deterministic.weights(v.op.name, v.shape) for v in variables},
    )
    dense, sparse = session.run([dense, sparse])
    assert sparse.std() > 0.1
    np.testing.assert_allclose(dense[:, ::2, ::2], sparse, rtol=1e-4, atol=1e-4 * sparse.std())


@pytest.mark.parametrize(
    'arguments, message',
    [
        ({'output_stride': 4}, 'output_stride must be 8 or 16, not 4'),
        ({'output_stride': 8}, 'output_stride=8 ends at PreAuxLogits, before Conv2d_7b_1x1'),
        ({'final_endpoint': 'Repeat_1'}, 'unknown end point Repeat_1; .* PreAuxLogits'),
    ],
)
def test_impossible_arguments_of_inception_resnet_v2(arguments, message):
    with pytest.raises(ValueError, match=message):
        inception_resnet_v2.inception_resnet_v2_base(tf.zeros([1, 299, 299, 3]), **arguments)


def test_resnet_end_points_and_logits():
    logits, end_points = _small_resnet(tf.zeros([2, 224, 224, 3]), 10, spatial_squeeze=False)
    assert logits.op.name.startswith('resnet/logits')
    assert logits.shape == end_points['predictions'].shape == [2, 1, 1, 10]
    assert end_points['global_pool'].shape == [2, 1, 1, 32]
    assert [end_points[f'resnet/block{number}'].shape[1:] for number in range(1, 5)] == [
        [28, 28, 4],
        [14, 14, 8],
        [7, 7, 16],
        [7, 7, 32],
    ]
    squeezed, end_points = _small_resnet(tf.zeros([2, 224, 224, 3]), 10, reuse=True)
    assert squeezed.shape == end_points['resnet/spatial_squeeze'].shape == [2, 10]


@pytest.mark.parametrize('output_stride, sizes', [(None, [41, 21, 11, 11]), (8, [41, 41, 41, 41])])
def test_resnet_as_a_fully_convolutional_network(output_stride, sizes):
    logits, end_points = _small_resnet(
        tf.zeros([2, 321, 321, 3]), 10, global_pool=False, output_stride=output_stride
    )
    got = [end_points[f'resnet/block{number}'].shape[1] for number in range(1, 5)]
    assert got == sizes
    assert logits.shape == [2, sizes[-1], sizes[-1], 10]


@pytest.mark.parametrize('output_stride', [4, 8, 16, 32])
def test_resnet_features_of_any_output_stride_agree(session, output_stride):
    # The images of the original test: pixels are the sum of their coordinates.
    images = np.add.outer(np.arange(81), np.arange(81))[None, :, :, None].repeat(3, axis=3)
    build = functools.partial(
        _small_resnet, tf.constant(images, tf.float32), is_training=False, global_pool=False
    )
    dense, _ = build(output_stride=output_stride)
    sparse, _ = build(reuse=True)
    session.run(v1.global_variables_initializer())
    factor = 32 // output_stride
    dense, sparse = session.run([dense[:, ::factor, ::factor], sparse])
    np.testing.assert_allclose(dense, sparse, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    'arguments, shapes',
    [
        ({'num_classes': 10}, {65: (10,), 97: (10,)}),
        ({'num_classes': 10, 'spatial_squeeze': False}, {65: (1, 1, 10), 97: (1, 1, 10)}),
        ({'global_pool': False}, {65: (3, 3, 32), 97: (4, 4, 32)}),
        ({'global_pool': False, 'output_stride': 8}, {65: (9, 9, 32), 97: (13, 13, 32)}),
    ],
)
def test_resnet_of_images_of_unknown_size(session, arguments, shapes):
    inputs = v1.placeholder(tf.float32, [None, None, None, 3])
    output, _ = _small_resnet(inputs, **arguments)
    session.run(v1.global_variables_initializer())
    for size, shape in shapes.items():
        assert session.run(output, {inputs: _images(size, size)}).shape == (2, *shape)
