import dataclasses
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from slim import configs
from slim.datasets import split_lists
from slim.errors import UserError

FEATURE_DIM = 2048 // 4


def test_help_describes_every_flag_without_tensorflow(root, run_script, without_tensorflow):
    result = run_script('export_saved_model.py', '--help', env=without_tensorflow)
    assert (result.returncode, result.stderr) == (0, '')
    assert "tf.saved_model.load('exports/" in result.stdout
    source = (root / 'export_saved_model.py').read_text()
    defined = re.findall(r"(?:DEFINE_\w+\(|define\(\s*CONFIG,)\s*'(\w+)'", source)
    assert len(defined) == 9
    wanted = 'checkpoint_path export_dir model_name depth_multiplier image_size end_point weights'
    for flag in {*defined, *wanted.split()}:
        assert re.search(rf'^  --(\[no\])?{flag}\b', result.stdout, re.M), flag


@pytest.mark.parametrize(
    ('arguments', 'parts'),
    [
        (['--export_dir='], ['--export_dir is required']),
        (['--checkpoint_path='], ['--checkpoint_path is required']),
        (['--exportdir=d'], ['unknown flag --exportdir', '--export_dir']),
        (['--weights=ema'], ['ema', 'average']),
        (['--model_name=inception_v33'], ['unknown network', 'did you mean inception_v3']),
        (['--dataset_name=phtos'], ['unknown dataset phtos', 'did you mean photos']),
        (['--export_dir={}/full'], ['full: Directory not empty']),
        (['--export_dir={}/full/file'], ['full/file: Not a directory']),
        (['--export_dir={}/full/file/x'], ['full/file: Not a directory']),
    ],
)
def test_mistakes_get_one_line_without_tensorflow(
    run_script, failure, without_tensorflow, photos_dir, tmp_path, arguments, parts
):
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full' / 'file').touch()
    given = [f'--dataset_dir={photos_dir}', '--checkpoint_path=c', f'--export_dir={tmp_path}/d']
    given += [argument.format(tmp_path) for argument in arguments]
    line = failure(run_script('export_saved_model.py', *given, env=without_tensorflow), lines=1)
    for part in parts:
        assert part in line
    assert [path.name for path in tmp_path.iterdir()] == ['full']


