"""Evaluation on 12 crops: boxes and pixels, compared with slices of the image."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from slim import configs
from slim.errors import UserError
from slim.preprocessing import crops, inception, preprocessing_factory, vgg
from tests.reference import deterministic

IMAGE = deterministic.image(6, 301, 437)


def _encoded(pixels, kind='JPEG', **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def _resize(pixels, height, width):
    """Resizes an array as both preprocessings do."""
    return tf.raw_ops.ResizeBilinear(images=pixels[None], size=[height, width])[0].numpy()


@pytest.mark.parametrize(
    ('shape', 'want'),
    [
        (
            [301, 437, 3],
            [
                [18, 27, 265, 383],
                [0, 0, 265, 383],
                [0, 54, 265, 383],
                [36, 0, 265, 383],
                [36, 54, 265, 383],
                [0, 0, 301, 437],
            ],
        ),
        # Too small for a margin: every box is the whole image.
        ([12, 7, 3], [[0, 0, 12, 7]] * 6),
        (
            [160, 16, 3],
            [
                [10, 1, 140, 14],
                [0, 0, 140, 14],
                [0, 2, 140, 14],
                [20, 0, 140, 14],
                [20, 2, 140, 14],
                [0, 0, 160, 16],
            ],
        ),
    ],
)
def test_boxes_of_inception_preprocessing(shape, want):
    shape = tf.constant(shape)
    boxes = crops.six_boxes(shape, inception.evaluation_box(shape))
    assert boxes.dtype == tf.int32
    assert boxes.numpy().tolist() == want


def test_crops_of_inception_preprocessing_are_resized_slices():
    got = inception.evaluation_crops(tf.constant(IMAGE), 80, 96).numpy()
    want = [
        IMAGE[18 : 18 + 265, 27 : 27 + 383],
        IMAGE[:265, :383],
        IMAGE[:265, -383:],
        IMAGE[-265:, :383],
        IMAGE[-265:, -383:],
        IMAGE,
    ]
    want = np.array([_resize(pixels, 80, 96) for pixels in want]) / 127.5 - 1
    np.testing.assert_allclose(got, want, atol=1e-6)


@pytest.mark.parametrize(('output', 'side'), [((224, 224), 256), ((200, 336), 384)])
def test_crops_of_vgg_preprocessing_are_slices_of_the_resized_image(output, side):
    height, width = output
    got = vgg.evaluation_crops(tf.constant(IMAGE), height, width).numpy()
    resized = _resize(IMAGE, side, round(437 * side / 301))
    top, left = (resized.shape[0] - height) // 2, (resized.shape[1] - width) // 2
    assert top > 0 and left > 0
    want = [
        resized[top : top + height, left : left + width],
        resized[:height, :width],
        resized[:height, -width:],
        resized[-height:, :width],
        resized[-height:, -width:],
        _resize(IMAGE, height, width),
    ]
    want = np.array(want) - np.array([123.68, 116.78, 103.94])
    np.testing.assert_allclose(got, want, atol=1e-4)


@pytest.mark.parametrize('name', configs.PREPROCESSING)
@pytest.mark.parametrize('subsampling', [0, 1, 2])
@pytest.mark.parametrize('size', [75, 224, 299])
def test_the_first_crop_equals_the_single_one_bit_for_bit(name, subsampling, size):
    encoded = _encoded(IMAGE, quality=90, subsampling=subsampling)
    single = preprocessing_factory.get_preprocessing(name, is_training=False)
    several = preprocessing_factory.get_jpeg_crops(name)
    # As the input pipeline computes them, with the static shape that it needs.
    images = tf.data.Dataset.from_tensors(encoded)
    six = images.map(lambda e: several(e, size, size))
    assert six.element_spec == tf.TensorSpec([6, size, size, 3], tf.float32)
    one = images.map(lambda e: single(e, size, size))
    np.testing.assert_array_equal(six.get_single_element()[0], one.get_single_element())


@pytest.mark.parametrize('name', configs.PREPROCESSING)
def test_a_jpeg_is_decoded_once(name):
    preprocess = tf.function(preprocessing_factory.get_jpeg_crops(name))
    graph = preprocess.get_concrete_function(tf.TensorSpec([], tf.string), 75, 75).graph
    kinds = [operation.type for operation in graph.get_operations()]
    assert [kind for kind in kinds if 'Decode' in kind] == ['DecodeAndCropJpeg']


def test_a_file_that_is_not_a_jpeg_is_refused_as_for_a_single_crop():
    png = _encoded(IMAGE, 'PNG')
    for preprocess in (
        preprocessing_factory.get_preprocessing('inception', is_training=False),
        preprocessing_factory.get_jpeg_crops('inception'),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match='(?i)jpeg'):
            preprocess(png, 75, 75)


def test_the_message_about_an_unknown_name_names_the_nearest():
    with pytest.raises(UserError, match='did you mean vgg'):
        preprocessing_factory.get_jpeg_crops('vg')


def test_every_image_has_its_own_crops_and_their_horizontal_flips():
    images = np.random.default_rng(0).random([3, 6, 4, 5, 3], np.float32)
    batch = crops.with_horizontal_flips(tf.constant(images))
    assert batch.shape == [36, 4, 5, 3]
    got = crops.by_crop(tf.reshape(batch, [36, -1])).numpy().reshape(12, 3, 4, 5, 3)
    for image, own in enumerate(images):
        np.testing.assert_array_equal(got[:6, image], own)
        np.testing.assert_array_equal(got[6:, image], own[:, :, ::-1])
