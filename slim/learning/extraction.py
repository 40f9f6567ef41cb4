"""Extraction of the features of a dataset's images to disk."""

import hashlib
import logging
import os
import sys

import tensorflow as tf
from tqdm import tqdm

from slim.configs import ExtractionConfig
from slim.datasets import input_pipeline, split_lists
from slim.errors import UserError
from slim.features import storage
from slim.learning import checkpoints, devices
from slim.learning.feature_sources import CheckpointSource, FeatureSource, SavedModelSource

log = logging.getLogger('slim')


def create_source(config: ExtractionConfig) -> FeatureSource:
    """Creates the source of features that a configuration describes.

    Raises a `UserError` if it cannot be used.
    """
    if config.saved_model:
        return SavedModelSource(config.saved_model, config.preprocessing_name, config.image_size)
    return CheckpointSource(config)


def default_feature_name(config: ExtractionConfig) -> str:
    """Returns the folder under feature/ for a checkpoint or a SavedModel.

    For a checkpoint it is the part of its name before `.ckpt`. The checkpoints of a training, whose
    names are all `model.ckpt-<step>`, are named after their folder too.

    For a SavedModel it is the name of its folder. A name that is only a number is a version and
    follows the name of the parent folder; in TF-Hub's paths,
    `<data>/<network>/feature_vector/<version>`, all four parts are needed.

    >>> default_feature_name(ExtractionConfig('checkpoints/inception/inception_v3_iNat_299.ckpt'))
    'inception_v3_iNat_299'
    >>> default_feature_name(ExtractionConfig('checkpoints/cub_200/model.ckpt-2810'))
    'cub_200-2810'
    >>> default_feature_name(ExtractionConfig(saved_model='exports/cub_200/'))
    'cub_200'
    >>> default_feature_name(ExtractionConfig(saved_model='exports/cub_200/1'))
    'cub_200-1'
    >>> hub_path = 'hub/inaturalist/inception_v3/feature_vector/5'
    >>> default_feature_name(ExtractionConfig(saved_model=hub_path))
    'inaturalist-inception_v3-feature_vector-5'
    """
    parts = os.path.abspath(config.saved_model or config.checkpoint_path or '').split(os.sep)
    if config.saved_model:
        is_hub_path = parts[-2] == 'feature_vector'
        return '-'.join(parts[-1 - parts[-1].isdigit() * (3 if is_hub_path else 1) :])
    if parts[-1].startswith(checkpoints.PREFIX + '-'):
        return f'{parts[-2]}-{parts[-1].split("-", 1)[1]}'
    return parts[-1].split('.ckpt')[0]


class Extractor:
    """Writes the features of images to disk.

    Attributes:
      feature_dim: dimension of a feature.
      features_of: function from images to features, see `FeatureSource`.
    """

    def __init__(self, config: ExtractionConfig) -> None:
        """Creates the source of features; raises a `UserError` if it cannot be used."""
        self._config = config
        self._source = create_source(config)
        self.feature_dim, self.features_of = self._source.feature_dim, self._source.features_of
        log.info('extracting %s', self._source)

    def extract(
        self, folder: str, dataset_name: str, split: str, feature_dir: str, progress: bool = True
    ) -> str:
        """Writes features and labels of a split, and returns the path of the features.

        Resumes an interrupted extraction.

        Args:
          folder: folder of the dataset, data/<set>.
          dataset_name: name of the dataset, the beginning of the arrays' file names.
          split: 'train' or 'validation'.
          feature_dir: folder to write to.
          progress: whether to show a progress bar on stderr (in a log file, a line per minute).

        Raises:
          UserError: if a list or an image cannot be read, or a feature is not finite.
        """
        list_path = split_lists.list_path(folder, split)
        class_names = split_lists.read_labels(folder)
        listed = split_lists.read_list(list_path, len(class_names) if class_names else None)
        short = os.path.basename(list_path).removesuffix('.txt')
        path = storage.array_path(feature_dir, dataset_name, 'feature', short)
        label_path = storage.array_path(feature_dir, dataset_name, 'label', short)
        with open(list_path, 'rb') as file:
            sha256 = hashlib.sha256(file.read()).hexdigest()
        provenance = {**self._source.provenance, 'list_sha256': sha256}
        if storage.is_complete(path, provenance) and os.path.exists(label_path):
            log.info('%s already exists', path)
            return path
        writer = storage.FeatureWriter(path, len(listed), self.feature_dim, provenance)
        paths = [os.path.join(folder, image.path) for image in listed]
        try:
            self._write_missing(writer, paths, short, progress)
            # Before the features, whose provenance file marks both as complete.
            storage.write_labels(label_path, [image.label for image in listed])
            writer.finish()
        except tf.errors.OpError as error:
            writer.sync()
            unread = [paths[index] for index in writer.missing_rows()]
            raise input_pipeline.explain_file_failure(error, unread) from error
        except ValueError as error:
            raise UserError(f'{path}: {error}; check the weights of the network') from error
        return path

    def _write_missing(
        self, writer: storage.FeatureWriter, paths: list[str], name: str, progress: bool
    ) -> None:
        """Writes the rows that `writer` lacks; `paths` are those of all images."""
        missing = writer.missing_rows()
        done = len(paths) - len(missing)
        if done:
            log.info('%s: resuming after %d of %d images', writer.path, done, len(paths))
        if not len(missing):
            return
        batches = input_pipeline.file_batches(
            [paths[index] for index in missing],
            missing,
            self._source.preprocess,
            self._source.image_size,
            self._config.batch_size,
            self._config.num_preprocessing_threads,
        )
        with tqdm(
            total=len(paths),
            initial=done,
            unit='image',
            desc=name,
            mininterval=0.2 if sys.stderr.isatty() else 60,
            disable=not progress,
        ) as bar:
            for indices, images in devices.prefetch(batches):
                writer.write(indices.numpy(), self.features_of(images).numpy())
                bar.update(len(indices))
