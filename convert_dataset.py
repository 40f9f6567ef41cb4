"""Converts a dataset's images to TFRecord shards, which train.py and eval.py read.

    python convert_dataset.py --dataset_name=cub_200 --num_shards=10

reads   data/cub_200/train.txt, val.txt   an image a line, 'relative/path.jpg: label', from 0
        data/cub_200/labels.txt           '0:Class name'; may be missing
        the images that the lists name    JPEG, PNG, WebP, BMP, GIF, TIFF, by whatever name
writes  data/cub_200/{train,validation}_00000-of-00010.tfrecord, ...
        data/cub_200/manifest.json        what is in them
        data/cub_200/labels.txt           if it was missing
        data/cub_200/problems.csv         the lines and files that cannot be used, if there are any

Every image is decoded to see that it is whole. RGB and grayscale JPEGs are then stored untouched;
anything else is stored as an RGB JPEG (quality 95, without subsampling of colours; of several
pictures the first, transparent pixels white).

What cannot be used - missing, empty, truncated, no image, a line that cannot be read, a label that
is none, a class without a training image - is all looked for before anything is refused, and listed
in problems.csv. --on_error=skip converts without it.

A conversion that was broken off, by Ctrl-C, a full disk or a power cut, goes on with the same
command. One that is done already is left alone; shards whose images were changed are made anew.
"""

from absl import flags

from slim import command_line

command_line.group('What to convert')
flags.DEFINE_string('dataset_name', None, 'The dataset: the name of a folder in --dataset_dir.')
flags.DEFINE_string('dataset_dir', './data/', 'The folder that holds all datasets.')

command_line.group('How')
flags.DEFINE_integer('num_shards', 10, 'Shards of each split.', lower_bound=1)
flags.DEFINE_integer('seed', 0, 'Of the order of the training images.')
flags.DEFINE_integer(
    'num_workers', None, 'Processes; by default one a core. The shards are the same.', lower_bound=1
)
flags.DEFINE_enum(
    'on_error', 'fail', ['fail', 'skip'], 'Whether what cannot be used is refused or left out.'
)
flags.DEFINE_bool(
    'apply_exif_rotation',
    False,
    'Turns images upright that EXIF says are not, which encodes them anew. In 2018 EXIF meant '
    'nothing.',
)
flags.register_validator('dataset_name', bool, 'name one, such as --dataset_name=cub_200')


def main(args):
    from slim.datasets import conversion

    command_line.end_on_sigterm()
    conversion.convert(
        args.dataset_dir,
        args.dataset_name,
        num_shards=args.num_shards,
        seed=args.seed,
        num_workers=args.num_workers,
        on_error=args.on_error,
        apply_exif_rotation=args.apply_exif_rotation,
    )


if __name__ == '__main__':
    command_line.run(main, __doc__)
