"""Evaluation of checkpoints, alone or as an ensemble: overall and per-class accuracy."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from slim import files, tables
from slim.configs import EvaluationConfig
from slim.datasets import input_pipeline
from slim.datasets.dataset import Dataset
from slim.errors import UserError
from slim.learning import checkpoints, devices
from slim.learning.model import Model
from slim.nets import nets_factory
from slim.preprocessing import crops, preprocessing_factory

log = logging.getLogger('slim')

RECALL_AT = 5
_NOT_FINITE = 'the logits are not finite'


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


def log_mean_exp(log_probs: tf.Tensor) -> tf.Tensor:
    """Returns the logarithm of the mean of exp(`log_probs`) over axis 0; a single row is unchanged.

    Probabilities themselves would underflow in float32: all classes but the first few would tie.
    """
    count = tf.cast(tf.shape(log_probs)[0], log_probs.dtype)
    return tf.reduce_logsumexp(log_probs, axis=0) - tf.math.log(count)


class Member:
    """A network in inference mode whose weights can be restored repeatedly.

    Attributes:
      image_size: height and width of its images in pixels.
      preprocess: function (bytes of a JPEG, height, width) -> float32 image, or six crops of it.
      input: preprocessing and image size; members for which it is equal share their images.
    """

    def __init__(
        self, config: EvaluationConfig, model_name: str, image_size: int | None, num_classes: int
    ) -> None:
        """Builds a network of `config.members`; `image_size` is None for the network's own.

        Raises a `UserError` if it cannot process images of this size, if one of the networks is
        unknown, or if none of them has a depth multiplier and one is given.
        """
        has_depth_multiplier = [
            nets_factory.get_network(name).has_depth_multiplier for name, _ in config.members
        ]
        network = nets_factory.get_network(model_name)
        image_size = image_size or network.default_image_size
        network.check_image_size(image_size)
        # Networks of fixed depth ignore the multiplier, unless no other network takes it.
        is_ignored = any(has_depth_multiplier) and not network.has_depth_multiplier
        depth_multiplier = 1.0 if is_ignored else config.depth_multiplier
        # The auxiliary head is not used here, and its shape depends on the image size.
        self._model = Model(
            nets_factory.get_network_fn(model_name, num_classes),
            image_size,
            config.precision,
            **network.optional_arguments(depth_multiplier, create_aux_logits=False),
        )
        self._path = ''
        self._is_only_one = len(config.members) == 1
        self.image_size = image_size
        style = config.preprocessing_name or network.preprocessing
        self.input = style, image_size
        shape = [None, image_size, image_size, 3]
        if config.num_crops == 1:
            scores = self._single_crop_scores
            self.preprocess = preprocessing_factory.get_preprocessing(style, is_training=False)
        else:
            shape.insert(1, crops.NUM_BOXES)
            scores = self._multi_crop_scores
            self.preprocess = preprocessing_factory.get_jpeg_crops(style)
        compiled = tf.function(scores, autograph=False, jit_compile=config.jit_compile or None)
        # XLA drops checks from what it compiles, so the check stays outside.
        self._scores = tf.function(
            lambda images: tf.debugging.check_numerics(compiled(images), _NOT_FINITE),
            input_signature=[tf.TensorSpec(shape, tf.float32)],
            autograph=False,
        )

    def _single_crop_scores(self, images: tf.Tensor) -> tf.Tensor:
        """Returns scores [n, classes] for images [n, height, width, 3]."""
        logits = self._model(images)[0]
        # A single image is ranked by its logits: softmax would only add rounding errors.
        return logits if self._is_only_one else tf.nn.log_softmax(logits)

    def _multi_crop_scores(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the log of the mean softmax over 12 crops, [n, classes], for [n, 6, ., ., 3]."""
        logits = self._model(crops.with_horizontal_flips(images))[0]
        return log_mean_exp(crops.by_crop(tf.nn.log_softmax(logits)))

    def restore(self, checkpoint: checkpoints.Checkpoint, weights: str) -> None:
        """Restores its variables; `weights` is one of `configs.WEIGHTS`.

        Raises a `UserError` if the checkpoint does not fit or is damaged.
        """
        use_ema = checkpoints.use_ema_weights(checkpoint, weights)
        variables = self._model.named_variables()
        report = checkpoints.restore(variables, checkpoint, use_ema=use_ema)
        self._path = checkpoint.path
        log.info('evaluating %s', report)

    def scores(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the score of each class: float32 [n, classes].

        Scores are logits for a single network and crop; otherwise they are log softmax values, to
        be averaged over members, which have been averaged over crops.

        Args:
          images: float32 [n, height, width, 3]; for 12 crops [n, 6, height, width, 3].

        Raises:
          UserError: if the logits are not finite.
        """
        try:
            return self._scores(images)
        except tf.errors.InvalidArgumentError as error:
            if _NOT_FINITE not in error.message:
                raise
            raise UserError(f'{self._path}: {_NOT_FINITE}') from error


def _rank(scores: Sequence[tf.Tensor], labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the members' mean score, and whether each label ranks first and in the top 5."""
    mean = log_mean_exp(tf.stack(scores))
    top_5 = tf.math.in_top_k(labels, mean, min(RECALL_AT, mean.shape[1]))
    return mean, tf.equal(tf.argmax(mean, axis=1), labels), top_5


class Evaluator:
    """Networks in inference mode that evaluate one set of checkpoints after another."""

    def __init__(self, config: EvaluationConfig, dataset: Dataset) -> None:
        """Builds the networks for the dataset's classes.

        Raises a `UserError` if a network is unknown or cannot process images of its size.
        """
        self._config, self._dataset = config, dataset
        self._num_classes = dataset.num_output_classes(config.labels_offset)
        self._members = [Member(config, *member, self._num_classes) for member in config.members]
        # Decodes each image once; members with the same input share its preprocessing.
        self._by_input = {member.input: member for member in self._members}
        self._images_per_batch = max(1, config.batch_size // config.num_crops)
        batches = input_pipeline.evaluation_batches(
            dataset,
            tuple(member.preprocess for member in self._by_input.values()),
            tuple(member.image_size for member in self._by_input.values()),
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
        """Restores one checkpoint for each member and returns the largest of their global steps.

        Raises a `UserError` if a checkpoint does not fit or is damaged.
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
                by_input = dict(zip(self._by_input, images, strict=True))
                # Members run in sequence: in parallel they would need more memory.
                scores = [member.scores(by_input[member.input]) for member in self._members]
                yield labels, *self._rank(scores, labels)
        except input_pipeline.FAILURES as error:
            raise input_pipeline.explain_failure(error, self._dataset) from error

    def evaluate(self, *paths: str) -> Evaluation:
        """Evaluates a checkpoint, or an ensemble of one checkpoint for each member.

        Raises a `UserError` if a checkpoint does not fit or is damaged, or the shards are damaged.
        """
        step = self.restore(*paths)
        counts = np.zeros([3, self._num_classes], np.int64)
        total = self._dataset.num_images
        if self._config.max_num_batches:
            total = min(total, self._config.max_num_batches * self._images_per_batch)
        progress = tqdm(total=total, unit='image', desc='evaluating', leave=False, disable=None)
        with progress:
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
    files.write_text(path, tables.format_csv(rows))
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
) -> None:
    """Evaluates every checkpoint of a folder, existing and new ones, oldest first.

    Args:
      evaluator: networks and dataset.
      folder: folder of a training; it need not exist yet.
      handle: function called with each `Evaluation`.
      timeout_secs: seconds without a new checkpoint after which to stop; None: never.
      poll_secs: seconds between checks for a new checkpoint.
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
            return
        time.sleep(min(poll_secs, timeout_secs) if timeout_secs else poll_secs)
