"""What gives the features of images: a network with a checkpoint's weights, or a SavedModel.

A source has
    image_size    height and width in pixels of the images that it takes
    width         of a feature
    preprocess    (bytes of a JPEG, height, width) -> float32 [height, width, 3]
    features_of   a `tf.function`: float32 [batch, image_size, image_size, 3] -> [batch, width]
    origin        a JSON-able dictionary of all that decides the features' values
"""

import functools
import logging
import os

import tensorflow as tf

from slim.errors import UserError, nearest
from slim.learning import checkpoints
from slim.learning.model import Model
from slim.nets import nets_factory
from slim.preprocessing import preprocessing_factory

log = logging.getLogger('slim')

# Of a SavedModel that says no size of its own; those of Inception.
DEFAULT_IMAGE_SIZE = 299
DEFAULT_PREPROCESSING = 'inception'

# The signatures that may give features, and the outputs that are them, the likeliest first.
SIGNATURES = ('image_feature_vector', 'default', 'serving_default')
OUTPUTS = ('default', 'feature_vector')

# What TensorFlow raises at a SavedModel that is damaged, or that is called as it was not meant.
_FAILURES = (tf.errors.OpError, TypeError, ValueError, RuntimeError, KeyError, IndexError)


def _image_batch(size):
    return tf.TensorSpec([None, size, size, 3], tf.float32)


class CheckpointSource:
    """A network of the registry with a checkpoint's weights; a source of features.

    Attributes, besides those of every source:
      network: the registry's row.
      model: the `Model`.
      report: the `RestoreReport`.
    """

    def __init__(
        self,
        checkpoint_path,
        model_name='inception_v3',
        depth_multiplier=1.0,
        preprocessing_name=None,
        image_size=None,
        end_point=None,
        weights='auto',
        num_classes=None,
        precision='float32',
        jit_compile=False,
    ):
        """Builds the network and restores it.

        Args:
          num_classes: of its classifier; None builds the network without one.
          The others: as the flags of `feature_extraction.py`.

        Raises:
          UserError: if network, end point, image size or checkpoint do not fit.
        """
        self.network = network = nets_factory.get_network(model_name)
        self.image_size = image_size or network.default_image_size
        network.check_image_size(self.image_size)
        checkpoint = checkpoints.Checkpoint(checkpoint_path)
        averages = checkpoints.choose_weights(checkpoint, weights)
        self.model = Model(
            nets_factory.get_network_fn(model_name, num_classes),
            self.image_size,
            precision,
            **network.optional_arguments(depth_multiplier, create_aux_logits=False),
        )
        self._has_classifier = num_classes is not None
        _, end_points = self.model.output_shapes
        self.end_point = end_point or network.feature_end_point
        if self.end_point not in end_points:
            raise UserError(
                f'{model_name} has no end point {self.end_point}'
                f'{nearest(self.end_point, end_points)}'
            )
        self.width = end_points[self.end_point][-1]
        wanted = self.model.named_variables()
        if not num_classes:
            # Those of tf-slim's networks that cannot be built without a classifier.
            scopes = network.last_layer_scopes
            wanted = {name: v for name, v in wanted.items() if not name.startswith(scopes)}
        self.report = checkpoints.restore(wanted, checkpoint, use_averages=averages)
        self.preprocess = preprocessing_factory.get_preprocessing(
            preprocessing_name or network.preprocessing, is_training=False
        )
        self.features_of = tf.function(
            lambda images: self.outputs(images)[0],
            input_signature=[_image_batch(self.image_size)],
            autograph=False,
            jit_compile=jit_compile or None,
        )
        # A checkpoint of TensorFlow's first format has no index.
        index = checkpoint.path + '.index'
        self.origin = {
            'checkpoint_path': os.path.abspath(checkpoint.path),
            'checkpoint_written': os.stat(index).st_mtime if os.path.exists(index) else None,
            'model_name': model_name,
            'depth_multiplier': depth_multiplier,
            'preprocessing_name': preprocessing_name,
            'image_size': self.image_size,
            'end_point': self.end_point,
            'weights': 'average' if averages else 'raw',
            **({} if precision == 'float32' else {'precision': precision}),
        }

    def outputs(self, images):
        """Features float32 [batch, width], and logits [batch, num_classes] or None, of images."""
        logits, end_points = self.model(images)
        features = tf.cast(end_points[self.end_point], tf.float32)
        if features.shape.rank == 4:
            features = tf.reduce_mean(features, [1, 2])
        return features, logits if self._has_classifier else None

    def __str__(self):
        return f'{self.end_point}, {self.width} wide: {self.report}'


