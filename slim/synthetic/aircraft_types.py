"""The types of aircraft: their parameters and names.

Four types form a genus, which shares its maker and its layout of wings and engines. The types of a
genus differ in sweep, tail, wing tips, windows and pattern of the livery. The colours of the livery
are random.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.random import Generator

from slim.synthetic.sequences import ClassSequence, common_name, differences, jittered_sizes

TYPES_PER_GENUS = 4

MAKERS = [
    'Halden', 'Vireo', 'Castellane', 'Norrland', 'Aurelis', 'Tamber', 'Skarvik', 'Olvera',
    'Brightwater', 'Kestrane', 'Marisol', 'Zephyrine', 'Polden',
]  # fmt: skip

# Lengths are in lengths of the fuselage.
# noun: radius of the fuselage, half span, chord at the root, sweep of the leading edge (at the
#       tip), position of the wing (x of its leading edge; height from -1, low, to 1, high);
#       engines: position ('wing', 'tail', 'nose'), number, with propellers or without
LAYOUTS = {
    'Twinjet': ((0.055, 0.44, 0.21, 0.24, 0.11, -0.7), ('wing', 2, False)),
    'Commuter': ((0.062, 0.52, 0.14, 0.04, 0.10, 0.9), ('wing', 2, True)),
    'Tailjet': ((0.052, 0.38, 0.19, 0.21, 0.02, -0.8), ('tail', 2, False)),
    'Quadjet': ((0.060, 0.48, 0.24, 0.29, 0.16, -0.7), ('wing', 4, False)),
    'Sportster': ((0.074, 0.58, 0.21, 0.03, 0.22, -0.8), ('nose', 1, True)),
    'Freighter': ((0.078, 0.50, 0.18, 0.09, 0.13, 0.9), ('wing', 4, True)),
    'Bushplane': ((0.072, 0.66, 0.20, 0.00, 0.24, 1.0), ('nose', 1, True)),
    'Bizjet': ((0.060, 0.40, 0.20, 0.17, 0.06, -0.8), ('tail', 2, False)),
}
ALL_ROUND = (-180, 180)
# livery: painted parts, each with front and rear end (x), colour, lower and upper angle, and slant
LIVERIES: dict[str, list[tuple[float, float, str, float, float, float]]] = {
    'plain': [],
    'cheatline': [(0.47, -0.5, 'paint', -14, 22, 0), (0.45, -0.5, 'second', -26, -14, 0)],
    'belly': [(0.5, -0.5, 'paint', -180, -14, 0)],
    'hull': [(0.5, -0.5, 'paint', *ALL_ROUND, 0), (0.46, -0.5, 'second', -30, -12, 0)],
    'sash': [(0.3, 0.18, 'paint', *ALL_ROUND, 0.05), (0.15, 0.1, 'second', *ALL_ROUND, 0.05)],
    'rear': [(-0.16, -0.5, 'paint', *ALL_ROUND, 0.05), (-0.1, -0.135, 'second', *ALL_ROUND, 0.05)],
    'rings': [(x, x - 0.055, 'paint', *ALL_ROUND, 0) for x in (0.38, 0.02, -0.3)],
}
CHOICES = {
    'tail': ('low', 'cross', 'T'),
    'fin': ('swept', 'upright', 'round'),
    'tip': ('plain', 'winglet', 'tank'),
    'nose': ('blunt', 'long', 'droop'),
    'windows': ('row', 'few', 'double', 'none'),
    'livery': tuple(LIVERIES),
    'fin_paint': ('whole', 'stripes', 'top', 'plain'),
    'engine': ('body', 'paint', 'metal'),
}


@dataclasses.dataclass(frozen=True)
class AircraftType:
    """One type. Lengths are in lengths of the fuselage; strings are options of `CHOICES`."""

    name: str
    maker: str
    noun: str
    radius: float
    half_span: float
    chord: float
    sweep: float  # offset of the leading edge at the tip behind the one at the root
    wing_x: float  # leading edge at the root, ahead of the middle
    wing_height: float  # in radii of the fuselage
    engines_at: str
    engines: int
    propellers: bool
    fin_height: float
    tail: str
    fin: str
    tip: str
    nose: str
    windows: str
    livery: str
    fin_paint: str
    engine: str


def _genus(number: int) -> dict[str, Any]:
    """Returns the fields of `AircraftType` that all types of a genus share."""
    rng = np.random.default_rng([1903, number])
    noun = list(LAYOUTS)[number % len(LAYOUTS)]
    shape, (place, count, propellers) = LAYOUTS[noun]
    fields = ('radius', 'half_span', 'chord', 'sweep', 'wing_x', 'wing_height')
    sizes = jittered_sizes(rng, fields, shape, (0.04, 0.04, 0.05, 0.08, 0.05, 0.01))
    engines = {'engines_at': place, 'engines': count, 'propellers': propellers}
    return {'maker': MAKERS[number % len(MAKERS)], 'noun': noun, **sizes, **engines}


def _candidate(rng: Generator, number: int) -> AircraftType:
    """Returns a random type, without a name, of the genus that this number belongs to."""
    fields = _genus(number // TYPES_PER_GENUS)
    fields['sweep'] = round(fields['sweep'] + float(rng.choice((-0.05, 0.0, 0.06))), 4)
    fields['chord'] = round(fields['chord'] * float(rng.choice((0.85, 1.0, 1.2))), 4)
    fields['fin_height'] = float(rng.choice((0.13, 0.16, 0.195)))
    for field, options in CHOICES.items():
        fields[field] = str(rng.choice(options))
    if fields['engines_at'] == 'tail' and fields['tail'] == 'low':
        fields['tail'] = 'T'  # the engines leave no room for a low tailplane
    return AircraftType(name='', **fields)


def distance(first: AircraftType, second: AircraftType) -> float:
    """Returns the visual difference of two types: about 1 per clearly visible difference."""
    kinds = {'noun': 1.5, 'tail': 0.9, 'fin': 0.6, 'tip': 0.6, 'nose': 0.6}
    kinds |= {'windows': 0.8, 'livery': 1.2, 'fin_paint': 0.8, 'engine': 0.5}
    total = differences(first, second, {}, {}, kinds, {})
    for field, weight in (('radius', 10), ('half_span', 4), ('chord', 6), ('sweep', 5)):
        total += weight * abs(getattr(first, field) - getattr(second, field))
    return total + 8 * abs(first.fin_height - second.fin_height)


def _descriptions(kind: AircraftType) -> Iterator[str]:
    """Yields words that describe a type, the most striking first."""
    liveries = {'cheatline': 'Cheatline', 'belly': 'Two-tone', 'hull': 'Painted', 'sash': 'Sash'}
    liveries |= {'rear': 'Tail-banded', 'rings': 'Ringed'}
    if kind.livery != 'plain':
        yield liveries[kind.livery]
    yield {'low': 'Low-tail', 'cross': 'Cross-tail', 'T': 'T-tail'}[kind.tail]
    if kind.tip != 'plain':
        yield {'winglet': 'Winglet', 'tank': 'Tip-tank'}[kind.tip]
    yield {'blunt': 'Blunt-nose', 'long': 'Long-nose', 'droop': 'Droop-nose'}[kind.nose]
    if kind.windows in ('double', 'none'):
        yield {'double': 'Double-deck', 'none': 'Windowless'}[kind.windows]
    if kind.fin_paint != 'plain':
        yield {'whole': 'Bright-fin', 'stripes': 'Stripe-fin', 'top': 'Cap-fin'}[kind.fin_paint]


def _name(kind: AircraftType, number: int, taken: set[str]) -> str:
    words = list(_descriptions(kind))
    return common_name(words, kind.noun, number, taken, turns=3, before=(kind.maker,))


species = ClassSequence([1903, 1806], _candidate, distance, _name)
