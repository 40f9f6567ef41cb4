"""Evaluation of checkpoints, alone or as an ensemble: overall and per-class accuracy."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from slim import files
from slim.configs import EvaluationConfig
from slim.datasets import input_pipeline
from slim.datasets.dataset import Dataset
from slim.errors import UserError
from slim.learning import checkpoints, devices, ensemble

log = logging.getLogger('slim')

RECALL_AT = 5


@dataclass(frozen=True)
class Evaluation:
    """Result of an evaluation.

    Attributes:
      step: global step of the checkpoint, the largest one of an ensemble.
      images: int64 [classes], number of images of each class.
      correct: int64 [classes], number of those whose class is ranked first.
      in_top_5: int64 [classes], number of those whose class is among the first five.
    """

    step: int
    images: np.ndarray
    correct: np.ndarray
    in_top_5: np.ndarray

    @property
    def num_images(self) -> int:
        """Number of images."""
        return int(self.images.sum())

    @property
    def accuracy(self) -> float:
        """Fraction of all images whose class is ranked first."""
        return float(self.correct.sum() / self.images.sum())

    @property
    def recall_5(self) -> float:
        """Fraction of all images whose class is among the first five."""
        return float(self.in_top_5.sum() / self.images.sum())


def _rank(scores: Sequence[tf.Tensor], labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the members' mean score, and whether each label ranks first and in the top 5."""
    mean = ensemble.log_mean_exp(tf.stack(scores))
    top_5 = tf.math.in_top_k(labels, mean, min(RECALL_AT, mean.shape[1]))
    return mean, tf.equal(tf.argmax(mean, axis=1), labels), top_5


class Evaluator:
    """Networks in inference mode that evaluate one set of checkpoints after another."""

    def __init__(self, config: EvaluationConfig, dataset: Dataset) -> None:
        """Builds the networks for the dataset's classes.

        Raises:
          UserError: if a network is unknown or cannot process images of its size.
        """
        self._config, self._dataset = config, dataset
        self._num_classes = dataset.num_output_classes(config.labels_offset)
        self._members = ensemble.create_members(config, self._num_classes)
        # Decodes each image once; members with the same input share its preprocessing.
        by_input = {member.input: member for member in self._members}
        self._inputs = list(by_input)
        self._images_per_batch = max(1, config.batch_size // config.num_crops)
        batches = input_pipeline.evaluation_batches(
            dataset,
            tuple(member.preprocess for member in by_input.values()),
            tuple(member.image_size for member in by_input.values()),
            self._images_per_batch,
            config.labels_offset,
            config.num_preprocessing_threads,
        )
        if config.max_num_batches:
            batches = batches.take(config.max_num_batches)
        self._batches = devices.prefetch(batches)
        scores = [tf.TensorSpec([None, self._num_classes], tf.float32)] * len(self._members)
        labels = tf.TensorSpec([None], tf.int64)
        self._rank = tf.function(_rank, input_signature=[scores, labels], autograph=False)

    def restore(self, *paths: str) -> int:
        """Restores the weights of one checkpoint for each member.

        Returns:
          The largest of their global steps.

        Raises:
          UserError: if a checkpoint does not fit or is damaged.
        """
        opened = [checkpoints.Checkpoint(path) for path in paths]
        for member, checkpoint in zip(self._members, opened, strict=True):
            member.restore(checkpoint, self._config.weights)
        return max(checkpoint.global_step for checkpoint in opened)

    def predictions(self) -> Iterator[tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]]:
        """Predicts the classes of every image with the weights of the last `restore`.

        Yields:
          For each batch (labels int64 [n], scores float32 [n, classes], whether the label ranks
          first bool [n], whether it is among the first five bool [n]). Scores are the logarithm of
          the mean softmax over members and crops; logits for a single member and crop.

        Raises:
          UserError: if the logits are not finite, or the shards are damaged.
        """
        try:
            for images, labels in self._batches:
                by_input = dict(zip(self._inputs, images, strict=True))
                # Members run in sequence: in parallel they would need more memory.
                scores = [member.scores(by_input[member.input]) for member in self._members]
                yield labels, *self._rank(scores, labels)
        except input_pipeline.FAILURES as error:
            raise input_pipeline.explain_failure(error, self._dataset) from error

    def evaluate(self, *paths: str) -> Evaluation:
        """Evaluates a checkpoint, or an ensemble of one checkpoint for each member.

        Raises:
          UserError: if a checkpoint does not fit or is damaged, or the shards are damaged.
        """
        step = self.restore(*paths)
        counts = np.zeros([3, self._num_classes], np.int64)
        total = self._dataset.num_images
        if self._config.max_num_batches:
            total = min(total, self._config.max_num_batches * self._images_per_batch)
        with tqdm(
            total=total, unit='image', desc='evaluating', leave=False, disable=None
        ) as progress:
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


