"""Made-up class features in the layout of the paper's release, each class on a line."""

import numpy as np
from scipy import stats

from slim.experiments.demo_domains import PAPER
from slim.experiments.published_similarity import PUBLISHED, SOURCES

FEW = 150  # Too few images to count.


def put(root, width=1):
    """Writes them below `root`.

    Returns:
      (target, source) -> the EMD by SciPy's formula for points on a line.
    """
    folder = root / PAPER.feature_dir
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    points = {}
    for number, name in enumerate((*PAPER.sources, *PUBLISHED)):
        is_source = name in PAPER.sources
        # As many as are selected of a source at most, and some more.
        count = 410 if is_source else 6
        at = random.normal(40 * (number % 2), 5, count).astype(np.float32)
        images = random.integers(200, 400, count) if is_source else random.integers(10, 60, count)
        if is_source:
            images[:5] = FEW
            at[:5] = 1000
        means = np.zeros([count, width], np.float32)
        means[:, 0] = at
        np.save(folder / f'{name}.npy', means)
        np.save(folder / f'{name}_weight.npy', images.astype(np.float32))
        points[name] = (at[5:], images[5:]) if is_source else (at, images)
    joint = [np.concatenate(both) for both in zip(*map(points.get, PAPER.sources), strict=True)]
    sources = dict(zip(SOURCES, [*map(points.get, PAPER.sources), joint], strict=True))
    return {
        (target, source): stats.wasserstein_distance(at, points[target][0], w, points[target][1])
        for source, (at, w) in sources.items()
        for target in PUBLISHED
    }
