"""Evaluation on 12 crops of an image, as the paper has it: six windows and their mirror images.

A style module cuts and resizes the six in the input pipeline. The mirror images are made next to
the network, so that only half of the pixels travel there.
"""

import tensorflow as tf

NUM_WINDOWS = 6
NUM_CROPS = 2 * NUM_WINDOWS


def six_windows(shape, central):
    """The central window, those of its size in the four corners, and the whole image.

    Args:
      shape: int32 [2] or more, the image's height and width first.
      central: int32 [4], top, left, height, width of the window that a single crop takes.

    Returns:
      int32 [6, 4], each top, left, height, width: central, top left, top right, bottom left,
      bottom right, whole.
    """
    size = central[2:]
    bottom, right = tf.unstack(shape[:2] - size)
    corners = [(0, 0), (0, right), (bottom, 0), (bottom, right)]
    windows = [tf.concat([tf.stack(corner), size], axis=0) for corner in corners]
    return tf.stack([central, *windows, whole_window(shape)])


def whole_window(shape):
    """The whole of an image of `shape`: int32 [4], top, left, height, width."""
    return tf.concat([tf.zeros([2], tf.int32), shape[:2]], axis=0)


def cut(image, window):
    """The pixels [height, width, 3] of `window`, int32 [4], in an image [., ., 3]."""
    begin, size = tf.concat([window[:2], [0]], 0), tf.concat([window[2:], [3]], 0)
    return tf.slice(image, begin, size)


def with_mirror_images(crops):
    """All that the network is to see of some images.

    Args:
      crops: float32 [n, 6, height, width, 3].

    Returns:
      float32 [12 n, height, width, 3]: the six crops of every image, then their mirror images.
    """
    crops = tf.reshape(crops, [-1, *crops.shape[2:]])
    return tf.concat([crops, tf.reverse(crops, axis=[2])], axis=0)


def by_crop(values):
    """What the network gave for `with_mirror_images`, by crop: [12 n, width] to [12, n, width]."""
    width = values.shape[1]
    values = tf.reshape(values, [2, -1, NUM_WINDOWS, width])
    return tf.reshape(tf.transpose(values, [0, 2, 1, 3]), [NUM_CROPS, -1, width])
