"""The similarities that were published in 2018, and what is measured here beside them.

Source: the outputs of DomainSimilarityDemo.ipynb of the paper's release. The features were of a
ResNet-101 trained on JFT, 2,048 wide, of training images; gamma 0.01; source classes with fewer
than 200 images were left out. Both numbers have three decimals there.
"""

from typing import NamedTuple

TOLERANCE = 1e-3

SOURCES = ('ImageNet_train', 'inat_train', 'ImageNet_train+inat_train')


class Published(NamedTuple):
    """What was published of a source and a target."""

    emd: float
    similarity: float


def _row(*numbers):
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return dict(zip(SOURCES, (Published(*pair) for pair in pairs), strict=True))


# Target -> source -> what was published.
PUBLISHED = {
    'cub_200': _row(57.532, 0.563, 42.961, 0.651, 53.868, 0.584),
    'flower_102': _row(64.492, 0.525, 61.340, 0.542, 63.508, 0.530),
    'stanford_cars': _row(57.993, 0.560, 62.488, 0.535, 58.805, 0.555),
    'stanford_dogs': _row(48.044, 0.619, 55.880, 0.572, 49.716, 0.608),
    'aircraft': _row(58.717, 0.556, 61.148, 0.543, 59.176, 0.553),
    'nabirds': _row(55.595, 0.574, 37.703, 0.686, 51.084, 0.600),
    'food_101': _row(57.349, 0.564, 62.587, 0.535, 58.395, 0.558),
}


def compare(found) -> list[dict]:
    """What was measured beside what was published, a row for each pair that was published.

    Args:
      found: a `Similarity` for each pair of source and target, of the paper's features.

    Returns:
      Rows with target, source, emd, published_emd, similarity, published_similarity and agrees,
      'yes' if both are as published to `TOLERANCE`, else 'no'.

    >>> from slim.transfer.domain_similarity import Similarity
    >>> compare([Similarity('inat_train', 'nabirds', 37.7034, 0.6859, None)])[0]['agrees']
    'yes'
    """
    rows = []
    for one in found:
        known = PUBLISHED.get(one.target, {}).get(one.source)
        if known is None:
            continue
        differences = abs(one.emd - known.emd), abs(one.similarity - known.similarity)
        rows.append(
            {
                'target': one.target,
                'source': one.source,
                'emd': one.emd,
                'published_emd': known.emd,
                'similarity': one.similarity,
                'published_similarity': known.similarity,
                'agrees': 'yes' if max(differences) <= TOLERANCE else 'no',
            }
        )
    return rows


def summarize(rows: list[dict]) -> str:
    """A sentence about the rows of `compare`, or about there being none.

    >>> print(summarize([]))
    nothing was published for these features; for those of the paper: EMD 37.703 to 64.492, \
similarity 0.525 to 0.686
    """
    if not rows:
        all_ = [known for of_target in PUBLISHED.values() for known in of_target.values()]
        emds, similarities = ([getattr(one, key) for one in all_] for key in Published._fields)
        return (
            'nothing was published for these features; for those of the paper: '
            f'EMD {min(emds):.3f} to {max(emds):.3f}, '
            f'similarity {min(similarities):.3f} to {max(similarities):.3f}'
        )
    agree = sum(row['agrees'] == 'yes' for row in rows)
    verdict = 'all agree' if agree == len(rows) else f'{len(rows) - agree} do not agree'
    return (
        f'{agree} of the {len(rows)} pairs are as published in 2018, EMD and similarity, to '
        f'{TOLERANCE:g}: {verdict}'
    )
