"""Measures networks side by side, in several precisions: how fast, and how far their features are.

    python -m benchmarks.networks --output=results.json

For each network: images/s of inference up to the features, on a batch in memory, and how far the
features of photographs are from those in float32. All precisions of a network are measured in turn,
round after round, in one process. benchmarks/README.md says what each column means.

Without --checkpoint_paths the networks are not trained: weights and variances are random.
"""

import gc
import logging
import tempfile

import numpy as np
from absl import flags

from benchmarks import measuring, photographs, report, rows
from benchmarks.differences import differences, relative_error
from benchmarks.random_networks import randomize
from slim import command_line
from slim.datasets import dataset
from slim.errors import UserError
from slim.nets import nets_factory
from slim.quiet_import import import_tensorflow

PAPER = list(nets_factory.PAPER_NETWORKS)
MOVED = 4  # Pixels, down and to the right, of a query.

# What is measured
flags.DEFINE_list('model_names', PAPER, 'Networks.')
flags.DEFINE_list('checkpoint_paths', None, 'A checkpoint for each network, or a folder of them.')
flags.DEFINE_float('depth_multiplier', 1.0, 'Scales the channels of every layer; 0.25 is small.')
flags.DEFINE_integer('image_size', None, "Height and width in pixels; by default the network's.")
flags.DEFINE_list(
    'precision',
    ['float32', 'bfloat16'],
    'What the layers compute in: float32, bfloat16, float16 or several.',
)
flags.DEFINE_integer('batch_size', 32, 'Images of a batch.', lower_bound=1)
flags.DEFINE_integer(
    'num_images',
    256,
    'Photographs whose features are compared.',
    lower_bound=len(photographs.NAMES),
)
flags.DEFINE_string('dataset_dir', './data/', 'The folder that holds all datasets.')
flags.DEFINE_string(
    'dataset_name', None, "Compares features of this dataset's val.txt, not of scikit-image's."
)
flags.DEFINE_integer('matmul_size', 4096, 'Rows and columns of the matrices.', lower_bound=1)
flags.DEFINE_integer('seed', 0, 'Of random weights.')

# How long, and what becomes of it
flags.DEFINE_integer('repeats', 4, 'Rounds, of which the medians are shown.', lower_bound=1)
flags.DEFINE_float('seconds', 3.0, 'Least duration of one measurement.', lower_bound=0.0)
flags.DEFINE_string('output', None, 'JSON file to write the figures to.')

log = logging.getLogger('slim')


def scikit_image_photographs(folder, count):
    """Paths of that many photographs, written to `folder`."""
    log.info('writing %d photographs', count)
    photographs.write_dataset(folder, count, rows.NUM_SHARDS)
    return rows.image_paths(folder)


def photograph_batches(settings, paths):
    """Batches of photographs, float32 [n, size, size, 3], as the network takes them."""
    from slim.datasets import input_pipeline
    from slim.preprocessing import preprocessing_factory

    style = nets_factory.get_network(settings.model_name).preprocessing
    preprocess = preprocessing_factory.get_preprocessing(style, is_training=False)
    batches = input_pipeline.file_batches(
        paths, np.arange(len(paths)), preprocess, settings.image_size, settings.batch_size
    )
    return (images for _, images in batches)


def create_checkpoint(settings, seed, folder):
    """Saves a network with random weights, see `random_networks`.

    Args:
      settings: a `Settings`.
      seed: of the weights.
      folder: of the checkpoint.

    Returns:
      Its path.
    """
    import tensorflow as tf

    from slim.learning import checkpoints
    from slim.learning.model import Model

    tf.random.set_seed(seed)
    network = nets_factory.get_network(settings.model_name)
    network_fn = nets_factory.get_network_fn(settings.model_name, None)
    arguments = network.optional_arguments(settings.depth_multiplier, create_aux_logits=False)
    model = Model(network_fn, settings.image_size, **arguments)
    randomize(model, seed)
    return checkpoints.save(folder, model.named_variables(), 0)


