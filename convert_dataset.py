"""Converts a dataset of JPEG files to TFRecord shards, which train.py and eval.py read.

    python convert_dataset.py --dataset_name=cub_200 --num_shards=10

reads   data/cub_200/train.txt, val.txt   an image a line, 'relative/path.jpg: label', from 0
        data/cub_200/labels.txt           '0:Class name'; may be missing
        the images that the lists name    RGB or grayscale JPEG
writes  data/cub_200/{train,validation}_00000-of-00010.tfrecord, ...
        data/cub_200/manifest.json        what is in them
        data/cub_200/labels.txt           if it was missing

The bytes of the images are stored untouched, after every image was decoded once to see that it is
whole. A dataset that is converted already is left alone; a conversion that was broken off begins
anew.
"""

from absl import flags

from slim import command_line

flags.DEFINE_string('dataset_name', None, 'The dataset: the name of a folder in --dataset_dir.')
flags.DEFINE_integer('num_shards', 10, 'Shards of each split.', lower_bound=1)
flags.DEFINE_string('dataset_dir', './data/', 'The folder that holds all datasets.')
flags.DEFINE_integer('seed', 0, 'Of the order of the training images.')
flags.register_validator('dataset_name', bool, 'name one, such as --dataset_name=cub_200')


def main(args):
    from slim.datasets import conversion

    conversion.convert(args.dataset_dir, args.dataset_name, args.num_shards, args.seed)


if __name__ == '__main__':
    command_line.run(main, __doc__)