class SavedModelSource:
    """A SavedModel that gives feature vectors of images in [0, 1]; a source of features.

    Its root object is called, with `training=False` where it takes that; if it cannot be called, or
    not with images, one of its `SIGNATURES` is.
    """

    def __init__(self, folder, preprocessing_name=None, image_size=None):
        """Loads it and tries it on one image.

        Args:
          folder: that of its `saved_model.pb`.
          preprocessing_name: of the images' window and size; a key of
            `configs.PREPROCESSING`, by default 'inception'.
          image_size: height and width in pixels; by default that which it was saved with, or 299
            if it takes any.

        Raises:
          UserError: if it is no SavedModel, gives something else than a feature vector for each
            image, or takes no images of this size.
        """
        self._folder = folder
        name = preprocessing_name or DEFAULT_PREPROCESSING
        style = preprocessing_factory.get_module(name)
        preprocess = preprocessing_factory.get_preprocessing(name, is_training=False)
        self.preprocess = lambda *image: style.displayable(preprocess(*image))
        self._loaded = _load(folder)  # Its variables live as long as it does.
        self._choose_function(image_size)
        stat = os.stat(_definition(folder))
        self.origin = {
            'saved_model': os.path.abspath(folder),
            'saved_model_written': stat.st_mtime,
            'saved_model_bytes': stat.st_size,
            'preprocessing_name': name,
            'image_size': self.image_size,
        }

    def _choose_function(self, image_size):
        """Sets `features_of`, `image_size` and `width` by the first function that gives features.

        Raises:
          UserError: if there is none.
        """
        problems = []
        for what, function, specs in _functions(self._loaded):
            sizes = [_square_size(spec) for spec in specs if _takes_images(spec)]
            if not sizes:
                problems.append(f'{what} takes {", ".join(map(_describe, specs))}')
                continue
            size = image_size or max(filter(None, sizes), default=DEFAULT_IMAGE_SIZE)
            if size not in sizes and None not in sizes:
                taken = ' or '.join(f'{size}x{size}' for size in sorted(set(sizes)))
                raise UserError(
                    f'{self._folder} takes images of {taken} pixels; leave out --image_size'
                )
            features_of = tf.function(
                functools.partial(_features, function),
                input_signature=[_image_batch(size)],
                autograph=False,
            )
            try:
                features = features_of(tf.zeros([1, size, size, 3]))
            except _FAILURES as error:
                problems.append(f'{what} fails: {_first_line(error)}')
                continue
            if features.shape.rank != 2 or features.shape[0] != 1:
                problems.append(f'{what} gives {features.shape} for one image')
                continue
            self.features_of, self.image_size, self.width = features_of, size, features.shape[1]
            self._what = what
            return
        signatures = ', '.join(getattr(self._loaded, 'signatures', {})) or 'none'
        reasons = '; '.join(dict.fromkeys(problems)) or f'its signatures: {signatures}'
        raise UserError(f'{self._folder} gives no feature vectors of images: {reasons}')

    def __str__(self):
        return f'{self._folder}, {self._what}, {self.width} wide'


def _definition(folder):
    """The file that makes a folder a SavedModel.

    Raises:
      UserError: if there is none.
    """
    for name in ('saved_model.pb', 'saved_model.pbtxt'):
        if os.path.isfile(os.path.join(folder, name)):
            return os.path.join(folder, name)
    raise UserError(f'{folder} is not the folder of a SavedModel: it has no saved_model.pb')


def _load(folder):
    """The root object of a SavedModel.

    Raises:
      UserError: if there is none, or it is damaged.
    """
    _definition(folder)
    first = None
    # TensorFlow 1's modules hold a graph for training too, and are told apart by tags.
    for tags in (None, [], ['serve']):
        try:
            return tf.saved_model.load(folder, tags=tags)
        except (*_FAILURES, OSError) as error:
            first = first or error
    raise UserError(f'{folder} cannot be loaded: {_first_line(first)}') from first


def _functions(loaded):
    """What of a SavedModel may give features: (what it is, function of images, its input specs)."""
    if callable(loaded):
        traced = getattr(loaded.__call__, 'concrete_functions', [])
        specs = [tf.nest.flatten(function.structured_input_signature)[:1] for function in traced]
        specs = [spec for first in specs for spec in first]
        yield 'its call', functools.partial(loaded, training=False), specs
        yield 'its call', loaded, specs
    signatures = getattr(loaded, 'signatures', {})
    for name in SIGNATURES:
        if name in signatures:
            inputs = signatures[name].structured_input_signature[1]
            yield (
                f'its signature {name}',
                functools.partial(_call_signature, signatures[name], list(inputs)),
                list(inputs.values()) if len(inputs) == 1 else [],
            )


def _call_signature(signature, inputs, images):
    """Calls a signature of one input."""
    return signature(**{inputs[0]: images})


def _features(function, images):
    """What `function` gives for images, as float32: its only output, or that of `OUTPUTS`.

    Raises:
      ValueError: if it gives several outputs under other names.
    """
    outputs = function(images)
    if isinstance(outputs, dict):
        named = [outputs[name] for name in OUTPUTS if name in outputs]
        if not named and len(outputs) > 1:
            raise ValueError(f'it gives {", ".join(sorted(outputs))}')
        outputs = (named or list(outputs.values()))[0]
    if not tf.is_tensor(outputs) or not outputs.dtype.is_floating:
        raise ValueError(f'it gives {_describe(outputs)}')
    return tf.cast(outputs, tf.float32)


def _takes_images(spec):
    """Whether an input is a batch, of any size, of square colour images."""
    if not isinstance(spec, tf.TensorSpec) or spec.dtype != tf.float32:
        return False
    if spec.shape.rank is None:
        return True
    if not spec.shape.is_compatible_with([None, None, None, 3]):
        return False
    return spec.shape[0] is None and spec.shape[1] == spec.shape[2]


def _square_size(spec):
    """Height and width of the images that an input takes, None where any will do."""
    return None if spec.shape.rank is None else spec.shape[1]


def _describe(value):
    """An input or output for a message: type and shape of a tensor."""
    if hasattr(value, 'dtype') and hasattr(value, 'shape'):
        return f'{value.dtype.name} {value.shape}'
    return type(value).__name__


def _first_line(error):
    """The first line of what an error says, or its type where it says nothing."""
    text = getattr(error, 'message', None) or str(error)
    return (text.strip().splitlines() or [type(error).__name__])[0][:300]
