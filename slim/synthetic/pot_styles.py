"""The styles of pots: their parameters and names.

Four styles form a genus, which shares its silhouette. The styles of a genus differ in neck, foot,
handles, lid and ornament. The colours of clay and glazes are random.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.random import Generator

from slim.synthetic.sequences import ClassSequence, common_name, jittered_sizes

STYLES_PER_GENUS = 4

# noun: radius of foot, belly, neck and lip, height of belly and neck, in heights of the pot;
#       possible numbers of handles; with a spout or without
SHAPES = {
    'Jar': ((0.20, 0.37, 0.20, 0.23, 0.52, 0.86), (0, 2, 2), False),
    'Teapot': ((0.24, 0.42, 0.22, 0.23, 0.45, 0.94), (1,), True),
    'Pitcher': ((0.21, 0.30, 0.16, 0.20, 0.36, 0.76), (1,), False),
    'Vase': ((0.15, 0.28, 0.12, 0.20, 0.58, 0.84), (0, 0, 2), False),
    'Bottle': ((0.20, 0.28, 0.075, 0.09, 0.34, 0.72), (0, 1, 2), False),
    'Tureen': ((0.26, 0.50, 0.46, 0.49, 0.60, 0.90), (0, 2, 2), False),
    'Beaker': ((0.22, 0.25, 0.23, 0.30, 0.30, 0.70), (0, 1, 2), False),
    'Urn': ((0.11, 0.36, 0.25, 0.34, 0.62, 0.88), (0, 2, 2), False),
}
CHOICES = {
    'neck': ('short', 'plain', 'long'),
    'foot': ('plain', 'ring', 'stem'),
    'handle': ('loop', 'ear', 'angled'),
    'lid': ('none', 'none', 'dome', 'cone', 'flat'),
    'motif': ('plain', 'zigzag', 'dots', 'wave', 'checks', 'leaves', 'strokes', 'diamonds'),
    'place': ('neck', 'shoulder', 'belly', 'base'),
    'lines': ('none', 'pair', 'many'),
    'glaze': ('whole', 'dipped', 'raw', 'panelled'),
}


@dataclasses.dataclass(frozen=True)
class PotStyle:
    """One style. Lengths are in heights of the body; strings are options of `CHOICES`."""

    name: str
    noun: str
    foot_radius: float
    belly_radius: float
    neck_radius: float
    lip_radius: float
    belly_height: float
    neck_height: float
    handles: int
    spout: bool
    neck: str
    foot: str
    handle: str  # without effect if there are no handles
    lid: str
    motif: str
    place: str  # position of the motif; without effect if that is plain
    lines: str
    glaze: str


def _genus(number: int) -> dict[str, Any]:
    """Returns the fields of `PotStyle` that all styles of a genus share."""
    rng = np.random.default_rng([1730, number])
    noun = list(SHAPES)[number % len(SHAPES)]
    shape, _, spout = SHAPES[noun]
    fields = (
        'foot_radius',
        'belly_radius',
        'neck_radius',
        'lip_radius',
        'belly_height',
        'neck_height',
    )
    sizes = jittered_sizes(rng, fields, shape, (0.06, 0.05, 0.05, 0.05, 0.03, 0.01))
    return {'noun': noun, 'spout': spout, **sizes}


def _candidate(rng: Generator, number: int) -> PotStyle:
    """Returns a random style, without a name, of the genus that this number belongs to."""
    fields = _genus(number // STYLES_PER_GENUS)
    fields['belly_radius'] = round(fields['belly_radius'] * float(rng.choice((0.9, 1, 1.08))), 4)
    fields['handles'] = int(rng.choice(SHAPES[fields['noun']][1]))
    for field, options in CHOICES.items():
        fields[field] = str(rng.choice(options))
    if fields['spout'] and fields['lid'] == 'none':
        fields['lid'] = 'dome'
    return PotStyle(name='', **fields)


def distance(first: PotStyle, second: PotStyle) -> float:
    """Returns the visual difference of two styles: about 1 per clearly visible difference."""
    total = 1.0 * (first.handles != second.handles) + 0.8 * (first.spout != second.spout)
    total += 0.6 * bool(first.handles and second.handles and first.handle != second.handle)
    if 'plain' != first.motif == second.motif:
        total += 0.7 * (first.place != second.place)
    weights = (('neck', 0.6), ('foot', 0.6), ('lid', 0.9), ('motif', 1.0))
    for field, weight in (*weights, ('lines', 0.5), ('glaze', 0.8)):
        total += weight * (getattr(first, field) != getattr(second, field))
    for field in ('foot_radius', 'belly_radius', 'neck_radius', 'belly_height'):
        total += 5 * abs(getattr(first, field) - getattr(second, field))
    return total


def _descriptions(style: PotStyle) -> Iterator[str]:
    """Yields words that describe a style, the most striking first."""
    if style.motif != 'plain':
        words = {'zigzag': 'Zigzag', 'dots': 'Dotted', 'wave': 'Waved', 'checks': 'Chequered'}
        words |= {'leaves': 'Leafy', 'strokes': 'Fluted', 'diamonds': 'Diamond'}
        yield words[style.motif]
    if style.handles:
        handle = {'loop': 'Loop', 'ear': 'Ear', 'angled': 'Angle'}[style.handle]
        yield f'{handle}-handled'
    if style.lid != 'none':
        yield {'dome': 'Domed', 'cone': 'Cone-lidded', 'flat': 'Flat-lidded'}[style.lid]
    if style.glaze != 'whole':
        yield {'dipped': 'Dipped', 'raw': 'Raw-based', 'panelled': 'Panelled'}[style.glaze]
    if style.neck != 'plain':
        yield {'short': 'Short-necked', 'long': 'Long-necked'}[style.neck]
    if style.foot != 'plain':
        yield {'ring': 'Ring-footed', 'stem': 'Stemmed'}[style.foot]
    if style.lines != 'none':
        yield {'pair': 'Lined', 'many': 'Ringed'}[style.lines]
    yield 'Common'


def _name(style: PotStyle, number: int, taken: set[str]) -> str:
    words = list(_descriptions(style))
    return common_name(words, style.noun, number, taken, turns=2)


species = ClassSequence([1730, 1806], _candidate, distance, _name)
