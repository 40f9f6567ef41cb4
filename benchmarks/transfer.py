"""Measures domain similarity, logistic regression and nearest neighbours on features.

    python -m benchmarks.transfer --output=results.json

The features have the paper's sizes and are synthetic (see synthetic_features.py). Rows are measured
in turn, round after round, each time in a new process, so that none inherits memory or threads of
another. benchmarks/README.md explains each row. It takes about a minute on 2 cores;
--scale=0.05 is a quick trial.
"""

import functools
import importlib.metadata
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from absl import flags

from benchmarks import measuring, report, synthetic_features
from benchmarks.measuring import Measurement, Row
from slim import command_line, tables
from slim.errors import UserError
from slim.transfer import emd, linear_classifier, neighbours

command_line.group('Sizes')
flags.DEFINE_float(
    'scale', 1.0, "Fraction of the paper's classes and images.", lower_bound=0.001, upper_bound=1.0
)
flags.DEFINE_integer('width', 2048, 'Dimension of the features.', lower_bound=2)

command_line.group('Measurement')
flags.DEFINE_string('only', '', 'Measures only rows whose name contains this text.')
flags.DEFINE_integer('repeats', 2, 'Number of rounds; medians are shown.', lower_bound=1)
flags.DEFINE_string('output', None, 'JSON file to write the results to.')

LIBRARIES = ('numpy', 'scipy', 'POT', 'pyemd', 'scikit-learn')


# The paper's sizes: number of classes, images of the smallest and of the largest class. Of
# iNaturalist the classes with at least 200 images, and all of them.
SOURCES = {'ImageNet_train': (1000, 700, 1300), 'inat_train': (700, 200, 3000)}
TARGETS = {
    'cub_200': (200, 29, 30),
    'flower_102': (102, 20, 20),
    'stanford_cars': (196, 24, 68),
    'stanford_dogs': (120, 100, 100),
    'aircraft': (100, 66, 67),
    'nabirds': (555, 13, 60),
    'food_101': (101, 750, 750),
}
INAT_ALL = (5089, 5, 3000)
SMALL = (400, 200)  # Source and target classes of the pair that pyemd solves, too.

NUM_CLASSES, TRAIN_IMAGES, VAL_IMAGES = 200, 5994, 5794  # CUB-200's.
QUERIES = 500
NOISE = 2.0  # Gives logistic regression an accuracy of about 90%.

Domain = tuple[np.ndarray, np.ndarray]  # Class means [classes, width], numbers of images [classes].
Pairs = list[tuple[Domain, Domain]]  # Source and target.
Images = list[tuple[np.ndarray, np.ndarray]]  # Features and labels: training, validation.


@dataclass(frozen=True)
class Sizes:
    """Fraction of the paper's classes and images, and dimension of the features."""

    scale: float
    width: int

    def of(self, count: int, least: int = 3) -> int:
        """Returns a number of classes or images at this scale."""
        return max(least, round(count * self.scale))

    def draw(self, seed: int, size: tuple[int, int, int]) -> Domain:
        """Draws a domain."""
        return synthetic_features.class_features(seed, self.of(size[0]), self.width, *size[1:])


def _merge(*domains: Domain) -> Domain:
    means, images = zip(*domains, strict=True)
    return np.concatenate(means), np.concatenate(images)


def paper_pairs(sizes: Sizes) -> Pairs:
    """Draws the paper's 21 pairs: two sources and their union with seven targets."""
    sources = [sizes.draw(seed, size) for seed, size in enumerate(SOURCES.values())]
    sources.append(_merge(*sources))
    targets = [sizes.draw(10 + seed, size) for seed, size in enumerate(TARGETS.values())]
    return [(source, target) for target in targets for source in sources]


def large_pairs(sizes: Sizes) -> Pairs:
    """Draws one pair: all classes of ImageNet and iNaturalist, and NABirds."""
    source = _merge(sizes.draw(0, SOURCES['ImageNet_train']), sizes.draw(2, INAT_ALL))
    return [(source, sizes.draw(15, TARGETS['nabirds']))]


def small_pairs(sizes: Sizes) -> Pairs:
    """Draws one pair: the first `SMALL` classes of ImageNet, and CUB-200."""
    (means, images), target = sizes.draw(0, SOURCES['ImageNet_train']), TARGETS['cub_200']
    count = sizes.of(SMALL[0])
    return [((means[:count], images[:count]), sizes.draw(10, target))]


def draw_images(sizes: Sizes) -> Images:
    """Draws features and labels of images, as many as CUB-200 has."""
    num_classes = sizes.of(NUM_CLASSES)
    counts = [sizes.of(count, 2 * num_classes) for count in (TRAIN_IMAGES, VAL_IMAGES)]
    return synthetic_features.image_features(0, num_classes, counts, sizes.width, NOISE)


def solve(pairs: Pairs, solver: str = 'pot') -> dict[str, float]:
    """Computes the mean EMD of pairs."""
    costs = [
        emd.solve(source[1], target[1], emd.euclidean_distances(source[0], target[0]), solver).cost
        for source, target in pairs
    ]
    return {'EMD': float(np.mean(costs))}


