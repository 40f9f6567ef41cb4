"""Features, results and images that the notebooks find on disk."""

import csv
import json
import os
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from slim.errors import UserError
from slim.experiments import class_images, notebook_data, published
from slim.features import domains, storage
from slim.synthetic import DATASETS, definitions, render_example
from slim.transfer import linear_classifier
from slim.transfer.correlations import correlations
from slim.transfer.domain_similarity import measure_similarity, similarity_of
from tests.slim.experiments import paper_features

KINDS = [(kind, split) for kind in ('feature', 'label') for split in ('train', 'val')]


# Features of images


def put(root, features, accuracy=1.0):
    """Writes features of two classes; a fraction `accuracy` can be classified correctly."""
    folder = root / features.feature_dir
    folder.mkdir(parents=True)
    labels = np.arange(1000) % 2
    values = (2 * labels - 1).astype(np.float32)
    values[: round(1000 * (1 - accuracy))] *= -1
    for split in ('train', 'val'):
        # The labels in the paper's release are floats.
        np.save(folder / f'{features.dataset_name}_label_{split}.npy', labels.astype(np.float64))
    train = np.stack([2.0 * labels - 1, np.ones(1000)], axis=1).astype(np.float32)
    np.save(folder / f'{features.dataset_name}_feature_train.npy', train)
    np.save(
        folder / f'{features.dataset_name}_feature_val.npy',
        np.stack([values, np.ones(1000, np.float32)], axis=1),
    )


def test_the_papers_features_take_precedence_over_those_of_the_demo_and_these_over_new_ones(
    tmp_path,
):
    root = str(tmp_path)
    assert notebook_data.find_image_features(root) is None
    for features in (
        notebook_data.NEW_IMAGES,
        notebook_data.DEMO_IMAGES,
        notebook_data.PAPER_IMAGES,
    ):
        put(tmp_path, features)
        assert notebook_data.find_image_features(root) == features
        lines = []
        assert notebook_data.find_or_make_image_features(root, lines.append) == features
        assert lines == [f'features of {features.dataset_name}: {features.feature_dir}']


@pytest.mark.parametrize('kind, split', KINDS)
def test_features_that_lack_an_array_are_skipped(tmp_path, kind, split):
    put(tmp_path, notebook_data.DEMO_IMAGES)
    put(tmp_path, notebook_data.PAPER_IMAGES)
    folder = tmp_path / notebook_data.PAPER_IMAGES.feature_dir
    os.remove(storage.array_path(str(folder), 'cub_200', kind, split))
    assert notebook_data.find_image_features(str(tmp_path)) == notebook_data.DEMO_IMAGES


@pytest.mark.parametrize('accuracy, verdict', [(0.899, 'yes'), (0.901, 'no'), (0.87, 'no')])
def test_features_in_the_papers_place_are_compared_with_the_published_accuracy(
    tmp_path, accuracy, verdict
):
    put(tmp_path, notebook_data.PAPER_IMAGES, accuracy)
    features = notebook_data.find_or_make_image_features(str(tmp_path))
    assert features == ('cub_200', 'feature/inception_v3_iNat_299')
    read = [
        domains.read_images(str(tmp_path / features.feature_dir), features.dataset_name, split)
        for split in ('train', 'val')
    ]
    result = linear_classifier.classify(*read[0], *read[1])
    assert result.accuracy == pytest.approx(accuracy)
    row = published.compare(published.ACCURACY, result.accuracy)
    assert row['published'] == 0.899033 and row['here'] == pytest.approx(accuracy)
    assert row['difference'] == pytest.approx(accuracy - 0.899033)
    assert row['agrees'] == verdict


def test_a_step_that_fails_is_named_with_its_reason(tmp_path):
    (tmp_path / 'data').touch()  # No dataset can be written into a file.
    with pytest.raises(UserError, match='render demo_source.*prepare_dataset.py: .*data'):
        notebook_data.find_or_make_image_features(str(tmp_path), log=lambda line: None)


def test_the_training_of_the_notebook_is_that_of_the_demo_except_for_its_length(root):
    demo = (root / 'demo.sh').read_text()
    different = {'learning_rate', 'num_epochs_per_decay', 'min_crop_area'}
    variables = {'optimizer': 'OPTIMIZER', 'batch_size': 'TRAIN_BATCH_SIZE'}
    flags = [
        flag.removeprefix('--').split('=')
        for flag in (*notebook_data.NETWORK, *notebook_data.TRAINING)
    ]
    same = {name: value for name, value in flags if name not in different}
    assert len(same) == 6
    for name, value in same.items():
        stated = re.findall(rf'\b(?:--)?{variables.get(name, name)}=([\w.]+)', demo)
        assert stated and set(stated) == {value}, name
    assert re.findall(r'^size=(\d+)', demo, re.M) == [str(notebook_data.IMAGE_SIZE)]


