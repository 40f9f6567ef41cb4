"""Measures converting a dataset: images/s by one worker and by several, and memory.

    python -m benchmarks.conversion --output=results.json

converts the same JPEG files (about 400x500 pixels, windows of scikit-image's photographs) round
after round, each time anew: by a loop in one process that decodes each image in full through
TensorFlow, and by what convert_dataset.py calls, both once everything is imported; and by
convert_dataset.py from its start to its end. Then it converts ten times as many files and compares
the peaks of memory. About two minutes on 2 cores.
"""

import contextlib
import json
import logging
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

from absl import flags

from benchmarks import measuring, photographs, report, rows
from slim import command_line
from slim.datasets import split_lists
from slim.errors import UserError
from slim.quiet_import import import_tensorflow

# What is measured
flags.DEFINE_integer('num_images', 3000, 'JPEG files.', lower_bound=100)
flags.DEFINE_integer('num_shards', 10, 'Shards of each split.', lower_bound=1)
flags.DEFINE_list('num_workers', ['1', '2'], 'Processes that convert.')
flags.DEFINE_integer(
    'times', 10, 'How many times as many files memory is compared with.', lower_bound=1
)

# How long, and what becomes of it
flags.DEFINE_integer('repeats', 3, 'Rounds, of which the medians are shown.', lower_bound=1)
flags.DEFINE_string('output', None, 'JSON file to write the figures to.')

log = logging.getLogger('slim')

LOOP = 'loop: TensorFlow, one process'


@dataclass(frozen=True)
class MeasuredScript(measuring.Measured):
    """A measurement of a process and its children; `peak_bytes` is of the largest of them."""

    peak_bytes: int = 0


def write_more(folder, times):
    """A dataset beside that in `folder`, with `times` as many images: links to its files."""
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


def remove_conversion(folder):
    """Leaves of a dataset its images and lists."""
    for name in os.listdir(folder):
        if name.endswith('.tfrecord') or name == 'manifest.json':
            os.remove(os.path.join(folder, name))


def measure_script(folder, num_images, num_shards, num_workers):
    """Converts `folder` by convert_dataset.py with so many workers, whatever is there already."""
    remove_conversion(folder)
    command = [
        sys.executable,
        'convert_dataset.py',
        f'--dataset_dir={os.path.dirname(folder)}',
        f'--dataset_name={os.path.basename(folder)}',
        f'--num_shards={num_shards}',
        f'--num_workers={num_workers}',
    ]
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    # Waited for by a process of its own, whose children are those of this conversion alone.
    program = (
        'import json, resource, subprocess, sys; '
        'subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); '
        'used = resource.getrusage(resource.RUSAGE_CHILDREN); '
        'print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss]))'
    )
    began = time.perf_counter()
    result = subprocess.run(
        [sys.executable, '-c', program, *command],
        check=True,
        capture_output=True,
        text=True,
        cwd=root,
    )
    seconds = time.perf_counter() - began
    cpu_seconds, peak = json.loads(result.stdout)
    return MeasuredScript(num_images, seconds, cpu_seconds, peak_bytes=peak * 1024)


