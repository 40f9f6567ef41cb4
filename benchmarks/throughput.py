"""Measures what a machine reaches, side by side: the network alone, extraction, training, input.

    python -m benchmarks.throughput --output=results.json

Everything is measured in turn, round after round, in one process, so that a machine that is slower
for a while is slower for all; the table shows medians over the rounds. benchmarks/README.md says
what each line means. It takes about four minutes on 2 cores, for each value of --precision; on a
GPU use --batch_size=128 --num_images=4096 --matmul_size=16384.
"""

import contextlib
import logging
import os
import sys
import tempfile

from absl import flags

from benchmarks import measuring, photographs, report, rows
from slim import command_line
from slim.quiet_import import import_tensorflow

# What is measured
flags.DEFINE_string('model_name', 'inception_v3', 'Network.')
flags.DEFINE_float('depth_multiplier', 1.0, 'Scales the channels of every layer; 0.25 is small.')
flags.DEFINE_integer('image_size', None, "Height and width in pixels; by default the network's.")
flags.DEFINE_list(
    'precision', ['float32'], 'What the layers compute in: float32, bfloat16, float16 or several.'
)
flags.DEFINE_integer('batch_size', 32, 'Images of a batch.', lower_bound=1)
flags.DEFINE_integer(
    'num_images', 128, 'JPEG files to extract and to train on.', lower_bound=len(photographs.NAMES)
)
flags.DEFINE_integer('matmul_size', 4096, 'Rows and columns of the matrices.', lower_bound=1)

# How long, and what becomes of it
flags.DEFINE_integer('repeats', 4, 'Rounds, of which the medians are shown.', lower_bound=1)
flags.DEFINE_float('seconds', 3.0, 'Least duration of one measurement.', lower_bound=0.0)
flags.DEFINE_string('output', None, 'JSON file to write the figures to.')

log = logging.getLogger('slim')

LAST_LAYER = ('Logits',)  # As a part of names: the auxiliary head's, too.


def create_rows(settings, precisions, matmul_size, folder):
    """All that is to be measured, set up in `folder` and run once.

    The precisions of a line follow each other: their ratio is to be that of the same moment.
    """
    from slim.datasets import conversion
    from slim.datasets.dataset import load_dataset
    from slim.learning import checkpoints

    dataset_folder = os.path.join(folder, rows.DATASET)
    log.info('writing %d photographs', settings.num_images)
    photographs.write_dataset(dataset_folder, settings.num_images, rows.NUM_SHARDS)
    with contextlib.redirect_stdout(sys.stderr):  # There the table alone is to be.
        conversion.convert(folder, rows.DATASET, num_shards=rows.NUM_SHARDS, progress=False)
    dataset = load_dataset(folder, rows.DATASET, 'train')

    by_precision = []
    for precision in precisions:
        log.info('building the networks in %s', precision)
        last_layer, last_layer_flops = rows.create_training(
            settings, dataset, LAST_LAYER, precision
        )
        checkpoint = checkpoints.save(
            os.path.join(folder, 'checkpoints', precision), last_layer.model.named_variables(), 0
        )
        feature_dir = os.path.join(folder, 'features', precision)
        all_layers, all_layers_flops = rows.create_training(settings, dataset, None, precision)
        training = settings, dataset
        by_precision.append(
            [
                rows.matmul_row(matmul_size, min(settings.seconds, 1.0), precision),
                *rows.inference_rows(settings, checkpoint, precision, dataset_folder, feature_dir),
                *rows.training_rows(
                    *training, last_layer, last_layer_flops, precision, 'last layer'
                ),
                *rows.training_rows(
                    *training, all_layers, all_layers_flops, precision, 'all layers'
                ),
            ]
        )
    computed = [row for same_line in zip(*by_precision, strict=True) for row in same_line]
    paths = rows.image_paths(dataset_folder)
    return computed + rows.input_rows(settings, dataset, paths, 'last layer, step alone')


def main(flags):
    settings = rows.create_settings(flags, flags.model_name)
    precisions = rows.precisions_from_flags(flags)
    report.check_output(flags.output)
    # Its bar would be drawn over the log.
    os.environ.setdefault('TQDM_DISABLE', '1')
    import_tensorflow('slim.compat')
    from slim.learning import devices

    devices.set_up()
    with tempfile.TemporaryDirectory() as folder:
        lines = create_rows(settings, precisions, flags.matmul_size, folder)
        os.sync()  # Or the first line to write would wait for all that was written up to here.
        measured = measuring.measure_rows(lines, flags.repeats)
    summaries = [report.summarize(row, measured, rows.MATRIX_PRODUCT) for row in lines]
    machine = report.describe_machine(precisions)
    print(report.format_table(summaries))
    print(report.format_machine(machine))
    report.write_results(flags, machine, summaries)


if __name__ == '__main__':
    command_line.run(main, __doc__)
