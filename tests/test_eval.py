import csv
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from slim import configs
from slim.datasets.dataset import load_dataset
from slim.errors import UserError
from slim.nets import nets_factory

SMALL = ('--depth_multiplier=0.25', '--eval_image_size=75')


def test_help_describes_every_flag_without_tensorflow(root, run_script, without_tensorflow):
    result = run_script('eval.py', '--help', env=without_tensorflow)
    assert (result.returncode, result.stderr) == (0, '')
    assert 'python eval.py --dataset_name=cub_200 --checkpoint_path=' in result.stdout
    source = (root / 'eval.py').read_text().replace("'image_size'", "'eval_image_size'")
    defined = re.findall(r"(?:DEFINE_\w+\(|define\(\s*CONFIG,)\s*'(\w+)'", source)
    assert len(defined) == 21
    original = 'checkpoint_path eval_dir dataset_dir dataset_name dataset_split_name model_name '
    original += 'preprocessing_name eval_image_size labels_offset batch_size max_num_batches '
    original += 'num_preprocessing_threads'
    for flag in {*defined, *original.split(), 'once', 'timeout_secs', 'weights'}:
        assert re.search(rf'^  --(\[no\])?{flag}\b', result.stdout, re.M), flag


@pytest.mark.parametrize(
    ('arguments', 'parts'),
    [
        ([], ['--checkpoint_path is required']),
        (['--checkpoint_pth=c'], ['unknown flag --checkpoint_pth', '--checkpoint_path']),
        (['--weights=best'], ['best', 'average', 'raw']),
        (['--batch_size=0'], ['batch_size']),
        (['--timeout_secs=soon'], ['timeout_secs', 'soon']),
        (
            ['--moving_average_decay=0.99'],
            ['--moving_average_decay of the original code was removed', '--weights'],
        ),
        (['--master', 'local'], ['--master of the original code was removed', 'TF_CONFIG']),
        (['--quantize'], ['--quantize of the original code was removed']),
        (['--checkpoint_path='], ['--checkpoint_path is required']),
        (['--checkpoint_path=a,,b'], ['--checkpoint_path=a,,b has an empty entry']),
        (['--checkpoint_path=c', '--model_name='], ['--model_name is required']),
        (
            ['--checkpoint_path=a,b,c', '--model_name=inception_v3,inception_v3'],
            ['--model_name has 2 values', '--checkpoint_path has 3', 'one for each'],
        ),
        (
            ['--checkpoint_path=c', '--eval_image_size=75,91'],
            ['--eval_image_size has 2 values', '--checkpoint_path has 1'],
        ),
        (['--checkpoint_path=a,b', '--eval_image_size=75,big'], ['--eval_image_size', 'big']),
        (['--num_crops=5'], ['num_crops', '5', '1', '12']),
    ],
)
def test_mistakes_in_flags_get_one_line_without_tensorflow(
    run_script, failure, without_tensorflow, arguments, parts
):
    line = failure(run_script('eval.py', *arguments, env=without_tensorflow), lines=1)
    for part in parts:
        assert part in line


@pytest.mark.parametrize(
    ('arguments', 'parts'),
    [
        (['--dataset_name=phtos'], ['unknown dataset phtos', 'did you mean photos']),
        (['--dataset_name=photos'], ['not converted yet', 'convert_dataset.py']),
        (['--dataset_dir=nowhere', '--dataset_name=nabirds'], ['nowhere/nabirds is missing']),
    ],
)
def test_a_missing_dataset_gets_one_line_without_tensorflow(
    run_script, failure, without_tensorflow, photos_dir, arguments, parts
):
    given = (f'--dataset_dir={photos_dir}', '--checkpoint_path=c', *arguments)
    line = failure(run_script('eval.py', *given, env=without_tensorflow), lines=1)
    for part in parts:
        assert part in line


@pytest.fixture(scope='session')
def flags(data_dir):
    return (*SMALL, f'--dataset_dir={data_dir}', '--dataset_name=photos')


