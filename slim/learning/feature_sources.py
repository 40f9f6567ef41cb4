"""Sources of image features: a network with a checkpoint's weights, or a SavedModel."""

import functools
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from slim.configs import ExtractionConfig
from slim.errors import UserError, nearest
from slim.learning import checkpoints
from slim.learning.model import Model
from slim.nets import nets_factory
from slim.preprocessing import preprocessing_factory

log = logging.getLogger('slim')

# Defaults for SavedModels that do not determine them: Inception's.
DEFAULT_IMAGE_SIZE = 299
DEFAULT_PREPROCESSING = 'inception'

# Signatures that may return features, and names of outputs that are features, in order of priority.
SIGNATURES = ('image_feature_vector', 'default', 'serving_default')
OUTPUTS = ('default', 'feature_vector')

# Errors of TensorFlow for a SavedModel that is damaged or called with unsuitable arguments.
_FAILURES = (tf.errors.OpError, TypeError, ValueError, RuntimeError, KeyError, IndexError)


class FeatureSource:
    """A function from images to features, with the preprocessing of its images.

    Attributes:
      image_size: height and width of its images in pixels.
      feature_dim: dimension of a feature.
      preprocess: function (bytes of a JPEG, height, width) -> float32 [height, width, 3].
      features_of: `tf.function`, images float32 [n, image_size, image_size, 3] -> [n, feature_dim].
      provenance: everything that decides the values of the features, as a JSON-able dictionary.
    """

    image_size: int
    feature_dim: int
    preprocess: Callable[..., tf.Tensor]
    features_of: Any
    provenance: dict[str, object]


