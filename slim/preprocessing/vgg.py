"""VGG-style preprocessing (Simonyan & Zisserman, arXiv 1409.1556, section 3): keeps the aspect.

Training: resizes the shorter side to a random length in `SHORTER_SIDE`, takes a random square crop,
flips at random. Evaluation: resizes the shorter side to the smallest of these lengths, takes the
central square. Both subtract the mean colour. The lengths hold for outputs of up to 224 pixels; for
larger ones, which the original code could not produce, they grow in proportion.
"""

import tensorflow as tf

from slim.preprocessing import crops

MEAN_COLOUR = (123.68, 116.78, 103.94)  # red, green, blue, in 0 to 255
SHORTER_SIDE = (256, 512)  # pixels
DESIGNED_FOR = 224  # pixels


def _shorter_side(side: int, height: int, width: int) -> int:
    """Returns `side`, enlarged in proportion where the output is larger than `DESIGNED_FOR`."""
    return max(side, round(side * max(height, width) / DESIGNED_FOR))


def _resize_shorter_side(image: tf.Tensor, side: tf.Tensor) -> tf.Tensor:
    """Resizes uint8 [., ., 3] bilinearly to a shorter side of `side` pixels: float32, 0 to 255."""
    size = tf.cast(tf.shape(image)[:2], tf.float32)
    scale = tf.cast(side, tf.float32) / tf.reduce_min(size)
    return crops.resize(image, tf.cast(tf.math.rint(size * scale), tf.int32))


def training_box(shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Returns the box of the whole image: the image is cropped after it was resized."""
    del seed
    return crops.whole_box(shape)


evaluation_box = crops.whole_box  # For the same reason.


def finish_training(image: tf.Tensor, height: int, width: int, seed: tf.Tensor) -> tf.Tensor:
    """Resizes the shorter side, crops at random, flips at random and subtracts the mean colour.

    `image` is the whole image, uint8 [., ., 3], and `seed` int32 [2]; the result is float32
    [height, width, 3].
    """
    side_seed, crop_seed, flip_seed = tf.unstack(tf.random.split(seed, 3))
    shortest, longest = (_shorter_side(side, height, width) for side in SHORTER_SIDE)
    side = tf.random.stateless_uniform([], side_seed, shortest, longest + 1, tf.int32)
    image = _resize_shorter_side(image, side)
    image = tf.image.stateless_random_crop(image, [height, width, 3], crop_seed)
    image = tf.image.stateless_random_flip_left_right(image, flip_seed)
    return image - tf.constant(MEAN_COLOUR)


def _resize_for_evaluation(
    image: tf.Tensor, height: int, width: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the resized image, float32 in 0 to 255, and its central box [height, width]."""
    image = _resize_shorter_side(image, _shorter_side(SHORTER_SIDE[0], height, width))
    size = tf.stack([height, width])
    return image, tf.concat([(tf.shape(image)[:2] - size) // 2, size], axis=0)


def finish_evaluation(image: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Resizes, takes the central crop and subtracts the mean colour: float32 [height, width, 3]."""
    return crops.crop(*_resize_for_evaluation(image, height, width)) - tf.constant(MEAN_COLOUR)


def evaluation_crops(image: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Returns the six crops of an image, of which the first is that of `finish_evaluation`.

    The central crop and the corners are taken after the shorter side was resized; the whole image,
    uint8 [., ., 3], is resized to [height, width], whatever its aspect. The result is float32
    [6, height, width, 3], mean subtracted, in the order of `crops.six_boxes`.
    """
    resized, central = _resize_for_evaluation(image, height, width)
    *boxes, _ = tf.unstack(crops.six_boxes(tf.shape(resized), central))
    whole = crops.resize(image, [height, width])
    return tf.stack([*(crops.crop(resized, box) for box in boxes), whole]) - tf.constant(
        MEAN_COLOUR
    )


def displayable(images: tf.Tensor) -> tf.Tensor:
    """Converts preprocessed images [..., 3] to [0, 1], with the mean colour added again."""
    return (images + tf.constant(MEAN_COLOUR)) / 255.0


def network_input(images: tf.Tensor) -> tf.Tensor:
    """Converts images [..., 3] from [0, 1] to the input of networks; inverts `displayable`."""
    return images * 255.0 - tf.constant(MEAN_COLOUR)
