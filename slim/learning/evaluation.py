"""Evaluation of checkpoints: each image once, accuracy over all and for each class."""

import csv
import logging
import os
import time
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from slim.datasets import input_pipeline, whole_files
from slim.errors import UserError
from slim.learning import checkpoints, devices
from slim.learning.model import Model
from slim.nets import nets_factory
from slim.preprocessing import preprocessing_factory

log = logging.getLogger('slim')

RECALL_AT = 5


@dataclass(frozen=True)
class EvaluationConfig:
    """All that decides what an evaluation computes; see the flags of `eval.py` for each."""

    model_name: str = 'inception_v3'
    depth_multiplier: float = 1.0
    preprocessing_name: str | None = None
    image_size: int | None = None
    labels_offset: int = 0
    batch_size: int = 100
    max_num_batches: int | None = None
    weights: str = 'auto'
    num_preprocessing_threads: int | None = None


@dataclass(frozen=True)
class Evaluation:
    """What came out.

    Attributes:
      step: the checkpoint's global step.
      images: int64 [classes], how many there were of each class.
      correct: int64 [classes], how many of them were ranked first.
      in_top_5: int64 [classes], how many of them were ranked among the first five.
    """

    step: int
    images: np.ndarray
    correct: np.ndarray
    in_top_5: np.ndarray

    @property
    def num_images(self):
        return int(self.images.sum())

    @property
    def accuracy(self):
        """Share of all images whose class was ranked first."""
        return float(self.correct.sum() / self.images.sum())

    @property
    def recall_5(self):
        """Share of all images whose class was among the first five."""
        return float(self.in_top_5.sum() / self.images.sum())


class Evaluator:
    """A network in inference mode, to be given one checkpoint after another."""

    def __init__(self, config, dataset):
        """Builds the network for the dataset's classes.

        Raises:
          UserError: if the network is unknown or cannot take images of this size.
        """
        self._config, self._dataset = config, dataset
        network = nets_factory.get_network(config.model_name)
        size = config.image_size or network.default_image_size
        network.check_image_size(size)
        self._num_classes = dataset.classes_left(config.labels_offset)
        network_fn = nets_factory.get_network_fn(config.model_name, self._num_classes)
        # The auxiliary head plays no part here, and its shape depends on the size of the images.
        self._model = Model(
            network_fn,
            size,
            **network.optional_arguments(config.depth_multiplier, create_aux_logits=False),
        )
        preprocess = preprocessing_factory.get_jpeg_preprocessing(
            config.preprocessing_name or network.preprocessing, is_training=False
        )
        self._batches = input_pipeline.evaluation_batches(
            dataset,
            preprocess,
            size,
            config.batch_size,
            config.labels_offset,
            config.num_preprocessing_threads,
        )
        if config.max_num_batches:
            self._batches = self._batches.take(config.max_num_batches)
        self._batches = devices.prefetch(self._batches)
        images = tf.TensorSpec([None, size, size, 3], tf.float32)
        labels = tf.TensorSpec([None], tf.int64)
        self._judge = tf.function(self._judge, input_signature=[images, labels], autograph=False)

    def _judge(self, images, labels):
        """Whether each image's class was ranked first, and whether among the first five."""
        logits, _ = self._model(images)
        logits = tf.debugging.check_numerics(logits, 'the logits are not finite')
        top_5 = tf.math.in_top_k(labels, logits, min(RECALL_AT, self._num_classes))
        return tf.equal(tf.argmax(logits, axis=1), labels), top_5

    def evaluate(self, path):
        """Evaluates a checkpoint.

        Returns:
          An `Evaluation`.

        Raises:
          UserError: if the checkpoint does not fit or is damaged, or the shards are.
        """
        checkpoint = checkpoints.Checkpoint(path)
        averages = checkpoints.choose_weights(checkpoint, self._config.weights)
        variables = self._model.named_variables()
        report = checkpoints.restore(variables, checkpoint, use_averages=averages)
        log.info('evaluating %s', report)
        counts = np.zeros([3, self._num_classes], np.int64)
        total = self._dataset.num_images
        if self._config.max_num_batches:
            total = min(total, self._config.max_num_batches * self._config.batch_size)
        try:
            bar = tqdm(total=total, unit='image', desc='evaluating', leave=False, disable=None)
            with bar as progress:
                for images, labels in self._batches:
                    correct, top_5 = self._judge(images, labels)
                    for row, chosen in enumerate((np.ones(len(labels), bool), correct, top_5)):
                        np.add.at(counts[row], labels.numpy()[np.asarray(chosen)], 1)
                    progress.update(len(labels))
        except input_pipeline.FAILURES as error:
            if 'not finite' in error.message:
                raise UserError(f'{checkpoint.path}: the logits are not finite') from error
            raise input_pipeline.explain_failure(error, self._dataset) from error
        if counts[0].sum() != total:
            raise UserError(
                f'dataset {self._dataset.name}: {counts[0].sum()} images instead of {total}; '
                'remove its manifest.json and run python convert_dataset.py '
                f'--dataset_name={self._dataset.name}'
            )
        return Evaluation(checkpoint.global_step, *counts)


