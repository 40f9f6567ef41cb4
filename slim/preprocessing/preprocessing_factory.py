"""Which preprocessing there is, by name, and the one place where it meets the JPEG decoder."""

import tensorflow as tf

from slim.errors import UserError, nearest
from slim.preprocessing import crops, inception, vgg

PREPROCESSING = {'inception': inception, 'vgg': vgg}
# Those that train on windows of a random share of the image.
WITH_CROP_AREA = ('inception',)

# A window decoded on its own can differ from the same window of the whole image in its outermost
# columns: there the decoder lacks the neighbours from which it interpolates subsampled colour. Two
# more pixels on each side give it those; one was enough in 800 windows of 4:2:2 and 4:2:0 JPEGs.
MARGIN = 2


def get_style(name: str):
    """The module of the preprocessing style `name`.

    Raises:
      UserError: if there is none of that name.
    """
    if name not in PREPROCESSING:
        raise UserError(f'unknown preprocessing {name}{nearest(name, PREPROCESSING)}')
    return PREPROCESSING[name]


def decode_window(encoded, shape, window):
    """Decodes a window of a JPEG: the pixels that decoding the whole and cropping would give.

    Args:
      encoded: string scalar, the bytes of a JPEG.
      shape: int32 [3], height, width and channels of the whole image.
      window: int32 [4], top, left, height, width.

    Returns:
      uint8 [height, width, 3].
    """
    begin = tf.maximum(window[:2] - MARGIN, 0)
    end = tf.minimum(window[:2] + window[2:] + MARGIN, shape[:2])
    padded = tf.image.decode_and_crop_jpeg(
        encoded, tf.concat([begin, end - begin], axis=0), channels=3
    )
    offset = tf.concat([window[:2] - begin, [0]], axis=0)
    return tf.slice(padded, offset, tf.concat([window[2:], [3]], axis=0))


def _cut_window(image, shape, window):
    """A window of decoded pixels; the counterpart of `decode_window`."""
    del shape
    return crops.cut(image, window)


def get_preprocessing(name, is_training):
    """The preprocessing of decoded images, as slim's factory of the same name gives it.

    Args:
      name: a key of `PREPROCESSING`.
      is_training: whether it is the random one.

    Returns:
      `preprocess(image, height, width, seed=None)`: uint8 [., ., 3] to float32 [height, width, 3].
      The random one needs `seed`, int32 [2], of which its result is a function.

    Raises:
      UserError: if the name is unknown.
    """
    return _preprocessing(name, is_training, tf.shape, _cut_window)


def get_jpeg_preprocessing(name, is_training, min_crop_area=None):
    """As `get_preprocessing`, from a JPEG's bytes, of which only the window needed is decoded.

    Args:
      name, is_training: as of `get_preprocessing`.
      min_crop_area: the least share of an image's area that a training window has; None for the
        style's own.

    Returns:
      `preprocess(encoded, height, width, seed=None)`: string scalar to float32 [height, width, 3].

    Raises:
      UserError: if the name is unknown, or the style has no windows of a random area.
    """
    source = tf.io.extract_jpeg_shape, decode_window
    if min_crop_area is None:
        return _preprocessing(name, is_training, *source)
    if name in PREPROCESSING and name not in WITH_CROP_AREA:
        raise UserError(f'--min_crop_area: {name} has no windows of a random area')
    return _preprocessing(name, is_training, *source, min_area=min_crop_area)


def get_jpeg_crops(name):
    """The preprocessing of evaluation on 12 crops: six of them, whose mirror images are the others.

    The JPEG is decoded once, as a whole.

    Args:
      name: a key of `PREPROCESSING`.

    Returns:
      `preprocess(encoded, height, width)`: string scalar to float32 [6, height, width, 3] in the
      order of `crops.six_windows`. The first is, bit for bit, what `get_jpeg_preprocessing` gives.

    Raises:
      UserError: if the name is unknown.
    """
    style = get_style(name)

    def preprocess(encoded, height, width):
        shape = tf.io.extract_jpeg_shape(encoded)
        image = decode_window(encoded, shape, crops.whole_window(shape))
        six = style.evaluation_crops(image, height, width)
        return tf.ensure_shape(six, [crops.NUM_WINDOWS, height, width, 3])

    return preprocess


def _preprocessing(name, is_training, shape_of, cut, **window_options):
    """A style's steps over a source of pixels: what tells its shape, and what cuts a window."""
    style = get_style(name)

    def preprocess(source, height, width, seed=None):
        shape = shape_of(source)
        if is_training:
            window_seed, seed = tf.unstack(tf.random.split(seed, 2))
            pixels = cut(source, shape, style.training_window(shape, window_seed, **window_options))
            image = style.finish_training(pixels, height, width, seed)
        else:
            pixels = cut(source, shape, style.evaluation_window(shape))
            image = style.finish_evaluation(pixels, height, width)
        # A resize loses the static shape.
        return tf.ensure_shape(image, [height, width, 3])

    return preprocess
