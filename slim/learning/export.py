"""Exports a network with a checkpoint's weights as a TensorFlow 2 SavedModel in TF-Hub's style.

The loaded model is a function from images float32 [batch, size, size, 3] in [0, 1] to features
[batch, feature_dim]. `variables` and `trainable_variables` list its variables, under their TF1
names. Its signatures, which take the same images:

    serving_default        inputs -> feature_vector, logits
    image_feature_vector   images -> default: the features
    image_classification   images -> default: the logits

For a checkpoint without a classifier there are no logits and no `image_classification`.
"""

import functools
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from slim.configs import ExportConfig, ExtractionConfig
from slim.datasets import split_lists
from slim.errors import UserError
from slim.files import atomic_folder
from slim.learning import inspection
from slim.learning.feature_sources import CheckpointSource
from slim.preprocessing import preprocessing_factory

log = logging.getLogger('slim')


@dataclass(frozen=True)
class ExportedModel:
    """Description of an exported SavedModel; `num_classes` is None if there is no classifier."""

    path: str
    model_name: str
    image_size: int
    feature_dim: int
    num_classes: int | None

    def __str__(self) -> str:
        classes = f'{self.num_classes} classes' if self.num_classes else 'no classifier'
        return (
            f'{self.path}: {self.model_name} for images of {self.image_size}x{self.image_size}, '
            f'features of dimension {self.feature_dim}, {classes}'
        )


def export(config: ExportConfig, export_dir: str, labels_path: str | None = None) -> ExportedModel:
    """Writes a SavedModel atomically.

    Args:
      config: network and checkpoint.
      export_dir: folder to write; absent or empty.
      labels_path: labels.txt of a dataset, to be included as an asset.

    Raises:
      UserError: if network, end point, image size, checkpoint or labels do not fit.
      OSError: if the folder is not empty or cannot be written.
    """
    inspected = inspection.inspect(config.checkpoint_path, config.model_name)
    if not inspected.fits:
        raise UserError(f'{inspected.path} is of no known network; see inspect_checkpoint.py')
    fit = inspected.fits[0]
    if labels_path:
        _check_labels(labels_path, fit, inspected.path)
    source = CheckpointSource(
        ExtractionConfig(
            checkpoint_path=inspected.path,
            model_name=fit.network,
            depth_multiplier=config.depth_multiplier or fit.depth_multiplier,
            image_size=config.image_size,
            end_point=config.end_point,
            weights=config.weights,
        ),
        fit.num_classes,
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
    return ExportedModel(
        export_dir, fit.network, source.image_size, source.feature_dim, fit.num_classes
    )


def _check_labels(path: str, fit: inspection.Fit, checkpoint_path: str) -> None:
    """Raises a `UserError` unless `path` has a name for each class of the checkpoint."""
    names = split_lists.read_labels(os.path.dirname(path))
    if names is None:
        raise UserError(f'{path} is missing; leave out --dataset_name to export without labels')
    if fit.num_classes is None:
        raise UserError(f'{checkpoint_path} has no classifier; leave out --dataset_name')
    if len(names) != fit.num_classes:
        raise UserError(
            f'{path} has {len(names)} classes, {checkpoint_path} has {fit.num_classes}; '
            'leave out --dataset_name, or name the dataset that the network was trained on'
        )


def _image_module(source: CheckpointSource) -> tuple[Any, dict[str, Callable]]:
    """Returns a trackable with `__call__`, `variables`, `trainable_variables`; its signatures."""
    style = preprocessing_factory.get_module(source.network.preprocessing)
    size = source.image_size
    images = functools.partial(tf.TensorSpec, [None, size, size, 3], tf.float32)
    function = functools.partial(tf.function, autograph=False)

    @function(input_signature=[images()])  # Traced once; the functions below only call it.
    def network(images: tf.Tensor) -> dict[str, tf.Tensor]:
        features, logits = source.outputs(style.network_input(images))
        return {'feature_vector': features} | ({} if logits is None else {'logits': logits})

    def call(images: tf.Tensor, training: bool = False) -> tf.Tensor:
        if training:
            raise ValueError('the SavedModel is for inference: batch norm is fixed')
        return network(images)['feature_vector']

    root = tf.train.Checkpoint()  # A `tf.Module` would not save its lists of variables.
    root.__call__ = function(call)
    root.__call__.get_concrete_function(images(name='images'), training=False)
    root.variables = list(source.model.variables)
    root.trainable_variables = list(source.model.trainable_variables)

    def image_signature(output: str) -> Callable:
        return function(
            lambda images: {'default': network(images)[output]},
            input_signature=[images(name='images')],
        )

    signatures = {
        'serving_default': function(
            lambda inputs: network(inputs), input_signature=[images(name='inputs')]
        ),
        'image_feature_vector': image_signature('feature_vector'),
    }
    if 'logits' in network.get_concrete_function().structured_outputs:
        signatures['image_classification'] = image_signature('logits')
    return root, signatures
