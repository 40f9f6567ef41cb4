"""The paper's claim in miniature: the nearer a source, the better it transfers (section 4, Fig. 5).

Networks are pre-trained on two sources and on their union; each image of any is seen as often. Each
gives features of every target, and the accuracy of a linear classifier on them says how well
its source transfers. Similarity of source and target is that of their class features, by one and
the same network for all of them: the one of the union, which plays the part that a network trained
on JFT, with 300 million images, plays in the paper.

    draw_and_convert     embedded domains -> photographs, shards
    pretrain             shards -> a checkpoint for each source
    extract              checkpoints, photographs -> features
    measure              features -> class features, a row for each pair of target and source
    write_results        rows -> tables, picture

TensorFlow is imported when features are to be extracted; `pretrain` runs train.py.
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
from slim.files import check_writable, write_text

SETTINGS = 'settings.json'
CLASS_FEATURES = 'class_features'
SPLITS = ('train', 'validation')
MEASURES = ('similarity', 'logme', 'h_score')
ONE_THREAD = {'TF_NUM_INTRAOP_THREADS': '1', 'TF_NUM_INTEROP_THREADS': '1'}
PACKAGES = ('numpy', 'pillow', 'pot', 'scikit-learn', 'scipy', 'tensorflow')


def describe_settings(settings: configs.MiniatureConfig) -> dict:
    """The settings as JSON, with a digest of all that the images of each dataset depend on."""
    from slim.synthetic.registry import find_domain

    names = (*settings.networks, *settings.targets)
    digests = {name: find_domain(name).definition()[:16] for name in names}
    return json.loads(json.dumps({**dataclasses.asdict(settings), 'domains': digests}))


@dataclass(frozen=True)
class Folders:
    """Where things are: the datasets, the checkpoints, the features, and what came out."""

    dataset_dir: str
    checkpoint_dir: str
    feature_dir: str
    output_dir: str


def is_claimed(folder: str, flag: str, record: dict) -> bool:
    """Whether a folder is for results of these settings already; False if there is nothing in it.

    Args:
      folder: need not be there.
      flag: that names it, for messages.
      record: of `describe_settings`.

    Raises:
      UserError: if it holds results of other settings, or something else.
      OSError: if it cannot be written.
    """
    check_writable(folder)
    path = os.path.join(folder, SETTINGS)
    advice = f'remove it, or choose another --{flag}'
    try:
        with open(path, encoding='utf-8') as file:
            there = dict(json.load(file))
    except FileNotFoundError:
        if os.path.isdir(folder) and os.listdir(folder):
            raise UserError(
                f'{folder} holds files of something else, without {SETTINGS}; {advice}'
            ) from None
        return False
    except (ValueError, TypeError) as error:
        raise UserError(f'{path} holds no settings; {advice}') from error
    there.pop('versions', None)
    other = sorted(key for key in there.keys() | record.keys() if there.get(key) != record.get(key))
    if other:
        shown = ', '.join(
            f'{key}={there.get(key)} instead of {record.get(key)}'
            for key in other
            if key != 'domains'
        )
        raise UserError(f'{folder} was made with {shown or "other photographs"}; {advice}')
    return True


def claim(folder: str, flag: str, record: dict) -> None:
    """Takes a folder for results of these settings; a later run with others will be refused.

    Arguments and errors as of `is_claimed`.
    """
    if not is_claimed(folder, flag, record):
        os.makedirs(folder, exist_ok=True)
        write_text(os.path.join(folder, SETTINGS), json.dumps(record, indent=1) + '\n')


@contextlib.contextmanager
def _step(what: str) -> Iterator[None]:
    """Says how long a step of the experiment took."""
    began = time.monotonic()
    yield
    print(f'== {what}: {time.monotonic() - began:.0f} s', flush=True)


def run(settings: configs.MiniatureConfig, folders: Folders) -> tuple[list[dict], list[dict]]:
    """The whole experiment. What is there already and whole is not made again.

    Returns:
      (rows of `measure`, rows of `correlations`).

    Raises:
      UserError: if a folder holds something else, or a setting cannot be.
      OSError: if a file cannot be read or written.
    """
    from slim.transfer.correlations import correlations

    record = describe_settings(settings)
    places = {
        flag: getattr(folders, flag) for flag in ('checkpoint_dir', 'feature_dir', 'output_dir')
    }
    # All are looked at before one is taken: a run that is refused leaves no folder to settings that
    # never came to anything.
    for step in (is_claimed, claim):
        for flag, folder in places.items():
            step(folder, flag, record)
    with _step(f'{len(settings.networks)} sources and {len(settings.targets)} targets drawn'):
        draw_and_convert(settings, folders)
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


def draw_and_convert(settings: configs.MiniatureConfig, folders: Folders) -> None:
    """Draws all domains, and converts those that networks are trained on."""
    from slim import synthetic
    from slim.datasets import conversion

    for name in (*settings.networks, *settings.targets):
        synthetic.write_domain(name, os.path.join(folders.dataset_dir, name))
    for name in settings.networks:
        conversion.convert(folders.dataset_dir, name, num_shards=settings.num_shards)


def set_up_tensorflow(settings: configs.MiniatureConfig) -> None:
    """Imports TensorFlow, and has it give the same bits on every run."""
    from slim.quiet_import import import_tensorflow

    import_tensorflow('slim.compat')
    import tensorflow as tf

    from slim.learning import devices, precision

    devices.set_up()
    devices.use_deterministic_operations()
    # Which asks for a seed of the values that a checkpoint's take the place of.
    tf.random.set_seed(settings.seed)
    precision.warn_if_slow(settings.precision)


def pretrain(settings: configs.MiniatureConfig, folders: Folders) -> None:
    """Pre-trains the networks side by side, from scratch or from where they were stopped.

    Each has one core; two take two thirds of the time that they take one after the other on both,
    as the layers are too small to be shared. So the numbers do not depend on how many cores there
    are.

    Raises:
      UserError: if one cannot be trained.
    """
    from slim.datasets import workers

    wanted = sorted(settings.networks, key=settings.steps, reverse=True)  # The longest first.
    commands = {
        name: training_command(settings, folders, name)
        for name in wanted
        if not is_trained(settings, folders, name)
    }
    subprocesses.run(commands, workers.available_cores(), ONE_THREAD, folders.checkpoint_dir)


def is_trained(settings: configs.MiniatureConfig, folders: Folders, name: str) -> bool:
    """Whether the network of the dataset `name` has its last checkpoint."""
    path = os.path.join(folders.checkpoint_dir, name, f'model.ckpt-{settings.steps(name)}.index')
    return os.path.exists(path)


def training_command(settings: configs.MiniatureConfig, folders: Folders, name: str) -> list[str]:
    """The command that pre-trains a network on the dataset `name`."""
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
    """Extracts features by the network of the dataset `name`.

    They are of all images of the targets, and where it is the network of the union, of the sources'
    training images.
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
    wanted = [(target, split) for target in settings.targets for split in SPLITS]
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
    """Measures each pair of target and source, and writes the class features that it takes.

    Returns:
      Rows with
        target, source           the union is called by its parts, with '+' between them
        emd, similarity          by the network of the union
        accuracy                 of a linear classifier on features by the source's network
        accuracy_error           its standard error, of a sample as large as the validation images
        logme, h_score           of the training images, by the source's network
    """
    from slim.features import class_means, domains

    class_dir = os.path.join(folders.output_dir, CLASS_FEATURES)
    seen_by = os.path.join(folders.feature_dir, settings.union)
    for name in (*settings.sources, *settings.targets):
        found = class_means.class_features(*domains.read_images(seen_by, name, 'train'))
        domains.write_domain(class_dir, name, found)
    parts = [domains.read_domain(class_dir, name) for name in settings.sources]
    sources = dict(zip(settings.networks, [*parts, domains.join(parts)], strict=True))
    return [
        measure_pair(
            source,
            domains.read_domain(class_dir, target),
            os.path.join(folders.feature_dir, network),
            settings.gamma,
        )
        for target in settings.targets
        for network, source in sources.items()
    ]


def measure_pair(source, target, feature_dir: str, gamma: float) -> dict:
    """A row of `measure`.

    Args:
      source: a `Domain`.
      target: a `Domain`, of the same network.
      feature_dir: folder of features of the target's images by the source's network.
      gamma: of the similarity.
    """
    from slim.features import domains
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
      OSError: if they cannot be written.
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
