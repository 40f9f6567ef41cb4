"""Inception-style preprocessing, fast mode, as the released checkpoints were trained and evaluated.

Training: a random crop, bilinear resize, random horizontal flip, brightness, saturation.
Evaluation: the central crop, bilinear resize. Both end in [-1, 1]. Short trainings learn more from
larger crops, which miss less of the image: `--min_crop_area`.
"""

import tensorflow as tf

from slim.preprocessing import crops

AREA_RANGE = (0.05, 1.0)  # fraction of an image's area in a training crop
ASPECT_RATIO_RANGE = (0.75, 1.33)  # width / height of a training crop
CENTRAL_FRACTION = 0.875  # fraction of height and of width in the central crop


def training_box(shape: tf.Tensor, seed: tf.Tensor, min_area: float = AREA_RANGE[0]) -> tf.Tensor:
    """Returns a random box (Szegedy et al., arXiv 1409.4842, section 6), int32 [4].

    Args:
      shape: int32 [3], the image's height, width and channels.
      seed: int32 [2].
      min_area: smallest fraction of the image's area.
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


def evaluation_box(shape: tf.Tensor) -> tf.Tensor:
    """Returns the central box, int32 [4], of an image of `shape` (height and width first)."""
    size = tf.cast(shape[:2], tf.float64)
    begin = tf.cast((size - size * CENTRAL_FRACTION) / 2, tf.int32)
    return tf.concat([begin, shape[:2] - 2 * begin], axis=0)


def finish_training(crop: tf.Tensor, height: int, width: int, seed: tf.Tensor) -> tf.Tensor:
    """Resizes a crop, flips it at random and changes its brightness and saturation.

    `crop` is uint8 [., ., 3] and `seed` int32 [2]; the result is float32 [height, width, 3] in
    [-1, 1].
    """
    flip, brightness, saturation = tf.unstack(tf.random.split(seed, 3))
    image = crops.resize(crop, [height, width]) / 255.0
    image = tf.image.stateless_random_flip_left_right(image, flip)
    image = tf.image.stateless_random_brightness(image, 32.0 / 255.0, brightness)
    image = tf.image.stateless_random_saturation(image, 0.5, 1.5, saturation)
    return network_input(tf.clip_by_value(image, 0.0, 1.0))


def finish_evaluation(crop: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Resizes a crop, uint8 [., ., 3], to float32 [height, width, 3] in [-1, 1]."""
    return network_input(crops.resize(crop, [height, width]) / 255.0)


def evaluation_crops(image: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Returns the six crops of an image, of which the first is that of a single-crop evaluation.

    `image` is the whole image, uint8 [., ., 3]; the result is float32 [6, height, width, 3] in
    [-1, 1], in the order of `crops.six_boxes`.
    """
    shape = tf.shape(image)
    boxes = tf.unstack(crops.six_boxes(shape, evaluation_box(shape)))
    return tf.stack([finish_evaluation(crops.crop(image, box), height, width) for box in boxes])


def displayable(images: tf.Tensor) -> tf.Tensor:
    """Converts preprocessed images of any shape from [-1, 1] to [0, 1]."""
    return images / 2.0 + 0.5


def network_input(images: tf.Tensor) -> tf.Tensor:
    """Converts images of any shape from [0, 1] to [-1, 1], as networks expect them."""
    return (images - 0.5) * 2.0