def test_a_folder_without_checkpoints_gets_one_line(run_script, failure, flags, tmp_path):
    given = (*flags, '--once', f'--checkpoint_path={tmp_path}', f'--eval_dir={tmp_path}/e')
    line = failure(run_script('eval.py', *given), lines=1)
    assert f'{tmp_path} holds no checkpoint' in line
    assert not (tmp_path / 'e').exists()


def test_it_evaluates_a_training_in_parallel_and_stops_at_once(
    start_script, flags, tiny_flags, tmp_path
):
    folder = tmp_path / 'trained'
    evaluation = start_script(
        'eval.py',
        *flags,
        f'--checkpoint_path={folder}',
        f'--eval_dir={tmp_path}/evaluated',
        '--eval_interval_secs=1',
    )
    evaluation.wait_for('waiting for a checkpoint')
    training = start_script(
        'train.py',
        *tiny_flags,
        f'--train_dir={folder}',
        '--batch_norm_decay=0.5',
        '--save_interval_secs=2',
        '--max_checkpoints=0',
    )
    # Step 0, one during training, and one more.
    evaluation.wait_until(lambda: evaluation.stdout.count('\n') >= 3)
    assert training.end(signal.SIGTERM) == 128 + signal.SIGTERM
    last = int(re.search(r'stopped at step (\d+)\n', training.stderr).group(1))
    evaluation.wait_for(f'step {last}: ')
    began = time.monotonic()
    assert evaluation.end(signal.SIGTERM) == -signal.SIGTERM
    assert time.monotonic() - began < 2

    written = {int(path.stem.split('-')[1]) for path in folder.glob('model.ckpt-*.index')}
    steps = [int(line.split()[1].rstrip(':')) for line in evaluation.stdout.splitlines()]
    assert steps == sorted(written)  # each once, oldest first
    assert len(steps) >= 4
    tables = {path.name for path in (tmp_path / 'evaluated').glob('*.csv')}
    assert tables == {f'per_class_accuracy-{step}.csv' for step in steps}
    assert 'Traceback' not in training.stderr + evaluation.stderr


def test_a_signal_stops_it_at_once_while_it_waits_and_while_it_evaluates(
    start_script, flags, trained, tmp_path
):
    waiting = start_script('eval.py', *flags, f'--checkpoint_path={tmp_path}')
    evaluating = start_script('eval.py', *flags, f'--checkpoint_path={trained}')
    waiting.wait_for('waiting for a checkpoint')
    evaluating.wait_for('evaluating ')
    for script, number in ((waiting, signal.SIGINT), (evaluating, signal.SIGTERM)):
        began = time.monotonic()
        assert script.end(number) == -number
        assert time.monotonic() - began < 2
        assert script.stdout == ''
        assert 'Traceback' not in script.stderr


def test_it_stops_after_the_timeout_without_a_new_checkpoint(run_script, flags, trained):
    given = (*flags, f'--checkpoint_path={trained}', '--timeout_secs=1')
    result = run_script('eval.py', *given)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [line.split(': ')[0] for line in lines] == ['step 0', 'step 3']
    assert all(line.endswith(' on 32 images') for line in lines)


