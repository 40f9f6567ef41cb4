"""The species of flowers: their parameters and names.

Four species form a genus, which shares the build of its flowers and mostly their ground colour. The
species of a genus differ in the number and the tips of the petals, in markings and in the centre.
"""

import dataclasses
import functools
from typing import Any

import numpy as np
from numpy.random import Generator

from slim.synthetic.sequences import ClassSequence, common_name, differences, other_colour

SPECIES_PER_GENUS = 4

PALETTE = {
    'White': (240, 236, 226),
    'Cream': (236, 222, 170),
    'Golden': (238, 196, 52),
    'Orange': (228, 132, 50),
    'Scarlet': (206, 56, 44),
    'Pink': (232, 148, 176),
    'Magenta': (188, 58, 128),
    'Lilac': (182, 152, 212),
    'Violet': (108, 66, 150),
    'Azure': (98, 140, 214),
    'Maroon': (104, 32, 44),
    'Sooty': (48, 40, 46),
    'Green': (136, 168, 74),
}
GROUNDS = ('White', 'Golden', 'Orange', 'Scarlet', 'Pink', 'Magenta', 'Lilac', 'Violet', 'Azure')
MARKS = ('White', 'Golden', 'Scarlet', 'Magenta', 'Violet', 'Maroon')
CENTRES = ('Golden', 'Sooty', 'Maroon', 'Green', 'White')
TIPS = ('round', 'pointed', 'notched', 'fringed')
PATTERNS = ('plain', 'striped', 'spotted', 'blotched', 'tipped', 'edged', 'zoned')
HEARTS = ('disc', 'stamens', 'star', 'eye')

# noun: possible numbers of petals, half width of a petal (in lengths of a petal), circles of
#       petals, tip, size of the centre, kind of centre, with a lip like a face or without
BUILDS = {
    'Daisy': ((11, 15, 21), 0.13, 1, 'round', 0.26, 'disc', False),
    'Poppy': ((4, 5, 6), 0.60, 1, 'round', 0.19, 'stamens', False),
    'Lily': ((5, 6, 8), 0.21, 1, 'pointed', 0.10, 'stamens', False),
    'Primrose': ((4, 5, 7), 0.40, 1, 'notched', 0.14, 'eye', False),
    'Orchid': ((5,), 0.30, 1, 'pointed', 0.13, 'eye', True),
    'Dahlia': ((9, 12, 16), 0.20, 3, 'pointed', 0.13, 'disc', False),
    'Anemone': ((6, 8, 11), 0.27, 1, 'round', 0.17, 'stamens', False),
    'Pansy': ((5,), 0.50, 1, 'round', 0.09, 'eye', True),
}


@dataclasses.dataclass(frozen=True)
class FlowerSpecies:
    """One species. Lengths are in lengths of a petal; colours are names in `PALETTE`."""

    name: str
    noun: str
    faced: bool  # upright, with a lip below, and without rotational symmetry
    petals: int  # per circle
    width: float  # half width of a petal
    circles: int
    lip: float  # length of the lowest petal of a faced flower
    tip: str  # one of TIPS
    ground: str
    back: str  # colour of the outermost of several circles, or of a faced flower's upper petals
    pattern: str  # one of PATTERNS
    mark: str
    heart: str  # one of HEARTS
    heart_size: float
    centre: str


def _genus(number: int) -> dict[str, Any]:
    """Returns the fields of `FlowerSpecies` that all species of a genus share."""
    rng = np.random.default_rng([2019, number])
    noun = list(BUILDS)[number % len(BUILDS)]
    _, width, circles, tip, heart_size, heart, faced = BUILDS[noun]
    return {
        'noun': noun,
        'faced': faced,
        'circles': circles,
        'tip': tip,
        'heart': heart,
        'width': round(width * float(np.exp(rng.normal(0, 0.05))), 4),
        'heart_size': round(heart_size * float(np.exp(rng.normal(0, 0.05))), 4),
        'ground': str(rng.choice(GROUNDS)),
    }


def _candidate(rng: Generator, number: int) -> FlowerSpecies:
    """Returns a random species, without a name, of the genus that this number belongs to."""
    fields = _genus(number // SPECIES_PER_GENUS)
    fields['petals'] = int(rng.choice(BUILDS[fields['noun']][0]))
    fields['width'] = round(fields['width'] * float(rng.choice((0.8, 1.0, 1.25))), 4)
    fields['heart_size'] = round(fields['heart_size'] * float(rng.choice((0.75, 1.0, 1.45))), 4)
    fields['lip'] = float(rng.choice((0.85, 1.1, 1.4)))
    if rng.random() < 0.55:
        fields['tip'] = str(rng.choice(TIPS))
    if rng.random() < 0.3:
        fields['heart'] = str(rng.choice(HEARTS))
    if rng.random() < 0.3:
        fields['circles'] = int(rng.choice((1, 2, 3)))
    if rng.random() < 0.12:
        fields['ground'] = str(rng.choice(GROUNDS))
    ground = fields['ground']
    two = fields['faced'] or fields['circles'] > 1
    fields['back'] = other_colour(rng, GROUNDS, ground) if two and rng.random() < 0.35 else ground
    fields['pattern'] = str(rng.choice(PATTERNS))
    fields['mark'] = other_colour(rng, MARKS, ground)
    fields['centre'] = other_colour(rng, CENTRES, ground)
    return FlowerSpecies(name='', **fields)


_looks = functools.partial(
    differences,
    palette=PALETTE,
    colours={'ground': 1.0, 'back': 0.5, 'centre': 0.6},
    kinds={'pattern': 1.0, 'tip': 0.7, 'heart': 0.6, 'circles': 0.6, 'faced': 1.0},
    sizes={'petals': 1.5, 'width': 1.2, 'heart_size': 0.8},
)


def distance(first: FlowerSpecies, second: FlowerSpecies) -> float:
    """Returns the visual difference of two species: about 1 per clearly visible marking."""
    total = _looks(first, second)
    if first.faced and second.faced:
        total += 1.2 * abs(np.log(first.lip / second.lip))
    if first.pattern == second.pattern != 'plain':
        total += differences(first, second, PALETTE, {'mark': 0.7}, {}, {})
    return total


def _name(one: FlowerSpecies, number: int, taken: set[str]) -> str:
    words = []
    if one.pattern != 'plain':
        words += [one.pattern.title(), f'{one.mark}-{one.pattern}']
    if one.tip != BUILDS[one.noun][3]:
        words.append(f'{one.tip.title()}-petalled')
    if one.circles != BUILDS[one.noun][2]:
        words.append(('Single', 'Double', 'Manifold')[one.circles - 1])
    if one.back != one.ground:
        words.append(f'{one.back}-backed')
    if one.faced and one.lip > 1.2:
        words.append('Long-lipped')
    words += [one.ground, f'{one.centre}-eyed']
    return common_name(words, one.noun, number, taken)


species = ClassSequence([2019, 6193], _candidate, distance, _name)
