"""Measures the images/s of your machine: network alone, extraction, training and input.

    python -m benchmarks.throughput --output=results.json

Everything is measured in turn, round after round, in one process, so that a machine that is slower
for a while is slower for all rows; the table shows medians over the rounds. benchmarks/README.md
explains each row. It takes about four minutes on 2 cores for each value of --precision; on a GPU
use --batch_size=128 --num_images=4096 --matmul_size=16384.
"""

import os
import tempfile
from typing import Any

from absl import flags

from benchmarks import measuring, photographs, report
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
    'Types that the layers compute in, one or more of float32, bfloat16, float16.',
)

command_line.group('Sizes')
command_line.define(TrainingConfig, 'batch_size', 'Images per batch.', lower_bound=1)
flags.DEFINE_integer('num_images', 128, 'Number of JPEG files.', lower_bound=len(photographs.NAMES))
flags.DEFINE_integer('matmul_size', 4096, 'Rows and columns of the matrices.', lower_bound=1)

command_line.group('Measurement')
flags.DEFINE_integer('repeats', 4, 'Number of rounds; medians are shown.', lower_bound=1)
flags.DEFINE_float('seconds', 3.0, 'Minimum duration of one measurement.', lower_bound=0.0)
flags.DEFINE_string('output', None, 'JSON file to write the results to.')


def main(flags: Any) -> None:
    network = nets_factory.get_network(flags.model_name)
    size = flags.image_size or network.default_image_size
    network.check_image_size(size)
    network.optional_arguments(flags.depth_multiplier)
    command_line.require(flags, 'precision')
    command_line.choose(flags, 'precision', PRECISIONS)
    precisions = list(dict.fromkeys(flags.precision))
    report.check_output(flags.output)
    import_tensorflow('slim.compat')
    from benchmarks import rows
    from slim.learning import devices

    devices.set_up()
    with tempfile.TemporaryDirectory() as folder:
        settings = command_line.fields_from_flags(rows.Settings, flags, image_size=size)
        lines = rows.create_rows(settings, precisions, flags.matmul_size, folder)
        os.sync()  # Or the first row that writes would wait for everything written before.
        measured = measuring.measure_rows(lines, flags.repeats)
    summaries = [report.summarize(row, measured, rows.MATRIX_PRODUCT) for row in lines]
    machine = report.describe_machine(precisions)
    print(report.format_table(summaries))
    print(report.format_machine(machine))
    report.write_results(flags, machine, summaries)


if __name__ == '__main__':
    command_line.run(main, __doc__)
