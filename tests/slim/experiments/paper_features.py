"""Random class features in the layout of the paper's release; all classes lie on a line."""

import numpy as np
from scipy import stats

from slim.experiments.notebook_data import PAPER
from slim.experiments.published import SIMILARITIES, SOURCES

FEW = 150  # Fewer images than PAPER.min_num_imgs.


def put(root, width=1):
    """Writes the class features below `root`.

    Returns:
      (target, source) -> EMD by SciPy's formula for points on a line.
    """
    folder = root / PAPER.feature_dir
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    points = {}
    for number, name in enumerate((*PAPER.sources, *SIMILARITIES)):
        is_source = name in PAPER.sources
        # A few more than the most that are selected of a source.
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
    union = [np.concatenate(both) for both in zip(*map(points.get, PAPER.sources), strict=True)]
    sources = dict(zip(SOURCES, [*map(points.get, PAPER.sources), union], strict=True))
    return {
        (target, source): stats.wasserstein_distance(at, points[target][0], w, points[target][1])
        for source, (at, w) in sources.items()
        for target in SIMILARITIES
    }
