"""The features that LinearClassifierDemo.ipynb looks at: the paper's, demo.sh's, or its own.

Own features are made by the scripts of this repository, each in a process of its own: whoever
imports this does not import TensorFlow.
"""

import os
import subprocess
import sys
from typing import NamedTuple

from slim.errors import UserError
from slim.features import storage

PUBLISHED_ACCURACY = 0.899033  # Of the 2018 notebook: 5,994 and 5,794 images of CUB-200.
TOLERANCE = 1e-3  # Under 6 of 5,794 images.


class Features(NamedTuple):
    """Where features are.

    Attributes:
      dataset_name: of the dataset.
      feature_dir: folder of the features of one network.
    """

    dataset_name: str
    feature_dir: str


PAPER = Features('cub_200', 'feature/inception_v3_iNat_299')
DEMO = Features('demo', 'feature/demo-400')

# Own features: the network of demo.sh, trained for as long as one likes to wait for a notebook. So
# young a network is better half-way up: logistic regression on its last map is right on 38% of the
# images of demo, on Mixed_6d and 6e on 43%, on this one on 50%.
STEPS = 200
END_POINT = 'Mixed_6b'
OWN = Features('demo', f'feature/demo_notebook-{STEPS}')
CHECKPOINTS = 'checkpoints/demo_notebook'
NETWORK = ('--depth_multiplier=0.25',)
IMAGE_SIZE = 107
TRAINING = (
    '--batch_size=32',
    '--batch_norm_decay=0.95',
    '--min_crop_area=0.5',
    '--optimizer=adam',
    '--opt_epsilon=0.001',
    '--learning_rate=0.006',
    '--learning_rate_decay_type=polynomial',
    '--num_epochs_per_decay=3.3',  # Those of all steps: 200 batches of 32 of 1,920 images.
)


def find_features(root: str = '.') -> Features | None:
    """The first features that are there: the paper's, those of demo.sh, own ones.

    Args:
      root: of the repository.

    Returns:
      Where they are, below `root`; None if there are none.
    """
    for place in (PAPER, DEMO, OWN):
        if is_complete(root, place):
            return place
    return None


def is_complete(root: str, place: Features) -> bool:
    """Whether all four arrays of features are there."""
    paths = [
        storage.array_path(os.path.join(root, place.feature_dir), place.dataset_name, kind, split)
        for kind in ('feature', 'label')
        for split in ('train', 'val')
    ]
    return all(map(os.path.exists, paths))


def find_or_make_features(root: str = '.', say=print) -> Features:
    """Features to look at; where there are none they are made, which takes about a minute.

    Draws and converts the embedded datasets if they are not there, trains on `demo_source`, and
    extracts features of `demo`, whose species are others. A run that was stopped is gone on with.

    Args:
      root: of the repository.
      say: is given a line for each step that is taken.

    Raises:
      UserError: if a step fails.
    """
    found = find_features(root)
    if found is not None:
        say(f'features of {found.dataset_name} are there: {found.feature_dir}')
        return found
    for name in ('demo_source', 'demo'):
        if not os.path.exists(os.path.join(root, 'data', name, 'manifest.json')):
            dataset = f'--dataset_name={name}'
            _run(root, say, f'draw {name}, 10 to 30 s', 'prepare_dataset.py', dataset)
            convert = ('convert_dataset.py', dataset, '--num_shards=4')
            _run(root, say, f'write {name} as TFRecords, 1 s', *convert)
    _run(
        root,
        say,
        f'train a small network on demo_source, {STEPS} steps, 40 s on 2 cores',
        'train.py',
        '--dataset_name=demo_source',
        f'--train_dir={CHECKPOINTS}',
        f'--train_image_size={IMAGE_SIZE}',
        f'--max_number_of_steps={STEPS}',
        *NETWORK,
        *TRAINING,
    )
    _run(
        root,
        say,
        'extract features of demo, 10 s',
        'feature_extraction.py',
        f'--dataset_name={OWN.dataset_name}',
        f'--checkpoint_path={CHECKPOINTS}',
        f'--feature_name={os.path.basename(OWN.feature_dir)}',
        f'--image_size={IMAGE_SIZE}',
        f'--end_point={END_POINT}',
        *NETWORK,
    )
    say(f'made: {OWN.feature_dir}')
    return OWN


def compare_with_published(dataset_name: str, feature_dir: str, accuracy: float) -> str:
    """A sentence about the accuracy that was published for these features.

    Args:
      dataset_name: of the dataset.
      feature_dir: folder of the features.
      accuracy: that a linear classifier has on them here.

    >>> compare_with_published(*PAPER, 0.8993)
    'published in 2018 for these features: 0.899033; here 0.899300: they agree to 0.001'
    """
    if (dataset_name, os.path.normpath(feature_dir)) != PAPER:
        return (
            'nothing was published for these features; for those of the paper, on CUB-200: '
            f'{PUBLISHED_ACCURACY:.6f}'
        )
    agree = abs(accuracy - PUBLISHED_ACCURACY) <= TOLERANCE
    verdict = 'they agree' if agree else 'they do not agree'
    return (
        f'published in 2018 for these features: {PUBLISHED_ACCURACY:.6f}; here {accuracy:.6f}: '
        f'{verdict} to {TOLERANCE:g}'
    )


def _run(root, say, what, script, *arguments):
    """Runs a script of the repository to its end, with its output held back.

    Raises:
      UserError: if it fails, with the last line of what it said.
    """
    say(f'{what} ...')
    command = [sys.executable, os.path.abspath(os.path.join(root, script)), *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f'exit status {done.returncode}'])[-1]
        raise UserError(f'{what}: {last}')
