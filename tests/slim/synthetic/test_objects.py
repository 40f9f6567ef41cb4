"""Cars, aircraft and pots: classes differ in their shape and their parts, and nothing else."""

import dataclasses
import re

import numpy as np
import pytest

from slim.synthetic import aircraft, aircraft_types, car_models, cars, pot_styles, pots
from slim.synthetic.shapes import View
from slim.synthetic.surroundings import apron, interior, occlude, open_sky, street

FAMILIES = {'cars': cars, 'aircraft': aircraft, 'pots': pots}
TABLES = {'cars': car_models, 'aircraft': aircraft_types, 'pots': pot_styles}
# Fields without which a part would not exist.
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
    return np.asarray(family.render(species, np.random.default_rng(seed), *size), dtype=np.float32)


def test_names_are_plain_and_unique_over_all_families():
    names = [one.name for family in FAMILIES.values() for one in family.species(range(120))]
    assert len(set(names)) == 360
    assert all(re.fullmatch(r'[A-Za-z0-9]+([ -][A-Za-z0-9]+)+', name) for name in names)


def test_genus_shares_its_noun_and_other_genera_look_different(family):
    species = family.species(range(24))
    distances = np.array([[family.species.distance(a, b) for b in species] for a in species])
    same = np.arange(24)[:, None] // 4 == np.arange(24) // 4
    others = ~np.eye(24, dtype=bool)
    assert distances[others].min() > 1.5
    assert distances[same & others].mean() < 0.85 * distances[~same].mean()
    for genus in range(0, 24, 4):
        assert len({one.noun for one in species[genus : genus + 4]}) == 1
    assert len({one.noun for one in species}) == 6


def test_random_numbers_do_not_depend_on_the_class(family):
    # Colours, view, surroundings and occlusion are sampled from the same numbers for all classes.
    for seed in range(6):
        states, images = [], []
        for species in family.species(range(0, 24, 3)):
            rng = np.random.default_rng(seed)
            images.append(np.asarray(family.render(species, rng, 96, 72), dtype=np.float32))
            states.append(rng.bit_generator.state['state'])
        assert all(state == states[0] for state in states)
        # Away from the object and its shadow the eight images are equal.
        assert (np.ptp(images, axis=0).max(axis=2) == 0).mean() > 0.2


def test_colour_of_the_object_does_not_reveal_its_class(family):
    # Nearest class mean on the mean colour of the centre of the image, which the object fills.
    means = np.zeros((12, 12, 3))
    for index in range(12):
        for label, species in enumerate(family.species(range(12))):
            middle = _pixels(family, species, [17, label, index], (64, 48))[12:36, 16:48]
            means[label, index] = middle.mean(axis=(0, 1))
    centres = means[:, :6].mean(axis=1)
    distances = np.linalg.norm(means[:, 6:, None] - centres, axis=-1)
    assert (distances.argmin(axis=-1) == np.arange(12)[:, None]).mean() < 0.3


@pytest.mark.parametrize(('name', 'field', 'option'), PARTS)
def test_every_part_is_visible(name, field, option):
    # A class that differs in a single option gives another image, at least in some views.
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


def test_images_of_one_class_vary(family):
    species = family.species([4])[0]
    images = np.array([_pixels(family, species, seed, (64, 64)) for seed in range(10)])
    assert images.mean(axis=(1, 2)).std(axis=0).min() > 10
    assert images.std(axis=0).mean() > 25


def test_surroundings_render_at_any_aspect_ratio():
    for render, arguments in ((street, (70,)), (apron, (12,)), (interior, (400,)), (open_sky, ())):
        for size in ((96, 128), (161, 107)):
            for seed in range(8):
                rng = np.random.default_rng(seed)
                scene = occlude(rng, render(rng, *size, *arguments), ('post', 'box', 'bowl'))
                assert (scene.size, scene.mode) == (size, 'RGB')
                assert 10 < np.asarray(scene).mean() < 250


def test_view_rotates_mirrors_and_has_perspective():
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