def compare_features(sources, settings, paths):
    """How far the features are from those in float32: `differences` by precision.

    Queries are the photographs moved by a few pixels. Beside them, of the first batch:
    `rounded_images`, the relative error of the features in float32 if only the images are rounded
    to the other precision. It tells what the network makes of so small a difference.

    Args:
      sources: a `CheckpointSource` for each precision, float32 among them.
      settings: a `Settings`.
      paths: of the photographs.
    """
    import tensorflow as tf

    from slim.learning.precision import PRECISIONS

    features = {precision: [] for precision in sources}
    queries = {precision: [] for precision in sources}
    first = None
    for images in photograph_batches(settings, paths):
        first = images if first is None else first
        moved = tf.pad(images[:, MOVED:, MOVED:], [[0, 0], *[[0, MOVED]] * 2, [0, 0]], 'SYMMETRIC')
        for precision, source in sources.items():
            features[precision].append(source.features_of(images).numpy())
            queries[precision].append(source.features_of(moved).numpy())
    in_float32 = np.concatenate(features['float32']), np.concatenate(queries['float32'])
    compared = {}
    for precision in features.keys() - {'float32'}:
        rounded = tf.cast(tf.cast(first, PRECISIONS[precision]), tf.float32)
        in_precision = np.concatenate(features[precision]), np.concatenate(queries[precision])
        compared[precision] = {
            **differences(*in_float32, *in_precision),
            'rounded_images': relative_error(
                features['float32'][0], sources['float32'].features_of(rounded).numpy()
            ),
        }
    return compared


def measure_network(settings, checkpoint, precisions, products, flags, paths):
    """The figures of one network, a dictionary for each precision, and the products' `Measured`.

    Args:
      settings: a `Settings`.
      checkpoint: path of its weights, None for random ones.
      precisions: list of keys of `slim.learning.precision.PRECISIONS`.
      products: the matrix product's `Row` in each of them.
      flags: the script's.
      paths: of the photographs.
    """
    name = settings.model_name
    log.info('building %s', name)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = checkpoint or create_checkpoint(settings, flags.seed, folder)
        sources, lines = {}, []
        for precision in precisions:
            source, flops = rows.create_source(settings, checkpoint, precision)
            lines.append(rows.network_row(settings, source.features_of, flops, precision, name))
            sources[precision] = source
        compared = {}
        if 'float32' in precisions:
            log.info('features of %d photographs', len(paths))
            compared = compare_features(sources, settings, paths)
    measured = measuring.measure_rows([*products, *lines], flags.repeats, name)
    summaries = []
    for row in lines:
        figures = report.summarize(row, measured, rows.MATRIX_PRODUCT)
        figures['gflop_per_image'] = row.flops / 1e9
        if row.precision != 'float32' and compared:
            figures['differences'] = compared[row.precision]
        summaries.append(figures)
    return summaries, {row.key: measured[row.key] for row in products}


def main(flags):
    command_line.require(flags, 'model_names')
    names = flags.model_names
    networks = [rows.create_settings(flags, name) for name in names]
    saved = flags.checkpoint_paths or [None] * len(names)
    if len(saved) != len(names):
        raise UserError(
            f'--checkpoint_paths has {len(saved)} values and --model_names has {len(names)}'
        )
    precisions = rows.precisions_from_flags(flags)
    report.check_output(flags.output)
    import_tensorflow('slim.compat')
    from slim.learning import checkpoints, devices

    saved = [path and checkpoints.resolve(path) for path in saved]
    own_photographs = None
    if flags.dataset_name:
        own = dataset.dataset_folder(flags.dataset_dir, flags.dataset_name)
        own_photographs = rows.image_paths(own, 'validation')[: flags.num_images]
    devices.set_up()
    with tempfile.TemporaryDirectory() as folder:
        paths = own_photographs or scikit_image_photographs(folder, flags.num_images)
        products = [
            rows.matmul_row(flags.matmul_size, min(flags.seconds, 1.0), precision)
            for precision in precisions
        ]
        all_products = {row.key: [] for row in products}
        summaries = []
        for settings, checkpoint in zip(networks, saved, strict=True):
            figures, measured = measure_network(
                settings, checkpoint, precisions, products, flags, paths
            )
            summaries += figures
            for key, more in measured.items():
                all_products[key] += more
            gc.collect()  # The network and its graphs: eight of them would fill a small machine.
    products = [report.summarize(row, all_products, rows.MATRIX_PRODUCT) for row in products]
    machine = report.describe_machine(precisions)
    print(report.format_networks([*products, *summaries]))
    if differing := report.format_differences(summaries):
        print(f'\nFeatures of {len(paths)} photographs against those in float32:')
        print(differing)
        if not flags.checkpoint_paths:
            print('These networks are not trained: weights and variances are random.')
        print()
    print(report.format_machine(machine))
    report.write_results(flags, machine, [*products, *summaries])


if __name__ == '__main__':
    command_line.run(main, __doc__)
