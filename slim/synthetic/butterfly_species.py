"""The species of butterflies: their parameters and names.

Four species form a genus, which shares the outline of the wings and mostly their ground colour. The
species of a genus differ in bands, borders, spots, eye-spots, veins and tails.
"""

import dataclasses
import functools
from typing import Any

import numpy as np
from numpy.random import Generator

from slim.synthetic.sequences import ClassSequence, common_name, differences, other_colour

SPECIES_PER_GENUS = 4

PALETTE = {
    'White': (238, 236, 224),
    'Cream': (234, 218, 168),
    'Sulphur': (232, 212, 76),
    'Orange': (226, 136, 52),
    'Tawny': (188, 122, 62),
    'Scarlet': (196, 58, 44),
    'Chestnut': (122, 68, 44),
    'Brown': (108, 86, 66),
    'Azure': (102, 152, 214),
    'Violet': (112, 88, 158),
    'Emerald': (70, 140, 106),
    'Ashy': (158, 158, 156),
    'Sooty': (46, 40, 40),
}
GROUNDS = ('White', 'Sulphur', 'Orange', 'Tawny', 'Brown', 'Azure', 'Violet', 'Emerald', 'Ashy')
BORDERS = ('Sooty', 'Chestnut', 'Brown')
BANDS = ('White', 'Sulphur', 'Orange', 'Scarlet', 'Sooty', 'Azure')
SPOTS = ('Sooty', 'White', 'Orange', 'Chestnut')
TIPS = ('Orange', 'Scarlet', 'Sooty', 'White', 'Violet')
BAND_KINDS = ('none', 'straight', 'slanting', 'rayed')
SPOT_KINDS = ('plain', 'spotted', 'chequered', 'beaded')
EYE_KINDS = ('none', 'apical', 'hind', 'four', 'row')

# noun: length of the forewing, distance of its rear corner, convexity of its margin (negative if
#       concave), length of the hindwing, convexity of its margin, scallops, tail
BUILDS = {
    'Fritillary': (0.98, 0.66, 0.05, 0.66, 0.10, 0.035, 0.0),
    'Swallowtail': (1.05, 0.60, 0.00, 0.68, 0.04, 0.030, 0.34),
    'Ringlet': (0.86, 0.74, 0.12, 0.70, 0.14, 0.0, 0.0),
    'Emperor': (1.02, 0.66, -0.12, 0.72, 0.06, 0.045, 0.0),
    'Hairstreak': (0.86, 0.66, 0.04, 0.66, 0.02, 0.0, 0.16),
    'Longwing': (1.18, 0.46, 0.08, 0.56, 0.08, 0.0, 0.0),
    'Brimstone': (0.96, 0.70, -0.06, 0.72, 0.02, 0.0, 0.07),
    'Skipper': (0.84, 0.58, 0.02, 0.54, 0.12, 0.0, 0.0),
}


@dataclasses.dataclass(frozen=True)
class ButterflySpecies:
    """One species. A typical forewing has length 1; colours are names in `PALETTE`."""

    name: str
    noun: str
    fore: float  # length of the forewing
    rear: float  # length of its margin towards the hindwing, in lengths of the forewing
    bulge: float  # convexity of its margin, concave if negative
    hind: float  # length of the hindwing
    hind_bulge: float  # convexity of its margin
    scallops: float  # depth; zero for none
    tail: float  # zero for none
    ground: str
    hind_ground: str
    border: str
    border_width: float  # in lengths of the wing; hardly visible below 0.05
    border_spots: bool
    bands: str  # one of BAND_KINDS
    band: str
    spots: str  # one of SPOT_KINDS
    spot: str
    eyes: str  # one of EYE_KINDS
    tip: str  # the ground colour for none
    dark_veins: bool
    dark_base: bool


def _genus(number: int) -> dict[str, Any]:
    """Returns the fields of `ButterflySpecies` that all species of a genus share."""
    rng = np.random.default_rng([2020, number])
    noun = list(BUILDS)[number % len(BUILDS)]
    fore, rear, bulge, hind, hind_bulge, scallops, tail = BUILDS[noun]
    fore, rear, hind = np.array([fore, rear, hind]) * np.exp(rng.normal(0, 0.04, size=3))
    return {
        'noun': noun,
        'fore': round(float(fore), 4),
        'rear': round(float(rear), 4),
        'bulge': bulge,
        'hind': round(float(hind), 4),
        'hind_bulge': hind_bulge,
        'scallops': scallops,
        'tail': tail,
        'ground': str(rng.choice(GROUNDS)),
        'border': str(rng.choice(BORDERS)),
    }


