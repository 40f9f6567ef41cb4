"""The table of domains, the species behind it, and the photographs themselves."""

import dataclasses
import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from slim.synthetic import DOMAINS, bird_species, birds
from slim.synthetic.photograph import frame_size, take_photograph
from slim.synthetic.registry import FAMILIES, find_domain
from slim.synthetic.sequences import Sequence


def _photograph(species, seed, noise_seed=None):
    rng = np.random.default_rng(seed)
    scene = birds.draw(species, rng, *frame_size(rng))
    return take_photograph(scene, rng if noise_seed is None else np.random.default_rng(noise_seed))


def _counts(domain, split):
    return [one.counts[split] for one in domain.classes()]


def _species(name):
    return [one.species for one in DOMAINS[name].classes()]


def test_demo_is_the_size_the_demonstration_is_timed_for():
    demo, source = DOMAINS['demo'], DOMAINS['demo_source']
    train = _counts(demo, 'train')
    assert (len(train), sum(train), max(train), min(train)) == (12, 900, 100, 50)
    assert _counts(demo, 'val') == [40] * 12
    assert _counts(source, 'train') == [80] * 24
    assert _counts(source, 'val') == [15] * 24


def test_long_tail_is_not_in_the_order_of_labels():
    counts = _counts(DOMAINS['demo'], 'train')
    assert counts not in (sorted(counts), sorted(counts, reverse=True))


def test_every_row_of_the_table_draws():
    for domain in DOMAINS.values():
        classes = domain.classes()
        assert len({one.name for one in classes}) == len(classes) == domain.num_classes
        assert domain.description
        assert {one.family for one in classes} == set(domain.families)
        for one in {one.family: one for one in classes}.values():
            image = FAMILIES[one.family].draw(one.species, np.random.default_rng(0), 120, 90)
            assert (image.size, image.mode) == ((120, 90), 'RGB')


def test_demo_and_its_source_share_no_class():
    demo, source = (_species(name) for name in ('demo', 'demo_source'))
    assert not {one.name for one in demo} & {one.name for one in source}
    nearest = min(bird_species.distance(one, other) for one in demo for other in source)
    assert nearest > 0.5


def test_species_differ_from_one_another_but_little_within_a_genus():
    species = birds.species(range(36))
    apart = np.array([[bird_species.distance(a, b) for b in species] for a in species])
    genus = np.arange(36) // bird_species.SPECIES_PER_GENUS
    others = ~np.eye(36, dtype=bool)
    same = (genus[:, None] == genus[None, :]) & others
    assert apart[others].min() > 0.5
    assert apart[same].mean() < 0.8 * apart[~same & others].mean()


def test_a_species_does_not_depend_on_which_others_are_asked_for():
    many = birds.species(range(20))
    species = birds.species
    anew = Sequence(species.seed, species.candidate, species.distance, species.name)
    assert anew(range(7, 9)) == many[7:9]
    assert anew(range(0)) == []


def test_every_species_is_named_after_its_own_features():
    for one in birds.species(range(120)):
        assert one.name.endswith(one.noun) or ' Isle' in one.name
        if '-capped' in one.name:
            assert f'{one.cap}-capped' in one.name
        if 'Crested' in one.name:
            assert one.crest > 0
    assert len({one.name for one in birds.species(range(120))}) == 120


def test_definition_follows_everything_but_the_description(monkeypatch):
    demo = DOMAINS['demo']
    assert dataclasses.replace(demo, description='other').definition() == demo.definition()
    assert dataclasses.replace(demo, seed=1).definition() != demo.definition()
    assert dataclasses.replace(demo, val_images=39).definition() != demo.definition()
    before = demo.definition()
    monkeypatch.setattr(birds, 'REVISION', birds.REVISION + 1)
    assert demo.definition() != before


def test_unknown_domain_offers_the_nearest():
    with pytest.raises(ValueError, match="no embedded dataset 'demo_sourse'.*demo_source"):
        find_domain('demo_sourse')
    with pytest.raises(ValueError, match='demo, demo_source'):
        find_domain('zzzz')


def test_photographs_are_baseline_rgb_without_exif():
    species = birds.species(range(3))
    for seed in range(9):
        with Image.open(io.BytesIO(_photograph(species[seed % 3], seed))) as image:
            assert (image.format, image.mode) == ('JPEG', 'RGB')
            assert not image.info.get('progressive')
            assert not image.getexif()
            # The first quantisation of luminance is 16 at quality 50, 6 at 80 and 2 at 95.
            assert 2 <= image.quantization[0][0] <= 6


def test_frames_vary_in_size_and_orientation():
    sizes = [frame_size(np.random.default_rng(seed)) for seed in range(200)]
    landscape = sum(width > height for width, height in sizes)
    portrait = sum(width < height for width, height in sizes)
    assert min(landscape, portrait, 200 - landscape - portrait) >= 10
    longest = [max(size) for size in sizes]
    assert min(longest) >= 160
    assert max(longest) <= 320
    assert len(set(longest)) > 60
    assert min(min(size) for size in sizes) >= 100


def test_pictures_show_the_species_and_not_only_the_scene():
    # The same chance, another species: about the bird, and only there, the picture changes.
    first, second = birds.species(range(2))
    plain = [birds.draw(one, np.random.default_rng(5), 240, 180) for one in (first, first, second)]
    pixels = [np.asarray(image, dtype=np.float32) for image in plain]
    assert np.array_equal(pixels[0], pixels[1])
    changed = (np.abs(pixels[0] - pixels[2]).max(axis=2) > 40).mean()
    assert 0.01 < changed < 0.6


def test_light_and_noise_vary_from_photograph_to_photograph():
    species = birds.species(range(1))[0]
    images = []
    for noise_seed in range(12):
        with Image.open(io.BytesIO(_photograph(species, 3, noise_seed))) as image:
            images.append(np.asarray(image, dtype=np.float32))
    levels = np.array([image.mean(axis=(0, 1)) for image in images])
    assert levels.mean(axis=1).std() > 4
    assert (levels[:, 0] - levels[:, 2]).std() > 2
    assert all(10 < level < 245 for level in levels.mean(axis=1))


def test_mean_colour_does_not_tell_the_species():
    # Nearest class mean on the mean colour: 12 classes, chance is 1 in 12.
    means = np.zeros((12, 10, 3))
    for label, species in enumerate(_species('demo')):
        for index in range(10):
            rng = np.random.default_rng([11, label, index])
            means[label, index] = np.asarray(birds.draw(species, rng, 96, 96)).mean(axis=(0, 1))
    centres = means[:, :6].mean(axis=1)
    apart = np.linalg.norm(means[:, 6:, None] - centres, axis=-1)
    accuracy = (apart.argmin(axis=-1) == np.arange(12)[:, None]).mean()
    assert accuracy < 0.4


def test_importing_the_room_is_cheap():
    code = (
        'import sys, slim.synthetic; '
        'sys.exit(" ".join({"tensorflow", "scipy", "matplotlib"} & set(sys.modules)) or None)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
