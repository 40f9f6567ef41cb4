"""Measures the conversion of a dataset: images/s with one worker and with several, and memory.

    python -m benchmarks.conversion --output=results.json

The same JPEG files (about 400x500 pixels, crops of scikit-image's photographs) are converted from
scratch in every round: by a loop in one process that decodes each image in full with TensorFlow,
by the function that convert_dataset.py calls (both without start-up), and by convert_dataset.py,
start-up included. Then ten times as many files are converted, to compare the peaks of memory. It
takes about two minutes on 2 cores.
"""

import contextlib
import functools
import json
import logging
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
from typing import Any

from absl import flags

from benchmarks import measuring, photographs, report
from benchmarks.measuring import Measurement, Row, call_in_new_process
from slim import command_line
from slim.datasets import split_lists, tfrecord
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

# Runs a command in a small process of its own, whose children are those of the command alone, and
# whose memory, which the peak of a child includes, is small.
MEASURE_COMMAND = (
    'import json, resource, subprocess, sys; '
    'subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); '
    'used = resource.getrusage(resource.RUSAGE_CHILDREN); '
    'print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss]))'
)


def write_more(folder: str, times: int) -> str:
    """Lists the images in `folder` `times` times in a new dataset; returns the latter's folder."""
    other = f'{folder}_{times}'
    os.mkdir(other)
    for number in range(times):
        os.symlink(folder, os.path.join(other, str(number)))
    for split, numbers in (('train', range(times)), ('validation', range(1))):
        listed = split_lists.read_list(split_lists.list_path(folder, split))
        more = [(f'{number}/{image.path}', image.label) for number in numbers for image in listed]
        split_lists.write_list(split_lists.list_path(other, split), more)
    split_lists.write_labels(other, photographs.NAMES)
    return other


def remove_conversion(folder: str) -> None:
    """Removes everything from the folder of a dataset but its images and lists."""
    for name in os.listdir(folder):
        if name.endswith('.tfrecord') or name == 'manifest.json':
            os.remove(os.path.join(folder, name))


def usage() -> tuple[float, int]:
    """Returns CPU time in seconds and peak memory in bytes of this process and its children."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu_seconds = sum(used.ru_utime + used.ru_stime for used in both)
    return cpu_seconds, 1024 * max(used.ru_maxrss for used in both)


def convert_by_loop(folder: str) -> Measurement:
    """Measures the obvious way: read, decode and write one image after the other."""
    tf = import_tensorflow()
    listed = split_lists.read_list(split_lists.list_path(folder, 'train'))
    began, (cpu_began, _) = time.perf_counter(), usage()
    with tf.io.TFRecordWriter(os.path.join(folder, 'loop')) as writer:
        for image in listed:
            encoded = tf.io.read_file(os.path.join(folder, image.path)).numpy()
            height, width, _ = tf.io.decode_jpeg(encoded, channels=3).shape
            writer.write(tfrecord.make_example(encoded, image.label, height, width))
    seconds, (cpu_ended, peak) = time.perf_counter() - began, usage()
    return Measurement(len(listed), seconds, cpu_ended - cpu_began, peak_bytes=peak)


def convert_by_library(
    folder: str, num_images: int, num_shards: int, num_workers: int
) -> Measurement:
    """Measures the function that convert_dataset.py calls, without its start-up."""
    from slim.datasets import conversion

    remove_conversion(folder)
    sizes: dict[str, Any] = {'num_shards': num_shards, 'num_workers': num_workers}
    began, (cpu_began, _) = time.perf_counter(), usage()
    with contextlib.redirect_stdout(None):
        conversion.convert(*os.path.split(folder), **sizes, progress=False)
    seconds, (cpu_ended, peak) = time.perf_counter() - began, usage()
    return Measurement(num_images, seconds, cpu_ended - cpu_began, peak_bytes=peak)


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
    began, root = time.perf_counter(), pathlib.Path(__file__).parents[1]
    result = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
    seconds = time.perf_counter() - began
    cpu_seconds, kibibytes = json.loads(result.stdout)
    return Measurement(num_images, seconds, cpu_seconds, peak_bytes=kibibytes * 1024)


def create_rows(folder: str, num_images: int, num_shards: int, counts: list[int]) -> list[Row]:
    """Returns the rows of a dataset; the last one is the script with the most workers."""
    arguments, most = (folder, num_images, num_shards), max(counts)
    loop = functools.partial(call_in_new_process, convert_by_loop, folder)
    lines = [Row('loop: TensorFlow, 1 process', loop)]
    for count in counts:
        measure = functools.partial(call_in_new_process, convert_by_library, *arguments, count)
        name = f'conversion, {count} worker{"s" * (count > 1)}'
        lines.append(Row(name, measure, baseline=lines[0].name))
    measure = functools.partial(convert_by_script, *arguments, most)
    name = f'convert_dataset.py, {most} worker{"s" * (most > 1)}, start-up included'
    return [*lines, Row(name, measure, baseline=lines[0].name)]


def main(flags: Any) -> None:
    texts = flags.num_workers
    if not texts or not all(text.isdecimal() and int(text) for text in texts):
        raise UserError(f'--num_workers={",".join(texts)}: expected numbers from 1 up, as in 1,2')
    counts = list(dict.fromkeys(map(int, texts)))
    report.check_output(flags.output)
    shards = flags.num_shards
    with tempfile.TemporaryDirectory() as parent:
        folder = os.path.join(parent, photographs.NAME)
        log.info('writing %d photographs', flags.num_images)
        photographs.write_dataset(folder, flags.num_images, shards)
        lines = create_rows(folder, flags.num_images + shards, shards, counts)
        os.sync()
        measured = measuring.measure_rows(lines, flags.repeats)
        log.info('measuring %d images', number := flags.times * flags.num_images)
        arguments = write_more(folder, flags.times), number + shards, shards, max(counts)
        measure = functools.partial(convert_by_script, *arguments)
        lines.append(Row(f'the same, {number} images', measure))
        measured |= measuring.measure_rows(lines[-1:], 1)
    summaries, machine = [report.summarize(row, measured) for row in lines], report.describe_cpu()
    print(report.format_table(summaries))
    growth = summaries[-1]['peak_mib'] / summaries[-2]['peak_mib'] - 1
    print(f'peak of memory with {flags.times} times the images: {growth:+.1%}')
    print(', '.join(f'{name} {value}' for name, value in machine.items()))
    report.write_results(flags, machine, summaries)


if __name__ == '__main__':
    command_line.run(main, __doc__)
