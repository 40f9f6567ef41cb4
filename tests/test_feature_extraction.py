import json
import re
import shutil
import signal
import sys

import numpy as np
import pytest

from slim import configs
from slim.datasets import split_lists
from slim.errors import UserError
from slim.features import storage

FEATURE_DIM = 2048 // 4


def test_help_describes_every_flag_without_tensorflow(root, run_script, without_tensorflow):
    result = run_script('feature_extraction.py', '--help', env=without_tensorflow)
    assert (result.returncode, result.stderr) == (0, '')
    assert 'python feature_extraction.py --dataset_name=cub_200' in result.stdout
    assert '_feature_train.npy' in result.stdout
    source = (root / 'feature_extraction.py').read_text()
    defined = re.findall(r"(?:DEFINE_\w+\(|define\(\s*CONFIG,)\s*'(\w+)'", source)
    assert len(defined) == 18
    wanted = 'model_name checkpoint_path dataset_name end_point image_size batch_size weights'
    for flag in {*defined, *wanted.split()}:
        assert re.search(rf'^  --(\[no\])?{flag}\b', result.stdout, re.M), flag


@pytest.mark.parametrize(
    ('arguments', 'parts'),
    [
        ([], ['--checkpoint_path is required']),
        (['--saved_model=m'], ['--saved_model and --checkpoint_path exclude each other']),
        (['--chekpoint_path=c'], ['unknown flag --chekpoint_path', '--checkpoint_path']),
        (['--weights=ema'], ['ema', 'average']),
        (['--batch_size=-1'], ['batch_size']),
        (['--image_size=big'], ['image_size', 'big']),
        (['--dataset_name=phtos'], ['unknown dataset phtos', 'did you mean photos']),
        (['--dataset_name=aircraft'], ['aircraft is missing', 'download.py aircraft']),
        (['--dataset_split_names=train,test'], ['--dataset_split_names', 'test']),
        (['--model_name=inception_v33'], ['unknown network', 'did you mean inception_v3']),
    ],
)
def test_mistakes_get_one_line_without_tensorflow(
    run_script, failure, without_tensorflow, photos_dir, tmp_path, arguments, parts
):
    given = ['--dataset_name=photos', f'--feature_dir={tmp_path}/f', f'--dataset_dir={photos_dir}']
    given += ['--checkpoint_path=c'] * bool(arguments)
    result = run_script('feature_extraction.py', *given, *arguments, env=without_tensorflow)
    line = failure(result, lines=1)
    for part in parts:
        assert part in line
    assert not (tmp_path / 'f').exists()


@pytest.fixture(scope='session')
def create(tiny_config, trained):
    """`create(**changes)` creates an extractor of a small network's features."""
    from slim.learning import extraction

    def create(**changes):
        given = {
            'checkpoint_path': str(trained / 'model.ckpt-3'),
            'depth_multiplier': 0.25,
            'image_size': 75,
            **changes,
        }
        return extraction.Extractor(configs.ExtractionConfig(**given))

    return create


@pytest.fixture(scope='session')
def extractor(create):
    return create()


def message(function, *arguments, **keywords):
    """Returns the message of the `UserError` that a call raises, in one line."""
    with pytest.raises(UserError) as caught:
        function(*arguments, **keywords)
    return ' '.join(str(caught.value).split())


def arrays(folder, split='train'):
    """Reads the features and labels of a split."""
    kinds = ('feature', 'label')
    return [np.load(folder / f'photos_{kind}_{split}.npy', allow_pickle=False) for kind in kinds]


