"""The paper's claim in miniature: more similar sources transfer better (section 4, Fig. 5).

Networks are pre-trained on two sources and on their union, for the same number of epochs. Each
extracts features of every target; the accuracy of a linear classifier on them measures how well its
source transfers. The similarity of source and target is that of class features by one network for
all of them, the network of the union: it takes the role of the paper's network, which was trained
on JFT, 300 million images.

    render_and_convert   synthetic datasets -> images, shards
    pretrain             shards -> a checkpoint for each source
    extract              checkpoints, images -> features
    measure              features -> class features, a row for each pair of target and source
    write_results        rows -> tables, plot

TensorFlow is imported before features are extracted; `pretrain` runs train.py.
"""

import contextlib
import dataclasses
import importlib.metadata
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from slim import configs
from slim.errors import UserError
from slim.experiments import subprocesses
from slim.features import class_means, domains
from slim.files import check_writable, write_text

SETTINGS = 'settings.json'
CLASS_FEATURES = 'class_features'
MEASURES = ('similarity', 'logme', 'h_score')
ONE_THREAD = {'TF_NUM_INTRAOP_THREADS': '1', 'TF_NUM_INTEROP_THREADS': '1'}
PACKAGES = ('numpy', 'pillow', 'pot', 'scikit-learn', 'scipy', 'tensorflow')


def describe_settings(settings: configs.MiniatureConfig) -> dict:
    """Returns the settings as JSON, with a digest of all that each dataset's images depend on."""
    from slim.synthetic.definitions import definition_digest
    from slim.synthetic.registry import find_dataset

    names = (*settings.networks, *settings.targets)
    digests = {name: definition_digest(find_dataset(name))[:16] for name in names}
    return json.loads(json.dumps({**dataclasses.asdict(settings), 'domains': digests}))


@dataclass(frozen=True)
class Folders:
    """Folders of the datasets, the checkpoints, the features and the results."""

    dataset_dir: str
    checkpoint_dir: str
    feature_dir: str
    output_dir: str


def is_claimed(folder: str, flag: str, record: dict) -> bool:
    """Returns whether a folder belongs to these settings already; False if it is empty.

    Args:
      folder: path of the folder, which need not exist.
      flag: name of the flag that sets the path, for messages.
      record: result of `describe_settings`.

    Raises:
      UserError: if the folder holds results of other settings, or something else.
      OSError: if the folder cannot be written.
    """
    check_writable(folder)
    path = os.path.join(folder, SETTINGS)
    advice = f'remove it, or choose another --{flag}'
    try:
        with open(path, encoding='utf-8') as file:
            existing = dict(json.load(file))
    except FileNotFoundError:
        if os.path.isdir(folder) and os.listdir(folder):
            raise UserError(f'{folder} holds other files and no {SETTINGS}; {advice}') from None
        return False
    except (ValueError, TypeError) as error:
        raise UserError(f'{path} is not a record of settings; {advice}') from error
    existing.pop('versions', None)
    keys = sorted(existing.keys() | record.keys())
    if other := [key for key in keys if existing.get(key) != record.get(key)]:
        shown = ', '.join(
            f'{key}={existing.get(key)} instead of {record.get(key)}'
            for key in other
            if key != 'domains'
        )
        raise UserError(f'{folder} was made with {shown or "other rendered images"}; {advice}')
    return True


def claim(folder: str, flag: str, record: dict) -> None:
    """Reserves a folder for these settings: a later run with other settings is refused.

    Arguments and errors are those of `is_claimed`.
    """
    if not is_claimed(folder, flag, record):
        os.makedirs(folder, exist_ok=True)
        write_text(os.path.join(folder, SETTINGS), json.dumps(record, indent=1) + '\n')


@contextlib.contextmanager
def _step(name: str) -> Iterator[None]:
    """Prints how long a step of the experiment took."""
    began = time.monotonic()
    yield
    print(f'== {name}: {time.monotonic() - began:.0f} s', flush=True)


