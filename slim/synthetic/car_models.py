"""Which cars there are: the parameters that make a model, and its name.

Models come in one endless sequence, four to a genus. A genus shares its maker and its build; its
models differ in what is fitted: windows, wheels, lamps, grille, stripes, roof. Paint is chance.
"""

import dataclasses

import numpy as np

from slim.synthetic.sequences import Sequence, common_name

MODELS_PER_GENUS = 4

MAKERS = ('Corvano', 'Halmere', 'Tarnley', 'Ostrevo', 'Brenwick', 'Lumaro', 'Quendal', 'Sarvik')
MAKERS += ('Pelorin', 'Drayholm', 'Vintara', 'Mossfeld', 'Ebbing', 'Karsova', 'Wendrell')

# Lengths in lengths of the car, x ahead from its middle, y up from the ground.
# noun: foot of the windscreen, front and rear end of the roof, foot of the rear window (x);
#       roof, waist, nose, tail (y); how many side windows there may be
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
    """One model. Lengths are in lengths of the car; words are of `CHOICES`."""

    name: str
    maker: str
    noun: str
    screen: float  # where the windscreen meets the bonnet, ahead of the middle
    roof_front: float
    roof_rear: float
    rear_window: float  # where the rear window meets the tail
    roof: float  # heights above the ground
    waist: float
    nose: float
    tail: float
    wheel_radius: float
    windows: int  # on each side
    wheel: str
    front_lamp: str
    grille: str
    rear_lamp: str
    stripe: str
    roof_kit: str
    trim: str


def _genus(number):
    """What the models of a genus have in common, as fields of `CarModel`."""
    rng = np.random.default_rng([1908, number])
    noun = list(BODIES)[number % len(BODIES)]
    shape, _ = BODIES[noun]
    fields = ('screen', 'roof_front', 'roof_rear', 'rear_window', 'roof', 'waist', 'nose', 'tail')
    shape = np.asarray(shape) * np.exp(rng.normal(0, 0.02, size=8))
    common = {field: round(float(value), 4) for field, value in zip(fields, shape, strict=True)}
    return {'maker': MAKERS[number % len(MAKERS)], 'noun': noun, **common}


def _candidate(rng, number):
    """A chance model of the genus that the number falls in, without a name yet."""
    fields = _genus(number // MODELS_PER_GENUS)
    fields['roof'] = round(fields['roof'] * float(rng.choice((0.95, 1.0, 1.06))), 4)
    fields['wheel_radius'] = float(rng.choice((0.062, 0.07, 0.079)))
    fields['windows'] = int(rng.choice(BODIES[fields['noun']][1]))
    for field, options in CHOICES.items():
        fields[field] = str(rng.choice(options))
    return CarModel(name='', **fields)


def distance(first, second):
    """How different two models look: about 1 for each plain difference."""
    total = 0.0
    weights = (('windows', 0.8), ('wheel', 0.8), ('front_lamp', 0.5), ('grille', 0.5))
    weights += (('rear_lamp', 0.4), ('stripe', 1.2), ('roof_kit', 0.9), ('trim', 0.7))
    for field, weight in weights:
        total += weight * (getattr(first, field) != getattr(second, field))
    for field in ('screen', 'roof_front', 'roof_rear', 'rear_window', 'roof', 'waist'):
        total += 6 * abs(getattr(first, field) - getattr(second, field))
    return total + 20 * abs(first.wheel_radius - second.wheel_radius)


def _descriptions(model):
    """What one would call a model by, the most striking first."""
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
    yield f'{model.wheel.capitalize()}'
    yield f'{model.windows * 2}-light'


def _name(model, number, taken):
    words = list(_descriptions(model))
    return common_name(words, model.noun, number, taken, turns=3, before=(model.maker,))


species = Sequence([1908, 1806], _candidate, distance, _name)