# Class features and results


@pytest.fixture
def clone(tmp_path, root):
    """A repository with the committed results and nothing else."""
    shutil.copytree(root / 'docs/transfer', tmp_path / 'docs/transfer')
    return tmp_path


def measure_all(feature_set, root):
    sources, targets = notebook_data.read_domains(feature_set, feature_set.min_num_imgs, str(root))
    return [
        {
            'target': target.name,
            'source': source.name,
            'emd': pair.emd,
            'similarity': pair.similarity,
        }
        for target in targets
        for source in sources
        for pair in [measure_similarity(source, target)]
    ]


def test_own_results_take_precedence_over_the_committed_ones_and_the_papers_over_both(clone):
    root = str(clone)
    assert notebook_data.find_feature_set(root).feature_dir == 'docs/transfer/class_features'
    shutil.copytree(clone / 'docs/transfer', clone / 'feature/transfer')
    feature_set = notebook_data.find_feature_set(root)
    assert feature_set.feature_dir == 'feature/transfer/class_features'
    assert notebook_data.find_results(root) == 'feature/transfer'
    (clone / 'feature/transfer/results.csv').unlink()  # As after an interrupted run.
    assert notebook_data.find_results(root) == 'docs/transfer'
    paper_features.put(clone)
    assert notebook_data.find_feature_set(root) == notebook_data.PAPER
    (clone / notebook_data.PAPER.feature_dir / 'nabirds_weight.npy').unlink()
    assert notebook_data.find_feature_set(root).feature_dir == 'docs/transfer/class_features'


def test_no_results_at_all(tmp_path):
    with pytest.raises(
        UserError, match='docs/transfer hold no results; run python reproduce_transfer'
    ):
        notebook_data.find_feature_set(str(tmp_path))


def test_similarities_of_the_committed_features_are_those_of_the_committed_table(clone):
    found = measure_all(notebook_data.find_feature_set(str(clone)), clone)
    table = notebook_data.read_results(str(clone / 'docs/transfer'))
    assert [(row['target'], row['source']) for row in found] == [
        (row['target'], row['source']) for row in table
    ]
    np.testing.assert_allclose([row['emd'] for row in found], [row['emd'] for row in table], 1e-5)
    again = correlations(table, ['similarity', 'logme', 'h_score'])
    committed = notebook_data.read_results(str(clone / 'docs/transfer'), 'correlations.csv')
    assert [list(row) for row in again] == [list(row) for row in committed]
    for row, other in zip(again, committed, strict=True):
        assert row == pytest.approx(other, nan_ok=True)


def test_features_in_the_papers_place_are_compared_pair_by_pair(tmp_path, monkeypatch):
    distances = paper_features.put(tmp_path, width=3)
    found = measure_all(notebook_data.PAPER, tmp_path)
    assert [row['emd'] for row in found] == pytest.approx(
        [distances[row['target'], row['source']] for row in found], rel=1e-6
    )
    for measure in ('emd', 'similarity'):
        rows = published.compare_similarities(found, measure)
        assert len(rows) == 21 and {row['agrees'] for row in rows} == {'no'}
    table = {}
    for (target, source), distance in distances.items():
        both = round(distance, 3), round(similarity_of(distance), 3)
        table.setdefault(target, {})[source] = published.PublishedSimilarity(*both)
    monkeypatch.setattr(published, 'SIMILARITIES', table)
    for measure in ('emd', 'similarity'):
        rows = published.compare_similarities(found, measure)
        assert len(rows) == 21 and {row['agrees'] for row in rows} == {'yes'}


def test_class_features_that_the_release_left_to_its_notebook(tmp_path):
    paper_features.put(tmp_path, width=3)
    folder = tmp_path / notebook_data.PAPER.feature_dir
    for end in ('', '_weight'):
        (folder / f'cub_200{end}.npy').unlink()
    labels = np.array([0, 1, 1, 0, 1])
    np.save(folder / 'cub_200_label.npy', labels.astype(np.float64))
    features = np.arange(15, dtype=np.float32).reshape(5, 3)
    np.save(folder / 'cub_200_feature.npy', features)
    assert notebook_data.find_feature_set(str(tmp_path)) == notebook_data.PAPER
    _, targets = notebook_data.read_domains(notebook_data.PAPER, 200, str(tmp_path))
    assert targets[0].name == 'cub_200' and targets[0].num_images.tolist() == [2, 3]
    np.testing.assert_allclose(targets[0].means[0], features[[0, 3]].mean(axis=0))


