"""The table of synthetic datasets, the classes behind it, and the simulated camera."""

import dataclasses
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from slim import synthetic
from slim.datasets import catalogue
from slim.synthetic import bird_species, birds
from slim.synthetic.camera import frame_size, simulate_camera
from slim.synthetic.definitions import FAMILIES, class_descriptions, definition_digest
from slim.synthetic.registry import DATASETS, find_dataset


def _jpeg(species, seed, noise_seed=None):
    rng = np.random.default_rng(seed)
    scene = birds.render(species, rng, *frame_size(rng))
    return simulate_camera(scene, rng if noise_seed is None else np.random.default_rng(noise_seed))


def _counts(dataset, split):
    return [one.counts[split] for one in class_descriptions(dataset)]


def _species(name):
    return [one.species for one in class_descriptions(DATASETS[name])]


def test_demo_has_the_size_that_its_running_time_is_stated_for():
    demo, source = DATASETS['demo'], DATASETS['demo_source']
    train = _counts(demo, 'train')
    assert (len(train), sum(train), max(train), min(train)) == (12, 900, 100, 50)
    assert _counts(demo, 'val') == [40] * 12
    assert _counts(source, 'train') == [80] * 24
    assert _counts(source, 'val') == [15] * 24


def test_long_tail_is_not_in_the_order_of_labels():
    counts = _counts(DATASETS['demo'], 'train')
    assert counts not in (sorted(counts), sorted(counts, reverse=True))


def test_every_dataset_of_the_table_can_be_rendered():
    for dataset in DATASETS.values():
        classes = class_descriptions(dataset)
        assert len({one.name for one in classes}) == len(classes) == dataset.num_classes
        assert dataset.description
        assert tuple(dict.fromkeys(one.family for one in classes)) == dataset.families
        for one in {one.family: one for one in classes}.values():
            image = FAMILIES[one.family].render(one.species, np.random.default_rng(0), 120, 90)
            assert (image.size, image.mode) == ((120, 90), 'RGB')


def test_demo_and_its_source_have_no_class_in_common():
    demo, source = (_species(name) for name in ('demo', 'demo_source'))
    assert not {one.name for one in demo} & {one.name for one in source}
    nearest = min(bird_species.distance(one, other) for one in demo for other in source)
    assert nearest > 0.5


def test_species_differ_less_within_a_genus():
    species = birds.species(range(36))
    distances = np.array([[bird_species.distance(a, b) for b in species] for a in species])
    genus = np.arange(36) // bird_species.SPECIES_PER_GENUS
    others = ~np.eye(36, dtype=bool)
    same = (genus[:, None] == genus[None, :]) & others
    assert distances[others].min() > 0.5
    assert distances[same].mean() < 0.8 * distances[~same & others].mean()


def test_every_species_is_named_after_its_own_features():
    for one in birds.species(range(120)):
        assert one.name.endswith(one.noun) or ' Isle' in one.name
        if '-capped' in one.name:
            assert f'{one.cap}-capped' in one.name
        if 'Crested' in one.name:
            assert one.crest > 0
    assert len({one.name for one in birds.species(range(120))}) == 120


def test_digest_depends_on_everything_but_the_description(monkeypatch):
    demo = DATASETS['demo']
    before = definition_digest(demo)
    assert definition_digest(dataclasses.replace(demo, description='other')) == before
    assert definition_digest(dataclasses.replace(demo, seed=1)) != before
    assert definition_digest(dataclasses.replace(demo, val_images=39)) != before
    monkeypatch.setattr(birds, 'REVISION', birds.REVISION + 1)
    assert definition_digest(demo) != before


def test_digests_are_those_of_committed_results_and_existing_folders(root):
    # Changed digests make them look foreign, so only new REVISIONs or new datasets may do that.
    digests = json.loads((root / 'docs/transfer/settings.json').read_text())['domains']
    digests |= {'demo': '9ea7438ad793d7be', 'demo_source': 'ba13b7fbccc4b1f1'}
    assert {name: definition_digest(DATASETS[name])[:16] for name in DATASETS} == digests


def test_unknown_name_gets_suggestions():
    with pytest.raises(ValueError, match="no synthetic dataset 'demo_sourse'.*demo_source"):
        find_dataset('demo_sourse')
    with pytest.raises(ValueError, match='demo, demo_source'):
        find_dataset('zzzz')


def test_catalogue_lists_the_names_of_the_registry():
    assert tuple(DATASETS) == catalogue.SYNTHETIC_DATASETS


def test_images_are_baseline_rgb_jpegs_without_exif():
    species = birds.species(range(3))
    for seed in range(9):
        with Image.open(io.BytesIO(_jpeg(species[seed % 3], seed))) as image:
            assert (image.format, image.mode) == ('JPEG', 'RGB')
            assert not image.info.get('progressive')
            assert not image.getexif()
            # The first quantisation step of luminance is 16 at quality 50, 6 at 80 and 2 at 95.
            assert 2 <= image.quantization[0][0] <= 6


def test_images_vary_in_size_and_orientation():
    sizes = [frame_size(np.random.default_rng(seed)) for seed in range(200)]
    landscape = sum(width > height for width, height in sizes)
    portrait = sum(width < height for width, height in sizes)
    assert min(landscape, portrait, 200 - landscape - portrait) >= 10
    longest = [max(size) for size in sizes]
    assert min(longest) >= 160
    assert max(longest) <= 320
    assert len(set(longest)) > 60
    assert min(min(size) for size in sizes) >= 100


def test_image_shows_the_species_and_not_only_the_scene():
    # With the same random numbers, another species changes the image at the bird only.
    first, second = birds.species(range(2))
    images = [
        birds.render(one, np.random.default_rng(5), 240, 180) for one in (first, first, second)
    ]
    pixels = [np.asarray(image, dtype=np.float32) for image in images]
    assert np.array_equal(pixels[0], pixels[1])
    changed = (np.abs(pixels[0] - pixels[2]).max(axis=2) > 40).mean()
    assert 0.01 < changed < 0.6


def test_light_and_colour_balance_vary_between_images():
    species = birds.species(range(1))[0]
    images = []
    for noise_seed in range(12):
        with Image.open(io.BytesIO(_jpeg(species, 3, noise_seed))) as image:
            images.append(np.asarray(image, dtype=np.float32))
    levels = np.array([image.mean(axis=(0, 1)) for image in images])
    assert levels.mean(axis=1).std() > 4
    assert (levels[:, 0] - levels[:, 2]).std() > 2
    assert all(10 < level < 245 for level in levels.mean(axis=1))


def _loaded(code, *modules):
    """Returns which of the modules a new process has loaded after running the code."""
    code = f'import sys; {code}; print(*sorted({set(modules)} & set(sys.modules)))'
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


def test_registry_imports_neither_numpy_nor_pillow():
    heavy = ('numpy', 'PIL', 'slim.synthetic.birds')
    code = 'from slim.synthetic import registry; from slim import synthetic; synthetic.DATASETS'
    assert _loaded(code, *heavy) == []
    # The same question finds them once they are needed.
    assert _loaded(f'{code}; synthetic.write_dataset', *heavy) == sorted(heavy)


def test_rendering_imports_no_large_libraries():
    code = 'from slim.synthetic import render_example'
    assert _loaded(code, 'tensorflow', 'scipy', 'matplotlib') == []


def test_package_has_no_other_attributes():
    with pytest.raises(AttributeError, match="'slim.synthetic' has no attribute 'Domain'"):
        synthetic.Domain  # noqa: B018
