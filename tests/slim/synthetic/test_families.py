"""What holds for every family of drawings: its classes, their names, and the pictures of them."""

import re

import numpy as np
import pytest
from PIL import Image, ImageDraw

from slim.synthetic.registry import FAMILIES
from slim.synthetic.sequences import Sequence, common_name, differences
from slim.synthetic.shapes import clear_layer, lay_over, patch

CLASSES = 24  # as many as domains take of a family


@pytest.fixture(params=sorted(FAMILIES))
def family(request):
    return FAMILIES[request.param]


def _pixels(family, species, seed, width, height):
    image = family.draw(species, np.random.default_rng(seed), width, height)
    assert (image.size, image.mode) == ((width, height), 'RGB')
    return np.asarray(image, dtype=np.float32)


def test_names_are_unique_and_plain(family):
    names = [one.name for one in family.species(range(120))]
    assert len(set(names)) == 120
    # They name folders.
    assert all(re.fullmatch(r"[A-Za-z]+([ '-][A-Za-z]+)+", name) for name in names[:CLASSES])


def test_a_class_does_not_depend_on_which_others_are_asked_for(family):
    many, species = family.species(range(20)), family.species
    anew = Sequence(species.seed, species.candidate, species.distance, species.name)
    assert anew(range(7, 9)) == many[7:9]
    assert anew(range(0)) == []


def test_classes_stand_apart(family):
    distance, classes = family.species.distance, family.species(range(CLASSES))
    apart = np.array([[distance(one, other) for other in classes] for one in classes])
    assert np.allclose(apart, apart.T)
    assert np.allclose(np.diag(apart), 0)
    assert apart[~np.eye(CLASSES, dtype=bool)].min() > 0.5


def test_siblings_come_in_genera_of_four(family):
    distance, classes = family.species.distance, family.species(range(CLASSES))
    apart = np.array([[distance(one, other) for other in classes] for one in classes])
    genus = np.arange(CLASSES) // 4
    same = genus[:, None] == genus[None, :]
    within = apart[same & ~np.eye(CLASSES, dtype=bool)]
    assert within.mean() < 0.85 * apart[~same].mean()


def test_pictures_show_the_class_and_not_only_the_scene(family):
    # The same chance, another class: about the subject, and only there, the picture changes. Some
    # seeds draw something before it, so that the median of several is what is asked for.
    first, second = family.species(range(2))
    changed = []
    for seed in range(5):
        pixels = [_pixels(family, one, seed, 160, 120) for one in (first, first, second)]
        assert np.array_equal(pixels[0], pixels[1])
        changed.append((np.abs(pixels[0] - pixels[2]).max(axis=2) > 40).mean())
    assert 0.01 < np.median(changed) < 0.6


def test_every_class_draws_in_frames_of_any_shape(family):
    for number, one in enumerate(family.species(range(2 * CLASSES))):
        width, height = ((160, 107), (107, 160), (240, 240))[number % 3]
        pixels = _pixels(family, one, number, width, height)
        assert pixels.std(axis=(0, 1)).mean() > 8  # there is something in it


def test_individuals_differ(family):
    one = family.species(range(1))[0]
    pictures = {_pixels(family, one, seed, 64, 48).tobytes() for seed in range(6)}
    assert len(pictures) == 6


def test_mean_colour_does_not_tell_the_class(family):
    # Nearest class mean on the mean colour: 12 classes, chance is 1 in 12.
    means = np.zeros((12, 10, 3))
    for label, species in enumerate(family.species(range(12))):
        for index in range(10):
            pixels = _pixels(family, species, [11, label, index], 96, 96)
            means[label, index] = pixels.mean(axis=(0, 1))
    centres = means[:, :6].mean(axis=1)
    apart = np.linalg.norm(means[:, 6:, None] - centres, axis=-1)
    accuracy = (apart.argmin(axis=-1) == np.arange(12)[:, None]).mean()
    assert accuracy < 0.4


def test_differences_weigh_colours_kinds_and_sizes():
    family = FAMILIES['leaves']
    one, other = family.species(range(2))
    palette = {one.mark: (0, 0, 0), other.mark: (0, 90, 0)}
    assert differences(one, one, palette, {'mark': 1}, {'noun': 1}, {'width': 1}) == 0
    expected = 0.6 + 0.5 * (one.pattern != other.pattern) + abs(np.log(one.width / other.width))
    got = differences(one, other, palette, {'mark': 1}, {'pattern': 0.5}, {'width': 1})
    assert got == pytest.approx(expected if one.mark != other.mark else expected - 0.6)


def test_common_name_takes_the_first_that_is_free():
    words = ['Spotted', 'Azure']
    assert common_name(words, 'Daisy', 0, set()) == 'Spotted Daisy'
    assert common_name(words, 'Daisy', 1, set()) == 'Azure Daisy'
    taken = {'Spotted Daisy', 'Azure Daisy'}
    assert common_name(words, 'Daisy', 0, taken) == 'Spotted Azure Daisy'
    taken |= {'Spotted Azure Daisy', 'Azure Spotted Daisy'}
    with pytest.raises(ValueError, match='every name of a Daisy that is Spotted, Azure is taken'):
        common_name(words, 'Daisy', 0, taken)


def test_edges_of_a_layer_are_between_it_and_the_scene():
    layer = clear_layer((8, 8))
    ImageDraw.Draw(layer).rectangle((3, 0, 8, 8), fill=(200, 100, 50))
    scene = lay_over(Image.new('RGB', (4, 4), (100, 100, 100)), layer)
    expected = [(100, 100, 100), (150, 100, 75), (200, 100, 50), (200, 100, 50)]
    assert np.abs(np.asarray(scene, dtype=int) - expected).max() <= 1


def test_patch_goes_round_its_rectangle():
    around = patch(0, 2, -1, 1, steps=4)
    assert around.shape == (16, 2)
    assert np.array_equal(around[::4], [[0, -1], [2, -1], [2, 1], [0, 1]])
    assert np.allclose(np.abs(np.diff(around, axis=0)).sum(axis=1), 0.5)