@pytest.fixture(scope='session')
def exported(run_script, trained, photos_dir, tmp_path_factory):
    """The folder of the tiny training's newest checkpoint as a SavedModel; empty beforehand."""
    folder = tmp_path_factory.mktemp('exports') / 'photos'
    folder.mkdir()
    result = run_script(
        'export_saved_model.py',
        f'--checkpoint_path={trained}',
        f'--export_dir={folder}',
        '--image_size=75',
        f'--dataset_dir={photos_dir}',
        '--dataset_name=photos',
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == (
        f'{folder}: inception_v3 for images of 75x75, features of dimension {FEATURE_DIM}, '
        '8 classes\n'
    )
    return folder


@pytest.fixture(scope='session')
def source(trained, tiny_config):
    """The same network as in feature extraction, with its classifier."""
    from slim.learning import feature_sources

    config = configs.ExtractionConfig(str(trained), depth_multiplier=0.25, image_size=75)
    return feature_sources.CheckpointSource(config, num_classes=8)


# Runs without this project and tf-slim.
LOAD = """
import sys
import numpy as np
import tensorflow as tf

model = tf.saved_model.load(sys.argv[1])
images = np.load(sys.argv[2])
results = {
    'features': model(images),
    'features with training=False': model(images, training=False),
    'features of one': model(images[:1]),
    'names': [variable.name for variable in model.variables],
    'trainable': [variable.name for variable in model.trainable_variables],
    'modules': [name for name in ('slim', 'tf_slim') if name in sys.modules],
}
for key, function in model.signatures.items():
    (name,) = function.structured_input_signature[1]
    for output, value in function(**{name: tf.constant(images)}).items():
        results[f'{key}({name}) -> {output}'] = value
np.savez(sys.argv[3], **{key: np.asarray(value) for key, value in results.items()})
"""


@pytest.fixture(scope='session')
def loaded(exported, tmp_path_factory):
    """Images, and the outputs of the SavedModel for them in a process that has only TensorFlow."""
    folder = tmp_path_factory.mktemp('loaded')
    images = np.random.default_rng(0).uniform(0, 1, [5, 75, 75, 3]).astype(np.float32)
    np.save(folder / 'images.npy', images)
    program = [sys.executable, '-I', '-c', LOAD, str(exported)]
    program += [str(folder / 'images.npy'), str(folder / 'results.npz')]
    subprocess.run(program, check=True, cwd=folder, timeout=240)
    with np.load(folder / 'results.npz') as results:
        return images, dict(results)


def close(actual, desired):
    """Checks that two arrays of features or logits are equal except for the last bits."""
    # In a process without this project TensorFlow may use other kernels.
    np.testing.assert_allclose(actual, desired, rtol=1e-5, atol=1e-5 * np.abs(desired).max())


def test_it_needs_only_tensorflow_and_returns_the_network_s_outputs(loaded, source):
    images, results = loaded
    assert results['modules'].size == 0
    features, logits = source.outputs(images * 2 - 1)
    features, logits = features.numpy(), logits.numpy()
    assert features.shape == (5, FEATURE_DIM) and logits.shape == (5, 8)
    assert features.std(axis=0).max() > 1e-3  # Different images have different features.
    for key in (
        'features',
        'features with training=False',
        'serving_default(inputs) -> feature_vector',
        'image_feature_vector(images) -> default',
    ):
        assert results[key].dtype == np.float32
        close(results[key], features)
    close(results['features of one'], features[:1])
    for key in ('serving_default(inputs) -> logits', 'image_classification(images) -> default'):
        close(results[key], logits)
    assert sum('->' in key for key in results) == 4


def test_its_variables_keep_their_names_and_the_labels_are_included(
    exported, loaded, source, photos_dir
):
    _, results = loaded
    names = {f'{name}:0' for name in source.model.named_variables()}
    assert set(results['names']) == names
    assert len(results['names']) == len(names)
    assert set(results['trainable']) == {name for name in names if '/moving_' not in name}
    labels = (exported / 'assets' / 'labels.txt').read_bytes()
    assert labels == (photos_dir / 'photos' / 'labels.txt').read_bytes()


def test_features_extracted_from_it_are_those_of_the_checkpoint(
    run_script, exported, trained, photos_dir, tmp_path, caplog
):
    from slim.learning import extraction

    given = (
        f'--dataset_dir={photos_dir}',
        '--dataset_name=photos',
        '--dataset_split_names=validation',
        f'--feature_dir={tmp_path}',
    )
    from_export = run_script('feature_extraction.py', *given, f'--saved_model={exported}/')
    assert from_export.returncode == 0, from_export.stderr
    path = tmp_path / exported.name / 'photos_feature_val.npy'
    assert from_export.stdout == f'{path}\n'

    def extract(folder, **source):
        extractor = extraction.Extractor(configs.ExtractionConfig(**source))
        dataset = str(photos_dir / 'photos'), 'photos', 'validation'
        return extractor.extract(*dataset, str(tmp_path / folder))

    network = {'depth_multiplier': 0.25, 'image_size': 75}
    expected = np.load(extract('from checkpoint', checkpoint_path=str(trained), **network))
    features = np.load(path)
    assert features.shape == (32, FEATURE_DIM)
    close(features, expected)
    listed = split_lists.read_list(str(photos_dir / 'photos' / 'val.txt'))
    labels = np.load(tmp_path / exported.name / 'photos_label_val.npy')
    assert labels.tolist() == [image.label for image in listed]

    written = path.stat().st_mtime_ns
    caplog.set_level('INFO', 'slim')
    assert extract(exported.name, saved_model=str(exported)) == str(path)
    assert f'{path} already exists' in caplog.text
    assert path.stat().st_mtime_ns == written


def test_images_are_mapped_to_the_range_of_the_network(source, monkeypatch):
    import tensorflow as tf

    from slim.learning import export

    row = dataclasses.replace(source.network, preprocessing='vgg')
    monkeypatch.setattr(source, 'network', row)
    root, _ = export._image_module(source)
    images = np.random.default_rng(1).uniform(0, 1, [2, 75, 75, 3]).astype(np.float32)
    expected = source.outputs(images * 255 - np.float32([123.68, 116.78, 103.94]))[0].numpy()
    close(root.__call__(tf.constant(images)), expected)


@pytest.fixture
def without_classifier(trained, tmp_path):
    """The tiny training's checkpoint without its classifier."""
    import tensorflow as tf

    from slim.learning import checkpoints

    complete = checkpoints.Checkpoint(str(trained))
    tensors = {name: complete.read(name) for name in complete.shapes if '/Logits/' not in name}
    tensors = {name: tf.constant(value) for name, value in tensors.items()}
    return checkpoints.save(str(tmp_path / 'headless'), tensors, 3)


def test_a_checkpoint_without_a_classifier_gives_features_only(
    without_classifier, source, photos_dir, tmp_path, monkeypatch
):
    import tensorflow as tf

    from slim.learning import export

    config = configs.ExportConfig(without_classifier, 'inception_v3', image_size=75)
    labels = str(photos_dir / 'photos' / 'labels.txt')
    with pytest.raises(UserError, match='has no classifier; leave out --dataset_name'):
        export.export(config, str(tmp_path / 'export'), labels)

    # A process killed at any moment until the final rename leaves nothing under the final name.
    def rename(old, new):
        assert (os.path.basename(old), new) == ('export.unfinished', str(tmp_path / 'export'))
        assert sorted(os.listdir(tmp_path)) == ['export.unfinished', 'headless']
        renamed.append(new)
        real_rename(old, new)

    renamed, real_rename = [], os.rename
    monkeypatch.setattr(os, 'rename', rename)
    export.export(config, str(tmp_path / 'export'))
    assert renamed == [str(tmp_path / 'export')]
    model = tf.saved_model.load(str(tmp_path / 'export'))
    assert set(model.signatures) == {'serving_default', 'image_feature_vector'}
    images = np.random.default_rng(2).uniform(0, 1, [2, 75, 75, 3]).astype(np.float32)
    outputs = model.signatures['serving_default'](inputs=tf.constant(images))
    assert set(outputs) == {'feature_vector'}
    close(outputs['feature_vector'], source.outputs(images * 2 - 1)[0].numpy())


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'checkpoint_path': 'nowhere/c.ckpt'}, 'no checkpoint nowhere/c.ckpt'),
        ({'image_size': 50}, '50x50 .*too small'),
        ({'end_point': 'Mixed_7d'}, 'no end point Mixed_7d'),
        ({'weights': 'average'}, 'no EMA weights'),
        ({'depth_multiplier': 0.5}, 'has shape .*--depth_multiplier'),
    ],
)
def test_an_invalid_export_is_refused(trained, tiny_config, tmp_path, changes, message):
    from slim.learning import export

    given = {'checkpoint_path': str(trained), 'image_size': 75, **changes}
    with pytest.raises(UserError, match=message):
        export.export(configs.ExportConfig(**given), str(tmp_path / 'export'))
    assert not list(tmp_path.iterdir())


def test_labels_of_another_dataset_and_an_unknown_network_are_refused(
    trained, photos_dir, tiny_config, tmp_path
):
    import tensorflow as tf

    from slim.learning import checkpoints, export

    shutil.copy(photos_dir / 'photos' / 'labels.txt', tmp_path)
    with open(tmp_path / 'labels.txt', 'a') as file:
        file.write('8:ninth\n')
    config = configs.ExportConfig(str(trained), image_size=75)
    with pytest.raises(UserError, match='labels.txt has 9 classes, .*model.ckpt-3 has 8'):
        export.export(config, str(tmp_path / 'export'), str(tmp_path / 'labels.txt'))
    path = checkpoints.save(str(tmp_path / 'unknown'), {'lstm/kernel': tf.zeros([1])}, 0)
    with pytest.raises(UserError, match='of no known network; see inspect_checkpoint.py'):
        export.export(configs.ExportConfig(path), str(tmp_path / 'export'))
