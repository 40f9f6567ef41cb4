"""Features of a dataset's images, written to disk."""

import hashlib
import logging
import os
import sys

import tensorflow as tf
from tqdm import tqdm

from slim import configs
from slim.datasets import input_pipeline, split_lists
from slim.errors import UserError
from slim.features import storage
from slim.learning import checkpoints, devices
from slim.learning.feature_sources import CheckpointSource, SavedModelSource

log = logging.getLogger('slim')


def create_source(config: configs.ExtractionConfig) -> CheckpointSource | SavedModelSource:
    """Creates the source of features that a configuration describes; see `feature_sources`.

    Raises:
      UserError: if it cannot be used.
    """
    if config.saved_model:
        return SavedModelSource(config.saved_model, config.preprocessing_name, config.image_size)
    return CheckpointSource(
        config.checkpoint_path,
        config.model_name,
        config.depth_multiplier,
        config.preprocessing_name,
        config.image_size,
        config.end_point,
        config.weights,
        precision=config.precision,
        jit_compile=config.jit_compile,
    )


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


def default_saved_model_feature_name(folder):
    """The folder under feature/ for a SavedModel: the name of its own.

    A name that is only a number is a version, and follows that of the folder above. In paths of
    TF-Hub, `<data>/<network>/feature_vector/<version>`, all four say what it is.

    >>> default_saved_model_feature_name('exports/cub_200/')
    'cub_200'
    >>> default_saved_model_feature_name('exports/cub_200/1')
    'cub_200-1'
    >>> default_saved_model_feature_name('hub/inaturalist/inception_v3/feature_vector/5')
    'inaturalist-inception_v3-feature_vector-5'
    """
    parts = os.path.abspath(folder).strip(os.sep).split(os.sep)
    count = 1
    if parts[-1].isdigit():
        count = 4 if parts[-2:-1] == ['feature_vector'] else 2
    return '-'.join(parts[-count:])


class Extractor:
    """Writes the features of images to disk.

    Attributes:
      width: of a feature.
      features_of: as a source's, see `feature_sources`.
    """

    def __init__(self, config):
        """Gets the source of features ready.

        Raises:
          UserError: if it cannot be used as configured.
        """
        self._config = config
        self._source = create_source(config)
        self.width, self.features_of = self._source.width, self._source.features_of
        log.info('extracting %s', self._source)

    def extract(self, folder, dataset_name, split, feature_dir, progress=True):
        """Writes features and labels of a split's listed images; goes on where a run was killed.

        Args:
          folder: the dataset's, data/<set>.
          dataset_name: in the names of the arrays.
          split: 'train' or 'validation'.
          feature_dir: where they are written.
          progress: whether to show a bar on stderr, in a log file a line now and then.

        Returns:
          Path of the features.

        Raises:
          UserError: if a list or an image cannot be read, or a feature is not finite.
        """
        list_path = split_lists.list_path(folder, split)
        class_names = split_lists.read_labels(folder)
        listed = split_lists.read_list(list_path, class_names and len(class_names))
        short = os.path.basename(list_path).removesuffix('.txt')
        path = storage.array_path(feature_dir, dataset_name, 'feature', short)
        with open(list_path, 'rb') as file:
            origin = {**self._source.origin, 'list_sha256': hashlib.sha256(file.read()).hexdigest()}
        label_path = storage.array_path(feature_dir, dataset_name, 'label', short)
        if storage.is_complete(path, origin) and os.path.exists(label_path):
            log.info('%s is already there', path)
            return path
        writer = storage.FeatureWriter(path, len(listed), self.width, origin)
        missing = writer.missing()
        if len(missing) < len(listed):
            log.info('%s: going on at image %d of %d', path, missing[0], len(listed))
        paths = [os.path.join(folder, listed[index].path) for index in missing]
        batches = input_pipeline.file_batches(
            paths,
            missing,
            self._source.preprocess,
            self._source.image_size,
            self._config.batch_size,
            self._config.num_preprocessing_threads,
        )
        bar = tqdm(
            total=len(listed),
            initial=len(listed) - len(missing),
            unit='image',
            desc=short,
            mininterval=0.2 if sys.stderr.isatty() else 60,  # A log file wants fewer lines.
            disable=not progress,
        )
        try:
            with bar:
                for indices, images in devices.prefetch(batches):
                    writer.write(indices.numpy(), self.features_of(images).numpy())
                    bar.update(len(indices))
            # Before the features, whose origin says that all is there.
            storage.write_labels(label_path, [image.label for image in listed])
            writer.finish()
        except tf.errors.OpError as error:
            writer.sync()
            unread = [os.path.join(folder, listed[index].path) for index in writer.missing()]
            raise input_pipeline.explain_file_failure(error, unread) from error
        except ValueError as error:
            raise UserError(f'{path}: {error}; are the weights sound?') from error
        return path
