"""Which aircraft there are: the parameters that make a type, and its name.

Types come in one endless sequence, four to a genus. A genus shares its maker and its layout of
wings and engines; its types differ in sweep, tail, tips, windows and the pattern of the livery.
The livery's colours are chance.
"""

import dataclasses

import numpy as np

from slim.synthetic.sequences import Sequence, common_name

TYPES_PER_GENUS = 4

MAKERS = ('Halden', 'Vireo', 'Castellane', 'Norrland', 'Aurelis', 'Tamber', 'Skarvik', 'Olvera')
MAKERS += ('Brightwater', 'Kestrane', 'Marisol', 'Zephyrine', 'Polden')

# Lengths in lengths of the fuselage.
# noun: radius of the fuselage, half the span, chord at the root, sweep of the leading edge
#       (at the tip), where the wing sits (x of its leading edge; height, -1 low to 1 high);
#       engines: where ('wing', 'tail', 'nose'), how many, whether they have propellers
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
CHOICES = {
    'tail': ('low', 'cross', 'T'),
    'fin': ('swept', 'upright', 'round'),
    'tip': ('plain', 'winglet', 'tank'),
    'nose': ('blunt', 'long', 'droop'),
    'windows': ('row', 'few', 'double', 'none'),
    'livery': ('plain', 'cheatline', 'belly', 'hull', 'sash', 'rear', 'rings'),
    'fin_paint': ('whole', 'stripes', 'top', 'plain'),
    'engine': ('body', 'paint', 'metal'),
}


@dataclasses.dataclass(frozen=True)
class AircraftType:
    """One type. Lengths are in lengths of the fuselage; words are of `CHOICES`."""

    name: str
    maker: str
    noun: str
    radius: float
    half_span: float
    chord: float
    sweep: float  # how far the tip's leading edge lies behind the root's
    wing_x: float  # the root's leading edge, ahead of the middle
    wing_height: float  # in radii
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


def _genus(number):
    """What the types of a genus have in common, as fields of `AircraftType`."""
    rng = np.random.default_rng([1903, number])
    noun = list(LAYOUTS)[number % len(LAYOUTS)]
    shape, (place, count, propellers) = LAYOUTS[noun]
    shape = np.asarray(shape) * np.exp(rng.normal(0, (0.04, 0.04, 0.05, 0.08, 0.05, 0.01)))
    fields = ('radius', 'half_span', 'chord', 'sweep', 'wing_x', 'wing_height')
    common = {field: round(float(value), 4) for field, value in zip(fields, shape, strict=True)}
    common |= {'engines_at': place, 'engines': count, 'propellers': propellers}
    return {'maker': MAKERS[number % len(MAKERS)], 'noun': noun, **common}


def _candidate(rng, number):
    """A chance type of the genus that the number falls in, without a name yet."""
    fields = _genus(number // TYPES_PER_GENUS)
    fields['sweep'] = round(fields['sweep'] + float(rng.choice((-0.05, 0.0, 0.06))), 4)
    fields['chord'] = round(fields['chord'] * float(rng.choice((0.85, 1.0, 1.2))), 4)
    fields['fin_height'] = float(rng.choice((0.13, 0.16, 0.195)))
    for field, options in CHOICES.items():
        fields[field] = str(rng.choice(options))
    if fields['engines_at'] == 'tail' and fields['tail'] == 'low':
        fields['tail'] = 'T'  # the engines are where a low tailplane would be
    return AircraftType(name='', **fields)


def distance(first, second):
    """How different two types look: about 1 for each plain difference."""
    total = 0.0
    weights = (('noun', 1.5), ('tail', 0.9), ('fin', 0.6), ('tip', 0.6), ('nose', 0.6))
    weights += (('windows', 0.8), ('livery', 1.2), ('fin_paint', 0.8), ('engine', 0.5))
    for field, weight in weights:
        total += weight * (getattr(first, field) != getattr(second, field))
    for field, weight in (('radius', 10), ('half_span', 4), ('chord', 6), ('sweep', 5)):
        total += weight * abs(getattr(first, field) - getattr(second, field))
    return total + 8 * abs(first.fin_height - second.fin_height)


def _descriptions(kind):
    """What one would call a type by, the most striking first."""
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


def _name(kind, number, taken):
    words = list(_descriptions(kind))
    return common_name(words, kind.noun, number, taken, turns=3, before=(kind.maker,))


species = Sequence([1903, 1806], _candidate, distance, _name)
