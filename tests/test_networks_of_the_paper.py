"""A TensorFlow 1 checkpoint of each of the paper's networks is processed by every script.

The scripts' library calls are made in this process, which has imported TensorFlow already; one
network is processed by the scripts themselves.
"""

import numpy as np
import pytest

from slim import configs
from slim.datasets.dataset import load_dataset
from slim.nets import nets_factory
from slim.quiet_import import import_tensorflow
from tests.reference import deterministic

PAPER = tuple(nets_factory.PAPER_NETWORKS)
QUICK = ('inception_v3_se',)  # And resnet_v2_50 by the scripts, at the end.
SIZE = 75
AVERAGE = '/ExponentialMovingAverage'
OLD_CLASSES = 5  # Number of classes of the pre-training dataset.


def _write_checkpoint(name, num_classes, path):
    """Writes a network with EMA weights by a TF1 graph and its `Saver`.

    Returns:
      Values of all variables by name, including the EMA weights, which differ from the raw ones.
    """
    tf = import_tensorflow()
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        size = max(SIZE, nets_factory.get_network(name).minimum_image_size)
        images = v1.placeholder(tf.float32, [None, size, size, 3])
        nets_factory.get_network_fn(name, num_classes, is_training=True)(images)
        v1.train.ExponentialMovingAverage(0.9999).apply(v1.global_variables())
        v1.train.get_or_create_global_step()
        variables = {v.op.name: v for v in v1.global_variables()}
        values = {'global_step': np.int64(7)}
        random = np.random.default_rng(0)
        for variable_name, variable in variables.items():
            raw_name = variable_name.removesuffix(AVERAGE)
            if raw_name == 'global_step':
                continue
            value = deterministic.weights(raw_name, variable.shape.as_list())
            if raw_name != variable_name:
                value *= random.uniform(0.9, 1.1, value.shape).astype(np.float32)
            values[variable_name] = value
        # In a single call: each call of a session with such a large graph is slow.
        session.run(
            [variables[key].initializer for key in values],
            {variables[key].initializer.inputs[1]: value for key, value in values.items()},
        )
        v1.train.Saver(max_to_keep=1).save(session, str(path), write_meta_graph=False)
    return values


@pytest.mark.parametrize(
    'name',
    # The others take up to a minute each: ./test.sh -m slow
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in PAPER],
)
def test_every_step_of_the_transfer(name, data_dir, tmp_path):
    tf = import_tensorflow('slim.compat') and import_tensorflow()
    from slim.learning import checkpoints, evaluation, export, extraction, inspection, training

    released = tmp_path / f'{name}_iNat_299.ckpt'
    values = _write_checkpoint(name, OLD_CLASSES, released)

    fit = inspection.inspect(str(released)).fits[0]
    assert (fit.network, fit.num_classes, fit.fits) == (name, OLD_CLASSES, True)

    # Trains a new last layer for other classes; everything else keeps its raw weights.
    train, val = (load_dataset(str(data_dir), 'photos', split) for split in ('train', 'validation'))
    config = configs.TrainingConfig(
        model_name=name,
        image_size=SIZE,
        batch_size=8,
        checkpoint_path=str(released),
        checkpoint_exclude_scopes=('last_layer',),
        trainable_scopes=('last_layer',),
        optimizer=configs.OptimizerConfig('momentum'),
        schedule=configs.ScheduleConfig(learning_rate=0.001),
        max_number_of_steps=1,
    )
    assert training.train(config, train, str(tmp_path / 'trained')) is None
    trained = checkpoints.Checkpoint(str(tmp_path / 'trained'))
    scopes = nets_factory.get_network(name).last_layer_scopes
    for variable, value in values.items():
        is_statistic = variable.endswith(('moving_mean', 'moving_variance'))
        if variable.startswith(scopes) or is_statistic or variable not in trained.shapes:
            continue
        if variable != 'global_step':
            np.testing.assert_array_equal(trained.read(variable), value, err_msg=variable)
    slots = {variable for variable in trained.shapes if variable.endswith('/Momentum')}
    assert slots and all(slot.startswith(scopes) for slot in slots)

    evaluator = evaluation.Evaluator(
        configs.EvaluationConfig(model_name=name, image_size=SIZE, batch_size=8), val
    )
    assert evaluator.evaluate(trained.path).num_images == val.num_images

    # Features from the EMA weights, and the same features from the exported SavedModel.
    def extract(into, **source):
        config = configs.ExtractionConfig(image_size=SIZE, **source)
        path = extraction.Extractor(config).extract(
            str(data_dir / 'photos'), 'photos', 'validation', str(tmp_path / into)
        )
        return np.load(path)

    features = extract('features', checkpoint_path=str(released), model_name=name)
    raw = extract('raw', checkpoint_path=str(released), model_name=name, weights='raw')
    feature_dim = 2048 if 'v3' in name or name.startswith('resnet') else 1536
    assert features.shape == raw.shape == (val.num_images, feature_dim)
    assert np.abs(features - raw).max() > 1e-3 * np.abs(features).max()

    exported = export.export(
        configs.ExportConfig(str(released), image_size=SIZE), str(tmp_path / 'exported')
    )
    assert (exported.model_name, exported.num_classes) == (name, OLD_CLASSES)
    again = extract('again', saved_model=str(tmp_path / 'exported'))
    np.testing.assert_allclose(again, features, rtol=1e-4, atol=1e-5 * np.abs(features).max())
    loaded = tf.saved_model.load(str(tmp_path / 'exported'))
    logits = loaded.signatures['image_classification'](images=tf.zeros([3, SIZE, SIZE, 3]))
    assert logits['default'].shape == [3, OLD_CLASSES]


def test_the_scripts_need_only_model_name_and_checkpoint_path(data_dir, run_script, tmp_path):
    name, released = 'resnet_v2_50', tmp_path / 'resnet_v2_50_iNat_299.ckpt'
    _write_checkpoint(name, 8, released)
    common = (
        f'--dataset_dir={data_dir}',
        '--dataset_name=photos',
        f'--model_name={name}',
        f'--checkpoint_path={released}',
    )

    def run(script, *arguments):
        result = run_script(script, *arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout + result.stderr

    shown = run('inspect_checkpoint.py', str(released))
    assert 'resnet_v2_50, 8 classes' in shown
    train_dir = tmp_path / 'train'
    trained = run(
        'train.py',
        *common,
        f'--train_dir={train_dir}',
        '--checkpoint_exclude_scopes=last_layer',
        '--trainable_scopes=last_layer',
        '--optimizer=momentum',
        '--train_image_size=75',
        '--batch_size=4',
        '--max_images_per_class=2',
        '--precision=bfloat16',
        '--max_number_of_steps=1',
    )
    assert 'training 2 of 174 variables' in trained
    assert '2 excluded by scope (resnet_v2_50/logits)' in trained
    evaluated = run('eval.py', *common, '--eval_image_size=75', '--once', '--precision=bfloat16')
    assert 'eval/Accuracy[' in evaluated
    extracted = run(
        'feature_extraction.py',
        *common,
        '--image_size=75',
        '--dataset_split_names=validation',
        '--jit_compile',
        f'--feature_dir={tmp_path / "feature"}',
    )
    path = tmp_path / 'feature' / 'resnet_v2_50_iNat_299' / 'photos_feature_val.npy'
    assert str(path) in extracted
    assert np.load(path).shape == (32, 2048)