def run(settings: configs.MiniatureConfig, folders: Folders) -> tuple[list[dict], list[dict]]:
    """Runs the whole experiment; resumes it if some of its files exist already.

    Returns the rows of `measure` and those of `correlations`.

    Raises:
      UserError: if a folder holds something else, or a setting is invalid.
      OSError: if a file cannot be read or written.
    """
    from slim.transfer.correlations import correlations

    record = describe_settings(settings)
    # All folders are checked before one is claimed, so that a refused run claims none.
    for step in (is_claimed, claim):
        for flag in ('checkpoint_dir', 'feature_dir', 'output_dir'):
            step(getattr(folders, flag), flag, record)
    with _step(f'{len(settings.networks)} sources and {len(settings.targets)} targets rendered'):
        render_and_convert(settings, folders)
    with _step(f'{len(settings.networks)} networks pre-trained'):
        pretrain(settings, folders)
    with _step('TensorFlow imported'):
        set_up_tensorflow(settings)
    for network in settings.networks:
        with _step(f'features by the network of {network}'):
            extract(settings, folders, network)
    with _step('similarity and accuracy measured'):
        rows = measure(settings, folders)
        found = correlations(rows, list(MEASURES))
        write_results(folders.output_dir, record, rows, found)
    return rows, found


def render_and_convert(settings: configs.MiniatureConfig, folders: Folders) -> None:
    """Renders all datasets, and converts those that networks are trained on."""
    from slim import synthetic
    from slim.datasets import conversion

    for name in (*settings.networks, *settings.targets):
        synthetic.write_dataset(name, os.path.join(folders.dataset_dir, name))
    for name in settings.networks:
        conversion.convert(folders.dataset_dir, name, num_shards=settings.num_shards)


def set_up_tensorflow(settings: configs.MiniatureConfig) -> None:
    """Imports TensorFlow and makes its operations deterministic."""
    from slim.quiet_import import import_tensorflow

    import_tensorflow('slim.compat')
    import tensorflow as tf

    from slim.learning import devices, precision

    devices.set_up()
    devices.use_deterministic_operations()
    # Deterministic operations need a seed even for initial values that a checkpoint replaces.
    tf.random.set_seed(settings.seed)
    precision.warn_if_slow(settings.precision)


def pretrain(settings: configs.MiniatureConfig, folders: Folders) -> None:
    """Pre-trains the networks in parallel, and resumes trainings that were interrupted.

    Each training uses one core, so the results do not depend on the number of cores. Two trainings
    in parallel take two thirds of the time of one after the other on both cores, because the layers
    are too small for two threads. Raises a `UserError` if a training fails.
    """
    from slim.datasets import workers

    commands = {}
    for name in sorted(settings.networks, key=settings.steps, reverse=True):  # Longest first.
        last = os.path.join(name, f'model.ckpt-{settings.steps(name)}.index')
        if not os.path.exists(os.path.join(folders.checkpoint_dir, last)):
            commands[name] = training_command(settings, folders, name)
    subprocesses.run(commands, workers.available_cores(), ONE_THREAD, folders.checkpoint_dir)


