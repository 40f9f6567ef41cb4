"""A map of features: images that a network finds alike lie near each other.

Two dimensions cannot keep the distances of hundreds. t-SNE keeps who is near whom, and says nothing
by the distance of two clusters; how well it kept it is measured and given along.
"""

from dataclasses import dataclass

import numpy as np

from slim.errors import UserError
from slim.validation import check_features, check_finite

PCA_WIDTH = 50  # What t-SNE starts from: less noise, and an eighth of the time.
PERPLEXITY = 30
NEIGHBOURS = 10
MAX_NAMES = 20  # Classes that colours can tell apart.
MAX_IMAGES = 6000  # Of which the time, a minute, and the memory, 1 GB, are bearable.


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """Where the images lie.

    Attributes:
      positions: float32 [images, 2].
      trustworthiness: between 0 and 1: whether the images that are near each other on the map are
        so in the features (scikit-learn's measure, over 10 neighbours). 0.5 is about chance.
    """

    positions: np.ndarray
    trustworthiness: float


def choose_images(num_images: int, limit: int = MAX_IMAGES, seed: int = 0) -> np.ndarray:
    """Images to be mapped: all, or of too many as many as the limit allows, chosen by the seed.

    Returns:
      Rows in ascending order, int64 [chosen].

    >>> choose_images(3), len(choose_images(100, limit=10))
    (array([0, 1, 2]), 10)
    """
    if num_images <= limit:
        return np.arange(num_images)
    return np.sort(np.random.default_rng(seed).choice(num_images, limit, replace=False))


def map_features(features, seed: int = 0) -> FeatureMap:
    """Lays features out in two dimensions: PCA to 50, then t-SNE.

    Args:
      features: float [images, width].
      seed: of both; the same features and seed give the same map on the same machine.

    Returns:
      A `FeatureMap`.

    Raises:
      UserError: if a feature is not finite, there are too few images, or nothing to lay out: a
        single number an image, or the same for all.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE, trustworthiness

    features = np.asarray(features)
    check_features(features)
    check_finite(features)
    if len(features) <= 2 * NEIGHBOURS:
        raise UserError(
            f'{len(features)} images are too few for a map; expected more than {2 * NEIGHBOURS}'
        )
    if features.shape[1] == 1:
        raise UserError('features of one number lie on a line; a map wants two or more')
    if (features == features[0]).all():
        # scikit-learn would divide by no spread, and t-SNE end the process by a signal.
        raise UserError(f'all {len(features)} images have the same feature; is the network sound?')
    width = min(PCA_WIDTH, *features.shape)
    reduced = PCA(width, svd_solver='randomized', random_state=seed).fit_transform(features)
    perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init='pca', random_state=seed)
    positions = tsne.fit_transform(reduced).astype(np.float32)
    kept = trustworthiness(features, positions, n_neighbors=NEIGHBOURS)
    return FeatureMap(positions, float(kept))


def draw_map(feature_map: FeatureMap, labels, names, wrong=None):
    """Draws a map, each class in a colour of its own, if there are no more than 20.

    Args:
      feature_map: a `FeatureMap`.
      labels: int [images].
      names: of the classes.
      wrong: bool [images], images to be ringed, those classified wrongly say; by default none.

    Returns:
      A matplotlib `Figure`.
    """
    import matplotlib
    from matplotlib.figure import Figure

    labels = np.asarray(labels)
    extent = np.ptp(feature_map.positions, axis=0)
    height = 7 * float(np.clip(extent[1] / max(extent[0], 1e-12), 0.5, 1.1))
    figure = Figure(figsize=(9.5, height), layout='constrained')
    axes = figure.subplots()
    is_few = len(names) <= MAX_NAMES
    colours = matplotlib.colormaps['tab20' if is_few else 'hsv']
    for label, name in enumerate(names):
        # Of tab20, which holds pairs of a dark and a light colour, the dark ones first.
        place = (2 * label) % 20 + label // 10 if is_few else label / len(names)
        chosen = feature_map.positions[labels == label]
        axes.scatter(*chosen.T, s=28, color=colours(place), linewidths=0, label=name)
    if wrong is not None:
        ringed = feature_map.positions[np.asarray(wrong)]
        ring = dict(s=60, facecolors='none', edgecolors='black', linewidths=0.7)
        axes.scatter(*ringed.T, **ring, label='classified wrongly')
    axes.set(xticks=[], yticks=[])
    axes.set_aspect('equal', 'datalim')
    axes.set_title(
        f't-SNE of {len(labels)} images; trustworthiness {feature_map.trustworthiness:.2f}',
        fontsize=10,
    )
    if is_few:
        legend = axes.legend(loc='center left', bbox_to_anchor=(1, 0.5), frameon=False)
        for text in legend.get_texts():
            text.set_parse_math(False)
    return figure