# Runs a script that flushes rows to disk after every batch instead of every ten seconds.
RUN_WITH_SYNCS = """
import runpy, sys
sys.path.insert(0, sys.argv[1])
from slim.features import storage
storage.SYNC_SECONDS = 0
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def test_a_killed_extraction_is_resumed(
    root, start_script, run_script, photos_dir, trained, create, tmp_path
):
    given = (
        f'--dataset_dir={photos_dir}',
        '--dataset_name=photos',
        '--dataset_split_names=train',
        f'--checkpoint_path={trained}',
        '--depth_multiplier=0.25',
        '--image_size=299',  # slow enough to be killed before it ends
        '--batch_size=2',
        f'--feature_dir={tmp_path}',
    )
    folder = tmp_path / f'{trained.name}-3'
    recorded = folder / 'photos_feature_train.npy.rows.unfinished'
    script = root / 'feature_extraction.py'
    command = [sys.executable, '-c', RUN_WITH_SYNCS, str(root), str(script), *given]
    killed = start_script('feature_extraction.py', command=command)
    killed.wait_until(recorded.exists)
    killed.wait_until(lambda: np.load(recorded).sum() >= 16)
    assert killed.end(signal.SIGKILL) == -signal.SIGKILL
    done = int(np.load(recorded).sum())
    assert 16 <= done < 96
    # It has no final name yet.
    assert not (folder / 'photos_feature_train.npy').exists()

    resumed = run_script('feature_extraction.py', *given)
    assert resumed.returncode == 0, resumed.stderr
    assert f'resuming after {done} of 96 images' in resumed.stderr
    assert sorted(path.name for path in folder.iterdir()) == [
        'photos_feature_train.json',
        'photos_feature_train.npy',
        'photos_label_train.npy',
    ]
    uninterrupted = create(image_size=299)
    uninterrupted.extract(
        str(photos_dir / 'photos'), 'photos', 'train', str(tmp_path / 'uninterrupted')
    )
    (features, labels), (expected, expected_labels) = (
        arrays(folder),
        arrays(tmp_path / 'uninterrupted'),
    )
    np.testing.assert_array_equal(labels, expected_labels)
    # The last bits depend on the batches.
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=1e-6 * expected.max())


def test_a_complete_extraction_is_kept_and_another_image_size_rebuilt(
    extractor, create, photos_dir, tmp_path
):
    folder = str(photos_dir / 'photos')

    def extract(extractor):
        path = extractor.extract(folder, 'photos', 'validation', str(tmp_path))
        assert path == str(tmp_path / 'photos_feature_val.npy')
        written = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
        return *arrays(tmp_path, 'val'), written

    features, labels, written = extract(extractor)
    listed = split_lists.read_list(split_lists.list_path(folder, 'validation'))
    assert labels.tolist() == [image.label for image in listed]
    assert features.shape == (32, FEATURE_DIM)
    assert extract(extractor)[2] == written

    larger, _, rewritten = extract(create(image_size=107))
    assert rewritten != written
    assert larger.shape == features.shape
    assert np.abs(larger - features).max() > 1e-3


def test_an_extraction_killed_after_its_last_row_is_completed(extractor, photos_dir, tmp_path):
    arguments = str(photos_dir / 'photos'), 'photos', 'validation', str(tmp_path)
    extractor.extract(*arguments)
    features, labels = arrays(tmp_path, 'val')
    # All rows are on disk, but not yet under their final name.
    path = tmp_path / 'photos_feature_val.npy'
    provenance = json.loads(path.with_suffix('.json').read_text())
    writer = storage.FeatureWriter(str(path), *features.shape, provenance)
    writer.write(np.arange(len(features)), features)
    writer.sync()
    path.unlink()
    extractor.extract(*arguments)
    for expected, array in zip((features, labels), arrays(tmp_path, 'val'), strict=True):
        np.testing.assert_array_equal(array, expected)


def test_features_do_not_depend_on_the_size_of_the_batch(extractor, create, photos_dir, tmp_path):
    folder = str(photos_dir / 'photos')
    for name, one in (('usual', extractor), ('odd', create(batch_size=7))):
        one.extract(folder, 'photos', 'validation', str(tmp_path / name))
    (usual, _), (odd, _) = arrays(tmp_path / 'usual', 'val'), arrays(tmp_path / 'odd', 'val')
    np.testing.assert_allclose(usual, odd, rtol=1e-5, atol=1e-6 * odd.max())


def test_the_dimension_is_that_of_the_end_point(create, photos_dir, tmp_path):
    narrow = create(end_point='MaxPool_5a_3x3')
    assert narrow.feature_dim == 192 // 4
    narrow.extract(str(photos_dir / 'photos'), 'photos', 'validation', str(tmp_path))
    assert arrays(tmp_path, 'val')[0].shape == (32, 48)


@pytest.mark.parametrize(
    ('changes', 'parts'),
    [
        ({'image_size': 50}, ['50x50', 'too small', '75x75']),
        ({'checkpoint_path': 'nowhere/c.ckpt'}, ['no checkpoint nowhere/c.ckpt']),
        ({'end_point': 'Mixed_7d'}, ['no end point Mixed_7d', 'Mixed_7c']),
        ({'weights': 'average'}, ['no EMA weights', '--weights=raw']),
        ({'depth_multiplier': 0.5}, ['has shape [', 'the network needs [', '--depth_multiplier']),
    ],
)
def test_an_invalid_configuration_is_refused(create, changes, parts):
    text = message(create, **changes)
    for part in parts:
        assert part in text


@pytest.fixture
def own_photos(photos_dir, tmp_path):
    """A copy of the photographs that a test may spoil."""
    return shutil.copytree(photos_dir / 'photos', tmp_path / 'photos')


def test_an_empty_list_is_refused(extractor, own_photos, tmp_path):
    (own_photos / 'val.txt').write_text('\n')
    text = message(extractor.extract, str(own_photos), 'photos', 'validation', str(tmp_path / 'f'))
    assert f'{own_photos}/val.txt is empty' in text
    assert not (tmp_path / 'f').exists()


@pytest.mark.parametrize('spoil', ['cut', 'replace', 'remove'])
def test_an_unreadable_image_is_named_and_the_other_features_are_kept(
    extractor, own_photos, tmp_path, spoil
):
    listed = split_lists.read_list(str(own_photos / 'val.txt'))
    image = own_photos / listed[5].path
    content = image.read_bytes()
    if spoil == 'cut':
        image.write_bytes(content[: len(content) // 2])
    elif spoil == 'replace':
        image.write_bytes(b'<html>Not found</html>')
    else:
        image.unlink()
    extract = (str(own_photos), 'photos', 'validation', str(tmp_path / 'f'))
    text = message(extractor.extract, *extract)
    assert text.startswith(f'{image}: the file is ')
    assert not (tmp_path / 'f' / 'photos_feature_val.npy').exists()
    # After the image is repaired, the same command succeeds.
    image.write_bytes(content)
    extractor.extract(*extract)
    features, _ = arrays(tmp_path / 'f', 'val')
    assert (features.std(axis=1) > 0).all()


def test_a_folder_that_cannot_be_written_gets_one_line(
    run_script, failure, photos_dir, trained, tmp_path
):
    (tmp_path / 'file').touch()
    result = run_script(
        'feature_extraction.py',
        '--dataset_name=photos',
        f'--dataset_dir={photos_dir}',
        f'--checkpoint_path={trained}',
        '--depth_multiplier=0.25',
        '--image_size=75',
        f'--feature_dir={tmp_path}/file',
    )
    line = failure(result)
    assert f'{tmp_path}/file: Not a directory' in line


def test_a_damaged_saved_model_gets_one_line(run_script, failure, photos_dir, tmp_path):
    (tmp_path / 'saved_model.pb').write_text('<html>Not found</html>')
    result = run_script(
        'feature_extraction.py',
        '--dataset_name=photos',
        f'--dataset_dir={photos_dir}',
        f'--saved_model={tmp_path}',
        f'--feature_dir={tmp_path}/f',
    )
    assert f'{tmp_path} cannot be loaded' in failure(result, lines=1)
    assert not (tmp_path / 'f').exists()
