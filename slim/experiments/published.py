"""Published results that the notebooks compare their own with.

Source: the outputs of the two notebooks in the paper's release. The similarities there are of class
features by a ResNet-101 trained on JFT, dimension 2,048, of training images; gamma is 0.01; source
classes with fewer than 200 images were ignored. Both numbers are printed with three decimals.
"""

from collections.abc import Iterable
from typing import NamedTuple

TOLERANCE = 1e-3  # For the accuracy: less than 6 of 5,794 images.
ACCURACY = 0.899033  # Logistic regression on CUB-200: 5,994 training images, 5,794 to classify.

SOURCES = ('ImageNet_train', 'inat_train', 'ImageNet_train+inat_train')


class PublishedSimilarity(NamedTuple):
    """Published numbers of a pair of source and target."""

    emd: float
    similarity: float


def _row(*numbers: float) -> dict[str, PublishedSimilarity]:
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return dict(zip(SOURCES, (PublishedSimilarity(*pair) for pair in pairs), strict=True))


# Target -> source -> published numbers.
SIMILARITIES = {
    'cub_200': _row(57.532, 0.563, 42.961, 0.651, 53.868, 0.584),
    'flower_102': _row(64.492, 0.525, 61.340, 0.542, 63.508, 0.530),
    'stanford_cars': _row(57.993, 0.560, 62.488, 0.535, 58.805, 0.555),
    'stanford_dogs': _row(48.044, 0.619, 55.880, 0.572, 49.716, 0.608),
    'aircraft': _row(58.717, 0.556, 61.148, 0.543, 59.176, 0.553),
    'nabirds': _row(55.595, 0.574, 37.703, 0.686, 51.084, 0.600),
    'food_101': _row(57.349, 0.564, 62.587, 0.535, 58.395, 0.558),
}


def compare(published: float, here: float) -> dict:
    """Returns a published number, the number measured here, their difference and the verdict.

    >>> compare(0.899033, 0.8995)['agrees'], compare(0.899033, 0.9011)['agrees']
    ('yes', 'no')
    """
    agrees = 'yes' if abs(here - published) <= TOLERANCE else 'no'
    return {'published': published, 'here': here, 'difference': here - published, 'agrees': agrees}


def compare_similarities(rows: Iterable[dict], measure: str) -> list[dict]:
    """Compares what was measured on the paper's features with what was published.

    Args:
      rows: a dictionary with 'target', 'source', 'emd' and 'similarity' for each pair.
      measure: 'emd' or 'similarity'.

    Returns:
      Rows with target, source, published, here, difference and agrees ('yes' or 'no'), for the
      pairs that were published.

    >>> compare_similarities([{'target': 'nabirds', 'source': 'inat_train', 'emd': 37.7}], 'emd')
    ... # doctest: +ELLIPSIS
    [{'target': 'nabirds', 'source': 'inat_train', 'published': 37.703, 'here': 37.7, ...}]
    """
    return [
        {
            'target': row['target'],
            'source': row['source'],
            **compare(getattr(SIMILARITIES[row['target']][row['source']], measure), row[measure]),
        }
        for row in rows
        if row['source'] in SIMILARITIES.get(row['target'], {})
    ]
