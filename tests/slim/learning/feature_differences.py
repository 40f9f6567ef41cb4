"""Compares features in two precisions, of networks whose random weights tell images apart."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from slim.learning.model import Model

# The last convolution of a ResNet block, whose output is added to the block's input.
LAST_OF_BLOCK = '/conv3/weights'


def randomize(model: Model, seed: int = 0) -> None:
    """Changes the initial weights of a model where no trained network has similar ones.

    Variances of batch norm become uniform between 0.5 and 1.5. With their initial value of exactly
    one, batch norm would do nothing but multiply by 0.9995, because of its epsilon; a cast to 16
    bits turns that into one in every layer, an error of 1% that no trained network has. (With the
    variances of a batch of images, random layers would amplify small differences more and more.)

    The outputs of ResNet blocks are divided by the square root of the number of blocks, as proposed
    for deep ResNets by Hayou et al. (Stable ResNet, arXiv 2010.12859). With their initial weights,
    50 blocks drown the image: for a quarter of all images, moved by four pixels, ResNet-152's
    nearest feature is then that of another image, in every precision.

    Args:
      model: model with its initial weights.
      seed: random seed for the variances.
    """
    random = np.random.RandomState(seed)
    variables = model.named_variables()
    blocks = sum(name.endswith(LAST_OF_BLOCK) for name in variables)
    for name, variable in variables.items():
        if name.endswith('moving_variance'):
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
        elif name.endswith(LAST_OF_BLOCK):
            variable.assign(variable / blocks**0.5)


def differences(
    features: np.ndarray,
    queries: np.ndarray,
    other_features: np.ndarray,
    other_queries: np.ndarray,
) -> dict[str, float]:
    """Compares the features of images and queries in two precisions.

    Args:
      features: float [images, feature_dim].
      queries: float [images, feature_dim], of a slightly changed copy of each image.
      other_features, other_queries: the same in the other precision.

    Returns:
      A dictionary:
        relative_error: Frobenius norm of the difference of the features, over that of `features`.
        same_nearest: fraction of the queries whose nearest image, by Euclidean distance, is the
          same in both precisions.
        found: fraction of the queries whose nearest image in the first precision is their own.

    Raises:
      ValueError: if a feature is zero or not finite.
    """
    features, others = np.asarray(features, np.float64), np.asarray(other_features, np.float64)
    norms = np.linalg.norm(features, axis=1)
    if not (np.isfinite(others).all() and np.isfinite(norms).all() and norms.all()):
        raise ValueError('a feature is zero or not finite')
    nearest = _nearest(features, queries)
    return {
        'relative_error': float(np.linalg.norm(others - features) / np.linalg.norm(features)),
        'same_nearest': float((nearest == _nearest(others, other_queries)).mean()),
        'found': float((nearest == np.arange(len(features))).mean()),
    }


def _nearest(features: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Returns the index of the nearest feature of each query, int64 [queries]."""
    search = NearestNeighbors(n_neighbors=1).fit(features)
    return search.kneighbors(queries, return_distance=False)[:, 0]
