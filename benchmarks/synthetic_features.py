"""Synthetic features with the structure of real ones: clustered, positive, of few dimensions.

Classes form a hierarchy, as species, genera and families of birds do: the position of a class in
256 dimensions is that of its group (one of 24) plus offsets of its family and of its own. The
variance of the i-th dimension is proportional to 1/i, as that of principal components of features.
A fixed random map with a bias takes positions to the wanted dimension; negative values, three in
four, become zero, as after a network's last layer. A domain has its own mixture of groups, and is
near some sources and far from others. The scales are chosen so that domains of the paper's sizes
have an EMD of 45 to 60 (published: 38 to 64), and that logistic regression on images has an
accuracy of about 90%.
"""

import numpy as np

LATENT = 256
SCALES = np.arange(1, LATENT + 1) ** -0.5  # Standard deviations of the dimensions.
SCALES *= np.sqrt(LATENT / np.sum(SCALES**2))
GROUPS, FAMILIES = 24, 8  # Groups, and families per group.
GROUP_SCALE, FAMILY_SCALE, CLASS_SCALE = 1.0, 0.7, 0.7
WHITE = 0.5  # Standard deviation of images in every dimension of the features.
BIAS = -1.0
DOMAIN_DISTANCE = 2.2  # Scales distances between class means to the published ones.


def _draw_classes(
    random: np.random.RandomState, num_classes: int, mixture: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns positions of classes, float64 [classes, LATENT], and the map to features."""
    shared = np.random.RandomState(0)  # Groups, families and the map are those of all domains.
    groups = shared.normal(0, GROUP_SCALE, [GROUPS, 1, LATENT]) * SCALES
    families = groups + shared.normal(0, FAMILY_SCALE, [GROUPS, FAMILIES, LATENT]) * SCALES
    to_features = shared.normal(0, LATENT**-0.5, [LATENT, width])
    group = random.choice(GROUPS, num_classes, p=mixture)
    family = families[group, random.randint(FAMILIES, size=num_classes)]
    return family + random.normal(0, CLASS_SCALE, [num_classes, LATENT]) * SCALES, to_features


def class_features(
    seed: int, num_classes: int, width: int, fewest: int, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draws class means, float32 [classes, width], and numbers of images, int64 [classes].

    The latter are log-uniform between `fewest` and `most`: few classes have many images.
    """
    random = np.random.RandomState(seed)
    mixture = random.dirichlet(np.full(GROUPS, 0.3))
    positions, to_features = _draw_classes(random, num_classes, mixture, width)
    means = DOMAIN_DISTANCE * np.maximum(positions @ to_features + BIAS, 0)
    images = np.exp(random.uniform(np.log(fewest), np.log(most + 1), num_classes))
    return means.astype(np.float32), images.astype(np.int64)


def image_features(
    seed: int, num_classes: int, num_images: list[int], width: int, noise: float
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draws features, float32 [images, width], and labels, int64 [images], of images of each split.

    The classes belong to three groups and have equal numbers of images, in random order; `noise` is
    the standard deviation of images around their class; `num_images` has a number for each split.
    """
    random = np.random.RandomState(seed)
    mixture = np.r_[np.full(3, 1 / 3), np.zeros(GROUPS - 3)]
    positions, to_features = _draw_classes(random, num_classes, mixture, width)
    splits = []
    for count in num_images:
        labels = random.permutation(np.arange(count) % num_classes)
        near = positions[labels] + random.normal(0, noise, [count, LATENT]) * SCALES
        features = near @ to_features + BIAS + random.normal(0, WHITE, [count, width])
        splits.append((np.maximum(features, 0).astype(np.float32), labels))
    return splits
