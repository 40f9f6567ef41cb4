"""What TensorBoard shows of a training: scalars, what the network sees, the flags."""

import tensorflow as tf

SAMPLE_IMAGES = 8


class TrainingSummaries:
    """Event files of a training, in its own folder. `None` as folder writes nothing."""

    def __init__(self, folder):
        self._writer = tf.summary.create_file_writer(folder) if folder else None

    def write_flags(self, flags, step):
        """The flags as a table of names and values."""
        if not self._writer:
            return
        rows = ''.join(f'| `--{name}` | `{value}` |\n' for name, value in flags.items())
        with self._writer.as_default(step=step):
            tf.summary.text('flags', '| flag | value |\n| --- | --- |\n' + rows)
        self._writer.flush()

    def write_scalars(self, scalars, step):
        """A dictionary from tag to float."""
        if not self._writer:
            return
        with self._writer.as_default(step=step):
            for tag, value in scalars.items():
                tf.summary.scalar(tag, value)
        self._writer.flush()

    def write_images(self, images, step):
        """Training images as a person sees them, float32 [batch, height, width, 3] in [0, 1]."""
        if not self._writer:
            return
        with self._writer.as_default(step=step):
            tf.summary.image('training_images', images, max_outputs=SAMPLE_IMAGES)
        self._writer.flush()

    def close(self):
        """Writes what is left and closes the file."""
        if self._writer:
            self._writer.close()
