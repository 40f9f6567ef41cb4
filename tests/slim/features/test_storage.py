"""Feature files: every row is written, killed runs resume, incomplete files have no final name."""

import os
import subprocess
import sys

import numpy as np
import pytest

from slim.features import storage

PROVENANCE = {'checkpoint': 'a', 'image_size': 299}
ROWS = np.random.default_rng(0).normal(size=[10, 4]).astype(np.float32)


def _path(folder):
    return storage.array_path(str(folder), 'cub_200', 'feature', 'train')


def test_arrays_are_named_as_in_the_original_code(tmp_path):
    assert _path(tmp_path) == str(tmp_path / 'cub_200_feature_train.npy')
    assert storage.array_path('f', 'cub_200', 'label', 'val') == 'f/cub_200_label_val.npy'


def test_rows_can_be_written_in_any_order(tmp_path):
    writer = storage.FeatureWriter(_path(tmp_path / 'new'), 10, 4, PROVENANCE)
    order = np.random.default_rng(1).permutation(10)
    for part in np.array_split(order, 3):
        writer.write(part, ROWS[part])
    writer.finish()
    got = np.load(_path(tmp_path / 'new'), allow_pickle=False)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, ROWS)
    assert storage.is_complete(_path(tmp_path / 'new'), PROVENANCE)
    assert not storage.is_complete(_path(tmp_path / 'new'), {**PROVENANCE, 'image_size': 448})
    assert sorted(os.listdir(tmp_path / 'new')) == [
        'cub_200_feature_train.json',
        'cub_200_feature_train.npy',
    ]


def test_a_new_provenance_never_accompanies_older_rows(tmp_path):
    for value, provenance in ((1, PROVENANCE), (2, {**PROVENANCE, 'image_size': 448})):
        writer = storage.FeatureWriter(_path(tmp_path), 10, 4, provenance)
        writer.write(np.arange(10), np.full([10, 4], value, np.float32))
        assert not storage.is_complete(_path(tmp_path), provenance)
        writer.finish()
        assert storage.is_complete(_path(tmp_path), provenance)
        assert (np.load(_path(tmp_path), allow_pickle=False) == value).all()


def test_disk_space_is_allocated_before_rows_are_written(tmp_path):
    storage.FeatureWriter(_path(tmp_path), 1000, 512, PROVENANCE)
    size = os.stat(_path(tmp_path) + storage.UNFINISHED)
    assert size.st_blocks * 512 >= 1000 * 512 * 4


def test_a_missing_row_is_detected(tmp_path):
    writer = storage.FeatureWriter(_path(tmp_path), 10, 4, PROVENANCE)
    writer.write(np.arange(7), ROWS[:7])
    with pytest.raises(ValueError, match='3 rows were not written, the first is 7'):
        writer.finish()
    assert not os.path.exists(_path(tmp_path))


def test_a_feature_that_is_not_finite_is_refused(tmp_path):
    writer = storage.FeatureWriter(_path(tmp_path), 10, 4, PROVENANCE)
    with pytest.raises(ValueError, match='not finite'):
        writer.write([0], np.full([1, 4], np.nan, np.float32))


KILLED = """
import os, signal, sys
import numpy as np
from slim.features import storage
writer = storage.FeatureWriter(sys.argv[1], 10, 4, {'checkpoint': 'a', 'image_size': 299})
writer.write(np.array([1, 5]), np.full([2, 4], 7, np.float32))
writer.sync()
writer.write(np.array([2]), np.full([1, 4], 8, np.float32))
os.kill(os.getpid(), signal.SIGKILL)
"""


def _kill_during_writing(folder):
    process = subprocess.run([sys.executable, '-c', KILLED, _path(folder)])
    assert process.returncode == -9


def test_a_killed_run_resumes_from_the_rows_on_disk(tmp_path):
    _kill_during_writing(tmp_path)
    writer = storage.FeatureWriter(_path(tmp_path), 10, 4, PROVENANCE)
    missing = writer.missing_rows()
    assert missing.tolist() == [0, 2, 3, 4, 6, 7, 8, 9]
    writer.write(missing, ROWS[missing])
    writer.finish()
    got = np.load(_path(tmp_path), allow_pickle=False)
    np.testing.assert_array_equal(got[missing], ROWS[missing])
    assert (got[[1, 5]] == 7).all()


@pytest.mark.parametrize(
    'shape, provenance', [((10, 4), {'checkpoint': 'b'}), ((10, 5), PROVENANCE)]
)
def test_rows_of_another_provenance_or_shape_are_not_reused(tmp_path, shape, provenance):
    _kill_during_writing(tmp_path)
    assert len(storage.FeatureWriter(_path(tmp_path), *shape, provenance).missing_rows()) == 10


def test_a_damaged_unfinished_file_is_rebuilt(tmp_path):
    _kill_during_writing(tmp_path)
    with open(_path(tmp_path) + storage.UNFINISHED, 'wb') as file:
        file.write(b'not an array')
    assert len(storage.FeatureWriter(_path(tmp_path), 10, 4, PROVENANCE).missing_rows()) == 10


def test_labels_are_int32(tmp_path):
    path = storage.array_path(str(tmp_path), 'cub_200', 'label', 'train')
    storage.write_labels(path, [3, 1, 2])
    got = np.load(path, allow_pickle=False)
    assert got.dtype == np.int32 and got.tolist() == [3, 1, 2]


def test_does_not_import_tensorflow():
    program = 'import sys; import slim.features.storage; sys.exit("tensorflow" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', program]).returncode == 0
