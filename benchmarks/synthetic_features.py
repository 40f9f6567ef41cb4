"""Synthetic features with the make-up of real ones: clustered, positive, of few dimensions.

A class has a place in a hierarchy, as birds have genera within families: its point in 256
dimensions is that of its group (one of 24), plus a family's, plus its own. The dimensions matter
less and less, the variance of the i-th being in proportion to 1/i, as principal components of
features do. A fixed random map with a bias takes it to the width wanted, and negative values become
zero, as after a network's last layer; three values in four are. A domain has its own mixture of
groups, so that targets are near some sources and far from others; images scatter around their class
in all directions. The scales are those at which the domains of the paper's sizes are 45 to 60 apart
in EMD (published: 38 to 64), and logistic regression on images is right about nine times in ten.
"""

import numpy as np

LATENT = 256
SCALES = np.arange(1, LATENT + 1) ** -0.5  # Of the dimensions.
SCALES *= np.sqrt(LATENT / np.sum(SCALES**2))
GROUPS, FAMILIES = 24, 8  # Families of each group.
GROUP_SCALE, FAMILY_SCALE, CLASS_SCALE = 1.0, 0.7, 0.7
WHITE = 0.5  # Scatter of images in every dimension.
BIAS = -1.0  # Most values of a feature are zero.
DOMAIN_DISTANCE = 2.2  # Factor that takes distances of class features to the published scale.


def _world(width):
    """What all domains share: places of groups and families, and the map to features."""
    random = np.random.RandomState(0)
    groups = random.normal(0, GROUP_SCALE, [GROUPS, 1, LATENT]) * SCALES
    families = groups + random.normal(0, FAMILY_SCALE, [GROUPS, FAMILIES, LATENT]) * SCALES
    return families, random.normal(0, LATENT**-0.5, [LATENT, width])


def _places(random, num_classes, mixture, families):
    """Places of classes, float64 [classes, LATENT], each in a family of a group."""
    group = random.choice(GROUPS, num_classes, p=mixture)
    family = families[group, random.randint(FAMILIES, size=num_classes)]
    return family + random.normal(0, CLASS_SCALE, [num_classes, LATENT]) * SCALES


def class_features(seed, num_classes, width, fewest, most):
    """Mean features of a domain's classes, with how many images each has.

    Args:
      seed: of the domain.
      num_classes: number of classes.
      width: of a feature.
      fewest: images of a class.
      most: likewise; the numbers between them are log-uniform, few classes have many.

    Returns:
      (float32 [classes, width], int64 [classes]).
    """
    families, to_features = _world(width)
    random = np.random.RandomState(seed)
    mixture = random.dirichlet(np.full(GROUPS, 0.3))
    places = _places(random, num_classes, mixture, families)
    means = DOMAIN_DISTANCE * np.maximum(places @ to_features + BIAS, 0)
    images = np.exp(random.uniform(np.log(fewest), np.log(most + 1), num_classes))
    return means.astype(np.float32), images.astype(np.int64)


def image_features(seed, num_classes, num_images, width, noise):
    """Features of images, in random order, as many of each class as can be.

    Args:
      seed: of all of them.
      num_classes: number of classes, all of three groups, such as birds.
      num_images: tuple, images of each part of the dataset.
      width: of a feature.
      noise: how far images scatter around their class.

    Returns:
      A pair (float32 [images, width], int64 [images]) for each part.
    """
    families, to_features = _world(width)
    random = np.random.RandomState(seed)
    mixture = np.r_[np.full(3, 1 / 3), np.zeros(GROUPS - 3)]
    places = _places(random, num_classes, mixture, families)
    parts = []
    for count in num_images:
        labels = random.permutation(np.arange(count) % num_classes)
        near = places[labels] + random.normal(0, noise, [count, LATENT]) * SCALES
        features = near @ to_features + BIAS + random.normal(0, WHITE, [count, width])
        parts.append((np.maximum(features, 0).astype(np.float32), labels))
    return parts
