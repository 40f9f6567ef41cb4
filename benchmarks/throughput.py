"""Measures the images/s of your machine: network alone, extraction, training and input.

    python -m benchmarks.throughput --output=results.json

Everything is measured in turn, round after round, in one process, so that a machine that is slower
for a while is slower for all rows; the table shows medians over the rounds. benchmarks/README.md
explains each row. It takes about four minutes on 2 cores for each value of --precision; on a GPU
use --batch_size=128 --num_images=4096 --matmul_size=16384.
"""

import contextlib
import logging
import os
import sys
import tempfile
from typing import Any

from absl import flags

from benchmarks import measuring, photographs, report, rows
from slim import command_line
from slim.configs import PRECISIONS, TrainingConfig
from slim.nets import nets_factory
from slim.quiet_import import import_tensorflow

command_line.group('Network')
command_line.define(TrainingConfig, 'model_name', 'Network.')
command_line.define(
    TrainingConfig, 'depth_multiplier', 'Factor of the channels of every layer; 0.25 is small.'
)
command_line.define(
    TrainingConfig, 'image_size', "Height and width in pixels; by default the network's own."
)
flags.DEFINE_list(
    'precision',
    [TrainingConfig.precision],
    'Types that the layers compute in, separated by commas: float32, bfloat16, float16.',
)

command_line.group('Sizes')
command_line.define(TrainingConfig, 'batch_size', 'Images per batch.', lower_bound=1)
flags.DEFINE_integer(
    'num_images',
    128,
    'Number of JPEG files to extract features of and to train on.',
    lower_bound=len(photographs.NAMES),
)
flags.DEFINE_integer('matmul_size', 4096, 'Rows and columns of the matrices.', lower_bound=1)

command_line.group('Measurement')
flags.DEFINE_integer('repeats', 4, 'Number of rounds; medians are shown.', lower_bound=1)
flags.DEFINE_float('seconds', 3.0, 'Minimum duration of one measurement.', lower_bound=0.0)
flags.DEFINE_string('output', None, 'JSON file to write the results to.')

log = logging.getLogger('slim')

LAST_LAYER = ('Logits',)  # Matches the auxiliary head's last layer, too.
NUM_SHARDS = 4


def create_settings(flags: Any) -> rows.Settings:
    """Creates the settings from the flags.

    Raises:
      UserError: if there is no such network, or it does not support the flags.
    """
    network = nets_factory.get_network(flags.model_name)
    size = flags.image_size or network.default_image_size
    network.check_image_size(size)
    network.optional_arguments(flags.depth_multiplier)
    return command_line.fields_from_flags(rows.Settings, flags, image_size=size)


def create_rows(
    settings: rows.Settings, precisions: list[str], matmul_size: int, folder: str
) -> list[measuring.Row]:
    """Creates all rows, with their files in `folder`, and runs each once.

    The precisions of a row follow each other, so that their ratio is one of the same moment.
    """
    from slim.datasets import conversion
    from slim.datasets.dataset import load_dataset
    from slim.learning import checkpoints

    dataset_folder = os.path.join(folder, rows.DATASET)
    log.info('writing %d photographs', settings.num_images)
    photographs.write_dataset(dataset_folder, settings.num_images, NUM_SHARDS)
    with contextlib.redirect_stdout(sys.stderr):  # Standard output is for the table.
        conversion.convert(folder, rows.DATASET, num_shards=NUM_SHARDS, progress=False)
    dataset = load_dataset(folder, rows.DATASET, 'train')

    by_precision = []
    for precision in precisions:
        log.info('building the networks in %s', precision)
        last, last_flops = rows.create_training(settings, dataset, LAST_LAYER, precision)
        all_layers, all_flops = rows.create_training(settings, dataset, None, precision)
        checkpoint = checkpoints.save(
            os.path.join(folder, 'checkpoints', precision), last.model.named_variables(), 0
        )
        features = os.path.join(folder, 'features', precision)
        training = settings, dataset
        by_precision.append(
            [
                rows.matmul_row(matmul_size, min(settings.seconds, 1.0), precision),
                *rows.inference_rows(settings, checkpoint, precision, dataset_folder, features),
                *rows.training_rows(*training, last, last_flops, precision, 'last layer'),
                *rows.training_rows(*training, all_layers, all_flops, precision, 'all layers'),
            ]
        )
    computed = [row for same_name in zip(*by_precision, strict=True) for row in same_name]
    paths = rows.image_paths(dataset_folder)
    return computed + rows.input_rows(settings, dataset, paths, 'last layer, step alone')


def main(flags: Any) -> None:
    settings = create_settings(flags)
    command_line.require(flags, 'precision')
    command_line.choose(flags, 'precision', PRECISIONS)
    precisions = list(dict.fromkeys(flags.precision))
    report.check_output(flags.output)
    os.environ.setdefault('TQDM_DISABLE', '1')  # Progress bars would be drawn over the log.
    import_tensorflow('slim.compat')
    from slim.learning import devices

    devices.set_up()
    with tempfile.TemporaryDirectory() as folder:
        lines = create_rows(settings, precisions, flags.matmul_size, folder)
        os.sync()  # Or the first row that writes would wait for everything written before.
        measured = measuring.measure_rows(lines, flags.repeats)
    summaries = [report.summarize(row, measured, rows.MATRIX_PRODUCT) for row in lines]
    machine = report.describe_machine(precisions)
    print(report.format_table(summaries))
    print(report.format_machine(machine))
    report.write_results(flags, machine, summaries)


if __name__ == '__main__':
    command_line.run(main, __doc__)
