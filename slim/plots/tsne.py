"""Map of features in two dimensions (t-SNE): images that a network finds similar are close.

Two dimensions cannot preserve distances in hundreds. t-SNE preserves neighbourhoods; the distance
of two clusters carries no information. The quality of a map is measured as its trustworthiness.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from slim.errors import UserError
from slim.validation import check_features, check_finite

PCA_DIM = 50  # Dimension of the input of t-SNE: less noise, and an eighth of the time.
PERPLEXITY = 30
NEIGHBOURS = 10
MAX_NAMES = 20  # Number of classes that colours can distinguish.


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """Positions of images on a map.

    Attributes:
      positions: float32 [images, 2].
      trustworthiness: between 0 and 1, the extent to which neighbours on the map are neighbours
        among the features (scikit-learn's measure, over 10 neighbours); about 0.5 for a random map.
    """

    positions: np.ndarray
    trustworthiness: float


def map_features(features: ArrayLike, seed: int = 0) -> FeatureMap:
    """Maps features to two dimensions: PCA to 50 dimensions, then t-SNE.

    6,000 images take a minute and 1 GB.

    Args:
      features: float [images, feature_dim].
      seed: random seed of both; equal features and seeds give equal maps on the same machine.

    Raises:
      UserError: if a feature is not finite, there are too few images, or the features have only one
        dimension or are all equal.
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
        raise UserError('features of dimension 1 lie on a line; a map needs two or more')
    if (features == features[0]).all():
        # scikit-learn would divide by a variance of zero, and t-SNE crash the process.
        raise UserError(f'all {len(features)} images have the same feature; check the network')
    reduced_dim = min(PCA_DIM, *features.shape)
    pca = PCA(reduced_dim, svd_solver='randomized', random_state=seed)
    perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init='pca', random_state=seed)
    positions = tsne.fit_transform(pca.fit_transform(features)).astype(np.float32)
    quality = trustworthiness(features, positions, n_neighbors=NEIGHBOURS)
    return FeatureMap(positions, float(quality))


def draw_map(
    feature_map: FeatureMap, labels: ArrayLike, names: Sequence[str], wrong: ArrayLike | None = None
) -> Figure:
    """Draws a map in the colours of the classes, with a legend for up to 20 classes.

    Args:
      feature_map: result of `map_features`.
      labels: int [images].
      names: names of the classes.
      wrong: bool [images], misclassified images, which get a black ring; by default none.
    """
    labels = np.asarray(labels)
    extent = np.ptp(feature_map.positions, axis=0)
    height = 7 * float(np.clip(extent[1] / max(extent[0], 1e-12), 0.5, 1.1))
    figure = Figure(figsize=(9.5, height), layout='constrained')
    axes = figure.subplots()
    is_few = len(names) <= MAX_NAMES
    colours = matplotlib.colormaps['tab20' if is_few else 'hsv']
    for label, name in enumerate(names):
        # tab20 has pairs of a dark and a light colour: the dark ones first.
        place = (2 * label) % 20 + label // 10 if is_few else label / len(names)
        points = feature_map.positions[labels == label]
        axes.scatter(
            points[:, 0], points[:, 1], s=28, color=colours(place), linewidths=0, label=name
        )
    if wrong is not None:
        points = feature_map.positions[np.asarray(wrong)]
        rings = axes.scatter(points[:, 0], points[:, 1], s=60, label='misclassified')
        rings.set(facecolors='none', edgecolors='black', linewidths=0.7)
    axes.set(xticks=[], yticks=[])
    axes.set_aspect('equal', 'datalim')
    quality = f'trustworthiness {feature_map.trustworthiness:.2f}'
    axes.set_title(f't-SNE of {len(labels)} images; {quality}', fontsize=10)
    if is_few:
        legend = axes.legend(loc='center left', bbox_to_anchor=(1, 0.5), frameon=False)
        for text in legend.get_texts():
            text.set_parse_math(False)
    return figure