def test_twelve_crops_and_an_ensemble_are_evaluated_once_with_table_and_events(
    run_script, flags, trained, tmp_path
):
    twelve = run_script(
        'eval.py', *flags, f'--checkpoint_path={trained}', '--num_crops=12', '--once'
    )
    assert twelve.returncode == 0, twelve.stderr
    assert re.fullmatch(r'step 3: eval/Accuracy\[.* on 32 images\n', twelve.stdout)

    # The newest checkpoint of a folder and a checkpoint by name, with different image sizes.
    ensemble = run_script(
        'eval.py',
        *flags,
        f'--checkpoint_path={trained},{trained}/model.ckpt-0',
        '--eval_image_size=75,91',
        f'--eval_dir={tmp_path}/e',
    )
    assert ensemble.returncode == 0, ensemble.stderr
    assert f'evaluating {trained}/model.ckpt-3: ' in ensemble.stderr
    assert f'evaluating {trained}/model.ckpt-0: ' in ensemble.stderr
    printed = re.fullmatch(r'step 3: eval/Accuracy\[(.*)\] .* on 32 images\n', ensemble.stdout)
    accuracy = float(printed.group(1))
    with open(tmp_path / 'e' / 'per_class_accuracy-3.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [int(row['images']) for row in rows] == [4] * 8
    assert sum(int(row['correct']) for row in rows) / 32 == pytest.approx(accuracy, abs=1e-4)
    events = EventAccumulator(str(tmp_path / 'e'))
    events.Reload()
    (event,) = events.Tensors('eval/Accuracy')
    assert event.step == 3
    assert make_ndarray(event.tensor_proto) == pytest.approx(accuracy, abs=1e-4)


def test_eval_sh_separates_results_of_different_kinds(root, tmp_path):
    def arguments(**knobs):
        result = subprocess.run(
            ['bash', root / 'eval.sh'],
            capture_output=True,
            text=True,
            env={'PATH': os.environ['PATH'], 'PYTHON': 'echo', **knobs},
        )
        return result.returncode, result.stdout.split() + result.stderr.split('\n')

    status, given = arguments(MODEL_DIR='a')
    assert status == 0 and {'--num_crops=1', '--eval_dir=a/eval'} < set(given)
    status, given = arguments(MODEL_DIR='a', NUM_CROPS='12')
    assert status == 0 and {'--num_crops=12', '--eval_dir=a/eval_12_crops'} < set(given)
    status, given = arguments(MODEL_DIR='a,b', EVAL_DIR='c')
    assert status == 0 and {'--checkpoint_path=a,b', '--eval_dir=c'} < set(given)
    status, (line, *_) = arguments(MODEL_DIR='a,b')
    assert status == 1 and 'EVAL_DIR: set it to a folder for the results of a,b' in line


# The remaining tests call the library in this process, which has imported TensorFlow already.


@pytest.fixture(scope='session')
def evaluator(tiny_config):
    """`evaluator(data_dir, **changes)` creates an evaluator of the small network."""
    from slim.learning import evaluation

    def create(data_dir, split='validation', **changes):
        config = configs.EvaluationConfig(
            **{'depth_multiplier': 0.25, 'image_size': 75, 'batch_size': 16, **changes}
        )
        return evaluation.Evaluator(config, load_dataset(str(data_dir), 'photos', split))

    return create


def message(function, *arguments, **keywords):
    """Returns the message of the `UserError` that a call raises, in one line."""
    with pytest.raises(UserError) as caught:
        function(*arguments, **keywords)
    return ' '.join(str(caught.value).split())


def test_each_image_counts_once_for_any_batch_size(evaluator, data_dir, trained):
    path = str(trained / 'model.ckpt-3')
    results = [evaluator(data_dir, 'train', batch_size=size).evaluate(path) for size in (7, 100)]
    for result in results:
        assert (result.step, result.num_images) == (3, 96)
        assert result.images.tolist() == [12] * 8
        assert (result.correct <= result.in_top_5).all()
        assert (result.in_top_5 <= result.images).all()
    for field in ('correct', 'in_top_5'):
        seven, hundred = (getattr(result, field) for result in results)
        np.testing.assert_array_equal(seven, hundred)
    # Neither all nor none: equality is informative.
    assert 0 < results[0].in_top_5.sum() < 96


@pytest.mark.parametrize(
    ('changes', 'parts'),
    [
        ({'image_size': 50}, ['50x50', 'too small', '75x75']),
        ({'labels_offset': 8}, ['--labels_offset=8', 'no class of 8']),
        ({'model_name': 'inceptionv3'}, ['unknown network', 'did you mean inception_v3']),
    ],
)
def test_an_invalid_configuration_is_refused(evaluator, data_dir, changes, parts):
    text = message(evaluator, data_dir, **changes)
    for part in parts:
        assert part in text


@pytest.fixture(scope='module')
def usual(evaluator, data_dir):
    return evaluator(data_dir)


def test_a_missing_or_truncated_checkpoint_is_refused(usual, trained, tmp_path):
    assert f'no checkpoint {tmp_path}/c' in message(usual.evaluate, f'{tmp_path}/c')
    shutil.copytree(trained, tmp_path / 'copied')
    path = tmp_path / 'copied' / 'model.ckpt-3'
    data = path.with_name(path.name + '.data-00000-of-00001')
    content = data.read_bytes()
    # Triggers the bug of TensorFlow's reader that test_train.py describes.
    data.write_bytes(content[: len(content) // 4])
    assert f'{path} is damaged' in message(usual.evaluate, str(path))


def test_a_checkpoint_of_another_network_is_refused(usual, tmp_path):
    from slim.learning import checkpoints

    tensors = {'resnet_v2_50/conv1/weights': np.zeros(3, np.float32), 'global_step': np.int64(7)}
    path = checkpoints.save(str(tmp_path), tensors, 7)
    text = message(usual.evaluate, path)
    assert f'{path} is of another network' in text
    assert 'resnet_v2_50' in text


def test_missing_ema_weights_are_refused(evaluator, data_dir, trained):
    averaging = evaluator(data_dir, weights='average')
    assert 'no EMA weights; use --weights=raw' in message(averaging.evaluate, str(trained))


def test_another_number_of_classes_is_refused_with_both_shapes(evaluator, own_data_dir, trained):
    folder = own_data_dir / 'photos'
    manifest = json.loads((folder / 'manifest.json').read_text())
    manifest['class_names'].append('A ninth class')
    (folder / 'manifest.json').write_text(json.dumps(manifest))
    with open(folder / 'labels.txt', 'a') as labels:
        labels.write('8:A ninth class\n')
    text = message(evaluator(own_data_dir).evaluate, str(trained))
    assert re.search(r'has shape \[(1, 1, 512, )?8\], the network needs \[(1, 1, 512, )?9\]', text)
    assert '--model_name' in text


def test_labels_out_of_range_are_refused(evaluator, data_dir, trained, tmp_path):
    from slim.learning import checkpoints

    # A checkpoint that fits the seven remaining classes.
    checkpoint = checkpoints.Checkpoint(str(trained))
    tensors = {name: checkpoint.read(name) for name in checkpoint.shapes}
    for name in tensors:
        if '/Logits/Conv2d_1c_1x1/' in name:
            tensors[name] = tensors[name][..., 1:]
    path = checkpoints.save(str(tmp_path), tensors, 3)
    text = message(evaluator(data_dir, labels_offset=1).evaluate, path)
    assert 'a label is not in 0 to 6' in text
    assert '--labels_offset' in text


def test_a_damaged_shard_is_named(evaluator, own_data_dir, trained):
    shard = own_data_dir / 'photos' / 'validation_00001-of-00002.tfrecord'
    content = bytearray(shard.read_bytes())
    middle = len(content) // 2
    content[middle] ^= 0xFF
    shard.write_bytes(content)
    text = message(evaluator(own_data_dir).evaluate, str(trained))
    assert f'{shard}: the file is damaged' in text
    assert 'convert_dataset.py --dataset_name=photos' in text


def test_an_image_that_cannot_be_decoded_is_named_by_shard_and_number(
    evaluator, own_data_dir, trained
):
    import tensorflow as tf

    from slim import files
    from slim.datasets import input_pipeline, tfrecord

    # Valid records, the third of which holds half a JPEG; the conversion never writes such records.
    shard = own_data_dir / 'photos' / 'validation_00000-of-00002.tfrecord'
    examples = [record.numpy() for record in tf.data.TFRecordDataset(str(shard))]
    encoded, label = input_pipeline.parse_example(examples[2])
    encoded = encoded.numpy()
    examples[2] = tfrecord.make_example(encoded[: len(encoded) // 2], int(label), 100, 100)
    tfrecord.write_shard(str(shard), examples)
    files.finish(str(shard))
    path = own_data_dir / 'photos' / 'manifest.json'
    manifest = json.loads(path.read_text())
    manifest['splits']['validation']['shards'][shard.name]['bytes'] = shard.stat().st_size
    path.write_text(json.dumps(manifest))
    text = message(evaluator(own_data_dir).evaluate, str(trained))
    assert f'{shard}: its image 2 does not decode' in text


def test_classes_without_images_have_no_accuracy_in_the_table(tmp_path):
    from slim.learning import evaluation

    images, correct = np.array([4, 0]), np.array([3, 0])
    result = evaluation.Evaluation(5, images, correct, images)
    assert (result.accuracy, result.recall_5, result.num_images) == (0.75, 1.0, 4)
    path = evaluation.write_per_class(result, ('wren', 'robin'), str(tmp_path))
    with open(path) as file:
        assert file.read().splitlines()[1:] == ['0,wren,4,3,0.75,1.0', '1,robin,0,0,,']


def test_logits_that_are_not_finite_are_refused(usual, trained, tmp_path):
    from slim.learning import checkpoints

    checkpoint = checkpoints.Checkpoint(str(trained))
    tensors = {name: checkpoint.read(name) for name in checkpoint.shapes}
    tensors['InceptionV3/Logits/Conv2d_1c_1x1/biases'][0] = np.nan
    path = checkpoints.save(str(tmp_path), tensors, 3)
    assert f'{path}: the logits are not finite' in message(usual.evaluate, path)


def test_a_folder_that_cannot_be_written_is_an_error_that_names_it(data_dir, tmp_path):
    from slim.learning import evaluation

    (tmp_path / 'file').touch()
    counts = np.full(8, 4)
    result = evaluation.Evaluation(5, counts, counts, counts)
    dataset = load_dataset(str(data_dir), 'photos', 'validation')
    # slim.command_line prints an OSError with a file name in one line.
    with pytest.raises(NotADirectoryError) as caught:
        evaluation.report(result, dataset, str(tmp_path / 'file' / 'e'))
    assert caught.value.filename == str(tmp_path / 'file' / 'e')


# Averages over crops and members.


@pytest.fixture(scope='session')
def softmax_by_hand(data_dir):
    """`softmax_by_hand(path, size, crop)` returns labels and mean softmax of the validation images.

    `crop` maps a photograph, uint8 [height, width, 3], to the images to average over, float32
    [crops, size, size, 3]. Each photograph is processed separately; float64 [images, classes].
    """
    import tensorflow as tf

    from slim.datasets import input_pipeline
    from slim.learning import checkpoints
    from slim.learning.model import Model

    dataset = load_dataset(str(data_dir), 'photos', 'validation')
    records = tf.data.TFRecordDataset(list(dataset.shards))
    examples = [input_pipeline.parse_example(record) for record in records]
    photos = [tf.io.decode_jpeg(encoded, channels=3).numpy() for encoded, _ in examples]
    labels = np.array([int(label) for _, label in examples])
    models = {}

    def compute(path, size, crop):
        if size not in models:
            network_fn = nets_factory.get_network_fn('inception_v3', 8)
            model = Model(network_fn, size, depth_multiplier=0.25, create_aux_logits=False)
            logits = tf.function(lambda images: model(images)[0], autograph=False)
            models[size] = model.named_variables(), logits
        variables, logits = models[size]
        checkpoint = checkpoints.Checkpoint(str(path))
        use_ema = checkpoints.use_ema_weights(checkpoint, 'auto')
        checkpoints.restore(variables, checkpoint, use_ema=use_ema)
        means = []
        for photo in photos:
            powers = np.exp(logits(tf.constant(crop(photo, size))).numpy().astype(np.float64))
            means.append((powers / powers.sum(1, keepdims=True)).mean(0))
        return labels, np.array(means)

    return compute


@pytest.fixture(scope='session')
def mild(trained, tmp_path_factory):
    """Like `trained`, with less confident classifiers: no class has a probability of 1."""
    from slim.learning import checkpoints

    folder = tmp_path_factory.mktemp('mild')
    for step, divisor in ((0, 20), (3, 400)):
        checkpoint = checkpoints.Checkpoint(str(trained / f'model.ckpt-{step}'))
        tensors = {name: checkpoint.read(name) for name in checkpoint.shapes}
        for name in tensors:
            if '/Logits/Conv2d_1c_1x1/' in name:
                tensors[name] /= divisor
        checkpoints.save(str(folder), tensors, step)
    return folder


def one_crop(style):
    """The preprocessing of evaluation: (photograph, size) -> float32 [1, size, size, 3]."""
    from slim.preprocessing import preprocessing_factory

    preprocess = preprocessing_factory.get_preprocessing(style, is_training=False)
    return lambda photo, size: preprocess(photo, size, size).numpy()[None]


def twelve_crops(photo, size):
    """The 12 crops with Inception's preprocessing, by slicing: float32 [12, size, size, 3]."""
    import tensorflow as tf

    top, left = (int(side * 0.0625) for side in photo.shape[:2])
    height, width = photo.shape[0] - 2 * top, photo.shape[1] - 2 * left
    windows = [
        photo[top : top + height, left : left + width],
        photo[:height, :width],
        photo[:height, -width:],
        photo[-height:, :width],
        photo[-height:, -width:],
        photo,
    ]
    resized = [
        tf.raw_ops.ResizeBilinear(images=window[None], size=[size, size])[0].numpy()
        for window in windows
    ]
    return np.array(resized + [image[:, ::-1] for image in resized]) / np.float32(127.5) - 1


def scores_of(evaluator, *paths):
    """Returns labels [images] and scores [images, classes] of an evaluator; checks its ranks."""
    evaluator.restore(*(str(path) for path in paths))
    labels, scores, correct, top_5 = map(np.concatenate, zip(*evaluator.predictions(), strict=True))
    ranks = (scores > scores[np.arange(len(labels)), labels][:, None]).sum(1)
    np.testing.assert_array_equal(correct, ranks == 0)
    np.testing.assert_array_equal(top_5, ranks < 5)
    return labels, scores


def test_twelve_crops_have_the_mean_softmax_of_twelve_images(
    evaluator, data_dir, mild, softmax_by_hand
):
    path = mild / 'model.ckpt-3'
    # Five of the 32 images per batch.
    labels, scores = scores_of(evaluator(data_dir, num_crops=12, batch_size=60), path)
    want_labels, want = softmax_by_hand(path, 75, twelve_crops)
    np.testing.assert_array_equal(labels, want_labels)
    np.testing.assert_allclose(np.exp(scores), want, rtol=1e-4)
    # A single crop gives other values.
    _, of_one = softmax_by_hand(path, 75, one_crop('inception'))
    assert np.median(np.abs(want / of_one - 1)) > 1e-2


@pytest.fixture
def twin(monkeypatch):
    """Name of a network that is Inception-V3 with VGG's preprocessing."""
    row = dataclasses.replace(nets_factory.get_network('inception_v3'), preprocessing='vgg')
    monkeypatch.setitem(nets_factory.NETWORKS, 'twin', row)
    return 'twin'


def test_an_ensemble_has_the_mean_softmax_of_its_members(
    evaluator, data_dir, mild, softmax_by_hand, twin
):
    first, second = mild / 'model.ckpt-3', mild / 'model.ckpt-0'
    together = evaluator(data_dir, model_name=('inception_v3', twin), image_size=(75, 91))
    labels, scores = scores_of(together, first, second)
    want_labels, want = softmax_by_hand(first, 75, one_crop('inception'))
    _, other = softmax_by_hand(second, 91, one_crop('vgg'))
    np.testing.assert_array_equal(labels, want_labels)
    np.testing.assert_allclose(np.exp(scores), (want + other) / 2, rtol=1e-4)
    assert np.median(np.abs(other / want - 1)) > 1e-2

    # The metrics are computed from these scores; the step is the largest, in any order.
    result = together.evaluate(str(first), str(second))
    hits = labels[scores.argmax(1) == labels]
    np.testing.assert_array_equal(result.correct, np.bincount(hits, minlength=8))
    assert (result.step, result.num_images) == (3, 32)
    assert together.restore(str(second), str(first)) == 3


@pytest.fixture(scope='module')
def pair(evaluator, data_dir):
    return evaluator(data_dir, model_name=('inception_v3', 'inception_v3'))


def test_an_ensemble_of_a_checkpoint_with_itself_changes_nothing(usual, pair, trained):
    import tensorflow as tf

    # So confident that most probabilities underflow in float32.
    path = str(trained / 'model.ckpt-3')
    once, twice = usual.evaluate(path), pair.evaluate(path, path)
    for field in ('step', 'images', 'correct', 'in_top_5'):
        np.testing.assert_array_equal(getattr(once, field), getattr(twice, field))
    _, logits = scores_of(usual, path)
    _, scores = scores_of(pair, path, path)
    np.testing.assert_allclose(scores, tf.nn.log_softmax(logits), rtol=1e-5, atol=1e-6)
    assert (np.exp(scores) == 0).mean() > 0.5
    # A single network is ranked by its logits, an ensemble by softmax.
    assert np.abs(logits - scores).max() > 1


@pytest.mark.parametrize(('batch_size', 'images'), [(11, [1, 1, 1]), (35, [2, 2, 2])])
def test_the_batch_size_is_a_number_of_crops(
    evaluator, data_dir, trained, monkeypatch, batch_size, images
):
    from slim.learning import evaluation

    traced = []

    class CountedModel(evaluation.Model):
        def __call__(self, images):
            traced.append(images.shape)
            return super().__call__(images)

    monkeypatch.setattr(evaluation, 'Model', CountedModel)
    twelve = evaluator(data_dir, num_crops=12, batch_size=batch_size, max_num_batches=3)
    built = len(traced)
    twelve.restore(str(trained))
    assert [len(labels) for labels, *_ in twelve.predictions()] == images
    # All crops are processed as one batch.
    assert traced[built:] == [(None, 75, 75, 3)]
    assert twelve.evaluate(str(trained)).num_images == sum(images)


def test_errors_of_an_ensemble_name_the_member_s_checkpoint(pair, trained, tmp_path):
    from slim.learning import checkpoints

    missing = f'{tmp_path}/model.ckpt-7'
    assert f'no checkpoint {missing}' in message(pair.evaluate, str(trained), missing)
    checkpoint = checkpoints.Checkpoint(str(trained))
    tensors = {name: checkpoint.read(name) for name in checkpoint.shapes}
    tensors['InceptionV3/Logits/Conv2d_1c_1x1/biases'][0] = np.nan
    bad = checkpoints.save(str(tmp_path), tensors, 3)
    text = message(pair.evaluate, str(trained), bad)
    assert text == f'{bad}: the logits are not finite'


def test_the_depth_multiplier_applies_to_members_that_have_one(
    evaluator, data_dir, trained, monkeypatch
):
    row = nets_factory.get_network('inception_v3')
    fixed = dataclasses.replace(row, has_depth_multiplier=False)
    monkeypatch.setitem(nets_factory.NETWORKS, 'fixed', fixed)
    assert 'no such parameter' in message(evaluator, data_dir, model_name='fixed')
    # The checkpoint with a quarter of the channels fits the first member, not the second.
    mixed = evaluator(data_dir, model_name=('inception_v3', 'fixed'))
    text = message(mixed.evaluate, str(trained), str(trained))
    assert re.search(r'BatchNorm/beta has shape \[16\], the network needs \[32\]', text)
