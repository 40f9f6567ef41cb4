"""Features of a dataset's images: the mean of an end point over height and width."""

import hashlib
import logging
import os
import sys
from dataclasses import asdict, dataclass

import tensorflow as tf
from tqdm import tqdm

from slim.datasets import input_pipeline, split_lists
from slim.errors import UserError, nearest
from slim.learning import checkpoints, devices
from slim.learning.model import Model
from slim.nets import nets_factory
from slim.preprocessing import preprocessing_factory
from slim.transfer import features

log = logging.getLogger('slim')


@dataclass(frozen=True)
class ExtractionConfig:
    """All that decides a feature's value, and the batch size; see `feature_extraction.py`."""

    checkpoint_path: str
    model_name: str = 'inception_v3'
    depth_multiplier: float = 1.0
    preprocessing_name: str | None = None
    image_size: int | None = None
    end_point: str | None = None
    weights: str = 'auto'
    batch_size: int = 32
    num_preprocessing_threads: int | None = None


def default_feature_name(checkpoint_path):
    """The folder under feature/ for a checkpoint: what comes before `.ckpt` in its name.

    A checkpoint `model.ckpt-500`, as training calls all of them, is named after its folder too.

    >>> default_feature_name('checkpoints/inception/inception_v3_iNat_299.ckpt')
    'inception_v3_iNat_299'
    >>> default_feature_name('checkpoints/cub_200/model.ckpt-2810')
    'cub_200-2810'
    """
    name = os.path.basename(checkpoint_path)
    if name.startswith(checkpoints.PREFIX + '-'):
        folder = os.path.basename(os.path.dirname(os.path.abspath(checkpoint_path)))
        return f'{folder}-{name.removeprefix(checkpoints.PREFIX + "-")}'
    return name.split('.ckpt')[0]


class Extractor:
    """A network with a checkpoint's weights that gives the features of images."""

    def __init__(self, config):
        """Builds the network up to its features and restores it.

        Raises:
          UserError: if network, end point, image size or checkpoint do not fit.
        """
        self._config = config
        network = nets_factory.get_network(config.model_name)
        self.image_size = config.image_size or network.default_image_size
        network.check_image_size(self.image_size)
        checkpoint = checkpoints.Checkpoint(config.checkpoint_path)
        averages = checkpoints.choose_weights(checkpoint, config.weights)
        # Without classes: the classifier's width is no matter here.
        network_fn = nets_factory.get_network_fn(config.model_name, num_classes=None)
        self._model = Model(
            network_fn,
            self.image_size,
            **network.optional_arguments(config.depth_multiplier, create_aux_logits=False),
        )
        _, end_points = self._model.output_shapes
        self._end_point = config.end_point or network.feature_end_point
        if self._end_point not in end_points:
            raise UserError(
                f'{config.model_name} has no end point {self._end_point}'
                f'{nearest(self._end_point, end_points)}'
            )
        self.width = end_points[self._end_point][-1]
        report = checkpoints.restore(
            self._model.named_variables(), checkpoint, use_averages=averages
        )
        log.info('extracting %s, %d wide: %s', self._end_point, self.width, report)
        self._preprocess = preprocessing_factory.get_jpeg_preprocessing(
            config.preprocessing_name or network.preprocessing, is_training=False
        )
        images = tf.TensorSpec([None, self.image_size, self.image_size, 3], tf.float32)
        self.features_of = tf.function(self._features_of, input_signature=[images], autograph=False)
        stat = os.stat(checkpoint.path + '.index') if _has_index(checkpoint) else None
        self.origin = {
            **asdict(config),
            'checkpoint_path': os.path.abspath(checkpoint.path),
            'checkpoint_written': stat.st_mtime if stat else None,
            'image_size': self.image_size,
            'end_point': self._end_point,
            'weights': 'average' if averages else 'raw',
        }
        for irrelevant in ('batch_size', 'num_preprocessing_threads'):
            del self.origin[irrelevant]

    def _features_of(self, images):
        """Features float32 [batch, width] of images float32 [batch, height, width, 3]."""
        _, end_points = self._model(images)
        activation = end_points[self._end_point]
        if activation.shape.rank == 4:
            activation = tf.reduce_mean(activation, [1, 2])
        return activation

    def extract(self, folder, dataset_name, split, feature_dir):
        """Writes features and labels of a split's listed images; goes on where a run was killed.

        Args:
          folder: the dataset's, data/<set>.
          dataset_name: in the names of the arrays.
          split: 'train' or 'validation'.
          feature_dir: where they are written.

        Returns:
          Path of the features.

        Raises:
          UserError: if a list or an image cannot be read, or a feature is not finite.
        """
        list_path = split_lists.list_path(folder, split)
        class_names = split_lists.read_labels(folder)
        listed = split_lists.read_list(list_path, class_names and len(class_names))
        short = os.path.basename(list_path).removesuffix('.txt')
        path = features.array_path(feature_dir, dataset_name, 'feature', short)
        with open(list_path, 'rb') as file:
            origin = {**self.origin, 'list_sha256': hashlib.sha256(file.read()).hexdigest()}
        label_path = features.array_path(feature_dir, dataset_name, 'label', short)
        if features.is_complete(path, origin) and os.path.exists(label_path):
            log.info('%s is already there', path)
            return path
        writer = features.FeatureWriter(path, len(listed), self.width, origin)
        missing = writer.missing()
        if len(missing) < len(listed):
            log.info('%s: going on at image %d of %d', path, missing[0], len(listed))
        paths = [os.path.join(folder, listed[index].path) for index in missing]
        batches = input_pipeline.file_batches(
            paths,
            missing,
            self._preprocess,
            self.image_size,
            self._config.batch_size,
            self._config.num_preprocessing_threads,
        )
        progress = tqdm(
            total=len(listed),
            initial=len(listed) - len(missing),
            unit='image',
            desc=short,
            mininterval=0.2 if sys.stderr.isatty() else 60,  # A log file wants fewer lines.
        )
        try:
            with progress:
                for indices, images in devices.prefetch(batches):
                    writer.write(indices.numpy(), self.features_of(images).numpy())
                    progress.update(len(indices))
            # Before the features, whose origin says that all is there.
            features.write_labels(label_path, [image.label for image in listed])
            writer.finish()
        except tf.errors.OpError as error:
            writer.sync()
            unread = [os.path.join(folder, listed[index].path) for index in writer.missing()]
            raise input_pipeline.explain_file_failure(error, unread) from error
        except ValueError as error:
            raise UserError(f'{path}: {error}; is the checkpoint sound?') from error
        return path


def _has_index(checkpoint):
    """Whether a checkpoint is of TensorFlow's second format, in several files."""
    return os.path.exists(checkpoint.path + '.index')