def training_command(settings: configs.MiniatureConfig, folders: Folders, name: str) -> list[str]:
    """Returns the command that pre-trains a network on the dataset `name`."""
    from slim.datasets.dataset import load_dataset

    steps = settings.steps(name)
    images = load_dataset(folders.dataset_dir, name, 'train').num_images
    return subprocesses.command(
        'train.py',
        dataset_dir=folders.dataset_dir,
        dataset_name=name,
        train_dir=os.path.join(folders.checkpoint_dir, name),
        model_name=settings.model_name,
        depth_multiplier=settings.depth_multiplier,
        train_image_size=settings.image_size,
        min_crop_area=settings.min_crop_area,
        batch_norm_decay=0.95,
        optimizer='adam',
        opt_epsilon=0.001,
        learning_rate=settings.learning_rate,
        learning_rate_decay_type='polynomial',
        num_epochs_per_decay=steps * settings.batch_size / images,
        batch_size=settings.batch_size,
        max_number_of_steps=steps,
        seed=settings.seed,
        deterministic=True,
        precision=settings.precision,
        log_every_n_steps=max(1, settings.num_steps // 5),
        save_interval_secs=60,
        max_checkpoints=1,
    )


def extract(settings: configs.MiniatureConfig, folders: Folders, name: str) -> None:
    """Extracts features of all images of the targets by the network of the dataset `name`.

    The network of the union also extracts features of the sources' training images.
    """
    from slim.learning import checkpoints, extraction

    path = checkpoints.latest_checkpoint(os.path.join(folders.checkpoint_dir, name))
    extractor = extraction.Extractor(
        configs.ExtractionConfig(
            checkpoint_path=path,
            model_name=settings.model_name,
            depth_multiplier=settings.depth_multiplier,
            image_size=settings.image_size,
            precision=settings.precision,
        )
    )
    wanted = [(target, split) for target in settings.targets for split in configs.SPLITS]
    if name == settings.union:
        wanted += [(source, 'train') for source in settings.sources]
    for dataset_name, split in wanted:
        extractor.extract(
            os.path.join(folders.dataset_dir, dataset_name),
            dataset_name,
            split,
            os.path.join(folders.feature_dir, name),
            progress=sys.stderr.isatty(),
        )


def measure(settings: configs.MiniatureConfig, folders: Folders) -> list[dict]:
    """Measures each pair of target and source, and writes the class features that this needs.

    Returns:
      Rows with
        target, source   names; that of the union consists of its parts, joined by '+'
        emd, similarity  on class features by the network of the union
        accuracy         of a linear classifier on features by the source's network
        accuracy_error   standard error for the number of validation images
        logme, h_score   on features of the training images by the source's network
    """
    class_dir = os.path.join(folders.output_dir, CLASS_FEATURES)
    union_dir = os.path.join(folders.feature_dir, settings.union)
    for name in (*settings.sources, *settings.targets):
        found = class_means.compute_class_means(*domains.read_images(union_dir, name, 'train'))
        domains.write_domain(class_dir, name, found)
    parts = [domains.read_domain(class_dir, name) for name in settings.sources]
    sources = dict(zip(settings.networks, [*parts, domains.merge_domains(parts)], strict=True))
    return [
        _measure_pair(
            source,
            domains.read_domain(class_dir, target),
            os.path.join(folders.feature_dir, network),
            settings.gamma,
        )
        for target in settings.targets
        for network, source in sources.items()
    ]


def _measure_pair(
    source: domains.Domain, target: domains.Domain, feature_dir: str, gamma: float
) -> dict:
    """Returns a row; `feature_dir` has features of the target's images by the source's network."""
    from slim.transfer import measures
    from slim.transfer.domain_similarity import measure_similarity
    from slim.transfer.linear_classifier import classify

    train, val = (domains.read_images(feature_dir, target.name, end) for end in ('train', 'val'))
    similarity = measure_similarity(source, target, configs.SimilarityConfig(gamma=gamma))
    accuracy = classify(*train, *val).accuracy
    return {
        'target': target.name,
        'source': source.name,
        'emd': similarity.emd,
        'similarity': similarity.similarity,
        'accuracy': accuracy,
        'accuracy_error': math.sqrt(accuracy * (1 - accuracy) / len(val[1])),
        **{name: measure(*train) for name, measure in measures.MEASURES.items()},
    }


def write_results(folder: str, record: dict, rows: list[dict], found: list[dict]) -> None:
    """Writes results.csv, correlations.csv, transfer.png and, with versions, settings.json.

    Raises:
      OSError: if a file cannot be written.
    """
    from slim.plots.image_grids import write_png
    from slim.plots.transfer_scatter import draw_transfer
    from slim.tables import write_table

    for name, table in (('results', rows), ('correlations', found)):
        write_table(os.path.join(folder, f'{name}.csv'), table, record)
    write_png(os.path.join(folder, 'transfer.png'), draw_transfer(rows), dpi=120)
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    text = json.dumps({**record, 'versions': versions}, indent=1) + '\n'
    write_text(os.path.join(folder, SETTINGS), text)
