"""Measures the conversion of a dataset: images/s with one worker and with several, and memory.

    python -m benchmarks.conversion --output=results.json

The same JPEG files (about 400x500 pixels, crops of scikit-image's photographs) are converted from
scratch in every round: by a loop in one process that decodes each image in full with TensorFlow,
and by the function that convert_dataset.py calls, both after all imports; and by
convert_dataset.py, start-up included. Then ten times as many files are converted, to compare the
peaks of memory. It takes about two minutes on 2 cores.
"""

import contextlib
import functools
import json
import logging
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from absl import flags

from benchmarks import measuring, photographs, report, rows
from benchmarks.measuring import Measurement
from slim import command_line, tables
from slim.datasets import split_lists
from slim.errors import UserError
from slim.quiet_import import import_tensorflow

command_line.group('Sizes')
flags.DEFINE_integer('num_images', 3000, 'Number of JPEG files.', lower_bound=100)
flags.DEFINE_integer('num_shards', 10, 'Number of shards per split.', lower_bound=1)
flags.DEFINE_list('num_workers', ['1', '2'], 'Numbers of processes that convert.')
flags.DEFINE_integer('times', 10, 'Factor of --num_images for the peak of memory.', lower_bound=1)

command_line.group('Measurement')
flags.DEFINE_integer('repeats', 3, 'Number of rounds; medians are shown.', lower_bound=1)
flags.DEFINE_string('output', None, 'JSON file to write the results to.')

log = logging.getLogger('slim')

LOOP = 'loop: TensorFlow, one process'
COLUMNS = ('', 'images/s', 'range', 'CPU ms', 'peak MiB', 'compared')

# Runs a command in a small process of its own, whose children are those of the command alone, and
# whose memory, which the peak of a child includes, is small.
MEASURE_COMMAND = (
    'import json, resource, subprocess, sys; '
    'subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); '
    'used = resource.getrusage(resource.RUSAGE_CHILDREN); '
    'print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss]))'
)


def write_more(folder: str, times: int) -> str:
    """Writes a dataset with `times` as many images, hard links to those of `folder`.

    Returns:
      Its folder.
    """
    other = f'{folder}_{times}'
    for split in split_lists.LIST_NAMES:
        listed = split_lists.read_list(split_lists.list_path(folder, split))
        more = []
        for number in range(times if split == 'train' else 1):
            for image in listed:
                path = f'{number}/{image.path}'
                os.makedirs(os.path.dirname(os.path.join(other, path)), exist_ok=True)
                if not os.path.exists(os.path.join(other, path)):
                    os.link(os.path.join(folder, image.path), os.path.join(other, path))
                more.append((path, image.label))
        split_lists.write_list(split_lists.list_path(other, split), more)
    split_lists.write_labels(other, photographs.NAMES)
    return other


def remove_conversion(folder: str) -> None:
    """Removes everything from the folder of a dataset but its images and lists."""
    for name in os.listdir(folder):
        if name.endswith('.tfrecord') or name == 'manifest.json':
            os.remove(os.path.join(folder, name))


