"""Writes a network with a checkpoint's weights as a SavedModel, for TensorFlow without this code.

    python export_saved_model.py --export_dir=exports/inception_v3_iNat_299 \\
        --checkpoint_path=checkpoints/inception/inception_v3_iNat_299.ckpt

writes a folder that is used as TF-Hub's image modules are:

    import tensorflow as tf
    model = tf.saved_model.load('exports/inception_v3_iNat_299')
    features = model(images)  # float32 [batch, 299, 299, 3] in [0, 1] -> [batch, 2048]
    logits = model.signatures['image_classification'](images=images)['default']

Network, depth multiplier and number of classes are read from the checkpoint. One without a
classifier gives features only. The batch may have any size, the image only the one exported for.
The model is for inference: batch norm is fixed, and there is no dropout.
"""

import os

from absl import flags

from slim import command_line
from slim.datasets import split_lists
from slim.datasets.dataset import dataset_folder
from slim.files import check_absent_or_empty, check_writable
from slim.nets import nets_factory
from slim.quiet_import import import_tensorflow

command_line.group('Where things are')
flags.DEFINE_string('checkpoint_path', None, 'Checkpoint, or a folder of them. Required.')
flags.DEFINE_string('export_dir', None, 'Folder to write, absent or empty. Required.')
flags.DEFINE_string('dataset_dir', './data/', 'Folder that holds the datasets.')
flags.DEFINE_string(
    'dataset_name', None, 'Dataset whose labels.txt goes along as an asset; none by default.'
)

command_line.group('What is exported')
flags.DEFINE_string('model_name', None, "Network to use; by default the checkpoint's.")
flags.DEFINE_float('depth_multiplier', None, "As in training; by default the checkpoint's.")
flags.DEFINE_string(
    'end_point', None, "End point whose mean is a feature; by default the network's last map."
)
flags.DEFINE_integer('image_size', None, "Height and width in pixels; by default the network's.")
flags.DEFINE_enum(
    'weights',
    'auto',
    ['auto', 'average', 'raw'],
    'Moving averages, raw weights, or (auto) averages where the checkpoint has them.',
)


def main(flags):
    command_line.require(flags, 'checkpoint_path', 'export_dir')
    if flags.model_name:
        nets_factory.get_network(flags.model_name)
    labels = None
    if flags.dataset_name:
        folder = dataset_folder(flags.dataset_dir, flags.dataset_name)
        labels = os.path.join(folder, split_lists.LABELS_NAME)
    check_absent_or_empty(flags.export_dir)
    check_writable(os.path.dirname(os.path.abspath(flags.export_dir)))
    import_tensorflow('slim.compat')
    from slim.learning import devices, export

    devices.set_up()
    config = command_line.fields_from_flags(export.ExportConfig, flags)
    print(export.export(config, flags.export_dir, labels))


if __name__ == '__main__':
    command_line.run(main, __doc__)