def classify(images: Images) -> dict[str, float]:
    """Computes the accuracy of `slim.transfer.linear_classifier`."""
    result = linear_classifier.classify(*images[0], *images[1])
    return {'accuracy': result.accuracy, 'iterations': result.iterations}


def find_neighbours(images: Images) -> dict[str, float]:
    """Computes the mean distance to the five nearest images by `slim.transfer.neighbours`."""
    (train, _), (val, _) = images
    distances, _ = neighbours.nearest_neighbours(train, val[:QUERIES], min(5, len(train)))
    return {'distance': float(distances.mean())}


def measure_here(draw: Callable[[], Any], compute: Callable, amount: float) -> Measurement:
    """Measures `compute(draw())` in this process, without imports and `draw`."""
    import sklearn.linear_model  # noqa: F401

    emd.import_pot()  # First, or pyemd would make POT import TensorFlow.
    import pyemd  # noqa: F401

    data = draw()
    with open('/proc/self/clear_refs', 'w') as file:
        file.write('5')  # Resets the peak of memory, which was reached in `draw`.
    began, cpu_began = time.perf_counter(), time.process_time()
    result = compute(data)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    with open('/proc/self/status') as file:
        [peak] = [int(line.split()[1]) * 1024 for line in file if line.startswith('VmHWM')]
    return Measurement(amount, seconds, cpu_seconds, peak_bytes=peak, result=result)


def create_rows(sizes: Sizes) -> list[Row]:
    """Creates all rows of the table."""

    def row(
        name: str, draw: Callable, compute: Callable, amount: int = 1, baseline: str = ''
    ) -> Row:
        arguments = functools.partial(draw, sizes), compute, amount
        measure = functools.partial(measuring.call_in_new_process, measure_here, *arguments)
        return Row(name, measure, baseline=baseline)

    small = ' x '.join(str(sizes.of(count)) for count in SMALL) + ' classes'
    num_sources = sizes.of(SOURCES['ImageNet_train'][0]) + sizes.of(INAT_ALL[0])
    large = f'{num_sources} x {sizes.of(TARGETS["nabirds"][0])} classes'
    pyemd, pairs = functools.partial(solve, solver='pyemd'), 3 * len(TARGETS)
    queries = min(QUERIES, sizes.of(VAL_IMAGES))
    return [
        row(f'{pairs} pairs: POT', paper_pairs, solve, pairs),
        row(f'{large}: POT', large_pairs, solve),
        row(f'{small}: POT', small_pairs, solve),
        row(f"{small}: pyemd's C++ solver", small_pairs, pyemd, baseline=f'{small}: POT'),
        row('logistic regression', draw_images, classify),
        row(f'five neighbours of {queries} images', draw_images, find_neighbours),
    ]


def summarize(row: Row, measured: measuring.Measurements) -> dict[str, Any]:
    """Summarizes the measurements of a row by their medians."""
    own = measured[row.key]
    seconds = [m.seconds for m in own]
    summary = {
        'name': row.name,
        'seconds': statistics.median(seconds),
        'least': min(seconds),
        'most': max(seconds),
        'cpu_seconds': statistics.median(m.cpu_seconds for m in own),
        'peak_mib': statistics.median(m.peak_bytes for m in own) / 2**20,
        'result': own[0].result,
    }
    if (row.baseline, None) in measured:
        ratio, by_cpu = measuring.ratios(measured[row.baseline, None], own)
        summary |= {'baseline': row.baseline}
        summary |= {'times_baseline': ratio, 'times_baseline_by_cpu': by_cpu}
    return summary


def format_table(summaries: list[dict[str, Any]]) -> str:
    """Formats the summaries as a table; ratios of CPU time are in brackets."""
    lines = []
    for summary in summaries:
        results = summary['result'].items()
        cells = {
            '': summary['name'],
            'seconds': f'{summary["seconds"]:.2f}',
            'range': f'{summary["least"]:.2f}-{summary["most"]:.2f}',
            'CPU s': f'{summary["cpu_seconds"]:.2f}',
            'peak MiB': f'{summary["peak_mib"]:.0f}',
            'computed': ', '.join(f'{name} {value:.6g}' for name, value in results),
            'compared': '',
        }
        if 'baseline' in summary:
            ratio, by_cpu = summary['times_baseline'], summary['times_baseline_by_cpu']
            cells['compared'] = f'{ratio:.2f} x ({by_cpu:.2f}) the time of {summary["baseline"]}'
        lines.append(cells)
    return tables.format_table(lines, left=report.LEFT_ALIGNED)


def main(flags: Any) -> None:
    report.check_output(flags.output)
    rows = [row for row in create_rows(Sizes(flags.scale, flags.width)) if flags.only in row.name]
    if not rows:
        raise UserError(f'--only={flags.only}: no row has this text in its name')
    measured = measuring.measure_rows(rows, flags.repeats)
    summaries = [summarize(row, measured) for row in rows]
    versions = {library: importlib.metadata.version(library) for library in LIBRARIES}
    machine = {**report.describe_cpu(), **versions}
    print(format_table(summaries))
    print(', '.join(f'{name} {value}' for name, value in machine.items()))
    report.write_results(flags, machine, summaries)


if __name__ == '__main__':
    command_line.run(main, __doc__)
