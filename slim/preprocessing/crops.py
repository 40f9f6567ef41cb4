"""Boxes of pixels, and the paper's evaluation on 12 crops: six boxes and their horizontal flips.

A box is int32 [4]: top, left, height, width, in pixels. The input pipeline makes the six crops. The
flips are made on the device of the network, so that only half of the pixels are copied there.
"""

import tensorflow as tf

NUM_BOXES = 6
NUM_CROPS = 2 * NUM_BOXES


def whole_box(shape: tf.Tensor) -> tf.Tensor:
    """Returns the box of a whole image of `shape`, int32 [2] or more, height and width first."""
    return tf.concat([tf.zeros([2], tf.int32), shape[:2]], axis=0)


def six_boxes(shape: tf.Tensor, central: tf.Tensor) -> tf.Tensor:
    """Returns six boxes, int32 [6, 4]: central, the four corners of its size, the whole image.

    The corners are in the order top left, top right, bottom left, bottom right.

    Args:
      shape: int32 [2] or more, the image's height and width first.
      central: int32 [4], box of the evaluation on a single crop.
    """
    size = central[2:]
    bottom, right = tf.unstack(shape[:2] - size)
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right)]
    boxes = [tf.concat([tf.stack(corner), size], axis=0) for corner in corners]
    return tf.stack([central, *boxes, whole_box(shape)])


def crop(image: tf.Tensor, box: tf.Tensor) -> tf.Tensor:
    """Returns the pixels [height, width, 3] of `box` in an image [., ., 3]."""
    begin, size = tf.concat([box[:2], [0]], 0), tf.concat([box[2:], [3]], 0)
    return tf.slice(image, begin, size)


def resize(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Resizes uint8 or float32 [., ., 3] bilinearly to float32 of `size`, height and width.

    The raw op computes what TensorFlow 1 did; TensorFlow 2's resize is half a pixel off.
    """
    return tf.raw_ops.ResizeBilinear(images=tf.expand_dims(image, 0), size=size)[0]


def with_horizontal_flips(crops: tf.Tensor) -> tf.Tensor:
    """Returns the 12 crops of a batch of images, whose six are float32 [n, 6, height, width, 3].

    They are one batch, float32 [12 n, height, width, 3]: the six crops of every image, then their
    horizontal flips.
    """
    crops = tf.reshape(crops, [-1, *crops.shape[2:]])
    return tf.concat([crops, tf.reverse(crops, axis=[2])], axis=0)


def by_crop(values: tf.Tensor) -> tf.Tensor:
    """Groups outputs for `with_horizontal_flips` by crop: [12 n, width] to [12, n, width]."""
    width = values.shape[1]
    values = tf.reshape(values, [2, -1, NUM_BOXES, width])
    return tf.reshape(tf.transpose(values, [0, 2, 1, 3]), [NUM_CROPS, -1, width])
