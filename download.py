"""Downloads datasets and the paper's checkpoints and features, checks and unpacks them.

    python download.py --list                            what there is, what is here, sizes
    python download.py cub_200                           a dataset: all archives of the set
    python download.py inception_v3_iNat_299             a checkpoint of the paper's release
    python download.py flower_102 food_101 feature       several items
    python download.py inat2017/train_val2017.zip        one file of a dataset

writes  data/<set>/...                       datasets, for prepare_dataset.py
        checkpoints/{inception,resnet}/...   released checkpoints, where train.sh looks for them
        feature/...                          the paper's features
        inat_minival.txt                     in the top folder of the repository

Files that are in place are not downloaded again. After any interruption, the same command resumes
the download or the unpacking; <file>.download next to a file holds what is not in place yet.
Nothing is overwritten.

Each file must have the checksum of the download index, slim/datasets/downloads.toml. The checksums
of the files that the paper's authors share are not known: that of the first download is written to
downloads.json next to the file, and later downloads must have it. A download with another checksum
or size, or a web page in its place, is refused and removed.

ImageNet, NABirds and Stanford Cars cannot be downloaded without registration. For these, this
script says where to get the archives and where to put them; the same command then checks and
unpacks them. Archives that you put there are kept; archives that the script downloaded are removed
once they are unpacked.
"""

import signal
from typing import Any

from absl import flags

from slim import command_line, configs

command_line.group('What to do')
flags.DEFINE_list(
    'names', None, 'Items to download; without the name of the flag, separated by spaces.'
)
flags.DEFINE_boolean('list', False, 'List all items (or --names) and what is here of them.')
flags.DEFINE_boolean('keep_archives', False, 'Keep downloaded archives after unpacking them.')

command_line.group('Folders and files')
flags.DEFINE_string('dataset_dir', configs.DATASET_DIR, 'Folder of the datasets.')
flags.DEFINE_string('checkpoint_dir', configs.CHECKPOINT_DIR, 'Folder of the checkpoints.')
flags.DEFINE_string('feature_dir', configs.FEATURE_DIR, 'Folder of the features.')
flags.DEFINE_string(
    'catalogue', None, "Another download index than the project's own, a TOML file."
)


def main(flags: Any) -> None:
    from slim.datasets import download_index, downloads
    from slim.errors import UserError

    index = download_index.load_index(flags.catalogue)
    folders = downloads.Folders(flags.dataset_dir, flags.feature_dir, flags.checkpoint_dir)
    items = [download_index.select(index, name) for name in flags.names or []]
    if flags.list:
        # A reader that closes the pipe early, such as `head`, ends the script without a message.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        print(downloads.format_states(items or list(index.values()), folders))
        return
    if not items:
        raise UserError('name what to download, such as cub_200; --list shows all items')
    errors = []
    for name in flags.names:
        try:
            path = downloads.fetch(
                name, index=index, folders=folders, keep_archives=flags.keep_archives
            )
            print(f'{name}: {path}')
        except UserError as error:
            errors.append(str(error))
    if errors:
        raise UserError('; '.join(errors))


if __name__ == '__main__':
    command_line.run(main, __doc__, argument_flag='names')
