"""Inception-style preprocessing, fast mode, as the released checkpoints were trained and evaluated.

Training: a window of 5 to 100% of the area and of aspect 3/4 to 4/3, bilinear resize, left-right
flip, brightness, saturation. Evaluation: the central 87.5%, bilinear resize. Both end in [-1, 1].
In few updates more is learnt from windows that miss less of the image: `--min_crop_area`.
"""

import tensorflow as tf

from slim.preprocessing import crops

AREA_RANGE = (0.05, 1.0)
ASPECT_RATIO_RANGE = (0.75, 1.33)
CENTRAL_FRACTION = 0.875


def training_window(shape, seed, min_area=AREA_RANGE[0]):
    """A random window (Szegedy et al., arXiv 1409.4842, section 6) of an image of `shape`.

    Args:
      shape: int32 [3], the image's height, width and channels.
      seed: int32 [2].
      min_area: the least share of the image's area.

    Returns:
      int32 [4]: top, left, height, width, in pixels.
    """
    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        shape,
        bounding_boxes=tf.zeros([1, 0, 4]),
        seed=seed,
        min_object_covered=0.1,
        aspect_ratio_range=ASPECT_RATIO_RANGE,
        area_range=(min_area, AREA_RANGE[1]),
        max_attempts=100,
        use_image_if_no_bounding_boxes=True,
    )
    return tf.concat([begin[:2], size[:2]], axis=0)


def evaluation_window(shape):
    """The central 87.5% of height and of width: int32 [4], top, left, height, width, in pixels."""
    size = tf.cast(shape[:2], tf.float64)
    begin = tf.cast((size - size * CENTRAL_FRACTION) / 2, tf.int32)
    return tf.concat([begin, shape[:2] - 2 * begin], axis=0)


def _resize(window, height, width):
    """Bilinear resize of uint8 pixels to float32 in [0, 1], as TensorFlow 1 computed it."""
    window = tf.expand_dims(window, 0)
    # The raw op is TensorFlow 1's arithmetic; TensorFlow 2's resize is off by half a pixel from it.
    return tf.raw_ops.ResizeBilinear(images=window, size=[height, width])[0] / 255.0


def finish_training(window, height, width, seed):
    """Resizes, flips and recolours the chosen window.

    Args:
      window: uint8 [window height, window width, 3].
      height, width: of the result, in pixels.
      seed: int32 [2].

    Returns:
      float32 [height, width, 3] in [-1, 1].
    """
    flip, brightness, saturation = tf.unstack(tf.random.split(seed, 3))
    image = _resize(window, height, width)
    image = tf.image.stateless_random_flip_left_right(image, flip)
    image = tf.image.stateless_random_brightness(image, 32.0 / 255.0, brightness)
    image = tf.image.stateless_random_saturation(image, 0.5, 1.5, saturation)
    image = tf.clip_by_value(image, 0.0, 1.0)
    return (image - 0.5) * 2.0


def finish_evaluation(window, height, width):
    """Resizes the window, uint8 [., ., 3], to float32 [height, width, 3] in [-1, 1]."""
    return (_resize(window, height, width) - 0.5) * 2.0


def evaluation_crops(image, height, width):
    """The six crops of an image, the first as `finish_evaluation` makes it of the central window.

    Args:
      image: uint8 [., ., 3], the whole photograph.
      height, width: of each crop, in pixels.

    Returns:
      float32 [6, height, width, 3] in [-1, 1], in the order of `crops.six_windows`.
    """
    shape = tf.shape(image)
    windows = crops.six_windows(shape, evaluation_window(shape))
    cut = [crops.cut(image, window) for window in tf.unstack(windows)]
    return tf.stack([finish_evaluation(window, height, width) for window in cut])


def displayable(images):
    """What preprocessed images look like to a person: [-1, 1] to [0, 1], any shape."""
    return images / 2.0 + 0.5


def network_input(images):
    """The inverse of `displayable`: from [0, 1] to what a network expects, [-1, 1], any shape."""
    return (images - 0.5) * 2.0
