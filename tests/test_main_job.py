"""The whole chain on real photographs; each script runs in its own process, as for a user."""

import csv
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from slim.datasets import split_lists
from slim.quiet_import import import_tensorflow

STEPS, FINE_TUNING_STEPS = 150, 8
BATCH_SIZE, IMAGE_SIZE = 16, 107
NUM_CLASSES, TRAIN_IMAGES, VAL_IMAGES = 8, 96, 32
FEATURE_DIM = 2048 // 4


@dataclass
class Job:
    """Results of the chain: folders, and the output of the two evaluations."""

    dataset: Path
    trained: Path
    before: str
    after: str
    evaluated: Path
    fine_tuned: Path
    features: Path


@pytest.fixture(scope='module')
def job(photos_dir, run_script, tmp_path_factory):
    folder = tmp_path_factory.mktemp('job')
    data = folder / 'data'
    shutil.copytree(photos_dir, data)
    trained, evaluated, fine_tuned = folder / 'trained', folder / 'evaluated', folder / 'fine_tuned'

    def run(script, *arguments):
        given = ('--dataset_name=photos', f'--dataset_dir={data}', *arguments)
        result = run_script(script, *given)
        assert result.returncode == 0, result.stderr
        return result.stdout

    network = '--depth_multiplier=0.25'
    training = (
        network,
        f'--train_image_size={IMAGE_SIZE}',
        f'--batch_size={BATCH_SIZE}',
        '--batch_norm_decay=0.9',
        '--optimizer=momentum',
        '--learning_rate=0.02',
    )
    evaluation = (network, f'--eval_image_size={IMAGE_SIZE}', f'--eval_dir={evaluated}', '--once')
    run('convert_dataset.py', '--num_shards=2')
    run('train.py', *training, f'--train_dir={trained}', f'--max_number_of_steps={STEPS}')
    run(
        'train.py',
        *training,
        f'--train_dir={fine_tuned}',
        f'--max_number_of_steps={FINE_TUNING_STEPS}',
        f'--checkpoint_path={trained}',
        '--checkpoint_exclude_scopes=Logits',
        '--trainable_scopes=Logits',
    )
    before = run('eval.py', *evaluation, f'--checkpoint_path={trained / "model.ckpt-0"}')
    after = run('eval.py', *evaluation, f'--checkpoint_path={trained}')
    run(
        'feature_extraction.py',
        network,
        f'--image_size={IMAGE_SIZE}',
        f'--checkpoint_path={trained}',
        f'--feature_dir={folder / "feature"}',
    )
    features = folder / 'feature' / f'trained-{STEPS}'
    return Job(data / 'photos', trained, before, after, evaluated, fine_tuned, features)


def metrics(printed):
    """Returns (step, accuracy, recall at 5, images) from the line that an evaluation prints."""
    pattern = r'step (\d+): eval/Accuracy\[([\d.]+)\] eval/Recall_5\[([\d.]+)\] on (\d+) images\n'
    step, accuracy, recall, images = re.fullmatch(pattern, printed).groups()
    return int(step), float(accuracy), float(recall), int(images)


def test_training_raises_accuracy_clearly_above_chance(job):
    step, accuracy, recall, images = metrics(job.before)
    assert (step, images) == (0, VAL_IMAGES)
    assert accuracy <= 2.5 / NUM_CLASSES
    assert recall <= 7 / NUM_CLASSES
    step, accuracy, recall, images = metrics(job.after)
    assert (step, images) == (STEPS, VAL_IMAGES)
    assert accuracy >= 5 / NUM_CLASSES
    assert recall > 7.5 / NUM_CLASSES


