import csv
import json
import math
import resource

import numpy as np
import pytest
from PIL import Image

from slim.datasets import split_lists
from slim.features import domains
from slim.transfer.domain_similarity import measure_similarity

SOURCES = ('ImageNet_train', 'inat_train')
SIZES = {'ImageNet_train': 30, 'inat_train': 20, 'cub_200': 8, 'food_101': 5}


@pytest.fixture(scope='module')
def feature_dir(tmp_path_factory):
    """Writes two sources and two targets as released, `birds` as extracted."""
    folder = tmp_path_factory.mktemp('feature') / 'resnet'
    folder.mkdir()
    random = np.random.default_rng(0)
    for name, count in SIZES.items():
        least = 150 if name in SOURCES else 20
        np.save(folder / f'{name}.npy', random.normal(1, 2, [count, 16]).astype(np.float32))
        np.save(folder / f'{name}_weight.npy', random.integers(least, 400, count))
    labels = (np.arange(60) % 4).astype(np.int32)
    for split in ('train', 'val'):
        features = random.normal(size=[60, 16]) + 2 * np.eye(16)[labels]
        np.save(folder / f'birds_feature_{split}.npy', features.astype(np.float32))
        np.save(folder / f'birds_label_{split}.npy', labels)
    return folder


@pytest.fixture(scope='module')
def run(run_script, without_tensorflow, feature_dir):
    """Returns a function that runs the script on a folder of features."""

    def run(*arguments, folder=feature_dir):
        return run_script(
            'domain_similarity.py', f'--feature_dir={folder}', *arguments, env=without_tensorflow
        )

    return run


ALL = (
    '--source_domains=ImageNet_train,inat_train,ImageNet_train+inat_train',
    '--target_domains=cub_200,food_101,birds',
)


