"""The lines of `benchmarks.transfer`: what is measured, each time in a process of its own.

A new process for each measurement, so that none has the memory or the threads of another. Time and
peak of memory are without starting it, importing libraries and drawing the features.
"""

import concurrent.futures
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from benchmarks import synthetic_features
from benchmarks.measuring import Measured, Row


class DomainSize(NamedTuple):
    """Classes of a domain, and images of its smallest and largest."""

    num_classes: int
    fewest: int
    most: int


# The paper's sizes, iNat's without the classes under 200 images.
SOURCES = {'ImageNet_train': DomainSize(1000, 700, 1300), 'inat_train': DomainSize(700, 200, 3000)}
TARGETS = {
    'cub_200': DomainSize(200, 29, 30),
    'flower_102': DomainSize(102, 20, 20),
    'stanford_cars': DomainSize(196, 24, 68),
    'stanford_dogs': DomainSize(120, 100, 100),
    'aircraft': DomainSize(100, 66, 67),
    'nabirds': DomainSize(555, 13, 60),
    'food_101': DomainSize(101, 750, 750),
}
INAT_ALL = DomainSize(5089, 5, 3000)

NUM_CLASSES, TRAIN_IMAGES, VAL_IMAGES = 200, 5994, 5794  # CUB-200's.
QUERIES = 500  # Whose neighbours are looked for: a KD-tree takes a while.
NOISE = 2.0  # With which logistic regression is right nine times in ten.
SMALL = ((200, 100), (400, 200))  # Classes of the pairs that pyemd's C++ solves, source and target.

POT, PYEMD = 'POT, rectangular', 'pyemd, padded square, as in 2018'


@dataclass(frozen=True)
class MeasuredProcess(Measured):
    """A measurement in a process of its own.

    Attributes:
      peak_bytes: the largest memory of that process meanwhile, with libraries and features.
      result: what was computed, by name.
    """

    peak_bytes: int = 0
    result: dict[str, float] | None = None


@dataclass(frozen=True)
class Sizes:
    """What all lines depend on.

    Attributes:
      scale: share of the paper's classes and images.
      width: of a feature.
    """

    scale: float
    width: int

    def of(self, count: int, least: int = 3) -> int:
        """A number of classes or images at this scale."""
        return max(least, round(count * self.scale))


def _draw(sizes, seed, size):
    """(mean features, images) of a domain."""
    num_classes = sizes.of(size.num_classes)
    return synthetic_features.class_features(seed, num_classes, sizes.width, *size[1:])


def paper_pairs(sizes):
    """(source, target) of the 21 pairs, each (mean features, images of each class)."""
    drawn = [_draw(sizes, seed, size) for seed, size in enumerate(SOURCES.values())]
    drawn.append(tuple(np.concatenate(both) for both in zip(*drawn, strict=True)))
    targets = [_draw(sizes, 10 + seed, size) for seed, size in enumerate(TARGETS.values())]
    return [(source, target) for target in targets for source in drawn]


def large_pairs(sizes):
    """As `paper_pairs`, of all classes of ImageNet and iNat against nabirds."""
    parts = [_draw(sizes, 0, SOURCES['ImageNet_train']), _draw(sizes, 2, INAT_ALL)]
    source = tuple(np.concatenate(both) for both in zip(*parts, strict=True))
    return [(source, _draw(sizes, 15, TARGETS['nabirds']))]


def small_pairs(sizes, num_sources, num_targets):
    """As `paper_pairs`, the first classes of one pair."""
    source = _draw(sizes, 0, SOURCES['ImageNet_train'])
    target = _draw(sizes, 10, TARGETS['cub_200'])
    return [
        tuple(
            tuple(array[: sizes.of(count)] for array in domain)
            for domain, count in ((source, num_sources), (target, num_targets))
        )
    ]


def solve_rectangular(pairs):
    """Mean EMD of pairs by this project's way."""
    from slim.transfer import emd

    costs = [
        emd.solve(source[1], target[1], emd.euclidean_distances(source[0], target[0])).cost
        for source, target in pairs
    ]
    return {'EMD': float(np.mean(costs))}


def solve_padded(pairs, **backend):
    """Mean EMD of pairs as in 2018: histograms over the classes of both, a square matrix."""
    import pyemd
    from sklearn.metrics.pairwise import euclidean_distances

    costs = []
    for (source, source_images), (target, target_images) in pairs:
        both = np.float64(np.append(source, target, axis=0))
        histograms = np.zeros([2, len(both)])
        histograms[0, : len(source)] = source_images / source_images.sum()
        histograms[1, len(source) :] = target_images / target_images.sum()
        costs.append(pyemd.emd(*histograms, euclidean_distances(both), **backend))
    return {'EMD': float(np.mean(costs))}


def solve_padded_cpp(pairs):
    """The same by the C++ of 2018, which pyemd 1 still has."""
    return solve_padded(pairs, backend='cpp')


def draw_images(sizes):
    """((training features, labels), (validation features, labels)) of CUB-200's size."""
    num_classes = sizes.of(NUM_CLASSES)
    counts = [sizes.of(count, 2 * num_classes) for count in (TRAIN_IMAGES, VAL_IMAGES)]
    return synthetic_features.image_features(0, num_classes, counts, sizes.width, NOISE)