@pytest.mark.parametrize('step', [0, STEPS])
def test_the_per_class_table_agrees_with_the_printed_metrics(job, step):
    _, accuracy, recall, _ = metrics(job.after if step else job.before)
    with open(job.evaluated / f'per_class_accuracy-{step}.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['class'] for row in rows] == split_lists.read_labels(str(job.dataset))
    images = np.array([int(row['images']) for row in rows])
    correct = np.array([int(row['correct']) for row in rows])
    assert images.tolist() == [VAL_IMAGES // NUM_CLASSES] * NUM_CLASSES
    assert correct.sum() / images.sum() == pytest.approx(accuracy, abs=1e-4)
    np.testing.assert_allclose([float(row['accuracy']) for row in rows], correct / images)
    in_top_5 = np.array([float(row['recall_5']) for row in rows]) * images
    assert in_top_5.sum() / images.sum() == pytest.approx(recall, abs=1e-4)


class Events:
    """Event files of a folder, read as by TensorBoard."""

    def __init__(self, folder):
        self._events = EventAccumulator(str(folder), size_guidance={'tensors': 0})
        self._events.Reload()

    def tags(self, plugin):
        tags = self._events.Tags()['tensors']
        name = {tag: self._events.SummaryMetadata(tag).plugin_data.plugin_name for tag in tags}
        return {tag for tag in tags if name[tag] == plugin}

    def values(self, tag):
        return {e.step: make_ndarray(e.tensor_proto) for e in self._events.Tensors(tag)}


def test_tensorboard_shows_the_training(job):
    events = Events(job.trained)
    losses = {f'losses/{name}' for name in ('cross_entropy', 'auxiliary', 'regularization')}
    assert events.tags('scalars') == losses | {
        'total_loss',
        'learning_rate',
        'epoch',
        'images_per_second',
        'input_wait_fraction',
    }
    assert set(events.values('total_loss')) == {1, STEPS}
    for step, total in events.values('total_loss').items():
        assert total == pytest.approx(sum(events.values(tag)[step] for tag in losses), rel=1e-5)
    assert events.values('learning_rate')[1] == pytest.approx(0.02)
    assert events.values('epoch')[STEPS] == pytest.approx(STEPS * BATCH_SIZE / TRAIN_IMAGES)
    assert events.values('images_per_second')[STEPS] > 0
    assert 0 <= events.values('input_wait_fraction')[STEPS] <= 1


def test_tensorboard_shows_images_as_the_network_sees_them_and_the_flags(job):
    events = Events(job.trained)
    assert events.tags('images') == {'training_images'}
    width, height, *images = events.values('training_images')[1]
    assert (int(width), int(height), len(images)) == (IMAGE_SIZE, IMAGE_SIZE, 8)
    assert all(image.startswith(b'\x89PNG') for image in images)
    assert events.tags('text') == {'flags'}
    text = events.values('flags')[0].item()
    assert b'| `--learning_rate` | `0.02` |' in text
    assert b'| `--model_name` | `inception_v3` |' in text


def test_tensorboard_shows_both_evaluations(job):
    events = Events(job.evaluated)
    assert events.tags('scalars') == {'eval/Accuracy', 'eval/Recall_5'}
    for printed in (job.before, job.after):
        step, accuracy, recall, _ = metrics(printed)
        assert events.values('eval/Accuracy')[step] == pytest.approx(accuracy, abs=1e-4)
        assert events.values('eval/Recall_5')[step] == pytest.approx(recall, abs=1e-4)


def read_checkpoint(path):
    reader = import_tensorflow().train.load_checkpoint(str(path))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def test_fine_tuning_the_last_layer_changes_only_statistics_of_the_others(job):
    start = read_checkpoint(job.trained / f'model.ckpt-{STEPS}')
    first = read_checkpoint(job.fine_tuned / 'model.ckpt-0')
    last = read_checkpoint(job.fine_tuned / f'model.ckpt-{FINE_TUNING_STEPS}')
    assert last['global_step'] == FINE_TUNING_STEPS
    momenta = {name for name in last if name.endswith('/Momentum')}
    # As in the original code a scope matches a part of the name: Logits also matches AuxLogits.
    assert {name.split('/')[1] for name in momenta} == {'Logits', 'AuxLogits'}
    for name in set(last) - momenta - {'global_step'}:
        if 'Logits' in name:
            assert not np.array_equal(first[name], start[name]) or 'BatchNorm' in name, name
            assert not np.array_equal(last[name], first[name]), name
        elif name.endswith(('/moving_mean', '/moving_variance')):
            assert not np.array_equal(last[name], start[name]), name
        else:
            np.testing.assert_array_equal(last[name], start[name], name)


def test_features_are_complete_and_in_the_order_of_the_lists(job):
    for split, short, count in (
        ('train', 'train', TRAIN_IMAGES),
        ('validation', 'val', VAL_IMAGES),
    ):
        images = split_lists.read_list(split_lists.list_path(str(job.dataset), split))
        features = np.load(job.features / f'photos_feature_{short}.npy', allow_pickle=False)
        labels = np.load(job.features / f'photos_label_{short}.npy', allow_pickle=False)
        assert (features.dtype, features.shape) == (np.float32, (count, FEATURE_DIM))
        assert np.isfinite(features).all()
        assert (features.std(axis=1) > 0).all()
        assert labels.dtype == np.int32
        assert labels.tolist() == [image.label for image in images]
    made = {path.name for path in job.features.iterdir()}
    assert not any('unfinished' in name for name in made)


def test_features_distinguish_the_classes(job):
    train, val = (
        np.load(job.features / f'photos_feature_{split}.npy') for split in ('train', 'val')
    )
    of_train, of_val = (
        np.load(job.features / f'photos_label_{split}.npy') for split in ('train', 'val')
    )
    means = np.stack([train[of_train == label].mean(axis=0) for label in range(NUM_CLASSES)])
    nearest = ((val[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    # In any other order of the rows, accuracy would be at chance, 1/8.
    assert (nearest == of_val).mean() >= 5 / NUM_CLASSES