def cpu_and_peak(who: int) -> tuple[float, int]:
    """Returns CPU time in seconds and peak memory in bytes of this process or its children."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def convert_by_loop(folder: str) -> Measurement:
    """Measures a simple conversion: read, decode with TensorFlow and write, image by image."""
    import_tensorflow()
    import tensorflow as tf

    listed = split_lists.read_list(split_lists.list_path(folder, 'train'))
    began, cpu_began = time.perf_counter(), time.process_time()
    with tf.io.TFRecordWriter(os.path.join(os.path.dirname(folder), 'loop.tfrecord')) as writer:
        for image in listed:
            with open(os.path.join(folder, image.path), 'rb') as file:
                encoded = file.read()
            height, width, _ = tf.io.decode_jpeg(encoded, channels=3).shape
            numbers = {'class/label': image.label, 'height': height, 'width': width}
            feature = {
                f'image/{name}': tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
                for name, value in numbers.items()
            }
            for name, value in (('image/encoded', encoded), ('image/format', b'jpg')):
                feature[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    _, peak = cpu_and_peak(resource.RUSAGE_SELF)
    return Measurement(len(listed), seconds, cpu_seconds, peak_bytes=peak)


def convert_by_library(
    folder: str, num_images: int, num_shards: int, num_workers: int
) -> Measurement:
    """Measures the function that convert_dataset.py calls, without its start-up."""
    from slim.datasets import conversion

    remove_conversion(folder)
    both = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    began, cpu_began = time.perf_counter(), sum(cpu_and_peak(who)[0] for who in both)
    with contextlib.redirect_stdout(None):
        conversion.convert(
            *os.path.split(folder), num_shards=num_shards, num_workers=num_workers, progress=False
        )
    seconds = time.perf_counter() - began
    cpu_seconds = sum(cpu_and_peak(who)[0] for who in both) - cpu_began
    peak = max(cpu_and_peak(who)[1] for who in both)
    return Measurement(num_images, seconds, cpu_seconds, peak_bytes=peak)


def convert_by_script(
    folder: str, num_images: int, num_shards: int, num_workers: int
) -> Measurement:
    """Measures convert_dataset.py, start-up included."""
    remove_conversion(folder)
    command = [
        *(sys.executable, '-c', MEASURE_COMMAND),
        *(sys.executable, 'convert_dataset.py'),
        f'--dataset_dir={os.path.dirname(folder)}',
        f'--dataset_name={os.path.basename(folder)}',
        f'--num_shards={num_shards}',
        f'--num_workers={num_workers}',
    ]
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    began = time.perf_counter()
    result = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
    seconds = time.perf_counter() - began
    cpu_seconds, peak = json.loads(result.stdout)
    return Measurement(num_images, seconds, cpu_seconds, peak_bytes=peak * 1024)


def summarize(row: measuring.Row, measured: measuring.Measurements) -> dict[str, Any]:
    """Summarizes the measurements of a row."""
    own = measured[row.key]
    summary = {'name': row.name, **report.summarize_rates(own)}
    summary['peak_mib'] = statistics.median(m.peak_bytes for m in own) / 2**20
    if row.baseline:
        ratio, by_cpu = measuring.ratios(own, measured[row.baseline, None])
        summary |= {'of_loop': ratio, 'of_loop_by_cpu': by_cpu}
    return summary


def format_table(summaries: list[dict[str, Any]]) -> str:
    """Formats the summaries as a table."""
    lines = []
    for summary in summaries:
        peak = f'{summary["peak_mib"]:.0f}'
        lines.append({'': summary['name'], **report.format_rates(summary), 'peak MiB': peak})
        if 'of_loop' in summary:
            ratio, by_cpu = summary['of_loop'], summary['of_loop_by_cpu']
            lines[-1]['compared'] = f'{ratio:.2f} x the loop ({by_cpu:.2f} by CPU time)'
    return tables.format_table(lines, COLUMNS, left=report.LEFT_ALIGNED)


def worker_counts(texts: list[str]) -> list[int]:
    """Returns the numbers in --num_workers.

    Raises:
      UserError: if one of them is not a positive integer, or there are none.
    """
    if not texts or not all(text.isdecimal() and int(text) for text in texts):
        raise UserError(f'--num_workers={",".join(texts)}: expected numbers from 1 up, as in 1,2')
    return [int(text) for text in texts]


def create_rows(folder: str, num_images: int, num_shards: int, counts: list[int]) -> list:
    """Creates the rows of the table; the last one is convert_dataset.py's.

    Args:
      folder: folder of the dataset.
      num_images: number of its images, both splits together.
      num_shards: number of shards per split.
      counts: numbers of workers.
    """
    in_new_process = functools.partial(functools.partial, measuring.call_in_new_process)
    lines = [measuring.Row(LOOP, in_new_process(convert_by_loop, folder))]
    labels = {count: f'{count} worker{"s" * (count > 1)}' for count in counts}
    for count, label in labels.items():
        measure = in_new_process(convert_by_library, folder, num_images, num_shards, count)
        lines.append(measuring.Row(f'conversion, {label}', measure, baseline=LOOP))
    name = f'convert_dataset.py, {labels[max(counts)]}, start-up included'
    measure = functools.partial(convert_by_script, folder, num_images, num_shards, max(counts))
    return [*lines, measuring.Row(name, measure, baseline=LOOP)]


def main(flags: Any) -> None:
    counts = worker_counts(flags.num_workers)
    report.check_output(flags.output)
    shards = flags.num_shards
    with tempfile.TemporaryDirectory() as parent:
        folder = os.path.join(parent, rows.DATASET)
        log.info('writing %d photographs', flags.num_images)
        photographs.write_dataset(folder, flags.num_images, shards)
        lines = create_rows(folder, flags.num_images + shards, shards, counts)
        os.sync()
        measured = measuring.measure_rows(lines, flags.repeats)
        more = flags.times * flags.num_images
        log.info('measuring %d images', more)
        large = measuring.Row(
            f'the same, {more} images',
            functools.partial(
                convert_by_script,
                write_more(folder, flags.times),
                more + shards,
                shards,
                max(counts),
            ),
        )
        lines.append(large)
        measured |= measuring.measure_rows([large], 1)
    summaries = [summarize(row, measured) for row in lines]
    machine = report.describe_cpu()
    print(format_table(summaries))
    growth = summaries[-1]['peak_mib'] / summaries[-2]['peak_mib'] - 1
    print(f'peak of memory with {flags.times} times the images: {growth:+.1%}')
    print(', '.join(f'{name} {value}' for name, value in machine.items()))
    report.write_results(flags, machine, summaries)


if __name__ == '__main__':
    command_line.run(main, __doc__)
