"""Extracts the features of a dataset's images, for linear classifiers and domain similarity.

    python feature_extraction.py --dataset_name=cub_200 \\
        --checkpoint_path=checkpoints/inception/inception_v3_iNat_299.ckpt

reads data/cub_200/{train,val}.txt and the images, and writes to feature/inception_v3_iNat_299/
    cub_200_feature_train.npy  float32 [images, feature_dim]   cub_200_feature_val.npy
    cub_200_label_train.npy    int32 [images]                  cub_200_label_val.npy
with rows in the order of the lists. A feature is the spatial mean of the network's last feature
map; its dimension is 2048 or 1536. The same command resumes an interrupted extraction.

    python feature_extraction.py --dataset_name=cub_200 --saved_model=exports/inception_v3

uses a SavedModel instead, from `export_saved_model.py` or TF-Hub: any that maps images with values
in [0, 1] to one vector per image.
"""

import os

from absl import flags

from slim import command_line, configs
from slim.datasets.dataset import dataset_folder
from slim.errors import UserError
from slim.files import check_writable
from slim.nets import nets_factory
from slim.quiet_import import import_tensorflow

CONFIG = configs.ExtractionConfig

command_line.group('Files and folders')
command_line.define(
    CONFIG,
    'checkpoint_path',
    'Checkpoint, or folder of checkpoints. Either this or --saved_model is required.',
)
command_line.define(CONFIG, 'saved_model', 'Folder of a SavedModel, instead of a checkpoint.')
flags.DEFINE_string('dataset_dir', configs.DATASET_DIR, 'Folder that holds the datasets.')
flags.DEFINE_string('dataset_name', 'cub_200', 'Dataset, a folder in --dataset_dir.')
flags.DEFINE_list('dataset_split_names', list(configs.SPLITS), 'Splits to extract.')
flags.DEFINE_string('feature_dir', configs.FEATURE_DIR, 'Folder that holds the features.')
flags.DEFINE_string(
    'feature_name',
    None,
    'Folder to write to, in --feature_dir; by default the name of the checkpoint or of the folder '
    'of the SavedModel, with its version.',
)

command_line.group('Network and images')
command_line.define(CONFIG, 'model_name', 'Network.')
command_line.define(CONFIG, 'depth_multiplier', 'Depth multiplier of the training.')
command_line.define(
    CONFIG,
    'end_point',
    "End point whose spatial mean is the feature; by default the network's last feature map.",
)
command_line.define(
    CONFIG,
    'image_size',
    "Height and width in pixels; by default the network's, 299 for a SavedModel that accepts any.",
)
command_line.define(
    CONFIG,
    'preprocessing_name',
    "Preprocessing of the images; by default the network's, inception for a SavedModel.",
)

command_line.group('Weights')
command_line.define(
    CONFIG, 'weights', 'EMA weights (average), raw weights, or EMA weights if there are any (auto).'
)

command_line.group('Speed and precision')
command_line.define(CONFIG, 'batch_size', 'Number of images per batch.', lower_bound=1)
command_line.define(
    CONFIG,
    'precision',
    'Type that layers compute in; variables, batch norm and features stay float32.',
)
command_line.define(CONFIG, 'jit_compile', 'Compile the network with XLA.')
flags.DEFINE_boolean(
    'tf32', False, 'Let GPUs multiply with 10 bits of the mantissa: faster, less exact.'
)
command_line.define(
    CONFIG,
    'num_preprocessing_threads',
    'Number of images to decode in parallel; by default chosen automatically.',
    lower_bound=1,
)

# Flags that have no meaning for a SavedModel.
CHECKPOINT_FLAGS = (
    'checkpoint_path',
    'model_name',
    'depth_multiplier',
    'end_point',
    'weights',
    'precision',
    'jit_compile',
)


def main(flags: flags.FlagValues) -> None:
    command_line.require(flags, 'dataset_name')
    if flags.saved_model:
        for name in CHECKPOINT_FLAGS:
            if flags[name].present:
                raise UserError(f'--saved_model and --{name} exclude each other')
    else:
        command_line.require(flags, 'checkpoint_path')
    folder = dataset_folder(flags.dataset_dir, flags.dataset_name)
    command_line.choose(flags, 'dataset_split_names', configs.SPLITS)
    nets_factory.get_network(flags.model_name)
    check_writable(flags.feature_dir)
    import_tensorflow('slim.compat')
    from slim.learning import checkpoints, devices, extraction, precision

    devices.set_up(flags.tf32)
    precision.warn_if_slow(flags.precision)
    path = None if flags.saved_model else checkpoints.resolve(flags.checkpoint_path)
    config = command_line.fields_from_flags(CONFIG, flags, checkpoint_path=path)
    extractor = extraction.Extractor(config)
    name = flags.feature_name or extraction.default_feature_name(config)
    feature_dir = os.path.join(flags.feature_dir, name)
    for split in flags.dataset_split_names:
        print(extractor.extract(folder, flags.dataset_name, split, feature_dir))


if __name__ == '__main__':
    command_line.run(main, __doc__)
