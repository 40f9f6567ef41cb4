"""Converts a dataset's images to TFRecord shards, which train.py and eval.py read.

    python convert_dataset.py --dataset_name=cub_200 --num_shards=10

reads   data/cub_200/train.txt, val.txt   one image per line, 'relative/path.jpg: label', from 0
        data/cub_200/labels.txt           '0:Class name'; optional
        the images in the lists           JPEG, PNG, WebP, BMP, GIF or TIFF, whatever their names
writes  data/cub_200/{train,validation}_00000-of-00010.tfrecord, ...
        data/cub_200/manifest.json        contents of the shards
        data/cub_200/labels.txt           if it was missing
        data/cub_200/problems.csv         validation report: lines and files that cannot be used

Every image is decoded to check that it is complete. RGB and grayscale JPEGs are then stored
untouched; other images are re-encoded as RGB JPEG (quality 95, without chroma subsampling; the
first of several pictures; transparent pixels white).

All problems - missing, empty or truncated files, files that are not images, malformed lines, labels
out of range, classes without a training image - are collected before the conversion is refused, and
listed in problems.csv. --on_error=skip converts the rest.

The same command resumes an interrupted conversion, be it after Ctrl-C, a full disk or a power cut.
A finished conversion is left alone; shards whose images have changed are rebuilt.
"""

import dataclasses

from absl import flags

from slim import command_line, configs
from slim.configs import ConversionConfig

command_line.group('Dataset')
flags.DEFINE_string('dataset_name', None, 'Dataset: name of a folder in --dataset_dir. Required.')
flags.DEFINE_string('dataset_dir', configs.DATASET_DIR, 'Folder that holds all datasets.')

command_line.group('Conversion')
command_line.define(ConversionConfig, 'num_shards', 'Number of shards per split.', lower_bound=1)
command_line.define(ConversionConfig, 'seed', 'Random seed for the order of the training images.')
command_line.define(
    ConversionConfig,
    'num_workers',
    'Number of processes; by default one per core. It does not change the shards.',
    lower_bound=1,
)
command_line.define(
    ConversionConfig,
    'on_error',
    'What to do about images and lines that cannot be used: fail or skip them.',
)
command_line.define(
    ConversionConfig,
    'apply_exif_rotation',
    'Store images upright that are rotated according to EXIF, which re-encodes them. The original '
    'code ignored EXIF.',
)
flags.register_validator('dataset_name', bool, 'required, for example --dataset_name=cub_200')


def main(flag_values: flags.FlagValues) -> None:
    from slim.datasets import conversion

    command_line.end_on_sigterm()
    config = command_line.fields_from_flags(
        ConversionConfig, flag_values, progress=ConversionConfig.progress
    )
    conversion.convert(
        flag_values.dataset_dir, flag_values.dataset_name, **dataclasses.asdict(config)
    )


if __name__ == '__main__':
    command_line.run(main, __doc__)