class CheckpointSource(FeatureSource):
    """A network of the registry with a checkpoint's weights.

    Attributes, in addition to those of every source:
      network: the network's row of the registry.
      model: `Model` of the network.
      end_point: name of the end point whose spatial mean is the feature.
      report: `RestoreReport` of the checkpoint.
    """

    def __init__(self, config: ExtractionConfig, num_classes: int | None = None) -> None:
        """Builds the network and restores its weights.

        Args:
          config: network, image size and checkpoint.
          num_classes: number of classes of the classifier; None builds the network without one.

        Raises:
          UserError: if network, end point, image size or checkpoint do not fit.
        """
        self.network = network = nets_factory.get_network(config.model_name)
        self.image_size = config.image_size or network.default_image_size
        network.check_image_size(self.image_size)
        checkpoint = checkpoints.Checkpoint(config.checkpoint_path or '')
        use_ema = checkpoints.use_ema_weights(checkpoint, config.weights)
        self.model = Model(
            nets_factory.get_network_fn(config.model_name, num_classes),
            self.image_size,
            config.precision,
            **network.optional_arguments(config.depth_multiplier, create_aux_logits=False),
        )
        self._has_classifier = num_classes is not None
        end_points = self.model.output_shapes[1]
        self.end_point = config.end_point or network.feature_end_point
        if self.end_point not in end_points:
            raise UserError(
                f'{config.model_name} has no end point {self.end_point}'
                f'{nearest(self.end_point, end_points)}'
            )
        self.feature_dim = end_points[self.end_point][-1]
        # Some of tf-slim's networks cannot be built without a classifier: it is not restored.
        unused = () if num_classes else network.last_layer_scopes
        named = self.model.named_variables().items()
        variables = {name: v for name, v in named if not name.startswith(unused)}
        self.report = checkpoints.restore(variables, checkpoint, use_ema=use_ema)
        self.preprocess = preprocessing_factory.get_preprocessing(
            config.preprocessing_name or network.preprocessing, is_training=False
        )
        self.features_of = tf.function(
            lambda images: self.outputs(images)[0],
            input_signature=[tf.TensorSpec([None, self.image_size, self.image_size, 3])],
            autograph=False,
            jit_compile=config.jit_compile or None,
        )
        self.provenance = self._provenance(config, checkpoint.path, use_ema)

    def _provenance(self, config: ExtractionConfig, path: str, use_ema: bool) -> dict[str, object]:
        # A checkpoint of TensorFlow's first format has no index.
        index = path + '.index'
        precision = {} if config.precision == 'float32' else {'precision': config.precision}
        return {
            'checkpoint_path': os.path.abspath(path),
            'checkpoint_written': os.stat(index).st_mtime if os.path.exists(index) else None,
            'model_name': config.model_name,
            'depth_multiplier': config.depth_multiplier,
            'preprocessing_name': config.preprocessing_name,
            'image_size': self.image_size,
            'end_point': self.end_point,
            'weights': 'average' if use_ema else 'raw',
            **precision,
        }

    def outputs(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Returns features float32 [batch, feature_dim] and logits [batch, classes] or None."""
        logits, end_points = self.model(images)
        features = tf.cast(end_points[self.end_point], tf.float32)
        if features.shape.rank == 4:
            features = tf.reduce_mean(features, [1, 2])
        return features, logits if self._has_classifier else None

    def __str__(self) -> str:
        dimension = f'features of dimension {self.feature_dim}'
        return f'{dimension}, end point {self.end_point}: {self.report}'


class SavedModelSource(FeatureSource):
    """A SavedModel that maps images with values in [0, 1] to feature vectors.

    Its root object is called, with `training=False` if it has this argument; if it is not callable,
    or not with images, one of its `SIGNATURES` is called.
    """

    def __init__(
        self, folder: str, preprocessing_name: str | None = None, image_size: int | None = None
    ) -> None:
        """Loads the SavedModel and tries it on one image.

        Args:
          folder: folder of its `saved_model.pb`.
          preprocessing_name: one of `configs.PREPROCESSING`, that decides how images are cropped
            and resized; by default 'inception'.
          image_size: height and width in pixels; by default that which it was saved with, or 299 if
            it accepts any.

        Raises:
          UserError: if it is not a SavedModel, does not return a feature vector for each image, or
            does not accept images of this size.
        """
        self._folder = folder
        name = preprocessing_name or DEFAULT_PREPROCESSING
        style = preprocessing_factory.get_module(name)
        preprocess = preprocessing_factory.get_preprocessing(name, is_training=False)
        self.preprocess = lambda *image: style.displayable(preprocess(*image))
        self._loaded, definition = _load(folder)  # Keeps the variables alive.
        self._select_function(image_size)
        stat = os.stat(definition)
        self.provenance = {
            'saved_model': os.path.abspath(folder),
            'saved_model_written': stat.st_mtime,
            'saved_model_bytes': stat.st_size,
            'preprocessing_name': name,
            'image_size': self.image_size,
        }

    def _select_function(self, image_size: int | None) -> None:
        """Sets `features_of`, `image_size` and `feature_dim` for the first function with features.

        Raises a `UserError` if there is none.
        """
        problems = []
        for name, function, specs in _functions(self._loaded):
            sizes = _image_sizes(specs)
            if not sizes:
                problems.append(f'{name} takes {", ".join(map(_describe, specs))}')
                continue
            fixed = sorted(filter(None, sizes))
            size = image_size or max(fixed, default=DEFAULT_IMAGE_SIZE)
            if size not in fixed and None not in sizes:
                accepted = ' or '.join(f'{size}x{size}' for size in fixed)
                raise UserError(
                    f'{self._folder} takes images of {accepted} pixels; leave out --image_size'
                )
            self.features_of = tf.function(
                functools.partial(_features, function),
                input_signature=[tf.TensorSpec([None, size, size, 3])],
                autograph=False,
            )
            try:
                features = self.features_of(tf.zeros([1, size, size, 3]))
            except _FAILURES as error:
                problems.append(f'{name} fails: {_first_line(error)}')
                continue
            if features.shape.rank == 2 and features.shape[0] == 1:
                self._name, self.image_size, self.feature_dim = name, size, features.shape[1]
                return
            problems.append(f'{name} returns {features.shape} for one image')
        signatures = ', '.join(getattr(self._loaded, 'signatures', {})) or 'none'
        reasons = '; '.join(dict.fromkeys(problems)) or f'its signatures: {signatures}'
        raise UserError(f'{self._folder} returns no feature vectors of images: {reasons}')

    def __str__(self) -> str:
        return f'features of dimension {self.feature_dim}, {self._name}: {self._folder}'


def _load(folder: str) -> tuple[Any, str]:
    """Returns the root object of a SavedModel and the path of the file that defines it.

    Raises a `UserError` if there is none, or it is damaged.
    """
    paths = [os.path.join(folder, name) for name in ('saved_model.pb', 'saved_model.pbtxt')]
    definition = next(filter(os.path.isfile, paths), None)
    if definition is None:
        raise UserError(f'{folder} is not the folder of a SavedModel: it has no saved_model.pb')
    errors: list[Exception] = []
    # TensorFlow 1's modules also hold a graph for training, distinguished by its tags.
    for tags in (None, [], ['serve']):
        try:
            return tf.saved_model.load(folder, tags=tags), definition
        except (*_FAILURES, OSError) as error:
            errors.append(error)
    raise UserError(f'{folder} cannot be loaded: {_first_line(errors[0])}') from errors[0]


def _functions(loaded: Any) -> Iterator[tuple[str, Callable[..., Any], list[Any]]]:
    """Yields (name, function of images, its input specs) for functions that may return features."""
    if callable(loaded):
        traced = getattr(loaded.__call__, 'concrete_functions', [])
        inputs = [tf.nest.flatten(function.structured_input_signature) for function in traced]
        specs = [spec for first_input in inputs for spec in first_input[:1]]
        yield 'its call', functools.partial(loaded, training=False), specs
        yield 'its call', loaded, specs
    signatures = getattr(loaded, 'signatures', {})
    for name in filter(signatures.__contains__, SIGNATURES):
        # TensorFlow lets the only input of a signature be given without its name.
        specs = list(signatures[name].structured_input_signature[1].values())
        yield f'its signature {name}', signatures[name], specs if len(specs) == 1 else []


def _features(function: Callable[..., Any], images: tf.Tensor) -> tf.Tensor:
    """Returns what `function` returns for images, as float32: its only output, or one of `OUTPUTS`.

    Raises a `ValueError` if it returns several outputs under other names.
    """
    outputs = function(images)
    if isinstance(outputs, Mapping):
        named = [outputs[name] for name in OUTPUTS if name in outputs]
        if not named and len(outputs) > 1:
            raise ValueError(f'it returns {", ".join(sorted(outputs))}')
        outputs = (named or list(outputs.values()))[0]
    if not tf.is_tensor(outputs) or not outputs.dtype.is_floating:
        raise ValueError(f'it returns {_describe(outputs)}')
    return tf.cast(outputs, tf.float32)


def _image_sizes(specs: list[Any]) -> set[int | None]:
    """Returns height and width of the images that inputs accept, None for any.

    Only inputs that are a batch, of any size, of square RGB images count.
    """
    images = tf.TensorShape([None, None, None, 3])
    shapes = [
        images.merge_with(spec.shape)
        for spec in specs
        if isinstance(spec, tf.TensorSpec)
        and spec.dtype == tf.float32
        and images.is_compatible_with(spec.shape)
    ]
    return {height for batch, height, width, _ in shapes if batch is None and height == width}


def _describe(value: Any) -> str:
    """Returns the dtype and shape of an input or output for a message, or its Python type."""
    if hasattr(value, 'dtype') and hasattr(value, 'shape'):
        return f'{value.dtype.name} {value.shape}'
    return type(value).__name__


def _first_line(error: Exception) -> str:
    """Returns the first line of an error's message, or its type if the message is empty."""
    text = getattr(error, 'message', None) or str(error)
    return (text.strip().splitlines() or [type(error).__name__])[0][:300]
