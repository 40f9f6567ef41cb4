"""A network with a checkpoint's weights as a SavedModel of TensorFlow 2, in TF-Hub's manner.

Loaded, it is called with images float32 [batch, size, size, 3] in [0, 1] and gives their features
[batch, width]. `variables` and `trainable_variables` list its variables, under their TF1 names. Its
signatures, all from such images:

    serving_default        inputs -> feature_vector, logits
    image_feature_vector   images -> default: the features
    image_classification   images -> default: the logits

A checkpoint without a classifier gives one without logits and without `image_classification`.
"""

import functools
import logging
import os
from dataclasses import dataclass

import tensorflow as tf

from slim.datasets import split_lists
from slim.errors import UserError
from slim.files import atomic_folder
from slim.learning import inspection
from slim.learning.feature_sources import CheckpointSource
from slim.preprocessing import preprocessing_factory

log = logging.getLogger('slim')


@dataclass(frozen=True)
class ExportConfig:
    """What is exported; see `export_saved_model.py`.

    Attributes:
      model_name, depth_multiplier: None for those that the checkpoint fits.
    """

    checkpoint_path: str
    model_name: str | None = None
    depth_multiplier: float | None = None
    image_size: int | None = None
    end_point: str | None = None
    weights: str = 'auto'


@dataclass(frozen=True)
class Export:
    """What was exported; `num_classes` is None where there is no classifier."""

    path: str
    model_name: str
    image_size: int
    width: int
    num_classes: int | None

    def __str__(self):
        classes = f', {self.num_classes} classes' if self.num_classes else ', no classifier'
        return (
            f'{self.path}: {self.model_name} for images of {self.image_size}x{self.image_size}, '
            f'features {self.width} wide{classes}'
        )


def export(config, export_dir, labels_path=None):
    """Writes a SavedModel, whole or not at all.

    Args:
      config: an `ExportConfig`.
      export_dir: folder to write; absent or empty.
      labels_path: a dataset's labels.txt, to go along as an asset.

    Returns:
      An `Export`.

    Raises:
      UserError: if network, end point, image size, checkpoint or labels do not fit.
      OSError: if the folder holds something already, or cannot be written.
    """
    inspected = inspection.inspect(config.checkpoint_path, config.model_name)
    if not inspected.fits:
        raise UserError(f'{inspected.path} is of no known network; see inspect_checkpoint.py')
    fit = inspected.fits[0]
    if labels_path:
        _check_labels(labels_path, fit, inspected.path)
    source = CheckpointSource(
        inspected.path,
        fit.network,
        config.depth_multiplier or fit.depth_multiplier,
        image_size=config.image_size,
        end_point=config.end_point,
        weights=config.weights,
        num_classes=fit.num_classes,
    )
    log.info('exporting %s', source)
    root, signatures = _image_module(source)
    if labels_path:
        root.labels = tf.saved_model.Asset(labels_path)
    with atomic_folder(export_dir) as unfinished:
        try:
            tf.saved_model.save(root, unfinished, signatures)
        except tf.errors.OpError as error:
            raise OSError(f'{export_dir} could not be written: {error.message}') from error
    return Export(export_dir, fit.network, source.image_size, source.width, fit.num_classes)


def _check_labels(path, fit, checkpoint_path):
    """Makes sure that there is a name for each class.

    Raises:
      UserError: if there is not.
    """
    names = split_lists.read_labels(os.path.dirname(path))
    if names is None:
        raise UserError(f'{path} is missing; without --dataset_name no labels go along')
    if fit.num_classes is None:
        raise UserError(f'{checkpoint_path} has no classifier; leave out --dataset_name')
    if len(names) != fit.num_classes:
        raise UserError(
            f'{path} has {len(names)} classes, {checkpoint_path} has {fit.num_classes}; '
            'leave out --dataset_name, or name the one that it was trained on'
        )


def _image_module(source):
    """The object to save, and its signatures.

    Args:
      source: a `CheckpointSource`.

    Returns:
      A trackable with `__call__`, `variables` and `trainable_variables`; a dictionary from a
      signature's name to its function.
    """
    style = preprocessing_factory.get_module(source.network.preprocessing)
    size = source.image_size
    images = functools.partial(tf.TensorSpec, [None, size, size, 3], tf.float32)
    signature = functools.partial(tf.function, autograph=False)

    # Traced once; what follows only calls it.
    @signature(input_signature=[images()])
    def network(images):
        features, logits = source.outputs(style.network_input(images))
        return {'feature_vector': features} | ({} if logits is None else {'logits': logits})

    def call(images, training=False):
        if training:
            raise ValueError('the SavedModel is for inference: batch norm is fixed')
        return network(images)['feature_vector']

    # A `tf.Module` would not hand its lists of variables on.
    root = tf.train.Checkpoint()
    root.__call__ = tf.function(call, autograph=False)
    root.__call__.get_concrete_function(images(name='images'), training=False)
    root.variables = list(source.model.variables)
    root.trainable_variables = list(source.model.trainable_variables)

    signatures = {
        'serving_default': signature(
            lambda inputs: network(inputs), input_signature=[images(name='inputs')]
        ),
        'image_feature_vector': signature(
            lambda images: {'default': network(images)['feature_vector']},
            input_signature=[images(name='images')],
        ),
    }
    if 'logits' in network.get_concrete_function().structured_outputs:
        signatures['image_classification'] = signature(
            lambda images: {'default': network(images)['logits']},
            input_signature=[images(name='images')],
        )
    return root, signatures