def test_classes_with_few_images_are_ignored_in_sources_only(tmp_path):
    paper_features.put(tmp_path)
    assert notebook_data.PAPER.min_num_imgs == 200
    sources, targets = notebook_data.read_domains(notebook_data.PAPER, 200, str(tmp_path))
    assert [len(source.labels) for source in sources] == [405, 405, 810]
    assert sources[-1].name == published.SOURCES[-1]
    assert [len(target.labels) for target in targets] == [6] * 7
    sources, _ = notebook_data.read_domains(notebook_data.PAPER, 0, str(tmp_path))
    assert [len(source.labels) for source in sources] == [410, 410, 820]


def test_a_single_source_has_no_union(tmp_path):
    paper_features.put(tmp_path)
    feature_set = notebook_data.FeatureSet(
        notebook_data.PAPER.feature_dir, ('inat_train',), ('nabirds',)
    )
    sources, _ = notebook_data.read_domains(feature_set, 0, str(tmp_path))
    assert [source.name for source in sources] == ['inat_train']


def test_tables_are_read_as_numbers(clone):
    folder = str(clone / 'docs/transfer')
    committed = notebook_data.read_results(folder, notebook_data.CORRELATIONS)
    assert committed[0]['points'] == 3 and isinstance(committed[0]['pearson'], float)
    assert [row['over'] for row in committed[-2:]] == ['all', 'all, centred']
    with open(clone / 'docs/transfer/results.csv', 'a', newline='') as file:
        csv.writer(file).writerow(['a', 'b', 'x', '1', '1', '1', '1', '1'])
    with pytest.raises(UserError, match="results.csv: .*'x'; expected a number"):
        notebook_data.read_results(folder)


# Images and names of classes


def without_pictures(images):
    return [name for name in images if not images[name].has_pictures]


def test_images_are_rendered_only_as_they_were_measured(clone):
    feature_set = notebook_data.find_feature_set(str(clone))
    images = class_images.find_images(feature_set, str(clone))
    assert without_pictures(images) == []
    rendered = images['mini_pots'].picture(3)
    assert rendered.name == definitions.class_descriptions(DATASETS['mini_pots'])[3].name
    np.testing.assert_array_equal(rendered.picture, render_example('mini_pots', 3))

    path = clone / 'docs/transfer/settings.json'
    settings = json.loads(path.read_text())
    settings['domains']['mini_pots'] = '0' * 16
    path.write_text(json.dumps(settings))
    images = class_images.find_images(notebook_data.find_feature_set(str(clone)), str(clone))
    assert without_pictures(images) == ['mini_pots']
    assert images['mini_pots'].name(3) == '3'


def test_images_of_other_domains_come_from_data(tmp_path):
    feature_set = notebook_data.FeatureSet(
        'feature/x', ('ImageNet_train',), (), dataset_of={'ImageNet_train': 'a'}
    )
    folder = tmp_path / 'data/a'
    folder.mkdir(parents=True)

    def find():
        return class_images.find_images(feature_set, str(tmp_path))['ImageNet_train']

    assert not find().has_pictures and find().name(1) == '1'
    (folder / 'labels.txt').write_text('0:Wren\n1:Gull\n')
    (folder / 'train.txt').write_text('0.png: 0\n1.png: 1\n')
    Image.new('RGB', (4, 4)).save(folder / '0.png')
    assert not find().has_pictures and find().name(1) == 'Gull'  # An image is missing.
    Image.new('RGB', (4, 4)).save(folder / '1.png')
    picture, name = find().picture(1)
    assert os.path.samefile(picture, folder / '1.png') and name == 'Gull'


def test_the_losses_in_the_docs_follow_from_the_results(root):
    results = notebook_data.read_results(str(root / 'docs/transfer'))
    targets = dict.fromkeys(row['target'] for row in results)
    rules = {
        'always take the union': lambda row: '+' in row['source'],
        'take the most similar of the three': lambda row: row['similarity'],
        'take the most similar of nature and objects': lambda row: (
            '+' not in row['source'],
            row['similarity'],
        ),
        'always take nature': lambda row: row['source'] == 'mini_nature',
        'always take objects': lambda row: row['source'] == 'mini_objects',
    }
    expected = []
    for rule, preference in rules.items():
        losses = []
        for target in targets:
            rows = [row for row in results if row['target'] == target]
            best = max(row['accuracy'] for row in rows)
            losses.append(best - max(rows, key=preference)['accuracy'])
        expected.append((rule, f'{np.mean(losses):.3f}', f'{max(losses):.3f}'))
    text = (root / 'docs/transfer/README.md').read_text()
    in_docs = re.findall(
        r'^\| (\w+ take [\w ]+|take [\w ]+) \| ([\d.]+) \| ([\d.]+) \|$', text, re.M
    )
    assert in_docs == expected