def write_per_class(evaluation, class_names, eval_dir):
    """Writes `eval_dir/per_class_accuracy-<step>.csv`, whole or not at all; returns its path."""
    os.makedirs(eval_dir, exist_ok=True)
    path = os.path.join(eval_dir, f'per_class_accuracy-{evaluation.step}.csv')
    with whole_files.whole_file(path) as unfinished, open(unfinished, 'w', newline='') as file:
        rows = csv.writer(file)
        rows.writerow(['label', 'class', 'images', 'correct', 'accuracy', 'recall_5'])
        offset = len(class_names) - len(evaluation.images)  # --labels_offset
        for label, name in enumerate(class_names[offset:]):
            images, correct = evaluation.images[label], evaluation.correct[label]
            shares = (correct / images, evaluation.in_top_5[label] / images) if images else ('', '')
            rows.writerow([label + offset, name, images, correct, *shares])
    return path


def report(evaluation, dataset, eval_dir):
    """Prints the figures, and writes them for TensorBoard and as a table to `eval_dir`."""
    print(
        f'step {evaluation.step}: eval/Accuracy[{evaluation.accuracy:.4f}] '
        f'eval/Recall_5[{evaluation.recall_5:.4f}] on {evaluation.num_images} images',
        flush=True,
    )
    if not eval_dir:
        return
    path = write_per_class(evaluation, dataset.class_names, eval_dir)
    log.info('accuracy of each class in %s', path)
    writer = tf.summary.create_file_writer(eval_dir, filename_suffix='.eval')
    with writer.as_default(step=evaluation.step):
        tf.summary.scalar('eval/Accuracy', evaluation.accuracy)
        tf.summary.scalar('eval/Recall_5', evaluation.recall_5)
    writer.close()


def evaluate_new_checkpoints(evaluator, folder, handle, timeout_secs=None, poll_secs=10):
    """Evaluates every checkpoint of a folder, those there and those to come, oldest first.

    Args:
      evaluator: an `Evaluator`.
      folder: where training writes; it need not exist yet.
      handle: called with each `Evaluation`.
      timeout_secs: ends after so many seconds without a new checkpoint; None waits for ever.
      poll_secs: seconds between two looks.

    Returns:
      How many checkpoints were evaluated.
    """
    done = set()
    last_news = time.monotonic()
    while True:
        fresh = [path for path in checkpoints.list_checkpoints(folder) if path not in done]
        for path in fresh:
            done.add(path)
            try:
                handle(evaluator.evaluate(path))
            except UserError:
                if os.path.exists(path + '.index'):
                    raise
                log.info('%s was removed before it could be evaluated', path)
        if fresh:
            last_news = time.monotonic()
        elif not done and checkpoints.other_checkpoints(folder):
            checkpoints.resolve(folder)  # Tells which files to name: none of a training will come.
        elif not done:
            log.info('waiting for a checkpoint in %s', folder)
        if timeout_secs is not None and time.monotonic() - last_news >= timeout_secs:
            return len(done)
        time.sleep(min(poll_secs, timeout_secs) if timeout_secs else poll_secs)
