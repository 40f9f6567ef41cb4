"""Which features the notebook looks at, and what it says of the published figure."""

import os

import numpy as np
import pytest

from slim.errors import UserError
from slim.experiments import demo_features
from slim.features import domains, storage
from slim.transfer import linear_classifier

KINDS = [(kind, split) for kind in ('feature', 'label') for split in ('train', 'val')]


def put(root, place, accuracy=1.0):
    """Puts made-up features of two classes at a place, of which a share is told apart rightly."""
    folder = root / place.feature_dir
    folder.mkdir(parents=True)
    labels = np.arange(1000) % 2
    values = (2 * labels - 1).astype(np.float32)
    values[: round(1000 * (1 - accuracy))] *= -1
    for split in ('train', 'val'):
        # 2018's file of labels holds floats.
        np.save(folder / f'{place.dataset_name}_label_{split}.npy', labels.astype(np.float64))
    train = np.stack([2.0 * labels - 1, np.ones(1000)], axis=1).astype(np.float32)
    np.save(folder / f'{place.dataset_name}_feature_train.npy', train)
    np.save(
        folder / f'{place.dataset_name}_feature_val.npy',
        np.stack([values, np.ones(1000, np.float32)], axis=1),
    )


def test_the_papers_go_before_those_of_the_demonstration_and_these_before_own_ones(tmp_path):
    root = str(tmp_path)
    assert demo_features.find_features(root) is None
    for place in (demo_features.OWN, demo_features.DEMO, demo_features.PAPER):
        put(tmp_path, place)
        assert demo_features.find_features(root) == place
        said = []
        assert demo_features.find_or_make_features(root, said.append) == place
        assert said == [f'features of {place.dataset_name} are there: {place.feature_dir}']


@pytest.mark.parametrize('kind, split', KINDS)
def test_features_that_lack_an_array_are_passed_over(tmp_path, kind, split):
    put(tmp_path, demo_features.DEMO)
    put(tmp_path, demo_features.PAPER)
    folder = tmp_path / demo_features.PAPER.feature_dir
    os.remove(storage.array_path(str(folder), 'cub_200', kind, split))
    assert demo_features.find_features(str(tmp_path)) == demo_features.DEMO


@pytest.mark.parametrize(
    'accuracy, verdict',
    [(0.899, 'they agree to 0.001'), (0.901, 'they do not agree'), (0.87, 'they do not agree')],
)
def test_features_in_the_papers_place_are_compared_with_what_it_published(
    tmp_path, accuracy, verdict
):
    put(tmp_path, demo_features.PAPER, accuracy)
    place = demo_features.find_or_make_features(str(tmp_path))
    assert place == ('cub_200', 'feature/inception_v3_iNat_299')
    read = [
        domains.read_images(str(tmp_path / place.feature_dir), place.dataset_name, split)
        for split in ('train', 'val')
    ]
    found = linear_classifier.classify(*read[0], *read[1])
    assert found.accuracy == pytest.approx(accuracy)
    sentence = demo_features.compare_with_published(*place, found.accuracy)
    assert verdict in sentence and '0.899033' in sentence and f'{accuracy:.6f}' in sentence


def test_other_features_are_not_compared():
    for place in (demo_features.DEMO, demo_features.Features('cub_200', 'feature/clip')):
        sentence = demo_features.compare_with_published(*place, 0.899033)
        assert 'agree' not in sentence and 'nothing was published' in sentence


def test_a_step_that_fails_is_named_with_its_reason(tmp_path, root):
    # Scripts of a repository whose data is a file: nothing can be drawn into it.
    for name in ('prepare_dataset.py', 'slim'):
        (tmp_path / name).symlink_to(root / name)
    (tmp_path / 'data').touch()
    with pytest.raises(UserError, match='draw demo_source.*prepare_dataset.py: .*data'):
        demo_features.find_or_make_features(str(tmp_path), say=lambda line: None)
