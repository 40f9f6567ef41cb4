import csv
import json

import numpy as np
import pytest
from PIL import Image

from slim.datasets import split_lists
from slim.transfer import linear_classifier

NAMES = ['Laysan Albatross', 'Crow, "black"', 'Wren']


@pytest.fixture
def feature_dir(tmp_path):
    """Writes features of three overlapping classes."""
    folder = tmp_path / 'feature' / 'network'
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for split, count in (('train', 60), ('val', 45)):
        labels = (np.arange(count) % 3).astype(np.int32)
        features = random.normal(size=[count, 12]) + 1.2 * np.eye(12)[labels]
        np.save(folder / f'birds_feature_{split}.npy', features.astype(np.float32))
        np.save(folder / f'birds_label_{split}.npy', labels)
    return folder


@pytest.fixture
def run(run_script, without_tensorflow, feature_dir, tmp_path):
    def run(*arguments):
        return run_script(
            'linear_classifier.py',
            f'--feature_dir={feature_dir}',
            f'--dataset_dir={tmp_path}/data',
            *arguments,
            env=without_tensorflow,
        )

    return run


def load(folder, split):
    return [np.load(folder / f'birds_{kind}_{split}.npy') for kind in ('feature', 'label')]


def read_csv(path):
    with open(path, newline='', encoding='utf-8') as file:
        return list(csv.reader(file))


def test_writes_the_results_of_the_library(run, feature_dir, tmp_path):
    (tmp_path / 'data' / 'birds').mkdir(parents=True)
    split_lists.write_labels(str(tmp_path / 'data' / 'birds'), NAMES)
    result = run('--dataset_name=birds')
    assert (result.returncode, result.stderr) == (0, '')
    found = linear_classifier.classify(*load(feature_dir, 'train'), *load(feature_dir, 'val'))
    assert 0.5 < found.accuracy < 1
    assert f'birds: accuracy {found.accuracy:.6f}' in result.stdout
    assert 'converged' in result.stdout

    prefix = feature_dir / 'birds_linear'
    metrics = json.loads(prefix.with_suffix('.json').read_text())
    assert metrics['accuracy'] == found.accuracy
    assert list(metrics['class_accuracy'].values()) == found.class_accuracy.tolist()
    assert (metrics['C'], metrics['converged'], metrics['images']) == (1, True, 45)
    header, *rows = read_csv(f'{prefix}_predictions.csv')
    assert header == ['row', 'label', 'predicted', 'probability']
    assert [int(row[0]) for row in rows] == list(range(45))
    assert [int(row[1]) for row in rows] == found.labels.tolist()
    assert [int(row[2]) for row in rows] == found.predictions.tolist()
    assert [float(row[3]) for row in rows] == pytest.approx(found.probabilities.tolist())
    header, *rows = read_csv(f'{prefix}_confusion.csv')
    assert header == ['', *NAMES] and [row[0] for row in rows] == NAMES
    assert [[int(cell) for cell in row[1:]] for row in rows] == found.confusion.tolist()
    with Image.open(f'{prefix}_confusion.png') as image:
        assert image.format == 'PNG'


def test_features_of_any_model_and_a_chosen_c(run, feature_dir, tmp_path):
    pairs = [
        f'--{split}={feature_dir}/birds_feature_{split}.npy,{feature_dir}/birds_label_{split}.npy'
        for split in ('train', 'val')
    ]
    out = tmp_path / 'results'
    result = run(*pairs, '--dataset_name=clip', f'--output_dir={out}', '--choose_c')
    assert (result.returncode, result.stderr) == (0, '')
    metrics = json.loads((out / 'clip_linear.json').read_text())
    assert metrics['C'] == linear_classifier.select_c_by_cross_validation(
        *load(feature_dir, 'train')
    )
    assert read_csv(out / 'clip_linear_confusion.csv')[0] == ['', '0', '1', '2']


def test_names_of_another_dataset_are_ignored_with_a_warning(run, feature_dir, tmp_path):
    (tmp_path / 'data' / 'birds').mkdir(parents=True)
    split_lists.write_labels(str(tmp_path / 'data' / 'birds'), NAMES[:2])
    result = run('--dataset_name=birds')
    assert result.returncode == 0
    assert result.stderr == (
        'warning: labels.txt names 2 classes and the features have 3; not used\n'
    )
    assert read_csv(feature_dir / 'birds_linear_confusion.csv')[0] == ['', '0', '1', '2']


def test_help_needs_no_heavy_library(run_script, tmp_path):
    for library in ('tensorflow', 'sklearn', 'matplotlib', 'numpy'):
        (tmp_path / f'{library}.py').write_text('raise RuntimeError(__name__)\n')
    result = run_script('linear_classifier.py', '--help', env={'PYTHONPATH': str(tmp_path)})
    assert (result.returncode, result.stderr) == (0, '')
    for flag in ('--dataset_name', '--C (default: 1.0)', '--[no]choose_c'):
        assert flag in result.stdout


@pytest.mark.parametrize(
    'arguments, parts',
    [
        ([], ['--dataset_name is required']),
        (['--dataset_name=brids'], ['unknown domain brids', 'did you mean birds?']),
        (['--dataset_name=../birds'], ['not the name of a domain']),
        (
            ['--dataset_name=birds', '--train=a.npy,b.npy'],
            ['--train and --val must be given together'],
        ),
        (['--dataset_name=birds', '--C=0'], ['C']),
        (['--dataset_name=birds', '--C=2', '--choose_c'], ['exclude each other']),
        (['--dataset_name=birds', '--feature_dir=nowhere'], ['nowhere', 'no such folder']),
    ],
)
def test_mistakes_in_flags_get_one_line(run, failure, arguments, parts):
    line = failure(run(*arguments), lines=1)
    for part in parts:
        assert part in line


def other_width(folder):
    np.save(folder / 'birds_feature_val.npy', np.ones([45, 11], np.float32))
    return 'training features have dimension 12, validation features 11'


def not_finite(folder):
    features = np.load(folder / 'birds_feature_val.npy')
    features[7] = np.nan
    np.save(folder / 'birds_feature_val.npy', features)
    return 'row 7 is not finite'


def labels_from_one(folder):
    for split in ('train', 'val'):
        labels = np.load(folder / f'birds_label_{split}.npy')
        np.save(folder / f'birds_label_{split}.npy', labels + 1)
    return '1 of 4 classes have no images (0); labels run from 0 without gaps'


def class_missing(folder):
    np.save(folder / 'birds_label_train.npy', np.arange(60) % 2)
    return 'training features: 1 of 3 classes have no images (2)'


def other_length(folder):
    np.save(folder / 'birds_label_train.npy', np.arange(59) % 3)
    return 'there are 60 features, but 59 labels'


def no_labels(folder):
    (folder / 'birds_label_val.npy').unlink()
    return 'birds_label_val.npy is missing'


def objects(folder):
    np.save(folder / 'birds_label_val.npy', np.array(['a', None]), allow_pickle=True)
    return 'birds_label_val.npy holds Python objects'


@pytest.mark.parametrize(
    'spoil',
    [
        other_width,
        not_finite,
        labels_from_one,
        class_missing,
        other_length,
        no_labels,
        objects,
    ],
)
def test_bad_input_gets_one_line_and_writes_nothing(run, failure, feature_dir, spoil):
    message = spoil(feature_dir)
    result = run('--dataset_name=birds')
    assert message in failure(result, lines=1)
    assert result.stdout == ''
    assert not list(feature_dir.glob('*linear*'))
