"""Finds on disk what the notebooks analyse: features of images, class features and results.

`LinearClassifierDemo.ipynb` takes features of images of one dataset: the paper's, those of demo.sh,
or new ones, which the scripts of this repository extract in processes of their own, so that the
notebook does not import TensorFlow. `DomainSimilarityDemo.ipynb` takes class features of several
domains: the paper's, or those of the miniature experiment, reproduce_transfer.py: a run of the
user's or the committed one in docs/transfer. `root` is the folder of the repository everywhere.
"""

import csv
import itertools
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from slim.configs import SimilarityConfig
from slim.errors import UserError
from slim.experiments import published, subprocesses
from slim.experiments.miniature import CLASS_FEATURES, SETTINGS
from slim.experiments.subprocesses import command
from slim.features import domains, storage

RESULTS, CORRELATIONS = 'results.csv', 'correlations.csv'
MINIATURE_RUNS = ('feature/transfer', 'docs/transfer')  # In order of preference.


class ImageFeatures(NamedTuple):
    """Features of the images of one dataset, in the folder of the features of one network."""

    dataset_name: str
    feature_dir: str


PAPER_IMAGES = ImageFeatures('cub_200', 'feature/inception_v3_iNat_299')
DEMO_IMAGES = ImageFeatures('demo', 'feature/demo-400')

# New features: the network of demo.sh after a training that is short enough for a notebook. Its
# middle layers are then better than its last: logistic regression on the last feature map
# classifies 38% of the images of demo correctly, on Mixed_6d and Mixed_6e 43%, on this one 50%.
STEPS = 200
END_POINT = 'Mixed_6b'
NEW_IMAGES = ImageFeatures('demo', f'feature/demo_notebook-{STEPS}')
CHECKPOINT_DIR = 'checkpoints/demo_notebook'
IMAGE_SIZE = 107
NETWORK = ('--depth_multiplier=0.25',)
TRAINING = (
    '--batch_size=32',
    '--batch_norm_decay=0.95',
    '--min_crop_area=0.5',
    '--optimizer=adam',
    '--opt_epsilon=0.001',
    '--learning_rate=0.006',
    '--learning_rate_decay_type=polynomial',
    '--num_epochs_per_decay=3.3',  # All steps: 200 batches of 32 from 1,920 images.
)


@dataclass(frozen=True)
class FeatureSet:
    """Class features of one network, and the settings of their analysis.

    Attributes:
      feature_dir: folder of the class features.
      sources: names of the source domains. Their union is analysed, too.
      targets: names of the target domains.
      min_num_imgs: source classes with fewer images are ignored.
      selected: target -> number of source classes to select for it.
      dataset_of: source -> name of its dataset, where the two differ.
      digests: synthetic dataset -> digest of the images that its features were extracted from.
    """

    feature_dir: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    min_num_imgs: int = 0
    selected: dict[str, int] = field(default_factory=dict)
    dataset_of: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)


# The numbers of classes to select are examples: more for targets with more classes.
PAPER = FeatureSet(
    'feature/resnet_101_JFT_299',
    ('ImageNet_train', 'inat_train'),
    tuple(published.SIMILARITIES),
    SimilarityConfig.min_num_imgs,
    {'cub_200': 400, 'stanford_cars': 50, 'stanford_dogs': 100, 'aircraft': 50, 'nabirds': 400},
    {'ImageNet_train': 'ILSVRC2012', 'inat_train': 'inat2017'},
)
MINIATURE_COUNTS = 8, 4, 6  # Selected for every third target.


def find_image_features(root: str = '.') -> ImageFeatures | None:
    """Returns the first complete features of: the paper, demo.sh, an earlier run of the notebook.

    Returns None if there are none below `root`.
    """
    for features in (PAPER_IMAGES, DEMO_IMAGES, NEW_IMAGES):
        folder = os.path.join(root, features.feature_dir)
        arrays = itertools.product(('feature', 'label'), ('train', 'val'))
        paths = [storage.array_path(folder, features.dataset_name, *array) for array in arrays]
        if all(map(os.path.exists, paths)):
            return features
    return None


