"""SavedModels as sources of features, saved in various ways."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from slim.errors import UserError
from slim.learning.feature_sources import SavedModelSource

v1 = tf.compat.v1
FEATURE_DIM = 7


def _spec(size=None, dtype=tf.float32):
    return tf.TensorSpec([None, size, size, 3], dtype)


class Colours(tf.Module):
    """Features are the mean colour times a matrix; noise is added in training."""

    def __init__(self):
        super().__init__()
        rng = np.random.default_rng(0)
        self.matrix = tf.Variable(rng.normal(size=[3, FEATURE_DIM]).astype(np.float32))

    def features(self, images, training=False):
        noise = tf.random.normal([]) if training else 0.0
        return tf.reduce_mean(images, [1, 2]) @ self.matrix + noise


class OptionalTraining(Colours):
    """Like TF-Hub's modules for TensorFlow 2: `training` has a default."""

    @tf.function
    def __call__(self, images, training=False):
        return self.features(images, training)


class RequiredTraining(Colours):
    """Requires `training`, and returns a dictionary."""

    @tf.function
    def __call__(self, images, training):
        features = self.features(images, training)
        return {'default': features, 'noisy': features + 1}


class TrainingByDefault(Colours):
    """Has the wrong default."""

    @tf.function
    def __call__(self, images, training=True):
        return self.features(images, training)


def _save_traced(module, folder, size=None):
    for training in (True, False):
        module.__call__.get_concrete_function(_spec(size), training=training)
    tf.saved_model.save(module, folder)


def _save_plain(module, folder, size=None):
    """Callable without `training`."""
    module.__call__ = tf.function(module.features, input_signature=[_spec(size)])
    module.__call__.get_concrete_function()
    tf.saved_model.save(module, folder)


def _save_signatures(module, folder, size=None, outputs=('embedding',), key='serving_default'):
    """Not callable; has only a signature."""

    @tf.function(input_signature=[_spec(size)])
    def serve(pixels):
        features = module.features(pixels)
        return {name: features + number for number, name in enumerate(outputs)}

    root = tf.train.Checkpoint(module=module)
    tf.saved_model.save(root, folder, {key: serve})


def _save_in_tensorflow_1(module, folder, size):
    """Like TF-Hub's modules for TensorFlow 1: a graph for training and one for inference."""
    matrix = module.matrix.numpy()
    builder = v1.saved_model.Builder(folder)
    for number, tags in enumerate(([], ['train'])):
        with tf.Graph().as_default(), v1.Session() as session:
            images = v1.placeholder(tf.float32, [None, size, size, 3])
            variable = v1.get_variable('matrix', initializer=matrix)
            features = tf.reduce_mean(images, [1, 2]) @ variable + float(number)
            session.run(v1.global_variables_initializer())
            outputs = {'default': features, 'Colours/mean': tf.reduce_mean(images, [1, 2])}
            signature = v1.saved_model.predict_signature_def({'images': images}, outputs)
            signatures = {'default': signature}
            if tags:
                builder.add_meta_graph(tags, signatures)
            else:
                builder.add_meta_graph_and_variables(session, tags, signatures)
    builder.save()


WAYS = {
    'optional training': (OptionalTraining, _save_traced),
    'required training': (RequiredTraining, _save_traced),
    'training by default': (TrainingByDefault, _save_traced),
    'no training': (Colours, _save_plain),
    'a signature': (Colours, _save_signatures),
    'TensorFlow 1': (Colours, _save_in_tensorflow_1),
}


@pytest.mark.parametrize('way', WAYS)
def test_features_are_those_of_inference(way, tmp_path):
    create, save = WAYS[way]
    module = create()
    save(module, str(tmp_path), size=40)
    source = SavedModelSource(str(tmp_path))
    assert (source.image_size, source.feature_dim) == (40, FEATURE_DIM)
    images = np.random.default_rng(1).uniform(0, 1, [3, 40, 40, 3]).astype(np.float32)
    features = source.features_of(images).numpy()
    assert features.dtype == np.float32
    expected = images.astype(np.float64).mean(axis=(1, 2)) @ module.matrix.numpy()
    np.testing.assert_allclose(features, expected, atol=1e-5)
    assert features.std(axis=0).max() > 1e-4
    np.testing.assert_array_equal(source.features_of(images), features)
    assert source.features_of.experimental_get_tracing_count() == 1


@pytest.mark.parametrize('save', [_save_plain, _save_signatures])
def test_an_unspecified_image_size_can_be_chosen(save, tmp_path):
    save(Colours(), str(tmp_path))
    assert SavedModelSource(str(tmp_path)).image_size == 299
    small = SavedModelSource(str(tmp_path), image_size=32)
    assert small.features_of(tf.zeros([2, 32, 32, 3])).shape == (2, FEATURE_DIM)
    assert small.provenance['image_size'] == 32


