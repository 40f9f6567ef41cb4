"""Which domains the notebook looks at, and what it says of them."""

import csv
import json
import shlex
import shutil

import numpy as np
import pytest
from PIL import Image

from slim.errors import UserError
from slim.experiments import class_images, demo_domains, published_similarity
from slim.features import domains
from slim.synthetic import DATASETS, definitions, render_example
from slim.transfer import emd
from slim.transfer.correlations import correlations
from slim.transfer.domain_similarity import measure_similarity, similarity_of
from tests.slim.experiments import paper_features


@pytest.fixture
def clone(tmp_path, root):
    """A repository with the results that are committed, and nothing else."""
    shutil.copytree(root / 'docs/transfer', tmp_path / 'docs/transfer')
    return tmp_path


def measure_all(place, root):
    sources, targets = demo_domains.read_domains(place, str(root))
    return [measure_similarity(source, target) for target in targets for source in sources]


def test_own_results_go_before_the_committed_ones_and_the_papers_before_both(clone):
    root = str(clone)
    assert demo_domains.find_place(root).feature_dir == 'docs/transfer/class_features'
    shutil.copytree(clone / 'docs/transfer', clone / 'feature/transfer')
    place = demo_domains.find_place(root)
    assert place.feature_dir == 'feature/transfer/class_features'
    assert demo_domains.find_results(root) == 'feature/transfer'
    (clone / 'feature/transfer/results.csv').unlink()  # A run that was stopped.
    assert demo_domains.find_results(root) == 'docs/transfer'
    paper_features.put(clone)
    assert demo_domains.find_place(root) == demo_domains.PAPER
    (clone / demo_domains.PAPER.feature_dir / 'nabirds_weight.npy').unlink()
    assert demo_domains.find_place(root).feature_dir == 'docs/transfer/class_features'


def test_no_results_at_all(tmp_path):
    with pytest.raises(UserError, match='docs/transfer hold no results; python reproduce_transfer'):
        demo_domains.find_place(str(tmp_path))


def test_similarities_of_the_committed_features_are_those_of_the_committed_table(clone):
    found = measure_all(demo_domains.find_place(str(clone)), clone)
    table = demo_domains.read_results(str(clone / 'docs/transfer'))
    assert [(one.target, one.source) for one in found] == [
        (row['target'], row['source']) for row in table
    ]
    np.testing.assert_allclose([one.emd for one in found], [row['emd'] for row in table], 1e-5)
    again = correlations(table, ['similarity', 'logme', 'h_score'])
    committed = demo_domains.read_results(str(clone / 'docs/transfer'), 'correlations.csv')
    assert [list(row) for row in again] == [list(row) for row in committed]
    for row, other in zip(again, committed, strict=True):
        assert row == pytest.approx(other, nan_ok=True)


def test_features_in_the_papers_place_are_compared_pair_by_pair(tmp_path, monkeypatch):
    distances = paper_features.put(tmp_path, width=3)
    found = measure_all(demo_domains.PAPER, tmp_path)
    assert [one.emd for one in found] == pytest.approx(
        [distances[one.target, one.source] for one in found], rel=1e-6
    )
    rows = demo_domains.compare_with_published(demo_domains.PAPER, found)
    assert len(rows) == 21 and {row['agrees'] for row in rows} == {'no'}
    table = {}
    for (target, source), distance in distances.items():
        both = round(distance, 3), round(similarity_of(distance), 3)
        table.setdefault(target, {})[source] = published_similarity.Published(*both)
    monkeypatch.setattr(published_similarity, 'PUBLISHED', table)
    rows = demo_domains.compare_with_published(demo_domains.PAPER, found)
    assert 'all agree' in published_similarity.summarize(rows)
    elsewhere = demo_domains.FeatureSet('feature/clip', *demo_domains.PAPER.sources)
    assert demo_domains.compare_with_published(elsewhere, found) == []


def test_class_features_that_the_release_left_to_its_notebook(tmp_path):
    paper_features.put(tmp_path, width=3)
    folder = tmp_path / demo_domains.PAPER.feature_dir
    for end in ('', '_weight'):
        (folder / f'cub_200{end}.npy').unlink()
    labels = np.array([0, 1, 1, 0, 1])
    np.save(folder / 'cub_200_label.npy', labels.astype(np.float64))
    features = np.arange(15, dtype=np.float32).reshape(5, 3)
    np.save(folder / 'cub_200_feature.npy', features)
    assert demo_domains.find_place(str(tmp_path)) == demo_domains.PAPER
    _, targets = demo_domains.read_domains(demo_domains.PAPER, str(tmp_path))
    assert targets[0].name == 'cub_200' and targets[0].num_images.tolist() == [2, 3]
    np.testing.assert_allclose(targets[0].means[0], features[[0, 3]].mean(axis=0))