def write_per_class(evaluation: Evaluation, class_names: Sequence[str], eval_dir: str) -> str:
    """Writes `eval_dir/per_class_accuracy-<step>.csv` atomically and returns its path."""
    os.makedirs(eval_dir, exist_ok=True)
    path = os.path.join(eval_dir, f'per_class_accuracy-{evaluation.step}.csv')
    rows: list[list] = [['label', 'class', 'images', 'correct', 'accuracy', 'recall_5']]
    offset = len(class_names) - len(evaluation.images)  # --labels_offset
    for label, name in enumerate(class_names[offset:]):
        images, correct = evaluation.images[label], evaluation.correct[label]
        rates = (correct / images, evaluation.in_top_5[label] / images) if images else ('', '')
        rows.append([label + offset, name, images, correct, *rates])
    files.write_csv(path, rows)
    return path


def report(evaluation: Evaluation, dataset: Dataset, eval_dir: str | None) -> None:
    """Prints the metrics and writes them to `eval_dir`, for TensorBoard and as a table."""
    print(
        f'step {evaluation.step}: eval/Accuracy[{evaluation.accuracy:.4f}] '
        f'eval/Recall_5[{evaluation.recall_5:.4f}] on {evaluation.num_images} images',
        flush=True,
    )
    if not eval_dir:
        return
    path = write_per_class(evaluation, dataset.class_names, eval_dir)
    log.info('per-class accuracy written to %s', path)
    writer = tf.summary.create_file_writer(eval_dir, filename_suffix='.eval')
    with writer.as_default(step=evaluation.step):
        tf.summary.scalar('eval/Accuracy', evaluation.accuracy)
        tf.summary.scalar('eval/Recall_5', evaluation.recall_5)
    writer.close()


def evaluate_new_checkpoints(
    evaluator: Evaluator,
    folder: str,
    handle: Callable[[Evaluation], None],
    timeout_secs: float | None,
    poll_secs: float,
) -> int:
    """Evaluates every checkpoint of a folder, existing and new ones, oldest first.

    Args:
      evaluator: networks and dataset.
      folder: folder of a training; it need not exist yet.
      handle: function called with each `Evaluation`.
      timeout_secs: seconds without a new checkpoint after which to stop; None: never.
      poll_secs: seconds between checks for a new checkpoint.

    Returns:
      The number of checkpoints evaluated.
    """
    done: set[str] = set()
    last_change = time.monotonic()
    while True:
        new = [path for path in checkpoints.list_checkpoints(folder) if path not in done]
        for path in new:
            done.add(path)
            try:
                handle(evaluator.evaluate(path))
            except UserError:
                if os.path.exists(path + '.index'):
                    raise
                log.info('%s was removed before it could be evaluated', path)
        if new:
            last_change = time.monotonic()
        elif not done and checkpoints.other_checkpoints(folder):
            checkpoints.resolve(folder)  # Raises an error that lists the released checkpoints.
        elif not done:
            log.info('waiting for a checkpoint in %s', folder)
        if timeout_secs is not None and time.monotonic() - last_change >= timeout_secs:
            return len(done)
        time.sleep(min(poll_secs, timeout_secs) if timeout_secs else poll_secs)
