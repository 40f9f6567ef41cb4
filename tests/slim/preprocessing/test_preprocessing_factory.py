"""Preprocessing: reference values of the original, JPEGs and decoded pixels."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from slim import configs
from slim.errors import UserError
from slim.preprocessing import inception, preprocessing_factory, vgg
from tests import reference
from tests.reference import deterministic


def _jpeg(pixels, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, 'JPEG', **options)
    return file.getvalue()


IMAGE = deterministic.image(6, 301, 437)
SEED = tf.constant([3, 5], tf.int64)


# The original code could not produce every size with VGG preprocessing.
REFERENCES = [
    (name, row)
    for name in configs.PREPROCESSING
    for row in reference.load('eval_preprocessing')
    if row[name]
]


def test_the_table_of_modules_is_the_list_of_choices():
    assert tuple(preprocessing_factory.MODULES) == configs.PREPROCESSING


def test_every_preprocessing_has_reference_values():
    assert {name for name, _ in REFERENCES} == set(configs.PREPROCESSING)


@pytest.mark.parametrize('name, row', REFERENCES)
def test_evaluation_is_that_of_the_original(name, row):
    pixels = deterministic.image(row['image_seed'], row['height'], row['width'])
    size = row['output_size']
    image = preprocessing_factory.get_preprocessing(name, is_training=False)(pixels, size, size)
    want = row[name]
    got = deterministic.summary(image, len(want['samples']))
    assert got['shape'] == want['shape']
    scale = 1 if name == 'inception' else 128
    np.testing.assert_allclose(got['samples'], want['samples'], atol=1e-5 * scale)
    assert got['mean'] == pytest.approx(want['mean'], abs=1e-5 * scale)
    assert got['std'] == pytest.approx(want['std'], abs=1e-5 * scale)


@pytest.mark.parametrize('is_training', [False, True])
@pytest.mark.parametrize('name', configs.PREPROCESSING)
@pytest.mark.parametrize('subsampling', [0, 1, 2])
def test_decoding_a_crop_gives_the_pixels_of_decoding_the_whole_image(
    name, is_training, subsampling
):
    encoded = _jpeg(IMAGE, quality=90, subsampling=subsampling)
    whole = tf.io.decode_jpeg(encoded, channels=3)
    preprocess = preprocessing_factory.get_preprocessing(name, is_training)
    for number in range(20):
        seed = tf.constant([7, number], tf.int64)
        np.testing.assert_array_equal(
            preprocess(encoded, 64, 64, seed), preprocess(whole, 64, 64, seed)
        )


@pytest.mark.parametrize('name', configs.PREPROCESSING)
def test_result_is_the_same_inside_tf_data(name):
    preprocess = preprocessing_factory.get_preprocessing(name, is_training=True)
    encoded = _jpeg(IMAGE)
    dataset = tf.data.Dataset.from_tensors(encoded).map(lambda e: preprocess(e, 64, 64, SEED))
    np.testing.assert_allclose(
        next(iter(dataset)), preprocess(encoded, 64, 64, SEED), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize('name', configs.PREPROCESSING)
def test_training_is_a_function_of_the_seed(name):
    preprocess = preprocessing_factory.get_preprocessing(name, is_training=True)
    first, again = (preprocess(IMAGE, 64, 64, SEED).numpy() for _ in range(2))
    other = preprocess(IMAGE, 64, 64, SEED + 1).numpy()
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.9


def test_training_crops_have_the_papers_area_and_aspect_ratio():
    shape = tf.constant([300, 400, 3])
    boxes = np.array(
        [inception.training_box(shape, tf.constant([0, n], tf.int64)) for n in range(300)]
    )
    top, left, height, width = boxes.T
    assert (top >= 0).all() and (top + height <= 300).all()
    assert (left >= 0).all() and (left + width <= 400).all()
    area, aspect = height * width / (300 * 400), width / height
    # Bounds are approximate because sides are whole pixels. Small crops are rarer.
    assert 0.045 < area.min() < 0.15 and 0.8 < area.max() <= 1
    assert 0.73 < aspect.min() < 0.78 and 1.28 < aspect.max() < 1.36


def test_training_crops_have_at_least_the_given_area():
    shape = tf.constant([300, 400, 3])
    boxes = np.array(
        [inception.training_box(shape, tf.constant([0, n], tf.int64), 0.5) for n in range(100)]
    )
    area = boxes[:, 2] * boxes[:, 3] / (300 * 400)
    assert 0.49 < area.min() < 0.6 and 0.85 < area.max() <= 1
    # A ramp from left to right: its range of values in a crop shows the width of the crop.
    ramp = np.tile(np.linspace(0, 255, 128).astype(np.uint8)[None, :, None], [128, 1, 3])
    encoded = _jpeg(ramp)
    spans = {}
    for least in (None, 0.05, 0.9):
        preprocess = preprocessing_factory.get_preprocessing('inception', True, least)
        images = [preprocess(encoded, 32, 32, tf.constant([2, n], tf.int64)) for n in range(40)]
        spans[least] = [float(np.ptp(image.numpy().mean(axis=(0, 2)))) for image in images]
    assert spans[None] == spans[0.05]
    assert np.mean(spans[0.9]) > 1.2 * np.mean(spans[0.05])


def test_only_inception_preprocessing_has_crops_of_a_random_area():
    with pytest.raises(UserError, match='--min_crop_area: vgg has no crops of a random area'):
        preprocessing_factory.get_preprocessing('vgg', True, 0.5)
    with pytest.raises(UserError, match='unknown preprocessing vg'):
        preprocessing_factory.get_preprocessing('vg', True, 0.5)


def test_half_of_the_training_images_are_flipped():
    ramp = np.tile(np.linspace(40, 200, 128).astype(np.uint8)[None, :, None], [128, 1, 3])
    preprocess = preprocessing_factory.get_preprocessing('inception', is_training=True)
    flipped = 0
    for number in range(200):
        image = preprocess(ramp, 32, 32, tf.constant([1, number], tf.int64)).numpy()
        flipped += image[:, 0].mean() > image[:, -1].mean()
    assert 70 < flipped < 130


@pytest.mark.parametrize('is_training', [False, True])
def test_inception_preprocessing_stays_in_its_range(is_training):
    preprocess = preprocessing_factory.get_preprocessing('inception', is_training)
    noise = np.random.default_rng(0).integers(0, 256, [90, 90, 3]).astype(np.uint8)
    image = preprocess(noise, 80, 80, SEED).numpy()
    assert -1 <= image.min() < -0.5 and 0.5 < image.max() <= 1


@pytest.mark.parametrize('size', [224, 299, 448])
@pytest.mark.parametrize('is_training', [False, True])
def test_vgg_preprocessing_produces_every_size(size, is_training):
    preprocess = preprocessing_factory.get_preprocessing('vgg', is_training)
    assert preprocess(IMAGE, size, size, SEED).shape == [size, size, 3]


@pytest.mark.parametrize('name, module', preprocessing_factory.MODULES.items())
def test_displayable_undoes_the_scaling(name, module):
    grey = np.full([64, 64, 3], 100, np.uint8)
    image = preprocessing_factory.get_preprocessing(name, is_training=False)(grey, 32, 32)
    np.testing.assert_allclose(module.displayable(image), 100 / 255, atol=1e-6)


@pytest.mark.parametrize(
    'module, grey', [(inception, 0.0), (vgg, np.subtract(127.5, vgg.MEAN_COLOUR))]
)
def test_network_input_undoes_displayable(module, grey):
    images = np.random.default_rng(0).uniform(0, 1, [2, 5, 5, 3]).astype(np.float32)
    inputs = module.network_input(images)
    assert inputs.dtype == tf.float32
    np.testing.assert_allclose(module.displayable(inputs), images, atol=1e-6)
    halves = module.network_input(np.full([1, 1, 3], 0.5, np.float32))
    np.testing.assert_allclose(halves[0, 0], np.broadcast_to(grey, 3), atol=1e-4)


def test_the_message_about_an_unknown_name_names_the_nearest():
    with pytest.raises(UserError, match='did you mean inception'):
        preprocessing_factory.get_preprocessing('inceptoin', is_training=False)