def test_classes_with_few_images_count_in_targets_alone(tmp_path):
    paper_features.put(tmp_path)
    sources, targets = demo_domains.read_domains(demo_domains.PAPER, str(tmp_path))
    assert [len(source.labels) for source in sources] == [405, 405, 810]
    assert sources[-1].name == published_similarity.SOURCES[-1]
    rows = demo_domains.describe(sources, targets)
    assert rows[3] == {
        'domain': 'cub_200',
        'role': 'target',
        'classes': 6,
        'images': int(targets[0].num_images.sum()),
    }


def test_pictures_are_drawn_only_as_they_were_measured(clone):
    place = demo_domains.find_place(str(clone))
    images = class_images.find_images(place, str(clone))
    assert class_images.missing_pictures(images) == []
    drawn = images['mini_pots'].picture(3)
    assert drawn.name == definitions.class_descriptions(DATASETS['mini_pots'])[3].name
    np.testing.assert_array_equal(drawn.picture, render_example('mini_pots', 3))

    path = clone / 'docs/transfer/settings.json'
    settings = json.loads(path.read_text())
    settings['domains']['mini_pots'] = '0' * 16
    path.write_text(json.dumps(settings))
    images = class_images.find_images(demo_domains.find_place(str(clone)), str(clone))
    assert class_images.missing_pictures(images) == ['mini_pots']
    assert images['mini_pots'].name(3) == '3'


def test_pictures_of_other_domains_come_from_data(tmp_path):
    place = demo_domains.FeatureSet(
        'feature/x', ('ImageNet_train',), (), dataset_of={'ImageNet_train': 'a'}
    )
    folder = tmp_path / 'data/a'
    folder.mkdir(parents=True)

    def find():
        return class_images.find_images(place, str(tmp_path))['ImageNet_train']

    assert not find().has_pictures and find().name(1) == '1'
    (folder / 'labels.txt').write_text('0:Wren\n1:Gull\n')
    (folder / 'train.txt').write_text('0.png: 0\n1.png: 1\n')
    Image.new('RGB', (4, 4)).save(folder / '0.png')
    assert not find().has_pictures and find().name(1) == 'Gull'  # An image is missing.
    Image.new('RGB', (4, 4)).save(folder / '1.png')
    assert find().picture(1) == (str(folder / '1.png'), 'Gull')


def test_flows_into_different_classes_with_names_and_pictures(clone):
    place = demo_domains.find_place(str(clone))
    images = class_images.find_images(place, str(clone))
    sources, targets = demo_domains.read_domains(place, str(clone))
    source, target = sources[-1], targets[-1]
    found = measure_similarity(source, target)
    ground = emd.euclidean_distances(source.means, target.means)
    flows = demo_domains.class_flows(found, source, target, ground, 3)
    assert len({one.label for one in flows}) == 3
    for one in flows:
        row = [
            (member, label) == one.source
            for member, label in zip(source.members, source.labels, strict=True)
        ].index(True)
        assert (
            found.flow[row, one.label] == one.share == pytest.approx(found.flow[:, one.label].max())
        )
        assert ground[row, one.label] == one.distance
    rows = demo_domains.flow_rows(flows, images)
    ((name, pictured),) = demo_domains.pictured_flows(flows, images)
    assert name == target.name
    assert [row['source_class'] for row in rows] == [one.source.name for one in pictured]
    assert [row['target_class'] for row in rows] == [one.target.name for one in pictured]


def test_the_command_writes_the_lists_that_are_shown(clone, run_script, without_tensorflow):
    place = demo_domains.find_place(str(clone))
    images = class_images.find_images(place, str(clone))
    sources, targets = demo_domains.read_domains(place, str(clone))
    selected = demo_domains.select(place, sources[-1], targets)
    python, script, *flags = shlex.split(demo_domains.select_command(place))
    assert python == 'python'
    for name in place.sources:
        folder = clone / 'data' / name
        folder.mkdir(parents=True)
        lines = (f'{label}:{class_}\n' for label, class_ in enumerate(images[name].names))
        (folder / 'labels.txt').write_text(''.join(lines))
    flags[0] = f'--feature_dir={clone}/{place.feature_dir}'
    here = [f'--dataset_dir={clone}/data', f'--select_dir={clone}/feature/selected']
    result = run_script(script, *flags, *here, env=without_tensorflow)
    assert (result.returncode, result.stderr) == (0, '')
    shown = demo_domains.describe_lists(place, selected, images)
    assert len(shown) == len(list((clone / 'feature/selected').glob('*/*.txt')))
    for line in shown:
        path, _, words = line.partition(': ')
        lines = (clone / path).read_text().splitlines()
        count, *names = words.split(', ')
        assert count == f'{len(lines)} classes'
        assert [name for name in names if name != '...'] == lines[:4]


