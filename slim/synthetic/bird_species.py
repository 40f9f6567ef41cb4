"""The species of birds: their parameters and names.

Four species form a genus, which shares its build and its ground colours. The species of a genus
differ in markings, as fine-grained classes do.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.random import Generator

from slim.synthetic.sequences import ClassSequence, differences, jittered_sizes

SPECIES_PER_GENUS = 4

PALETTE = {
    'Sooty': (44, 41, 42),
    'Slate': (88, 100, 116),
    'Ashy': (150, 150, 148),
    'White': (238, 235, 226),
    'Buff': (216, 188, 146),
    'Rufous': (172, 88, 44),
    'Chestnut': (116, 58, 36),
    'Brown': (108, 86, 64),
    'Olive': (116, 118, 62),
    'Green': (84, 132, 66),
    'Saffron': (234, 194, 58),
    'Orange': (222, 124, 46),
    'Crimson': (180, 48, 46),
    'Azure': (76, 134, 192),
    'Indigo': (52, 64, 122),
}
BACKS = ('Brown', 'Olive', 'Slate', 'Ashy', 'Azure', 'Chestnut', 'Green', 'Rufous', 'Indigo')
BELLIES = ('White', 'Buff', 'Saffron', 'Ashy')
CAPS = ('Sooty', 'White', 'Chestnut', 'Crimson', 'Saffron', 'Azure', 'Ashy')
THROATS = ('Sooty', 'White', 'Orange', 'Crimson', 'Saffron', 'Indigo', 'Chestnut')
MARKS = ('Sooty', 'Chestnut')
BREASTS = ('plain', 'streaked', 'spotted', 'banded')

# noun: plumpness, head size, beak length, beak depth, beak curve, tail length, leg length
BUILDS = {
    'Warbler': (0.90, 0.94, 0.21, 0.045, 0.00, 0.48, 0.24),
    'Finch': (1.06, 1.08, 0.17, 0.120, 0.02, 0.46, 0.19),
    'Thrush': (1.08, 0.94, 0.25, 0.055, 0.02, 0.54, 0.28),
    'Wren': (1.12, 1.04, 0.25, 0.040, 0.06, 0.30, 0.22),
    'Flycatcher': (0.92, 1.06, 0.20, 0.065, 0.00, 0.56, 0.16),
    'Bunting': (1.00, 1.00, 0.15, 0.090, 0.01, 0.60, 0.20),
    'Sunbird': (0.86, 0.92, 0.40, 0.035, 0.10, 0.42, 0.18),
    'Shrike': (1.00, 1.10, 0.21, 0.085, 0.05, 0.66, 0.22),
}


@dataclasses.dataclass(frozen=True)
class BirdSpecies:
    """One species. Lengths are in lengths of the body; colours are names in `PALETTE`."""

    name: str
    noun: str
    plumpness: float
    head: float
    beak_length: float
    beak_depth: float
    beak_curve: float
    tail_length: float
    tail_fork: float  # notched if positive, pointed if negative
    leg_length: float
    crest: float  # zero for none
    back: str
    belly: str
    wing: str
    cap: str  # the colour of the back for none
    throat: str  # the colour of the belly for none
    mark: str
    breast: str  # one of BREASTS
    mask: bool  # a dark stripe through the eye
    brow: bool  # a pale stripe over the eye
    wing_bars: int
    pale_tail_edges: bool
    dark_beak: bool


def _genus(number: int) -> dict[str, Any]:
    """Returns the fields of `BirdSpecies` that all species of a genus share."""
    rng = np.random.default_rng([2018, number])
    noun = list(BUILDS)[number % len(BUILDS)]
    fields = (
        'plumpness',
        'head',
        'beak_length',
        'beak_depth',
        'beak_curve',
        'tail_length',
        'leg_length',
    )
    sizes = jittered_sizes(rng, fields, BUILDS[noun], 0.05)
    return {
        **sizes,
        'noun': noun,
        'back': str(rng.choice(BACKS)),
        'belly': str(rng.choice(BELLIES)),
    }


def _candidate(rng: Generator, number: int) -> BirdSpecies:
    """Returns a random species, without a name, of the genus that this number belongs to."""
    fields = _genus(number // SPECIES_PER_GENUS)
    fields['tail_length'] = round(fields['tail_length'] * float(rng.choice((0.75, 1.0, 1.4))), 4)
    fields['beak_length'] = round(fields['beak_length'] * float(rng.choice((0.85, 1.0, 1.3))), 4)
    fields['tail_fork'] = float(rng.choice((-0.06, 0.0, 0.12)))
    fields['crest'] = float(rng.choice((0.0, 0.0, 0.0, 0.0, 0.2)))
    if rng.random() < 0.15:
        fields['belly'] = str(rng.choice(BELLIES))
    fields['wing'] = str(rng.choice((*[fields['back']] * 3, 'Sooty', 'Brown')))
    fields['cap'] = str(rng.choice(CAPS)) if rng.random() < 0.55 else fields['back']
    fields['throat'] = str(rng.choice(THROATS)) if rng.random() < 0.45 else fields['belly']
    fields['mark'] = str(rng.choice(MARKS))
    fields['breast'] = str(rng.choice(BREASTS))
    fields['mask'] = bool(rng.random() < 0.4)
    fields['brow'] = bool(rng.random() < 0.4)
    fields['wing_bars'] = int(rng.choice((0, 0, 1, 2)))
    fields['pale_tail_edges'] = bool(rng.random() < 0.35)
    fields['dark_beak'] = bool(rng.random() < 0.6)
    return BirdSpecies(name='', **fields)


def distance(first: BirdSpecies, second: BirdSpecies) -> float:
    """Returns the visual difference of two species: about 1 per clearly visible marking."""
    colours = {'back': 1.2, 'belly': 1.2, 'wing': 1.0, 'cap': 1.0, 'throat': 1.0}
    kinds = {'breast': 1.0, 'mask': 0.6, 'brow': 0.5, 'wing_bars': 0.6, 'pale_tail_edges': 0.3}
    sizes = {'tail_length': 1.5, 'beak_length': 1.5, 'beak_depth': 2.0}
    total = differences(first, second, PALETTE, colours, kinds, {})
    total += 0.6 * ((first.crest > 0) != (second.crest > 0))
    return total + differences(first, second, PALETTE, {}, {}, sizes)


def _descriptions(species: BirdSpecies) -> Iterator[str]:
    """Yields words that describe a species, the most striking first."""
    ground = (species.back, species.belly)
    if species.crest:
        yield 'Crested'
    if species.cap not in ground:
        yield f'{species.cap}-capped'
    if species.throat not in ground:
        yield f'{species.throat}-throated'
    if species.breast != 'plain':
        suffix = {'streaked': 'Streak', 'spotted': 'Spot', 'banded': 'Band'}[species.breast]
        yield f'{suffix}-breasted'
    if species.brow:
        yield 'Pale-browed'
    if species.mask:
        yield 'Masked'
    if species.wing_bars:
        yield 'Bar-winged' if species.wing_bars == 1 else 'Double-barred'
    if species.tail_fork > 0:
        yield 'Fork-tailed'
    yield f'{species.belly}-bellied'
    yield f'{species.back}-backed'


def _name(species: BirdSpecies, number: int, taken: set[str]) -> str:
    """Returns a name that is not taken: one or two descriptions and the noun."""
    words = list(_descriptions(species))
    # Consecutive species start at different striking features, for variety.
    first = number % min(3, len(words))
    words = words[first:] + words[:first]
    pairs = [f'{first} {second}' for first in (species.back, species.belly) for second in words]
    for title in words + pairs:
        if f'{title} {species.noun}' not in taken:
            return f'{title} {species.noun}'
    return f'{words[0]} {species.noun} of the {number + 1}th Isle'


species = ClassSequence([2018, 6193], _candidate, distance, _name)
