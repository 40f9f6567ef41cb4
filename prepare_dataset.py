"""Makes an embedded dataset: JPEG photographs of fine-grained classes, drawn by the project itself.

    python prepare_dataset.py --dataset_name=demo

writes  data/demo/images/...   the photographs
        data/demo/train.txt    the images to train on
        data/demo/val.txt      the images to evaluate on
        data/demo/labels.txt   the names of the classes

which is what convert_dataset.py reads. Any other dataset is used by putting the same into
data/<name>/ by hand:

- the images, RGB or grayscale JPEG, in any folders;
- train.txt and val.txt, UTF-8, with a line for each image: its path from data/<name>/ on, a colon
  and a space, and its class as a number. Paths may hold spaces and colons. The classes are
  0, 1, 2, ... without gaps:
      images/Black-footed Albatross/0001.jpg: 0
      images/Laysan Albatross/0002.jpg: 1
- labels.txt, if the classes shall have names, with a line for each class:
      0:Black-footed Albatross
      1:Laysan Albatross
"""

import os

from absl import flags

from slim import command_line

flags.DEFINE_string('dataset_name', None, 'The embedded dataset; an unknown name lists them.')
flags.DEFINE_string('dataset_dir', './data/', 'The folder that holds all datasets.')
flags.register_validator('dataset_name', bool, 'name one, such as --dataset_name=demo')


def main(args):
    from slim.datasets import embedded, split_lists
    from slim.errors import UserError, nearest

    name = args.dataset_name
    folder = os.path.join(args.dataset_dir, name)
    if name not in embedded.DOMAINS:
        raise UserError(
            f'{name} is not an embedded dataset ({", ".join(embedded.DOMAINS)}). Any other dataset '
            f'is used by putting its train.txt, val.txt and images into {folder}, as --help shows'
            f'{nearest(name, embedded.DOMAINS)}'
        )
    try:
        embedded.write_domain(name, folder)
    except ValueError as error:
        raise UserError(str(error)) from error
    counts = ' and '.join(
        f'{len(split_lists.read_list(split_lists.list_path(folder, split)))} {split}'
        for split in split_lists.LIST_NAMES
    )
    print(
        f'{name}: {counts} images of {len(split_lists.read_labels(folder))} classes in {folder}; '
        f'next, python convert_dataset.py --dataset_name={name}'
    )


if __name__ == '__main__':
    command_line.run(main, __doc__)
