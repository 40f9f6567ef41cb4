"""The miniature experiment on a few images: interrupted, resumed, repeated."""

import csv
import json
import os
import re
import shutil
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from slim import configs
from slim.errors import UserError
from slim.experiments import miniature
from slim.features import domains
from slim.transfer.correlations import correlations
from slim.transfer.domain_similarity import measure_similarity

PROGRAM = Path(__file__).with_name('tiny_transfer.py')
SOURCES, TARGETS = ('tiny_one', 'tiny_other'), ('tiny_target', 'tiny_second_target')
UNION = 'tiny_both'
STEPS = 16
MEASURED = ['emd', 'similarity', 'accuracy', 'accuracy_error', 'logme', 'h_score']
COLUMNS = ['target', 'source', *MEASURED]


@pytest.fixture
def start(start_script, root):
    """Returns a function that starts the tiny experiment in a folder."""

    def start(folder):
        command = [sys.executable, str(PROGRAM), str(folder), f'num_steps={STEPS}']
        return start_script(None, command=command, env={'PYTHONPATH': str(root)})

    return start


@pytest.fixture(scope='module')
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp('experiment')


def read_csv(path):
    with open(path, newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def checkpoint(folder, name):
    """Returns the path of the last checkpoint of a network."""
    step = 2 * STEPS if name == UNION else STEPS
    return folder / 'checkpoints' / name / f'model.ckpt-{step}.index'


def check_results(folder):
    """Checks that the files of an experiment are consistent."""
    results = folder / 'results'
    names = {'results.csv', 'correlations.csv', 'transfer.png', 'settings.json', 'class_features'}
    assert {path.name for path in results.iterdir()} == names
    means = {name: np.load(results / f'class_features/{name}.npy') for name in (*SOURCES, *TARGETS)}
    assert {(one.dtype, one.shape) for one in means.values()} == {(np.dtype('f4'), (3, 512))}
    by_union = folder / 'features' / UNION
    features = np.load(by_union / 'tiny_target_feature_train.npy')
    labels = np.load(by_union / 'tiny_target_label_train.npy')
    np.testing.assert_allclose(means['tiny_target'][1], features[labels == 1].mean(axis=0), 1e-5)

    read = {name: domains.read_domain(str(results / 'class_features'), name) for name in means}
    assert sorted(read['tiny_one'].num_images) == [4, 5, 6]
    rows = read_csv(results / 'results.csv')
    union = '+'.join(SOURCES)
    pairs = [(target, source) for target in TARGETS for source in (*SOURCES, union)]
    assert [(row['target'], row['source']) for row in rows] == pairs
    for row in rows:
        assert list(row) == COLUMNS
        source = domains.merge_domains([read[name] for name in row['source'].split('+')])
        expected = measure_similarity(source, read[row['target']])
        assert float(row['emd']) == pytest.approx(expected.emd)
        assert float(row['similarity']) == pytest.approx(expected.similarity)
        accuracy = float(row['accuracy'])
        assert accuracy * 12 == pytest.approx(round(accuracy * 12))
        error = float(row['accuracy_error'])
        assert error == pytest.approx((accuracy * (1 - accuracy) / 12) ** 0.5)
    numbers = [{**row, **{key: float(row[key]) for key in MEASURED}} for row in rows]
    found = correlations(numbers, list(miniature.MEASURES))
    written = read_csv(results / 'correlations.csv')
    assert [row['over'] for row in written] == [*TARGETS, 'all', 'all, centred'] * 3
    assert [float(row['pearson']) for row in written] == pytest.approx(
        [row['pearson'] for row in found], nan_ok=True
    )
    settings = json.loads((results / 'settings.json').read_text())
    assert (settings['num_steps'], settings['seed'], settings['gamma']) == (STEPS, 0, 0.01)
    assert set(settings['versions']) == set(miniature.PACKAGES)
    assert str(folder) not in (results / 'settings.json').read_text()


def test_ctrl_c_during_a_training_and_resuming(shared, start):
    script = start(shared)
    script.wait_until(lambda: re.search(f'{UNION}: .*global step 3:', script.stderr))
    assert script.end(signal.SIGINT) != 0
    assert re.search(f'{UNION}: .*stopped at step', script.stderr)
    stopped = list((shared / 'checkpoints' / UNION).glob('*.index'))
    assert len(stopped) == 1 and stopped[0] != checkpoint(shared, UNION)
    assert not (shared / 'results' / 'results.csv').exists()

    script = start(shared)
    assert script.end() == 0, script.stderr
    assert re.search(f'{UNION}: .*resuming from step', script.stderr)
    for name in (*SOURCES, UNION):
        assert checkpoint(shared, name).exists()
    for step in ('rendered', '3 networks pre-trained', f'features by the network of {UNION}'):
        assert f'{step}: ' in script.stdout
    assert not list(shared.rglob('*.unfinished')) and not list(shared.rglob('.*rendering*'))
    check_results(shared)


def test_the_same_seed_gives_the_same_numbers(shared, start, tmp_path):
    # Repeats the training that was interrupted above without interruption; keeps the others.
    again = tmp_path / 'again'
    shutil.copytree(shared, again)
    for name in (f'checkpoints/{UNION}', 'features', 'results'):
        shutil.rmtree(again / name)
    before = os.stat(checkpoint(again, 'tiny_one')).st_mtime_ns
    script = start(again)
    assert script.end() == 0, script.stderr
    assert script.stderr.count('training from scratch') == 1
    assert os.stat(checkpoint(again, 'tiny_one')).st_mtime_ns == before
    for name in ('results.csv', 'correlations.csv', 'settings.json', 'class_features/tiny_one.npy'):
        path = Path('results') / name
        assert (again / path).read_bytes() == (shared / path).read_bytes(), name


def test_the_committed_settings_are_the_defaults(root):
    text = (root / 'docs/transfer/settings.json').read_text()
    record = miniature.describe_settings(configs.MiniatureConfig())
    versions = json.loads(text)['versions']
    assert json.dumps({**record, 'versions': versions}, indent=1) + '\n' == text
    assert miniature.is_claimed(str(root / 'docs/transfer'), 'output_dir', record)


def test_the_training_command(root, tmp_path, monkeypatch):
    monkeypatch.setattr(
        'slim.datasets.dataset.load_dataset', lambda *_: SimpleNamespace(num_images=480)
    )
    folders = miniature.Folders('data', 'checkpoints', 'features', 'results')
    command = miniature.training_command(configs.MiniatureConfig(), folders, 'mini_nature_objects')
    assert command == [
        sys.executable,
        str(root / 'train.py'),
        '--dataset_dir=data',
        '--dataset_name=mini_nature_objects',
        '--train_dir=checkpoints/mini_nature_objects',
        '--model_name=inception_v3',
        '--depth_multiplier=0.25',
        '--train_image_size=107',
        '--min_crop_area=0.5',
        '--batch_norm_decay=0.95',
        '--optimizer=adam',
        '--opt_epsilon=0.001',
        '--learning_rate=0.006',
        '--learning_rate_decay_type=polynomial',
        '--num_epochs_per_decay=200.0',
        '--batch_size=32',
        '--max_number_of_steps=3000',
        '--seed=0',
        '--deterministic=True',
        '--precision=float32',
        '--log_every_n_steps=300',
        '--save_interval_secs=60',
        '--max_checkpoints=1',
    ]


@pytest.fixture
def record():
    return {'seed': 0, 'num_steps': 5, 'domains': {'a': '1'}}


def test_a_folder_belongs_to_one_choice_of_settings(tmp_path, record):
    folder = str(tmp_path / 'new')
    miniature.claim(folder, 'feature_dir', record)
    miniature.claim(folder, 'feature_dir', record)
    with pytest.raises(UserError, match=r'seed=0 instead of 1; remove .* another --feature_dir'):
        miniature.claim(folder, 'feature_dir', {**record, 'seed': 1})
    with pytest.raises(UserError, match='made with other rendered images'):
        miniature.claim(folder, 'feature_dir', {**record, 'domains': {'a': '2'}})


def test_versions_are_recorded_and_not_compared(tmp_path, record):
    path = tmp_path / 'settings.json'
    path.write_text(json.dumps({**record, 'versions': {'numpy': '1'}}))
    miniature.claim(str(tmp_path), 'output_dir', record)
    assert 'versions' in path.read_text()


@pytest.mark.parametrize(
    'name, text', [('a.txt', ''), ('settings.json', '{'), ('settings.json', '[1]')]
)
def test_a_folder_with_other_files_is_left_unchanged(tmp_path, record, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match='another --output_dir'):
        miniature.claim(str(tmp_path), 'output_dir', record)
    assert (tmp_path / name).read_text() == text
    assert len(list(tmp_path.iterdir())) == 1