def test_strips_show_what_each_target_wants(clone):
    place = demo_domains.find_place(str(clone))
    images = class_images.find_images(place, str(clone))
    sources, targets = demo_domains.read_domains(place, str(clone))
    strips = demo_domains.selected_strips(place, sources[-1], targets, images, 5)
    assert {name: len(strip) for name, strip in strips} == {
        f'for\n{target}': min(count, 5) for target, count in place.selected.items()
    }
    examples = class_images.example_strips(targets, images, 3)
    assert [(name, len(strip)) for name, strip in examples] == [(one.name, 3) for one in targets]


def test_maps_of_what_is_here_and_what_was_published(tmp_path):
    paper_features.put(tmp_path)
    found = measure_all(demo_domains.PAPER, tmp_path)
    here, published = demo_domains.similarity_maps(found)
    assert here.row_names == published.row_names and here.column_names == published.column_names
    assert here.values[0, 1] == found[1].similarity
    assert published.values[5, 1] == 0.686 and published.texts[5][1] == '0.686 (37.7)'


@pytest.mark.parametrize('sign, verdict', [(1, 'foretells'), (-1, 'does not foretell')])
def test_the_sentence_follows_the_numbers(sign, verdict):
    random = np.random.default_rng(0)
    rows = []
    for target in 'abcdefg':
        similarities = random.uniform(size=2)
        for source, similarity in zip(('nature', 'objects'), similarities, strict=True):
            accuracy = 0.5 + 0.2 * sign * similarity + random.normal(0, 0.001)
            rows.append(
                {'target': target, 'source': source, 'similarity': similarity, 'accuracy': accuracy}
            )
    sentence = demo_domains.summarize_prediction(rows, correlations(rows, ['similarity']))
    assert sentence.endswith(f'Here similarity {verdict} which source transfers.')
    assert f'of 2 sources is the best one for {7 if sign > 0 else 0} of 7 targets' in sentence
    assert f'r = {sign}.0' in sentence and 'joined' not in sentence
    assert ('0.78%' in sentence) == (sign > 0)  # Two to the power of -7.
    # A joined source that is in the middle, and the best for three targets.
    for number, target in enumerate('abcdefg'):
        middle = np.mean([row['similarity'] for row in rows if row['target'] == target])
        row = {'source': 'nature+objects', 'target': target, 'similarity': middle}
        rows.append({**row, 'accuracy': 0.9 if number < 3 else 0.1})
    again = demo_domains.summarize_prediction(rows, correlations(rows, ['similarity']))
    assert f', and with the joined one for {4 if sign > 0 else 0}. ' in again
    assert again.startswith(sentence[: sentence.index('. What')])


def test_tables_are_read_as_numbers(clone):
    folder = str(clone / 'docs/transfer')
    committed = demo_domains.read_results(folder, demo_domains.CORRELATIONS)
    assert committed[0]['points'] == 3 and isinstance(committed[0]['pearson'], float)
    table = demo_domains.correlation_table(committed)
    assert list(table[0]) == ['over', 'points', 'similarity', 'logme', 'h_score']
    assert [row['over'] for row in table[-2:]] == ['all', 'all, centred']
    with open(clone / 'docs/transfer/results.csv', 'a', newline='') as file:
        csv.writer(file).writerow(['a', 'b', 'x', '1', '1', '1', '1', '1'])
    with pytest.raises(UserError, match="results.csv: .*'x'; expected a number"):
        demo_domains.read_results(folder)


def test_sources_alone_and_joined(tmp_path):
    paper_features.put(tmp_path)
    place = demo_domains.FeatureSet(demo_domains.PAPER.feature_dir, ('inat_train',), ('nabirds',))
    sources, _ = demo_domains.read_domains(place, str(tmp_path))
    assert [source.name for source in sources] == ['inat_train']
    assert domains.JOINT not in demo_domains.select_command(place)
