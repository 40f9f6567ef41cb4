"""The species of leaves: their parameters and names.

Four species form a genus, which shares the build of its leaves and mostly their colour. The
species of a genus differ in lobes, margin, proportions, veins and in the pattern on the blade.
"""

import dataclasses
import functools
from typing import Any

import numpy as np
from numpy.random import Generator

from slim.synthetic.sequences import ClassSequence, common_name, differences, other_colour

SPECIES_PER_GENUS = 4

PALETTE = {
    'Green': (92, 138, 62),
    'Dark': (54, 94, 52),
    'Golden': (196, 182, 64),
    'Silver': (156, 172, 150),
    'Copper': (158, 92, 58),
    'Purple': (104, 58, 82),
    'Scarlet': (182, 64, 46),
    'Cream': (230, 224, 172),
    'Rosy': (206, 122, 130),
    'Brown': (106, 72, 50),
}
GROUNDS = ('Green', 'Green', 'Dark', 'Dark', 'Golden', 'Silver', 'Copper', 'Purple', 'Scarlet')
MARKS = ('Cream', 'Golden', 'Silver', 'Purple', 'Rosy', 'Brown')
STALKS = ('Green', 'Scarlet', 'Cream', 'Brown')
MARGINS = ('entire', 'scalloped', 'toothed', 'spiny')
ENDS = ('pointed', 'blunt', 'tailed')
PATTERNS = ('plain', 'edged', 'spotted', 'striped', 'veined', 'zoned', 'flushed')

# noun: layout, half width (in lengths of the blade), position of the largest width, possible
#       numbers of lobes, depth of the lobes, margin, end, possible numbers of leaflets
BUILDS = {
    'Maple': ('palmate', 0.5, 0.5, (5, 5, 7), 0.60, 'toothed', 'pointed', (1,)),
    'Oak': ('feathered', 0.34, 0.58, (4, 5, 7), 0.55, 'entire', 'blunt', (1,)),
    'Beech': ('feathered', 0.34, 0.45, (0,), 0.0, 'scalloped', 'pointed', (1,)),
    'Ash': ('compound', 0.26, 0.42, (0,), 0.0, 'toothed', 'pointed', (5, 7, 9)),
    'Ivy': ('palmate', 0.5, 0.5, (3, 5, 5), 0.40, 'entire', 'pointed', (1,)),
    'Willow': ('feathered', 0.15, 0.42, (0,), 0.0, 'toothed', 'tailed', (1,)),
    'Clover': ('trefoil', 0.40, 0.62, (0,), 0.0, 'entire', 'blunt', (3, 4, 5)),
    'Holly': ('feathered', 0.27, 0.50, (0, 3, 4), 0.30, 'spiny', 'pointed', (1,)),
}


@dataclasses.dataclass(frozen=True)
class LeafSpecies:
    """One species. Lengths are in lengths of a blade; colours are names in `PALETTE`."""

    name: str
    noun: str
    layout: str  # palmate, feathered, compound (leaflets along a stalk), trefoil (from one point)
    leaflets: int  # 1 unless compound or a trefoil
    width: float  # half width of a blade
    widest: float  # position of the largest width, 0 (foot) to 1 (tip); unused if palmate
    lobes: int  # total of a palmate blade, otherwise per side; zero for none
    depth: float  # depth of the lobes, 0 to 1
    margin: str  # one of MARGINS
    end: str  # one of ENDS
    veins: int  # per side, if there are no lobes
    pale_veins: bool
    ground: str
    pattern: str  # one of PATTERNS
    mark: str
    stalk: str


def _genus(number: int) -> dict[str, Any]:
    """Returns the fields of `LeafSpecies` that all species of a genus share."""
    rng = np.random.default_rng([2021, number])
    noun = list(BUILDS)[number % len(BUILDS)]
    layout, width, widest, _, depth, margin, end, _ = BUILDS[noun]
    return {
        'noun': noun,
        'layout': layout,
        'width': round(width * float(np.exp(rng.normal(0, 0.05))), 4),
        'widest': widest,
        'depth': depth,
        'margin': margin,
        'end': end,
        'ground': str(rng.choice(GROUNDS)),
    }


def _candidate(rng: Generator, number: int) -> LeafSpecies:
    """Returns a random species, without a name, of the genus that this number belongs to."""
    fields = _genus(number // SPECIES_PER_GENUS)
    build = BUILDS[fields['noun']]
    fields['lobes'] = int(rng.choice(build[3]))
    fields['leaflets'] = int(rng.choice(build[7]))
    fields['width'] = round(fields['width'] * float(rng.choice((0.72, 1.0, 1.3))), 4)
    if fields['layout'] != 'palmate':
        fields['widest'] = round(fields['widest'] + float(rng.choice((-0.12, 0.0, 0.1))), 4)
    depth = fields['depth'] * float(rng.choice((0.6, 1.0, 1.35)))
    fields['depth'] = round(depth, 4) if fields['lobes'] else 0.0
    if rng.random() < 0.55:
        fields['margin'] = str(rng.choice(MARGINS))
    if rng.random() < 0.4:
        fields['end'] = str(rng.choice(ENDS))
    if rng.random() < 0.12:
        fields['ground'] = str(rng.choice(GROUNDS))
    fields['veins'] = int(rng.choice((4, 6, 9)))
    fields['pale_veins'] = bool(rng.random() < 0.6)
    fields['pattern'] = str(rng.choice(PATTERNS))
    fields['mark'] = other_colour(rng, MARKS, fields['ground'])
    fields['stalk'] = str(rng.choice(STALKS))
    return LeafSpecies(name='', **fields)


_looks = functools.partial(
    differences,
    palette=PALETTE,
    colours={'ground': 1.0, 'stalk': 0.3},
    kinds={
        'layout': 1.0,
        'pattern': 1.0,
        'margin': 0.7,
        'end': 0.5,
        'lobes': 0.5,
        'leaflets': 0.5,
        'veins': 0.2,
        'pale_veins': 0.3,
    },
    sizes={'width': 1.5},
)


def distance(first: LeafSpecies, second: LeafSpecies) -> float:
    """Returns the visual difference of two species: about 1 per clearly visible difference."""
    total = _looks(first, second) + 2 * abs(first.widest - second.widest)
    total += 1.2 * abs(first.depth - second.depth)
    if first.pattern == second.pattern != 'plain':
        total += differences(first, second, PALETTE, {'mark': 0.8}, {}, {})
    return total


def _name(one: LeafSpecies, number: int, taken: set[str]) -> str:
    words = []
    if one.pattern != 'plain':
        words += [f'{one.mark}-{one.pattern}', one.pattern.title()]
    if one.margin != BUILDS[one.noun][5]:
        words.append(one.margin.title())
    if one.end != BUILDS[one.noun][6]:
        words.append(f'{one.end.title()}-leaved')
    if one.width < 0.8 * BUILDS[one.noun][1]:
        words.append('Narrow-leaved')
    if one.width > 1.2 * BUILDS[one.noun][1]:
        words.append('Broad-leaved')
    if one.stalk != 'Green':
        words.append(f'{one.stalk}-stalked')
    words.append(one.ground)
    return common_name(words, one.noun, number, taken)


species = ClassSequence([2021, 6193], _candidate, distance, _name)