def draw_images_float64(sizes):
    """The same in float64."""
    return [(features.astype(np.float64), labels) for features, labels in draw_images(sizes)]


def classify(images):
    """Accuracy of logistic regression by `slim.transfer.linear_classifier`, in float32."""
    from slim.transfer import linear_classifier

    found = linear_classifier.classify(*images[0], *images[1])
    return {'accuracy': found.accuracy, 'iterations': found.iterations}


def classify_plainly(images):
    """The same by scikit-learn's call alone, in the type of the features."""
    from sklearn.linear_model import LogisticRegression

    (train, train_labels), (val, labels) = images
    classifier = LogisticRegression(max_iter=100).fit(train, train_labels)
    accuracy = float((classifier.predict(val) == labels).mean())
    return {'accuracy': accuracy, 'iterations': int(classifier.n_iter_[0])}


def find_neighbours(images):
    """Mean distance to the five nearest training images, by `slim.transfer.neighbours`."""
    from slim.transfer.neighbours import nearest_neighbours

    (train, _), (val, _) = images
    return {
        'distance': float(nearest_neighbours(train, val[:QUERIES], min(5, len(train)))[0].mean())
    }


def find_neighbours_in_tree(images):
    """The same by a KD-tree, as in 2018."""
    from sklearn.neighbors import KDTree

    (train, _), (val, _) = images
    distances, _ = KDTree(train).query(val[:QUERIES], k=min(5, len(train)))
    return {'distance': float(distances.mean())}


def _import_all():
    """Imports beforehand what the lines import."""
    import sklearn.linear_model  # noqa: F401
    import sklearn.neighbors  # noqa: F401

    from slim.transfer.emd import import_pot

    import_pot()
    import pyemd  # noqa: F401


def measure_here(draw, arguments, compute, amount):
    """Measures `compute(draw(*arguments))` in this process."""
    _import_all()
    given = draw(*arguments)
    with open('/proc/self/clear_refs', 'w') as file:
        file.write('5')  # Forgets the peak, which was that of drawing.
    began, cpu_began = time.perf_counter(), time.process_time()
    result = compute(given)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    with open('/proc/self/status') as file:
        [peak] = [int(line.split()[1]) * 1024 for line in file if line.startswith('VmHWM')]
    return MeasuredProcess(amount, seconds, cpu_seconds, peak_bytes=peak, result=result)


def measure_in_process(
    draw: Callable, arguments: tuple, compute: Callable, amount: float
) -> MeasuredProcess:
    """Measures `compute(draw(*arguments))`, without the drawing, in a new process.

    Args:
      draw: function of this module that makes what is computed on.
      arguments: of it.
      compute: function of this module that gives what it computed, numbers by name.
      amount: of work in it, such as pairs.
    """
    context = multiprocessing.get_context('spawn')
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
        return executor.submit(measure_here, draw, arguments, compute, amount).result()


def create_rows(sizes: Sizes, has_cpp: bool) -> list[Row]:
    """All lines of the table.

    Args:
      sizes: a `Sizes`.
      has_cpp: whether pyemd has the C++ of 2018.
    """
    count = len(TARGETS) * (len(SOURCES) + 1)

    def row(name, draw, arguments, compute, amount=1, baseline=None):
        return Row(
            name,
            lambda: measure_in_process(draw, (sizes, *arguments), compute, amount),
            baseline=baseline,
        )

    rows = [
        row(f'{count} pairs: {POT}', paper_pairs, (), solve_rectangular, count),
        row(
            f'{count} pairs: {PYEMD}',
            paper_pairs,
            (),
            solve_padded,
            count,
            f'{count} pairs: {POT}',
        ),
    ]
    for pair in SMALL if has_cpp else ():
        what = ' x '.join(str(sizes.of(number)) for number in pair)
        rows += [
            row(f'{what}: {POT}', small_pairs, pair, solve_rectangular),
            row(f'{what}: {PYEMD}', small_pairs, pair, solve_padded, 1, f'{what}: {POT}'),
            row(
                f'{what}: the same in C++', small_pairs, pair, solve_padded_cpp, 1, f'{what}: {POT}'
            ),
        ]
    all_classes = sum(sizes.of(size.num_classes) for size in (SOURCES['ImageNet_train'], INAT_ALL))
    name = f'{all_classes} x {sizes.of(TARGETS["nabirds"].num_classes)}: {POT}'
    rows.append(row(name, large_pairs, (), solve_rectangular))
    ours, float32 = 'logistic regression', 'logistic regression, plain call, float32'
    float64 = 'logistic regression, plain call, float64'
    brute, tree = 'five neighbours, brute force', 'five neighbours, KD-tree'
    images, queries = sizes.of(TRAIN_IMAGES), min(QUERIES, sizes.of(VAL_IMAGES))
    return rows + [
        row(ours, draw_images, (), classify, images),
        row(float32, draw_images, (), classify_plainly, images, ours),
        row(float64, draw_images_float64, (), classify_plainly, images, float32),
        row(brute, draw_images, (), find_neighbours, queries),
        row(tree, draw_images, (), find_neighbours_in_tree, queries, brute),
    ]
