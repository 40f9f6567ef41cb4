"""Preprocessing: against the figures of 2018, and from bytes as from pixels."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from slim.errors import UserError
from slim.preprocessing import inception, preprocessing_factory, vgg
from tests import reference
from tests.reference import deterministic

STYLES = list(preprocessing_factory.PREPROCESSING)


def _jpeg(pixels, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, 'JPEG', **options)
    return file.getvalue()


PHOTO = deterministic.image(6, 301, 437)
SEED = tf.constant([3, 5], tf.int64)


# 2018 could not make every size in VGG's style.
FIGURES = [
    (style, row) for style in STYLES for row in reference.load('eval_preprocessing') if row[style]
]


def test_there_are_figures_of_every_style():
    assert {style for style, _ in FIGURES} == set(STYLES)


@pytest.mark.parametrize('style, row', FIGURES)
def test_evaluation_is_that_of_2018(style, row):
    pixels = deterministic.image(row['image_seed'], row['height'], row['width'])
    size = row['output_size']
    image = preprocessing_factory.get_preprocessing(style, is_training=False)(pixels, size, size)
    want = row[style]
    got = deterministic.summary(image, len(want['samples']))
    assert got['shape'] == want['shape']
    scale = 1 if style == 'inception' else 128
    np.testing.assert_allclose(got['samples'], want['samples'], atol=1e-5 * scale)
    assert got['mean'] == pytest.approx(want['mean'], abs=1e-5 * scale)
    assert got['std'] == pytest.approx(want['std'], abs=1e-5 * scale)


@pytest.mark.parametrize('is_training', [False, True])
@pytest.mark.parametrize('style', STYLES)
@pytest.mark.parametrize('subsampling', [0, 1, 2])
def test_decoding_a_window_gives_the_pixels_of_decoding_it_all(style, is_training, subsampling):
    encoded = _jpeg(PHOTO, quality=90, subsampling=subsampling)
    whole = tf.io.decode_jpeg(encoded, channels=3)
    from_pixels = preprocessing_factory.get_preprocessing(style, is_training)
    from_bytes = preprocessing_factory.get_jpeg_preprocessing(style, is_training)
    for number in range(20):
        seed = tf.constant([7, number], tf.int64)
        np.testing.assert_array_equal(
            from_bytes(encoded, 64, 64, seed), from_pixels(whole, 64, 64, seed)
        )


@pytest.mark.parametrize('style', STYLES)
def test_is_the_same_inside_tf_data(style):
    preprocess = preprocessing_factory.get_jpeg_preprocessing(style, is_training=True)
    encoded = _jpeg(PHOTO)
    dataset = tf.data.Dataset.from_tensors(encoded).map(lambda e: preprocess(e, 64, 64, SEED))
    np.testing.assert_allclose(
        next(iter(dataset)), preprocess(encoded, 64, 64, SEED), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize('style', STYLES)
def test_training_is_a_function_of_the_seed(style):
    preprocess = preprocessing_factory.get_preprocessing(style, is_training=True)
    first, again = (preprocess(PHOTO, 64, 64, SEED).numpy() for _ in range(2))
    other = preprocess(PHOTO, 64, 64, SEED + 1).numpy()
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.9


def test_training_windows_are_of_the_papers_area_and_aspect():
    shape = tf.constant([300, 400, 3])
    windows = np.array(
        [inception.training_window(shape, tf.constant([0, n], tf.int64)) for n in range(300)]
    )
    top, left, height, width = windows.T
    assert (top >= 0).all() and (top + height <= 300).all()
    assert (left >= 0).all() and (left + width <= 400).all()
    area, aspect = height * width / (300 * 400), width / height
    # Sides are whole pixels, so the bounds are a little blurred. Small windows are the rarer.
    assert 0.045 < area.min() < 0.15 and 0.8 < area.max() <= 1
    assert 0.73 < aspect.min() < 0.78 and 1.28 < aspect.max() < 1.36


def test_training_windows_are_no_smaller_than_asked_for():
    shape = tf.constant([300, 400, 3])
    windows = np.array(
        [inception.training_window(shape, tf.constant([0, n], tf.int64), 0.5) for n in range(100)]
    )
    area = windows[:, 2] * windows[:, 3] / (300 * 400)
    assert 0.49 < area.min() < 0.6 and 0.85 < area.max() <= 1
    # A ramp from left to right: what a window holds of it says how wide the window is.
    ramp = np.tile(np.linspace(0, 255, 128).astype(np.uint8)[None, :, None], [128, 1, 3])
    encoded = _jpeg(ramp)
    spans = {}
    for least in (None, 0.05, 0.9):
        preprocess = preprocessing_factory.get_jpeg_preprocessing('inception', True, least)
        images = [preprocess(encoded, 32, 32, tf.constant([2, n], tf.int64)) for n in range(40)]
        spans[least] = [float(np.ptp(image.numpy().mean(axis=(0, 2)))) for image in images]
    assert spans[None] == spans[0.05]
    assert np.mean(spans[0.9]) > 1.2 * np.mean(spans[0.05])


def test_windows_of_a_random_area_are_inceptions_alone():
    with pytest.raises(UserError, match='--min_crop_area: vgg has no windows of a random area'):
        preprocessing_factory.get_jpeg_preprocessing('vgg', True, 0.5)
    with pytest.raises(UserError, match='unknown preprocessing vg'):
        preprocessing_factory.get_jpeg_preprocessing('vg', True, 0.5)


def test_half_of_the_training_images_are_mirrored():
    ramp = np.tile(np.linspace(40, 200, 128).astype(np.uint8)[None, :, None], [128, 1, 3])
    preprocess = preprocessing_factory.get_preprocessing('inception', is_training=True)
    mirrored = 0
    for number in range(200):
        image = preprocess(ramp, 32, 32, tf.constant([1, number], tf.int64)).numpy()
        mirrored += image[:, 0].mean() > image[:, -1].mean()
    assert 70 < mirrored < 130


@pytest.mark.parametrize('is_training', [False, True])
def test_inception_stays_in_its_range(is_training):
    preprocess = preprocessing_factory.get_preprocessing('inception', is_training)
    noise = np.random.default_rng(0).integers(0, 256, [90, 90, 3]).astype(np.uint8)
    image = preprocess(noise, 80, 80, SEED).numpy()
    assert -1 <= image.min() < -0.5 and 0.5 < image.max() <= 1


@pytest.mark.parametrize('size', [224, 299, 448])
@pytest.mark.parametrize('is_training', [False, True])
def test_vgg_makes_every_size(size, is_training):
    preprocess = preprocessing_factory.get_preprocessing('vgg', is_training)
    assert preprocess(PHOTO, size, size, SEED).shape == [size, size, 3]


@pytest.mark.parametrize('style, module', [('inception', inception), ('vgg', vgg)])
def test_displayable_undoes_the_scaling(style, module):
    grey = np.full([64, 64, 3], 100, np.uint8)
    image = preprocessing_factory.get_preprocessing(style, is_training=False)(grey, 32, 32)
    np.testing.assert_allclose(module.displayable(image), 100 / 255, atol=1e-6)


@pytest.mark.parametrize(
    'style, grey', [(inception, 0.0), (vgg, np.subtract(127.5, vgg.MEAN_COLOUR))]
)
def test_network_input_undoes_displayable(style, grey):
    images = np.random.default_rng(0).uniform(0, 1, [2, 5, 5, 3]).astype(np.float32)
    inputs = style.network_input(images)
    assert inputs.dtype == tf.float32
    np.testing.assert_allclose(style.displayable(inputs), images, atol=1e-6)
    halves = style.network_input(np.full([1, 1, 3], 0.5, np.float32))
    np.testing.assert_allclose(halves[0, 0], np.broadcast_to(grey, 3), atol=1e-4)


def test_an_unknown_style_is_answered_with_the_nearest():
    with pytest.raises(UserError, match='did you mean inception'):
        preprocessing_factory.get_preprocessing('inceptoin', is_training=False)
