"""Downloads datasets, the paper's checkpoints and features: checked, unpacked, put in place.

    python download.py --list                            what there is, what is here, sizes
    python download.py cub_200                           a dataset: all archives of the set
    python download.py inception_v3_iNat_299             a checkpoint of the paper's release
    python download.py flower_102 food_101 feature       several things
    python download.py inat2017/train_val2017.zip        one file of a set

writes  data/<set>/...                       datasets, for prepare_dataset.py
        checkpoints/{inception,resnet}/...   released checkpoints, where train.sh looks for them
        feature/...                          the paper's features
        inat_minival.txt                     at the top of the repository

What is in place is left alone. A download that was broken off, by whatever, goes on where it was
when the same command is given again, and so does unpacking; <file>.download beside it holds what
is not in place yet. Nothing is overwritten.

Each file must have the checksum of the catalogue, slim/datasets/downloads.toml. None is known for
what the paper's authors share: that of the first download is written to downloads.json beside it,
and holds from then on. A download with another sum or size, or a web page in its place, is refused
and removed.

ImageNet, NABirds and Stanford Cars have no open link. Asked for them, this script says where to get
the archives and where to put them; given again then, the command checks and unpacks them. Archives
that you put there stay, those that it downloaded are removed once they are unpacked.
"""

import signal

from absl import flags

from slim import command_line

command_line.group('What to do')
flags.DEFINE_list(
    'names',
    None,
    'What to download; without the name of the flag, spaces replace commas.',
)
flags.DEFINE_boolean('list', False, 'Show what there is (of the names given), and what is here.')
flags.DEFINE_boolean('keep_archives', False, 'Whether archives stay once they are unpacked.')

command_line.group('Where things are')
flags.DEFINE_string('dataset_dir', './data/', 'Folder that holds the datasets.')
flags.DEFINE_string('checkpoint_dir', './checkpoints/', 'Folder that holds the checkpoints.')
flags.DEFINE_string('feature_dir', './feature/', 'Folder that holds the features.')
flags.DEFINE_string('catalogue', None, "Another catalogue than the project's own, a TOML file.")


def main(flags):
    from slim.datasets import downloads
    from slim.errors import UserError

    catalogue = downloads.load_catalogue(flags.catalogue)
    places = downloads.Places(flags.dataset_dir, flags.feature_dir, flags.checkpoint_dir)
    items = [downloads.select(catalogue, name) for name in flags.names or []]
    if flags.list:
        # A reader that has seen enough, `head` say, ends the script without a complaint.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        print('\n'.join(downloads.table(items or list(catalogue.values()), places)))
        return
    if not items:
        raise UserError('name what to download, such as cub_200; --list shows what there is')
    errors = []
    for name in flags.names:
        try:
            where = downloads.fetch(
                name, catalogue=catalogue, places=places, keep_archives=flags.keep_archives
            )
            print(f'{name}: {where}')
        except UserError as error:
            errors.append(str(error))
    if errors:
        raise UserError('; '.join(errors))


if __name__ == '__main__':
    command_line.run(main, __doc__, argument_flag='names')