def _candidate(rng: Generator, number: int) -> ButterflySpecies:
    """Returns a random species, without a name, of the genus that this number belongs to."""
    fields = _genus(number // SPECIES_PER_GENUS)
    fields['rear'] = round(fields['rear'] * float(rng.choice((0.85, 1.0, 1.15))), 4)
    fields['hind'] = round(fields['hind'] * float(rng.choice((0.85, 1.0, 1.15))), 4)
    fields['bulge'] = round(fields['bulge'] + float(rng.choice((-0.07, 0.0, 0.07))), 4)
    fields['tail'] = round(fields['tail'] * float(rng.choice((0.5, 1.0, 1.4))), 4)
    if rng.random() < 0.25:
        fields['scallops'] = float(rng.choice((0.0, 0.05)))
    if rng.random() < 0.12:
        fields['ground'] = str(rng.choice(GROUNDS))
    ground = fields['ground']
    fields['hind_ground'] = str(rng.choice(GROUNDS)) if rng.random() < 0.25 else ground
    fields['border_width'] = float(rng.choice((0.04, 0.1, 0.2)))
    fields['border_spots'] = fields['border_width'] > 0.05 and bool(rng.random() < 0.5)
    fields['bands'] = str(rng.choice(BAND_KINDS))
    fields['band'] = other_colour(rng, BANDS, ground)
    fields['spots'] = str(rng.choice(SPOT_KINDS))
    fields['spot'] = other_colour(rng, SPOTS, ground)
    fields['eyes'] = str(rng.choice(EYE_KINDS, p=(0.36, 0.16, 0.16, 0.16, 0.16)))
    fields['tip'] = str(rng.choice(TIPS)) if rng.random() < 0.3 else ground
    fields['dark_veins'] = bool(rng.random() < 0.35)
    fields['dark_base'] = bool(rng.random() < 0.35)
    return ButterflySpecies(name='', **fields)


_looks = functools.partial(
    differences,
    palette=PALETTE,
    colours={'ground': 0.8, 'hind_ground': 0.8, 'tip': 0.7, 'border': 0.3},
    kinds={
        'bands': 1.0,
        'spots': 0.8,
        'eyes': 0.9,
        'border_spots': 0.4,
        'dark_veins': 0.5,
        'dark_base': 0.3,
    },
    sizes={'border_width': 0.5, 'rear': 1.2, 'hind': 1.2, 'fore': 1.5},
)


def distance(first: ButterflySpecies, second: ButterflySpecies) -> float:
    """Returns the visual difference of two species: about 1 per clearly visible marking."""
    total = _looks(first, second)
    total += 2 * abs(first.bulge - second.bulge) + 2 * abs(first.tail - second.tail)
    total += 0.4 * ((first.scallops > 0) != (second.scallops > 0))
    if first.bands == second.bands != 'none':
        total += differences(first, second, PALETTE, {'band': 0.7}, {}, {})
    if first.spots == second.spots != 'plain':
        total += differences(first, second, PALETTE, {'spot': 0.5}, {}, {})
    return total


def _name(one: ButterflySpecies, number: int, taken: set[str]) -> str:
    words = []
    if one.tip != one.ground:
        words.append(f'{one.tip}-tipped')
    if one.bands != 'none':
        kind = {'straight': 'banded', 'slanting': 'sashed', 'rayed': 'rayed'}[one.bands]
        words.append(f'{one.band}-{kind}')
    if one.spots != 'plain':
        words.append(one.spots.title())
    if one.eyes != 'none':
        kinds = {'apical': 'One-eyed', 'hind': 'Hind-eyed', 'four': 'Four-eyed', 'row': 'Peacock'}
        words.append(kinds[one.eyes])
    if one.border_width > 0.15:
        words.append('Broad-bordered')
    if one.border_spots:
        words.append('Pearl-bordered')
    if one.dark_veins:
        words.append('Dark-veined')
    if one.hind_ground != one.ground:
        words.append(f'{one.hind_ground}-hinded')
    words.append(one.ground)
    return common_name(words, one.noun, number, taken)


species = ClassSequence([2020, 6193], _candidate, distance, _name)
