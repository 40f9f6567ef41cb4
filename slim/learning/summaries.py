"""TensorBoard summaries of a training: scalars, training images and flags."""

from collections.abc import Mapping

import tensorflow as tf

SAMPLE_IMAGES = 8


class TrainingSummaries:
    """Event files of a training in `folder`. With None nothing is written."""

    def __init__(self, folder: str | None):
        writer = tf.summary.create_file_writer
        self._writer = writer(folder) if folder else tf.summary.create_noop_writer()

    def __enter__(self) -> 'TrainingSummaries':
        return self

    def write_flags(self, flags: Mapping[str, object], step: int) -> None:
        """Writes a table of names and values."""
        rows = ''.join(f'| `--{name}` | `{value}` |\n' for name, value in flags.items())
        with self._writer.as_default(step=step):
            tf.summary.text('flags', '| flag | value |\n| --- | --- |\n' + rows)
        self._writer.flush()

    def write_scalars(self, scalars: Mapping[str, float], step: int) -> None:
        """Writes floats by tag."""
        with self._writer.as_default(step=step):
            for tag, value in scalars.items():
                tf.summary.scalar(tag, value)
        self._writer.flush()

    def write_images(self, images: tf.Tensor, step: int) -> None:
        """Writes the first training images, float32 [batch, height, width, 3] in [0, 1]."""
        with self._writer.as_default(step=step):
            tf.summary.image('training_images', images, max_outputs=SAMPLE_IMAGES)
        self._writer.flush()

    def __exit__(self, *_: object) -> None:
        self._writer.close()
