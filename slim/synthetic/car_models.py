"""The models of cars: their parameters and names.

Four models form a genus, which shares its maker and the shape of its body. The models of a genus
differ in windows, wheels, lamps, grille, stripes and roof. The colours of the paint are random.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.random import Generator

from slim.synthetic.sequences import ClassSequence, common_name, differences, jittered_sizes

MODELS_PER_GENUS = 4

MAKERS = [
    'Corvano', 'Halmere', 'Tarnley', 'Ostrevo', 'Brenwick', 'Lumaro', 'Quendal', 'Sarvik',
    'Pelorin', 'Drayholm', 'Vintara', 'Mossfeld', 'Ebbing', 'Karsova', 'Wendrell',
]  # fmt: skip

# Lengths are in lengths of the car; x points ahead from its middle, y up from the ground.
# noun: foot of the windscreen, front and rear end of the roof, foot of the rear window (x);
#       roof, waist, nose, tail (y); possible numbers of side windows
BODIES = {
    'Saloon': ((0.21, 0.06, -0.19, -0.34, 0.335, 0.22, 0.185, 0.225), (2, 3)),
    'Van': ((0.37, 0.25, -0.48, -0.497, 0.44, 0.235, 0.19, 0.235), (1, 2, 4)),
    'Hatchback': ((0.24, 0.09, -0.32, -0.46, 0.365, 0.225, 0.18, 0.225), (1, 2, 3)),
    'Estate': ((0.22, 0.07, -0.41, -0.49, 0.34, 0.22, 0.185, 0.22), (2, 3, 4)),
    'Pickup': ((0.21, 0.10, -0.07, -0.10, 0.385, 0.245, 0.215, 0.235), (1, 2)),
    'Coupe': ((0.17, 0.02, -0.19, -0.42, 0.295, 0.205, 0.165, 0.21), (1, 2)),
    'Offroader': ((0.22, 0.15, -0.46, -0.49, 0.42, 0.26, 0.235, 0.26), (2, 3)),
    'Minicar': ((0.31, 0.14, -0.34, -0.48, 0.43, 0.26, 0.20, 0.26), (1, 2)),
}
CHOICES = {
    'wheel': ('five-spoke', 'disc', 'many-spoke', 'cross', 'holed'),
    'front_lamp': ('round', 'square', 'twin', 'slit'),
    'grille': ('bars', 'slats', 'small', 'full', 'none'),
    'rear_lamp': ('upright', 'wide', 'round'),
    'stripe': ('none', 'sill', 'belt', 'pair', 'sash', 'two-tone'),
    'roof_kit': ('plain', 'rails', 'dark', 'rack', 'spoiler'),
    'trim': ('plain', 'clad', 'bright'),
}


@dataclasses.dataclass(frozen=True)
class CarModel:
    """One model. Lengths are in lengths of the car; strings are options of `CHOICES`."""

    name: str
    maker: str
    noun: str
    screen: float  # junction of windscreen and bonnet, ahead of the middle
    roof_front: float
    roof_rear: float
    rear_window: float  # junction of rear window and tail
    roof: float  # this and the next three: heights above the ground
    waist: float
    nose: float
    tail: float
    wheel_radius: float
    windows: int  # per side
    wheel: str
    front_lamp: str
    grille: str
    rear_lamp: str
    stripe: str
    roof_kit: str
    trim: str


def _genus(number: int) -> dict[str, Any]:
    """Returns the fields of `CarModel` that all models of a genus share."""
    rng = np.random.default_rng([1908, number])
    noun = list(BODIES)[number % len(BODIES)]
    fields = ('screen', 'roof_front', 'roof_rear', 'rear_window', 'roof', 'waist', 'nose', 'tail')
    sizes = jittered_sizes(rng, fields, BODIES[noun][0], 0.02)
    return {'maker': MAKERS[number % len(MAKERS)], 'noun': noun, **sizes}


def _candidate(rng: Generator, number: int) -> CarModel:
    """Returns a random model, without a name, of the genus that this number belongs to."""
    fields = _genus(number // MODELS_PER_GENUS)
    fields['roof'] = round(fields['roof'] * float(rng.choice((0.95, 1.0, 1.06))), 4)
    fields['wheel_radius'] = float(rng.choice((0.062, 0.07, 0.079)))
    fields['windows'] = int(rng.choice(BODIES[fields['noun']][1]))
    for field, options in CHOICES.items():
        fields[field] = str(rng.choice(options))
    return CarModel(name='', **fields)


def distance(first: CarModel, second: CarModel) -> float:
    """Returns the visual difference of two models: about 1 per clearly visible difference."""
    kinds = {'windows': 0.8, 'wheel': 0.8, 'front_lamp': 0.5, 'grille': 0.5}
    kinds |= {'rear_lamp': 0.4, 'stripe': 1.2, 'roof_kit': 0.9, 'trim': 0.7}
    total = differences(first, second, {}, {}, kinds, {})
    for field in ('screen', 'roof_front', 'roof_rear', 'rear_window', 'roof', 'waist'):
        total += 6 * abs(getattr(first, field) - getattr(second, field))
    return total + 20 * abs(first.wheel_radius - second.wheel_radius)


def _descriptions(model: CarModel) -> Iterator[str]:
    """Yields words that describe a model, the most striking first."""
    stripes = {'sill': 'Sill-line', 'belt': 'Belt-line', 'pair': 'Twin-stripe'}
    stripes |= {'sash': 'Sash', 'two-tone': 'Two-tone'}
    if model.stripe != 'none':
        yield stripes[model.stripe]
    if model.roof_kit != 'plain':
        kit = {'rails': 'Rail', 'dark': 'Dark-roof', 'rack': 'Rack', 'spoiler': 'Spoiler'}
        yield kit[model.roof_kit]
    if model.trim != 'plain':
        yield {'clad': 'Clad', 'bright': 'Bright'}[model.trim]
    yield f'{model.front_lamp.title()}-lamp'
    yield model.wheel.capitalize()
    yield f'{model.windows * 2}-light'


def _name(model: CarModel, number: int, taken: set[str]) -> str:
    words = list(_descriptions(model))
    return common_name(words, model.noun, number, taken, turns=3, before=(model.maker,))


species = ClassSequence([1908, 1806], _candidate, distance, _name)
