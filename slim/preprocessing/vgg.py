"""VGG-style preprocessing (Simonyan & Zisserman, arXiv 1409.1556, section 3): keeps the aspect.

Training: the shorter side resized to a random length of 256 to 512 pixels, a random square, a
left-right flip. Evaluation: the shorter side resized to 256, the central square. Both subtract the
mean colour. The lengths are for outputs of up to 224 pixels; for larger ones, which 2018's code
could not cut from them, they grow in proportion.
"""

import tensorflow as tf

from slim.preprocessing import crops

MEAN_COLOUR = (123.68, 116.78, 103.94)  # red, green, blue, in 0 to 255
SHORTER_SIDE = (256, 512)
DESIGNED_FOR = 224


def _shorter_side(side, height, width):
    """`side`, grown in proportion where the output is larger than 224 pixels."""
    return max(side, round(side * max(height, width) / DESIGNED_FOR))


def _resize_shorter_side(image, side):
    """Bilinear resize of uint8 [., ., 3] so that its shorter side is `side`: float32, 0 to 255."""
    size = tf.cast(tf.shape(image)[:2], tf.float32)
    scale = tf.cast(side, tf.float32) / tf.reduce_min(size)
    size = tf.cast(tf.math.rint(size * scale), tf.int32)
    image = tf.expand_dims(image, 0)
    return tf.raw_ops.ResizeBilinear(images=image, size=size)[0]


def training_window(shape, seed):
    """The whole image: the square is cut after the resize. int32 [4], top, left, height, width."""
    del seed
    return evaluation_window(shape)


def evaluation_window(shape):
    """The whole image, as `training_window`."""
    return crops.whole_window(shape)


def finish_training(image, height, width, seed):
    """Resizes, crops and flips: uint8 [., ., 3] to float32 [height, width, 3], mean subtracted.

    Args:
      image: the whole photograph.
      height, width: of the result, in pixels.
      seed: int32 [2].
    """
    side_seed, crop_seed, flip_seed = tf.unstack(tf.random.split(seed, 3))
    shortest, longest = (_shorter_side(side, height, width) for side in SHORTER_SIDE)
    side = tf.random.stateless_uniform([], side_seed, shortest, longest + 1, tf.int32)
    image = _resize_shorter_side(image, side)
    image = tf.image.stateless_random_crop(image, [height, width, 3], crop_seed)
    image = tf.image.stateless_random_flip_left_right(image, flip_seed)
    return image - tf.constant(MEAN_COLOUR)


def finish_evaluation(image, height, width):
    """Resizes, takes the central [height, width] and subtracts the mean colour: float32."""
    image = _resize_shorter_side(image, _shorter_side(SHORTER_SIDE[0], height, width))
    image = crops.cut(image, _central_window(image, height, width))
    return image - tf.constant(MEAN_COLOUR)


def _central_window(image, height, width):
    """The central [height, width] of a resized image: int32 [4], top, left, height, width."""
    size = tf.stack([height, width])
    return tf.concat([(tf.shape(image)[:2] - size) // 2, size], axis=0)


def evaluation_crops(image, height, width):
    """The six crops of an image, the first as `finish_evaluation` makes it.

    Central window and corners are cut after the resize of the shorter side; the whole image is
    resized to [height, width], whatever its aspect.

    Args:
      image: uint8 [., ., 3], the whole photograph.
      height, width: of each crop, in pixels.

    Returns:
      float32 [6, height, width, 3], mean subtracted, in the order of `crops.six_windows`.
    """
    resized = _resize_shorter_side(image, _shorter_side(SHORTER_SIDE[0], height, width))
    central = _central_window(resized, height, width)
    *windows, _ = tf.unstack(crops.six_windows(tf.shape(resized), central))
    cut = [crops.cut(resized, window) for window in windows]
    whole = tf.raw_ops.ResizeBilinear(images=tf.expand_dims(image, 0), size=[height, width])[0]
    return tf.stack([*cut, whole]) - tf.constant(MEAN_COLOUR)


def displayable(images):
    """What preprocessed images look like to a person: [..., 3] with the mean back, in [0, 1]."""
    return (images + tf.constant(MEAN_COLOUR)) / 255.0


def network_input(images):
    """The inverse of `displayable`: from [0, 1] to what a network expects, [..., 3]."""
    return images * 255.0 - tf.constant(MEAN_COLOUR)