def find_or_make_image_features(
    root: str = '.', log: Callable[[str], None] = print
) -> ImageFeatures:
    """Finds features of images; where there are none, extracts some, which takes about a minute.

    Writes the synthetic datasets if they are missing, trains on `demo_source`, and extracts
    features of `demo`, whose species are different ones. Resumes a run that was interrupted. `log`
    gets a line for each step.

    Raises:
      UserError: if a step fails.
    """
    found = find_image_features(root)
    if found is not None:
        log(f'features of {found.dataset_name}: {found.feature_dir}')
        return found
    steps = {}
    for name in ('demo_source', 'demo'):
        if not os.path.exists(os.path.join(root, 'data', name, 'manifest.json')):
            steps[f'render {name}, 10 to 30 s'] = command('prepare_dataset.py', dataset_name=name)
            steps[f'write {name} as TFRecords, 1 s'] = command(
                'convert_dataset.py', dataset_name=name, num_shards=4
            )
    steps[f'train a small network on demo_source, {STEPS} steps, 40 s on 2 cores'] = command(
        'train.py',
        *NETWORK,
        *TRAINING,
        dataset_name='demo_source',
        train_dir=CHECKPOINT_DIR,
        train_image_size=IMAGE_SIZE,
        max_number_of_steps=STEPS,
    )
    steps['extract features of demo, 10 s'] = command(
        'feature_extraction.py',
        *NETWORK,
        dataset_name=NEW_IMAGES.dataset_name,
        checkpoint_path=CHECKPOINT_DIR,
        feature_name=os.path.basename(NEW_IMAGES.feature_dir),
        image_size=IMAGE_SIZE,
        end_point=END_POINT,
    )
    folder = os.path.join(root, CHECKPOINT_DIR)
    for name, arguments in steps.items():
        log(f'{name} ...')
        subprocesses.run({name: arguments}, 1, {}, folder, lambda line: None, root)
    log(f'features of {NEW_IMAGES.dataset_name}: {NEW_IMAGES.feature_dir}')
    return NEW_IMAGES


def find_feature_set(root: str = '.') -> FeatureSet:
    """Returns the paper's class features where all of them exist, else those of the miniature.

    Raises:
      UserError: if there are neither.
    """
    folder = os.path.join(root, PAPER.feature_dir)
    if all(_feature_paths(folder, name) for name in (*PAPER.sources, *PAPER.targets)):
        return PAPER
    results_dir = find_results(root)
    with open(os.path.join(root, results_dir, SETTINGS), encoding='utf-8') as file:
        settings = json.load(file)
    targets = tuple(settings['targets'])
    return FeatureSet(
        f'{results_dir}/{CLASS_FEATURES}',
        tuple(settings['sources']),
        targets,
        selected=dict(zip(targets[::3], MINIATURE_COUNTS, strict=False)),
        digests=settings['domains'],
    )


def find_results(root: str = '.') -> str:
    """Returns the folder of the miniature's results, below `root`.

    Raises:
      UserError: if there are no results.
    """
    for folder in MINIATURE_RUNS:
        names = (SETTINGS, CLASS_FEATURES, RESULTS, CORRELATIONS)
        if all(os.path.exists(os.path.join(root, folder, name)) for name in names):
            return folder
    raise UserError(
        f'{" and ".join(MINIATURE_RUNS)} hold no results; run python reproduce_transfer.py'
    )


def _feature_paths(folder: str, name: str) -> list[str] | None:
    """Returns the two files of a domain's class features, or those of its images' features, if any.

    The paper's release has only the latter for some targets; its notebook computed the former.
    """
    for ends in (('.npy', domains.WEIGHT), ('_feature.npy', '_label.npy')):
        paths = [os.path.join(folder, name + end) for end in ends]
        if all(map(os.path.exists, paths)):
            return paths
    return None


def _read_domain(folder: str, name: str) -> domains.Domain:
    paths = _feature_paths(folder, name)
    if paths and paths[0].endswith('_feature.npy'):
        return domains.read_domain_of_images(*paths)
    return domains.read_domain(folder, name)


def read_domains(
    feature_set: FeatureSet, min_num_imgs: int, root: str = '.'
) -> tuple[list[domains.Domain], list[domains.Domain]]:
    """Reads the domains of a feature set; returns (sources, targets).

    If there are several sources, the last one is their union. Source classes with fewer than
    `min_num_imgs` images are ignored.

    Raises:
      UserError: if a file is missing or invalid.
      OSError: if a file cannot be read.
    """
    folder = os.path.join(root, feature_set.feature_dir)
    sources = [_read_domain(folder, name) for name in feature_set.sources]
    if len(sources) > 1:
        sources.append(domains.merge_domains(sources))
    targets = [domains.keep_classes(_read_domain(folder, name)) for name in feature_set.targets]
    domains.check_same_dimension([*sources, *targets])
    return [domains.keep_classes(source, min_num_imgs) for source in sources], targets


def read_results(folder: str, name: str = RESULTS) -> list[dict]:
    """Reads a table of reproduce_transfer.py, `RESULTS` or `CORRELATIONS`, from their folder.

    Numbers in its rows are int or float.

    Raises:
      UserError: if a cell that should be a number is not.
      OSError: if the table cannot be read.
    """
    words = ('target', 'source', 'measure', 'over')
    path = os.path.join(folder, name)
    with open(path, newline='', encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    try:
        return [
            {key: value if key in words else _number(value) for key, value in row.items()}
            for row in rows
        ]
    except (ValueError, TypeError) as error:
        raise UserError(f'{path}: {error}; expected a number') from error


def _number(text: str) -> int | float:
    return int(text) if text.isdigit() else float(text)