def convert_by_loop(folder, path, connection):
    """What one would write: read, decode by TensorFlow, write, image by image."""
    import_tensorflow()
    import tensorflow as tf

    listed = split_lists.read_list(split_lists.list_path(folder, 'train'))
    began, cpu_began = time.perf_counter(), time.process_time()
    with tf.io.TFRecordWriter(path) as writer:
        for image in listed:
            with open(os.path.join(folder, image.path), 'rb') as file:
                encoded = file.read()
            height, width, _ = tf.io.decode_jpeg(encoded, channels=3).shape
            feature = {
                name: tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
                for name, value in (
                    ('image/class/label', image.label),
                    ('image/height', height),
                    ('image/width', width),
                )
            }
            for name, value in (('image/encoded', encoded), ('image/format', b'jpg')):
                feature[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    _, peak = cpu_and_peak(resource.RUSAGE_SELF)
    connection.send(MeasuredScript(len(listed), seconds, cpu_seconds, peak_bytes=peak))


def cpu_and_peak(who):
    """Seconds of CPU time, and the peak of memory in bytes, of this process or its children."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def convert_by_library(folder, num_images, num_shards, num_workers, connection):
    """What convert_dataset.py does after its start-up."""
    from slim.datasets import conversion

    both = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    began, cpu_began = time.perf_counter(), sum(cpu_and_peak(who)[0] for who in both)
    with contextlib.redirect_stdout(None):
        conversion.convert(
            *os.path.split(folder), num_shards=num_shards, num_workers=num_workers, progress=False
        )
    seconds = time.perf_counter() - began
    cpu_seconds = sum(cpu_and_peak(who)[0] for who in both) - cpu_began
    peak = max(cpu_and_peak(who)[1] for who in both)
    connection.send(MeasuredScript(num_images, seconds, cpu_seconds, peak_bytes=peak))


def in_own_process(function, *arguments):
    """What a function sends through the connection that it is given last."""
    processes = multiprocessing.get_context('spawn')
    receiver, sender = processes.Pipe(duplex=False)
    process = processes.Process(target=function, args=(*arguments, sender))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    finally:
        process.join()


def measure_loop(folder):
    """The loop."""
    path = os.path.join(os.path.dirname(folder), 'loop.tfrecord')
    return in_own_process(convert_by_loop, folder, path)


def measure_library(folder, num_images, num_shards, num_workers):
    """Converts `folder`, whatever is there already, without counting the start-up."""
    remove_conversion(folder)
    return in_own_process(convert_by_library, folder, num_images, num_shards, num_workers)


def summarize(row, measured):
    """The figures of a row as a dictionary."""
    own = measured[row.key]
    figures = {
        'name': row.name,
        'images_per_second': measuring.median_rate(own),
        'least': min(one.rate for one in own),
        'most': max(one.rate for one in own),
        'cpu_ms_per_image': statistics.median(1e3 * one.cpu_seconds / one.amount for one in own),
        'peak_mib': statistics.median(one.peak_bytes for one in own) / 2**20,
    }
    if row.baseline:
        by_clock, by_cpu = measuring.ratios(own, measured[row.baseline, None])
        figures |= {'of_loop': by_clock, 'of_loop_by_cpu': by_cpu}
    return figures


def format_table(summaries):
    """The table for people."""
    columns = ['', 'images/s', 'range', 'CPU ms', 'peak MiB', 'compared']
    lines = []
    for figures in summaries:
        lines.append(
            {
                '': figures['name'],
                'images/s': f'{figures["images_per_second"]:.0f}',
                'range': f'{figures["least"]:.0f}-{figures["most"]:.0f}',
                'CPU ms': f'{figures["cpu_ms_per_image"]:.2f}',
                'peak MiB': f'{figures["peak_mib"]:.0f}',
            }
        )
        if 'of_loop' in figures:
            ratio, by_cpu = figures['of_loop'], figures['of_loop_by_cpu']
            lines[-1]['compared'] = f'{ratio:.2f} x the loop ({by_cpu:.2f} by CPU time)'
    return report.align(columns, lines)


def worker_counts(texts):
    """The numbers that --num_workers holds."""
    if not texts or not all(text.isdecimal() and int(text) for text in texts):
        raise UserError(f'--num_workers={",".join(texts)}: expected numbers from 1 up, as in 1,2')
    return [int(text) for text in texts]


def main(flags):
    counts = worker_counts(flags.num_workers)
    report.check_output(flags.output)
    with tempfile.TemporaryDirectory() as parent:
        folder = os.path.join(parent, rows.DATASET)
        log.info('writing %d photographs', flags.num_images)
        photographs.write_dataset(folder, flags.num_images, flags.num_shards)

        def by(measure, folder, num_images, count):
            return lambda: measure(folder, num_images, flags.num_shards, count)

        def workers(count):
            return f'{count} worker{"s" * (count > 1)}'

        lines = [measuring.Row(LOOP, lambda: measure_loop(folder))]
        total, most = flags.num_images + flags.num_shards, max(counts)
        for count in counts:
            measure = by(measure_library, folder, total, count)
            lines.append(measuring.Row(f'conversion, {workers(count)}', measure, baseline=LOOP))
        name = f'convert_dataset.py, {workers(most)}, start-up included'
        measure = by(measure_script, folder, total, most)
        lines.append(measuring.Row(name, measure, baseline=LOOP))
        os.sync()
        measured = measuring.measure_rows(lines, flags.repeats)
        more = flags.times * flags.num_images
        log.info('measuring %d images', more)
        large = measuring.Row(
            f'the same, {more} images',
            by(measure_script, write_more(folder, flags.times), more + flags.num_shards, most),
        )
        measured |= measuring.measure_rows([large], 1)
    summaries = [summarize(row, measured) for row in [*lines, large]]
    machine = report.describe_cpu()
    print(format_table(summaries))
    growth = summaries[-1]['peak_mib'] / summaries[-2]['peak_mib'] - 1
    print(f'peak of memory with {flags.times} times the images: {growth:+.1%}')
    print(', '.join(f'{name} {value}' for name, value in machine.items()))
    report.write_results(flags, machine, summaries)


if __name__ == '__main__':
    command_line.run(main, __doc__)
