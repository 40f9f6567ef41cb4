"""Preprocessing by name, combined with the JPEG decoder."""

from collections.abc import Callable
from types import ModuleType

import tensorflow as tf

from slim.errors import UserError, nearest
from slim.preprocessing import crops, inception, vgg

MODULES = {'inception': inception, 'vgg': vgg}  # the names are `configs.PREPROCESSING`
WITH_CROP_AREA = ('inception',)  # those that train on crops of a random area

# A crop decoded on its own can differ from the same crop of the whole image in its outermost
# columns, where the decoder lacks the neighbours from which it interpolates subsampled colour. A
# margin of two pixels provides them; one was enough in 800 crops of 4:2:2 and 4:2:0 JPEGs.
MARGIN = 2


def get_module(name: str) -> ModuleType:
    """Returns the module of the preprocessing `name`; raises a `UserError` if there is none."""
    if name not in MODULES:
        raise UserError(f'unknown preprocessing {name}{nearest(name, MODULES)}')
    return MODULES[name]


def decode_crop(encoded: tf.Tensor, shape: tf.Tensor, box: tf.Tensor) -> tf.Tensor:
    """Decodes a crop of a JPEG to uint8 [., ., 3]: the same pixels as decoding it all and cropping.

    Args:
      encoded: string scalar, the bytes of a JPEG.
      shape: int32 [3], height, width and channels of the whole image.
      box: int32 [4], top, left, height, width.
    """
    begin = tf.maximum(box[:2] - MARGIN, 0)
    end = tf.minimum(box[:2] + box[2:] + MARGIN, shape[:2])
    padded_box = tf.concat([begin, end - begin], axis=0)
    padded = tf.image.decode_and_crop_jpeg(encoded, padded_box, channels=3)
    return crops.crop(padded, tf.concat([box[:2] - begin, box[2:]], axis=0))


def get_preprocessing(name: str, is_training: bool, min_crop_area: float | None = None) -> Callable:
    """Returns the preprocessing of images; of a JPEG it decodes only the crop that is needed.

    Args:
      name: one of `configs.PREPROCESSING`.
      is_training: whether to augment the image at random.
      min_crop_area: smallest fraction of an image's area in a training crop; None: the
        preprocessing's own.

    Returns:
      `preprocess(image, height, width, seed=None)`: a JPEG (string scalar) or decoded pixels (uint8
      [., ., 3]) to float32 [height, width, 3]. With `is_training` it needs `seed`, int32 [2], and
      its result is a function of that.

    Raises:
      UserError: if the name is unknown, or the preprocessing has no crops of a random area.
    """
    module = get_module(name)
    options = {} if min_crop_area is None else {'min_area': min_crop_area}
    if options and name not in WITH_CROP_AREA:
        raise UserError(f'--min_crop_area: {name} has no crops of a random area')

    def preprocess(
        image: tf.Tensor, height: int, width: int, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        image = tf.convert_to_tensor(image)
        is_jpeg = image.dtype == tf.string
        shape = tf.io.extract_jpeg_shape(image) if is_jpeg else tf.shape(image)
        if is_training:
            box_seed, seed = tf.unstack(tf.random.split(seed, 2))
            box = module.training_box(shape, box_seed, **options)
        else:
            box = module.evaluation_box(shape)
        pixels = decode_crop(image, shape, box) if is_jpeg else crops.crop(image, box)
        if is_training:
            image = module.finish_training(pixels, height, width, seed)
        else:
            image = module.finish_evaluation(pixels, height, width)
        return tf.ensure_shape(image, [height, width, 3])  # A resize loses the static shape.

    return preprocess


def get_jpeg_crops(name: str) -> Callable:
    """Returns the preprocessing `name` of the evaluation on 12 crops, without the horizontal flips.

    Returns:
      `preprocess(encoded, height, width)`, which decodes the whole JPEG (string scalar) once:
      float32 [6, height, width, 3] in the order of `crops.six_boxes`. The first is, bit for bit,
      that of `get_preprocessing`.

    Raises:
      UserError: if the name is unknown.
    """
    module = get_module(name)

    def preprocess(encoded: tf.Tensor, height: int, width: int) -> tf.Tensor:
        shape = tf.io.extract_jpeg_shape(encoded)
        image = decode_crop(encoded, shape, crops.whole_box(shape))
        six = module.evaluation_crops(image, height, width)
        return tf.ensure_shape(six, [crops.NUM_BOXES, height, width, 3])

    return preprocess
