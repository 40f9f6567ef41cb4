"""Writes the features of a dataset's images under a checkpoint, for classifiers and similarity.

    python feature_extraction.py --dataset_name=cub_200 \\
        --checkpoint_path=checkpoints/inception/inception_v3_iNat_299.ckpt

reads data/cub_200/{train,val}.txt and the images, and writes to feature/inception_v3_iNat_299/
    cub_200_feature_train.npy  float32 [images, width]     cub_200_feature_val.npy
    cub_200_label_train.npy    int32 [images]              cub_200_label_val.npy
with rows in the order of the lists. A feature is the mean over the image of the network's last map,
2048 or 1536 wide. A run that was killed goes on where it stopped.

    python feature_extraction.py --dataset_name=cub_200 --saved_model=exports/inception_v3

takes them from a SavedModel instead: any, of `export_saved_model.py` or of TF-Hub, that gives a
vector for each image with values in [0, 1].
"""

import os

from absl import flags

from slim import command_line, configs
from slim.datasets.dataset import dataset_folder
from slim.errors import UserError
from slim.files import check_writable
from slim.nets import nets_factory
from slim.quiet_import import import_tensorflow

command_line.group('Where things are')
flags.DEFINE_string(
    'checkpoint_path', None, 'Checkpoint, or a folder of them. It or --saved_model is required.'
)
flags.DEFINE_string('saved_model', None, "Folder of a SavedModel, in a checkpoint's place.")
flags.DEFINE_string('dataset_dir', './data/', 'Folder that holds the datasets.')
flags.DEFINE_string('dataset_name', 'cub_200', 'Dataset, a folder of --dataset_dir.')
flags.DEFINE_list('dataset_split_names', ['train', 'validation'], 'Splits to extract.')
flags.DEFINE_string('feature_dir', './feature/', 'Folder that holds the features.')
flags.DEFINE_string(
    'feature_name',
    None,
    'Folder in it to write to; by default the name of the checkpoint or of the folder of the '
    'SavedModel, with its version.',
)

command_line.group('What a feature is')
flags.DEFINE_string('model_name', 'inception_v3', 'Network to use.')
flags.DEFINE_float('depth_multiplier', 1.0, 'As in training.')
flags.DEFINE_string('end_point', None, "End point to average; by default the network's last map.")
flags.DEFINE_integer(
    'image_size',
    None,
    "Height and width in pixels; by default the network's, 299 for a SavedModel that takes any.",
)
flags.DEFINE_enum(
    'preprocessing_name',
    None,
    ['inception', 'vgg'],
    "inception or vgg; by default the network's own, Inception's for a SavedModel.",
)
flags.DEFINE_enum(
    'weights',
    'auto',
    ['auto', 'average', 'raw'],
    'Moving averages, raw weights, or (auto) averages where the checkpoint has them.',
)

command_line.group('How')
flags.DEFINE_enum(
    'precision',
    'float32',
    ['float32', 'bfloat16', 'float16'],
    'What the layers compute in; variables, batch norm and what is written stay float32.',
)
flags.DEFINE_boolean('jit_compile', False, 'Whether XLA compiles the network.')
flags.DEFINE_boolean(
    'tf32', False, 'Whether GPUs may multiply with 10 bits of the mantissa: faster, less exact.'
)
flags.DEFINE_integer('batch_size', 32, 'Images of a batch.', lower_bound=1)
flags.DEFINE_integer(
    'num_preprocessing_threads',
    None,
    'Images decoded side by side; by default as many as help.',
    lower_bound=1,
)


# What a SavedModel has decided.
CHECKPOINT_FLAGS = (
    'checkpoint_path',
    'model_name',
    'depth_multiplier',
    'end_point',
    'weights',
    'precision',
    'jit_compile',
)


def main(flags):
    command_line.require(flags, 'dataset_name')
    if flags.saved_model:
        for name in CHECKPOINT_FLAGS:
            if flags[name].present:
                raise UserError(f'--saved_model and --{name} exclude each other')
    else:
        command_line.require(flags, 'checkpoint_path')
    folder = dataset_folder(flags.dataset_dir, flags.dataset_name)
    command_line.choose(flags, 'dataset_split_names', ['train', 'validation'])
    nets_factory.get_network(flags.model_name)
    check_writable(flags.feature_dir)
    import_tensorflow('slim.compat')
    from slim.learning import checkpoints, devices, extraction, precision

    devices.set_up(flags.tf32)
    precision.warn_if_slow(flags.precision)
    if flags.saved_model:
        path, default_name = None, extraction.default_saved_model_feature_name(flags.saved_model)
    else:
        path = checkpoints.resolve(flags.checkpoint_path)
        default_name = extraction.default_feature_name(path)
    config = command_line.fields_from_flags(configs.ExtractionConfig, flags, checkpoint_path=path)
    extractor = extraction.Extractor(config)
    feature_dir = os.path.join(flags.feature_dir, flags.feature_name or default_name)
    for split in flags.dataset_split_names:
        print(extractor.extract(folder, flags.dataset_name, split, feature_dir))


if __name__ == '__main__':
    command_line.run(main, __doc__)
