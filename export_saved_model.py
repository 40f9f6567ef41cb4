"""Exports a network with a checkpoint's weights as a SavedModel, to be used without this code.

    python export_saved_model.py --export_dir=exports/inception_v3_iNat_299 \\
        --checkpoint_path=checkpoints/inception/inception_v3_iNat_299.ckpt

writes a folder that is used in the same way as TF-Hub's image modules:

    import tensorflow as tf
    model = tf.saved_model.load('exports/inception_v3_iNat_299')
    features = model(images)  # float32 [batch, 299, 299, 3] in [0, 1] -> [batch, 2048]
    logits = model.signatures['image_classification'](images=images)['default']

Network, depth multiplier and number of classes are read from the checkpoint; one without a
classifier gives features only. The batch size is arbitrary, the image size fixed. The model is for
inference: batch norm is fixed, and there is no dropout.
"""

import os

from absl import flags

from slim import command_line, configs
from slim.datasets import split_lists
from slim.datasets.dataset import dataset_folder
from slim.files import check_absent_or_empty, check_writable
from slim.nets import nets_factory
from slim.quiet_import import import_tensorflow

CONFIG = configs.ExportConfig

command_line.group('Files and folders')
command_line.define(
    CONFIG, 'checkpoint_path', 'Checkpoint, or folder of checkpoints. Required.', default=None
)
flags.DEFINE_string('export_dir', None, 'Folder to write, absent or empty. Required.')
flags.DEFINE_string('dataset_dir', configs.DATASET_DIR, 'Folder that holds the datasets.')
flags.DEFINE_string(
    'dataset_name', None, 'Dataset whose labels.txt is included as an asset; by default none.'
)

command_line.group('Network and images')
command_line.define(CONFIG, 'model_name', "Network; by default the checkpoint's.")
command_line.define(
    CONFIG, 'depth_multiplier', "Depth multiplier of the training; by default the checkpoint's."
)
command_line.define(
    CONFIG,
    'end_point',
    "End point whose spatial mean is the feature; by default the network's last feature map.",
)
command_line.define(CONFIG, 'image_size', "Height and width in pixels; by default the network's.")

command_line.group('Weights')
command_line.define(
    CONFIG, 'weights', 'EMA weights (average), raw weights, or EMA weights if there are any (auto).'
)


def main(flags: flags.FlagValues) -> None:
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
    config = command_line.fields_from_flags(CONFIG, flags)
    print(export.export(config, flags.export_dir, labels))


if __name__ == '__main__':
    command_line.run(main, __doc__)
