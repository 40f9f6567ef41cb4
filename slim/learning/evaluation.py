"""Evaluation of checkpoints, alone or together: accuracy over all images and for each class."""

import logging
import os
import time
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from slim import files
from slim.datasets import input_pipeline
from slim.errors import UserError
from slim.learning import checkpoints, devices, ensemble

log = logging.getLogger('slim')

RECALL_AT = 5


@dataclass(frozen=True)
class Evaluation:
    """What came out.

    Attributes:
      step: the checkpoint's global step, the largest where there are several checkpoints.
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
    """Networks in inference mode, to be given one checkpoint each after another."""

    def __init__(self, config, dataset):
        """Builds the networks for the dataset's classes.

        Raises:
          UserError: if a network is unknown or cannot take images of its size.
        """
        self._config, self._dataset = config, dataset
        self._num_classes = dataset.num_output_classes(config.labels_offset)
        self._members = ensemble.create_members(config, self._num_classes)
        # Every photograph is read once for all members, and made ready once for those that take
        # the same of it.
        by_input = {member.input: member for member in self._members}
        self._inputs = list(by_input)
        self._images_of_batch = max(1, config.batch_size // config.num_crops)
        self._batches = input_pipeline.evaluation_batches(
            dataset,
            tuple(member.preprocess for member in by_input.values()),
            tuple(member.image_size for member in by_input.values()),
            self._images_of_batch,
            config.labels_offset,
            config.num_preprocessing_threads,
        )
        if config.max_num_batches:
            self._batches = self._batches.take(config.max_num_batches)
        self._batches = devices.prefetch(self._batches)
        scores = [tf.TensorSpec([None, self._num_classes], tf.float32)] * len(self._members)
        labels = tf.TensorSpec([None], tf.int64)
        self._judge = tf.function(self._judge, input_signature=[scores, labels], autograph=False)

    def _judge(self, scores, labels):
        """The members' scores as one, whether each image's class ranks first, and among five."""
        mean = ensemble.log_mean_exp(tf.stack(scores))
        top_5 = tf.math.in_top_k(labels, mean, min(RECALL_AT, self._num_classes))
        return mean, tf.equal(tf.argmax(mean, axis=1), labels), top_5

    def restore(self, *paths):
        """Takes the weights of a checkpoint for each member.

        Returns:
          The largest of their global steps.

        Raises:
          UserError: if a checkpoint does not fit or is damaged.
        """
        opened = [checkpoints.Checkpoint(path) for path in paths]
        for member, checkpoint in zip(self._members, opened, strict=True):
            member.restore(checkpoint, self._config.weights)
        return max(checkpoint.global_step for checkpoint in opened)

    def predictions(self):
        """Judges every image with the weights of the last `restore`.

        Yields:
          For each batch (labels int64 [n], scores float32 [n, classes], whether the label ranks
          first bool [n], whether it is among the first five bool [n]). The scores are the logarithm
          of the mean softmax over members and crops; where there is one of each, the logits.

        Raises:
          UserError: if the logits are not finite, or the shards are damaged.
        """
        try:
            for images, labels in self._batches:
                of_input = dict(zip(self._inputs, images, strict=True))
                # One member after the other: side by side they would need more memory.
                scores = [member.scores(of_input[member.input]) for member in self._members]
                yield labels, *self._judge(scores, labels)
        except input_pipeline.FAILURES as error:
            raise input_pipeline.explain_failure(error, self._dataset) from error

    def evaluate(self, *paths):
        """Evaluates a checkpoint, or one for each member together.

        Returns:
          An `Evaluation`.

        Raises:
          UserError: if a checkpoint does not fit or is damaged, or the shards are.
        """
        step = self.restore(*paths)
        counts = np.zeros([3, self._num_classes], np.int64)
        total = self._dataset.num_images
        if self._config.max_num_batches:
            total = min(total, self._config.max_num_batches * self._images_of_batch)
        bar = tqdm(total=total, unit='image', desc='evaluating', leave=False, disable=None)
        with bar as progress:
            for labels, _, correct, top_5 in self.predictions():
                for row, chosen in enumerate((np.ones(len(labels), bool), correct, top_5)):
                    np.add.at(counts[row], labels.numpy()[np.asarray(chosen)], 1)
                progress.update(len(labels))
        if counts[0].sum() != total:
            raise UserError(
                f'dataset {self._dataset.name}: {counts[0].sum()} images instead of {total}; '
                'remove its manifest.json and run python convert_dataset.py '
                f'--dataset_name={self._dataset.name}'
            )
        return Evaluation(step, *counts)


def write_per_class(evaluation, class_names, eval_dir):
    """Writes `eval_dir/per_class_accuracy-<step>.csv`, whole or not at all; returns its path."""
    os.makedirs(eval_dir, exist_ok=True)
    path = os.path.join(eval_dir, f'per_class_accuracy-{evaluation.step}.csv')
    rows = [['label', 'class', 'images', 'correct', 'accuracy', 'recall_5']]
    offset = len(class_names) - len(evaluation.images)  # --labels_offset
    for label, name in enumerate(class_names[offset:]):
        images, correct = evaluation.images[label], evaluation.correct[label]
        shares = (correct / images, evaluation.in_top_5[label] / images) if images else ('', '')
        rows.append([label + offset, name, images, correct, *shares])
    files.write_csv(path, rows)
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