@pytest.mark.parametrize('style', [None, 'inception', 'vgg'])
def test_pixel_values_are_in_0_to_1(style, tmp_path):
    _save_plain(Colours(), str(tmp_path), 64)
    source = SavedModelSource(str(tmp_path), style)
    file = io.BytesIO()
    # A single colour, so that crop and resizing do not matter.
    Image.new('RGB', (90, 120), (255, 102, 0)).save(file, 'JPEG', quality=100, subsampling=0)
    image = source.preprocess(file.getvalue(), 64, 64).numpy()
    assert image.shape == (64, 64, 3)
    decoded = tf.io.decode_jpeg(file.getvalue()).numpy()[60, 45] / 255
    np.testing.assert_allclose(image, np.broadcast_to(decoded, image.shape), atol=1e-5)
    np.testing.assert_allclose(decoded, [1, 0.4, 0], atol=0.02)
    assert source.provenance['preprocessing_name'] == (style or 'inception')


def test_the_provenance_distinguishes_exports_to_the_same_folder(tmp_path):
    _save_plain(Colours(), str(tmp_path), 64)
    first = SavedModelSource(str(tmp_path)).provenance
    assert first == SavedModelSource(str(tmp_path)).provenance
    _save_plain(Colours(), str(tmp_path), 64)
    assert first != SavedModelSource(str(tmp_path)).provenance


def test_features_are_found_by_name_among_several_outputs(tmp_path):
    for outputs in (('logits', 'feature_vector'), ('probabilities', 'default')):
        folder = str(tmp_path / outputs[1])
        module = Colours()
        _save_signatures(module, folder, 32, outputs)
        features = SavedModelSource(folder).features_of(tf.ones([1, 32, 32, 3]))
        expected = module.matrix.numpy().sum(axis=0, keepdims=True) + 1  # The second output.
        np.testing.assert_allclose(features, expected, rtol=1e-5)
    _save_signatures(Colours(), str(tmp_path / 'detector'), 32, ('boxes', 'scores'))
    with pytest.raises(
        UserError, match='signature serving_default fails: it returns boxes, scores'
    ):
        SavedModelSource(str(tmp_path / 'detector'))


def _save_text_model(folder):
    module = tf.Module()
    spec = [tf.TensorSpec([None], tf.string)]
    module.__call__ = tf.function(lambda text: tf.strings.length(text), input_signature=spec)
    module.__call__.get_concrete_function()
    tf.saved_model.save(module, folder)


def _save_maps(folder):
    module = tf.Module()
    module.__call__ = tf.function(lambda images: images * 2, input_signature=[_spec(32)])
    module.__call__.get_concrete_function()
    tf.saved_model.save(module, folder)


def _save_bytes_model(folder):
    module = tf.Module()
    spec = [_spec(32, tf.uint8)]
    module.__call__ = tf.function(lambda images: tf.cast(images, tf.float32), input_signature=spec)
    module.__call__.get_concrete_function()
    tf.saved_model.save(module, folder)


def _save_four_image_model(folder):
    module = tf.Module()
    spec = [tf.TensorSpec([4, 32, 32, 3], tf.float32)]
    module.__call__ = tf.function(lambda images: images[:, 0, 0], input_signature=spec)
    module.__call__.get_concrete_function()
    tf.saved_model.save(module, folder)


def _save_damaged(folder):
    _save_plain(Colours(), folder)
    with open(f'{folder}/saved_model.pb', 'r+b') as file:
        file.truncate(1000)


def _save_without_variables(folder):
    _save_plain(Colours(), folder)
    with open(f'{folder}/variables/variables.data-00000-of-00001', 'r+b') as file:
        file.truncate(3)


@pytest.mark.parametrize(
    ('save', 'message'),
    [
        (lambda folder: None, 'is not the folder of a SavedModel: it has no saved_model.pb'),
        (_save_damaged, 'cannot be loaded'),
        (_save_without_variables, 'cannot be loaded'),
        (_save_text_model, r'no feature vectors of images: its call takes string \(None,\)'),
        (_save_maps, r'its call returns \(1, 32, 32, 3\) for one image'),
        (_save_bytes_model, r'its call takes uint8 \(None, 32, 32, 3\)'),
        (_save_four_image_model, r'its call takes float32 \(4, 32, 32, 3\)'),
        (lambda f: tf.saved_model.save(tf.Module(), f), 'its signatures: none'),
        (
            lambda f: _save_signatures(Colours(), f, key='classify'),
            'no feature vectors of images: its signatures: classify',
        ),
    ],
)
def test_a_model_without_features_is_refused_in_one_line(save, message, tmp_path):
    save(str(tmp_path))
    with pytest.raises(UserError, match=message) as caught:
        SavedModelSource(str(tmp_path))
    assert str(tmp_path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_another_than_the_fixed_image_size_is_refused(tmp_path):
    _save_plain(Colours(), str(tmp_path), 40)
    with pytest.raises(UserError, match='takes images of 40x40 pixels; leave out --image_size'):
        SavedModelSource(str(tmp_path), image_size=299)
    assert SavedModelSource(str(tmp_path), image_size=40).image_size == 40