def test_table_and_csv_hold_the_results_of_the_library(run, feature_dir, tmp_path):
    result = run(*ALL, f'--output={tmp_path}/results.csv')
    assert (result.returncode, result.stderr) == (0, '')
    with open(tmp_path / 'results.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    parts = [domains.read_domain(str(feature_dir), name) for name in SOURCES]
    sources = {domain.name: domain for domain in (*parts, domains.merge_domains(parts))}
    assert [(row['target'], row['source']) for row in rows] == [
        (target, source) for target in ('cub_200', 'food_101', 'birds') for source in sources
    ]
    shown = [line.split() for line in result.stdout.splitlines()[1:]]
    for row, cells in zip(rows, shown, strict=True):
        source = domains.keep_classes(sources[row['source']], 200)
        target = domains.read_domain(str(feature_dir), row['target'])
        expected = measure_similarity(source, target)
        assert float(row['emd']) == expected.emd
        assert float(row['similarity']) == math.exp(-0.01 * expected.emd)
        assert int(row['source_classes']) == len(source.labels) < len(sources[row['source']].labels)
        assert cells == [*list(row.values())[:4], f'{expected.emd:.4f}', cells[-1]]


def test_solvers_agree_and_flags_have_an_effect(run, tmp_path):
    one = (
        '--source_domains=inat_train',
        '--target_domains=cub_200',
        '--gamma=0.1',
        '--min_num_imgs=0',
        '--bootstrap=30',
        '--seed=3',
    )
    rows = []
    for solver in ('pot', 'pyemd'):
        path = tmp_path / f'{solver}.json'
        result = run(*one, f'--solver={solver}', f'--output={path}')
        assert (result.returncode, result.stderr) == (0, '')
        written = json.loads(path.read_text())
        assert written['settings']['solver'] == solver
        rows += written['rows']
    for row in rows:
        for name in ('emd', 'similarity', 'low', 'high'):
            # pyemd rounds weights and costs, see slim.transfer.emd.
            assert row[name] == pytest.approx(rows[0][name], rel=2e-5)
        assert row['similarity'] == pytest.approx(math.exp(-0.1 * row['emd']))
        assert row['low'] < row['similarity'] < row['high']
        assert row['source_classes'] == 20


def test_features_of_any_model(run, feature_dir, tmp_path):
    paths = ','.join(str(feature_dir / f'birds_{kind}_train.npy') for kind in ('feature', 'label'))
    result = run(
        f'--source={paths}', f'--target={paths}', '--min_num_imgs=1', f'--output={tmp_path}/a.json'
    )
    assert result.returncode == 0, result.stderr
    [row] = json.loads((tmp_path / 'a.json').read_text())['rows']
    assert (row['source'], row['emd'], row['similarity']) == ('birds', 0, 1)


def test_source_networks_add_other_measures(run, feature_dir):
    result = run(
        '--source_domains=ImageNet_train,inat_train',
        '--target_domains=birds',
        f'--source_networks=inat_train:{feature_dir}',
    )
    assert result.returncode == 0, result.stderr
    header, without, having = (line.split() for line in result.stdout.splitlines())
    assert header[-2:] == ['logme', 'h_score']
    assert len(without) == 6 and len(having) == 8


def test_class_lists(run, feature_dir, tmp_path):
    dataset = tmp_path / 'data' / 'inat2017'
    dataset.mkdir(parents=True)
    names = [f'Genus species {label}' for label in range(20)]
    split_lists.write_labels(str(dataset), names)
    result = run(
        *ALL,
        '--select=cub_200:6,birds:3',
        f'--select_dir={tmp_path}/selected',
        f'--dataset_dir={tmp_path}/data',
        '--dataset_of=inat_train:inat2017',
    )
    assert result.returncode == 0
    [warning] = result.stderr.splitlines()
    assert warning.startswith(f'warning: {tmp_path}/data/ImageNet_train has no labels.txt: ')
    alone = (tmp_path / 'selected' / 'inat_train' / 'inat_train.txt').read_text().splitlines()
    assert set(alone) <= set(names) and 6 <= len(alone) <= 9
    weights = np.load(feature_dir / 'inat_train_weight.npy')
    assert all(weights[names.index(name)] >= 200 for name in alone)
    both = tmp_path / 'selected' / 'ImageNet_train+inat_train'
    lines = [line for path in both.iterdir() for line in path.read_text().splitlines()]
    assert 6 <= len(lines) <= 9
    assert all(line in names or 0 <= int(line) < 30 for line in lines)
    written = [line for line in result.stdout.splitlines() if line.endswith(' classes')]
    assert f'{tmp_path}/selected/inat_train/inat_train.txt: {len(alone)} classes' in written
    # A single number applies to all targets.
    result = run(*ALL, '--select=2', f'--select_dir={tmp_path}/again')
    lists = [path.read_text().splitlines() for path in (tmp_path / 'again').rglob('*.txt')]
    assert len(lists) >= 3 and all(int(line) < 30 for lines in lists for line in lines)


def test_selected_classes_become_a_dataset(run, run_script, without_tensorflow, tmp_path):
    names = ('Ant', 'Bee: é', 'Crow', 'Dove')
    for name in names:
        (tmp_path / 'photos' / name).mkdir(parents=True)
        for number in range(4):
            Image.new('RGB', (30, 20)).save(tmp_path / 'photos' / name / f'{number}.jpg')
    data, feature = tmp_path / 'data', tmp_path / 'feature'

    def run_there(script, *arguments):
        arguments = (f'--dataset_dir={data}', *arguments)
        result = run_script(script, *arguments, env=without_tensorflow)
        assert (result.returncode, result.stderr) == (0, '')

    photos = f'--source_dir={tmp_path}/photos'
    run_there('prepare_dataset.py', '--dataset_name=whole', photos)
    images = split_lists.read_list(str(data / 'whole' / 'train.txt'))
    labels = np.array([image.label for image in images])
    feature.mkdir()
    np.save(feature / 'whole_feature_train.npy', 9 * np.eye(8, dtype=np.float32)[labels])
    np.save(feature / 'whole_label_train.npy', labels.astype(np.int32))
    # A target of two classes, near the bees and the doves.
    np.save(feature / 'mine.npy', 9 * np.eye(8, dtype=np.float32)[[3, 1]] + 1)
    np.save(feature / 'mine_weight.npy', np.array([10, 20]))
    domains_and_more = ('--source_domains=whole', '--target_domains=mine', '--min_num_imgs=0')
    lists = (f'--select_dir={tmp_path}/selected', f'--dataset_dir={data}')
    assert run(*domains_and_more, '--select=2', *lists, folder=feature).returncode == 0
    class_list = f'--class_list={tmp_path}/selected/whole/whole.txt'
    run_there('prepare_dataset.py', '--dataset_name=part', photos, class_list)
    run_there('convert_dataset.py', '--dataset_name=part', '--num_shards=1')
    manifest = json.loads((data / 'part' / 'manifest.json').read_text())
    assert manifest['class_names'] == ['Bee: é', 'Dove']


def test_starts_within_seconds(run):
    def cpu_seconds():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    began = cpu_seconds()
    assert run('--help').returncode == 0
    helped = cpu_seconds()
    assert helped - began < 1
    assert run('--source_domains=inat_train', '--target_domains=cub_200').returncode == 0
    # About 1.5 s, mostly for POT. Importing TensorFlow alone takes 8.
    assert cpu_seconds() - helped < 5


@pytest.mark.parametrize(
    'arguments, parts',
    [
        ([], ['--source_domains or --source is required']),
        (['--source_domains=inat_train'], ['--target_domains or --target is required']),
        ([ALL[0], '--target_domains=cub200'], ['unknown domain cub200', 'did you mean cub_200?']),
        (['--source_domains=inat_train+x', ALL[1]], ['unknown domain x', 'there are ImageNet']),
        (['--source_domains=inat_train,inat_train', ALL[1]], ['two source domains are called']),
        ([*ALL, '--min_num_imgs=500'], ['none of its 30 classes has 500 images']),
        ([*ALL, '--min_num_imgs=-1'], ['min_num_imgs']),
        ([*ALL, '--solver=cpp'], ['solver']),
        ([*ALL, '--max_iterations=2'], ['pot did not converge', 'numItermax']),
        (
            [*ALL, '--max_iterations=2', '--solver=pyemd'],
            ['--max_iterations applies to --solver=pot only'],
        ),
        ([*ALL, '--bootstrap=3'], ['20 resamples']),
        ([*ALL, '--output=results.txt'], ['.csv or .json']),
        ([*ALL, '--output=no/such/folder/results.csv'], ['no such folder']),
        ([*ALL, '--select=cub_200:1000'], ['1000 classes', 'for cub_200: expected 1 to']),
        ([*ALL, '--select=cub:3'], ['--select: there is no cub; did you mean cub_200?']),
        ([*ALL, '--select=cub_200:many'], ['many is not a number of classes']),
        ([*ALL, '--select=cub_200,birds'], ['--select=cub_200: expected name:value']),
        ([*ALL, '--dataset_of=inat:inat2017'], ['--dataset_of: there is no inat']),
        ([*ALL, '--source_networks=inat_train:nowhere'], ['nowhere', 'no such folder']),
        (['--source=a.npy', '--target=b.npy'], ['expected --source=features.npy,labels.npy']),
        (['--source=a.npy,b.npy', *ALL[1:]], ['a.npy: No such file']),
    ],
)
def test_mistakes_in_flags_get_one_line(run, failure, tmp_path, arguments, parts):
    line = failure(run(*arguments, f'--select_dir={tmp_path}'), lines=1)
    for part in parts:
        assert part in line


def wider(folder):
    np.save(folder / 'cub_200.npy', np.ones([8, 15], np.float32))
    return 'features of ImageNet_train have dimension 16, those of cub_200 15'


def not_finite(folder):
    means = np.load(folder / 'cub_200.npy')
    means[3, 2] = np.nan
    np.save(folder / 'cub_200.npy', means)
    return 'cub_200: the mean of class 3 is not finite'


def empty_class(folder):
    np.save(folder / 'cub_200_weight.npy', [5, 0, 5, 5, 5, 5, 0, 5])
    return 'cub_200: 2 of 8 classes have no images (1, 6)'


def negative_weight(folder):
    np.save(folder / 'cub_200_weight.npy', [5, 5, 5, -2, 5, 5, 5, 5])
    return 'a weight is negative or not finite: -2 of class 3'


def zero_weights(folder):
    np.save(folder / 'cub_200_weight.npy', np.zeros(8))
    return 'all weights are zero'


def missing_class(folder):
    np.save(folder / 'cub_200.npy', np.load(folder / 'cub_200.npy')[:7])
    return 'features of 7 classes, but weights of 8; a class is missing'


def no_weights(folder):
    (folder / 'cub_200_weight.npy').unlink()
    return 'cub_200_weight.npy is missing'


def objects(folder):
    np.save(folder / 'cub_200_weight.npy', np.array([None] * 8), allow_pickle=True)
    return 'cub_200_weight.npy holds Python objects'


def class_missing_from_images(folder):
    labels = np.load(folder / 'birds_label_train.npy')
    np.save(folder / 'birds_label_train.npy', np.where(labels == 2, 3, labels))
    return 'birds_feature_train.npy: 1 of 4 classes have no images (2)'


def image_not_finite(folder):
    features = np.load(folder / 'birds_feature_train.npy')
    features[40, 1] = np.inf
    np.save(folder / 'birds_feature_train.npy', features)
    return 'birds_feature_train.npy: row 40 is not finite'


def other_length(folder):
    np.save(folder / 'birds_label_train.npy', np.arange(59) % 4)
    return 'there are 60 features, but 59 labels'


@pytest.mark.parametrize(
    'spoil',
    [
        wider,
        not_finite,
        empty_class,
        negative_weight,
        zero_weights,
        missing_class,
        no_weights,
        objects,
        class_missing_from_images,
        image_not_finite,
        other_length,
    ],
)
def test_bad_input_gets_one_line_and_writes_nothing(run, failure, feature_dir, tmp_path, spoil):
    folder = tmp_path / 'spoilt'
    folder.mkdir()
    for path in feature_dir.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    message = spoil(folder)
    result = run(*ALL, f'--output={tmp_path}/results.csv', folder=folder)
    assert message in failure(result, lines=1)
    assert result.stdout == ''
    assert not (tmp_path / 'results.csv').exists()
