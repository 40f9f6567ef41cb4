"""Cars, aircraft and pots: what tells a class is its build and its parts, and nothing else."""

import dataclasses
import re

import numpy as np
import pytest

from slim.synthetic import aircraft, aircraft_types, car_models, cars, pot_styles, pots
from slim.synthetic.shapes import View
from slim.synthetic.surroundings import apron, hide_a_little, interior, open_sky, street

FAMILIES = {'cars': cars, 'aircraft': aircraft, 'pots': pots}
TABLES = {'cars': car_models, 'aircraft': aircraft_types, 'pots': pot_styles}
# What it takes for a part to be there at all.
NEEDED = {
    'handle': {'handles': 2},
    'place': {'motif': 'diamonds'},
    'engine': {'livery': 'plain', 'engines': 2},
}
PARTS = [
    (family, field, option)
    for family, table in TABLES.items()
    for field, options in table.CHOICES.items()
    for option in dict.fromkeys(options)
]


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


def _pixels(family, species, seed, size=(120, 90)):
    return np.asarray(family.draw(species, np.random.default_rng(seed), *size), dtype=np.float32)


def test_names_are_names_and_unique_over_all_families():
    names = [one.name for family in FAMILIES.values() for one in family.species(range(120))]
    assert len(set(names)) == 360
    assert all(re.fullmatch(r'[A-Za-z0-9]+([ -][A-Za-z0-9]+)+', name) for name in names)


def test_a_genus_shares_its_build_and_others_look_different(family):
    species = family.species(range(24))
    apart = np.array([[family.species.distance(a, b) for b in species] for a in species])
    same = np.arange(24)[:, None] // 4 == np.arange(24) // 4
    others = ~np.eye(24, dtype=bool)
    assert apart[others].min() > 1.5
    assert apart[same & others].mean() < 0.85 * apart[~same].mean()
    for genus in range(0, 24, 4):
        assert len({one.noun for one in species[genus : genus + 4]}) == 1
    assert len({one.noun for one in species}) == 6


def test_every_class_meets_the_same_chance(family):
    # Paint, view, surroundings and what hides a part are drawn from the same numbers for all.
    for seed in range(6):
        states, pictures = [], []
        for species in family.species(range(0, 24, 3)):
            rng = np.random.default_rng(seed)
            pictures.append(np.asarray(family.draw(species, rng, 96, 72), dtype=np.float32))
            states.append(rng.bit_generator.state['state'])
        assert all(state == states[0] for state in states)
        # Away from the thing and its shadow the eight pictures are one.
        assert (np.ptp(pictures, axis=0).max(axis=2) == 0).mean() > 0.2


def test_colour_of_the_thing_does_not_tell_its_class(family):
    # Nearest class mean on the mean colour of the picture's middle, which the thing fills.
    means = np.zeros((12, 12, 3))
    for index in range(12):
        for label, species in enumerate(family.species(range(12))):
            middle = _pixels(family, species, [17, label, index], (64, 48))[12:36, 16:48]
            means[label, index] = middle.mean(axis=(0, 1))
    centres = means[:, :6].mean(axis=1)
    apart = np.linalg.norm(means[:, 6:, None] - centres, axis=-1)
    assert (apart.argmin(axis=-1) == np.arange(12)[:, None]).mean() < 0.3


@pytest.mark.parametrize(('name', 'field', 'option'), PARTS)
def test_every_part_is_seen(name, field, option):
    # A class that differs in one word only is another picture: at least in some views.
    family, table = FAMILIES[name], TABLES[name]
    other = next(one for one in table.CHOICES[field] if one != option)
    species = dataclasses.replace(family.species([8])[0], **NEEDED.get(field, {}))
    times = 0
    for seed in range(20):
        first, second = (
            _pixels(family, dataclasses.replace(species, **{field: word}), seed)
            for word in (option, other)
        )
        times += (np.abs(first - second).max(axis=2) > 24).mean() > 0.001
        if times == 2:
            return
    pytest.fail(f'{field} {option} looks like {other}')


def test_pictures_of_one_class_vary(family):
    species = family.species([4])[0]
    pictures = np.array([_pixels(family, species, seed, (64, 64)) for seed in range(10)])
    assert pictures.mean(axis=(1, 2)).std(axis=0).min() > 10
    assert pictures.std(axis=0).mean() > 25


def test_surroundings_are_whole_pictures_of_any_shape():
    for paint, arguments in ((street, (70,)), (apron, (12,)), (interior, (400,)), (open_sky, ())):
        for size in ((96, 128), (161, 107)):
            for seed in range(8):
                rng = np.random.default_rng(seed)
                scene = hide_a_little(rng, paint(rng, *size, *arguments), ('post', 'box', 'bowl'))
                assert (scene.size, scene.mode) == (size, 'RGB')
                assert 10 < np.asarray(scene).mean() < 250


def test_view_turns_mirrors_and_brings_nearer():
    def view(**changes):
        plain = {'yaw': 0, 'pitch': 0, 'roll': 0, 'facing': 1, 'scale': 10, 'depth': 0}
        return View(**(plain | {'origin': (50, 40)} | changes))

    axes = np.eye(3)
    np.testing.assert_allclose(view()(axes), [[60, 40], [50, 30], [50, 40]], atol=1e-12)
    np.testing.assert_allclose(view(facing=-1)(axes[:2]), [[40, 40], [50, 30]], atol=1e-12)
    np.testing.assert_allclose(view(yaw=90)(axes[2:]), [[60, 40]], atol=1e-12)
    np.testing.assert_allclose(view(pitch=90)(axes[2:]), [[50, 50]], atol=1e-12)
    np.testing.assert_allclose(view(roll=90)(axes[:1]), [[50, 30]], atol=1e-12)
    np.testing.assert_allclose(view(depth=0.5)([[1, 0, 1]]), [[70, 40]], atol=1e-12)
    assert view(yaw=-30).nearness((1, 0, 0)) == pytest.approx(0.5)
    assert view(pitch=30).nearness((0, 1, 0)) == pytest.approx(0.5)
