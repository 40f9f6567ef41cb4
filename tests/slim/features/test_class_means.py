"""Class means: computed in one pass over files of any size; invalid input is refused."""

import os
import subprocess
import sys

import numpy as np
import pytest

from slim.errors import UserError
from slim.features.class_means import compute_class_means
from slim.validation import check_labels

RANDOM = np.random.default_rng(0)
LABELS = RANDOM.permutation(np.r_[np.arange(7), RANDOM.integers(0, 7, 93)])
FEATURES = RANDOM.normal(3, 1, [100, 5]).astype(np.float32)


@pytest.mark.parametrize('chunk_bytes', [1, 40 * 7, 2**20])
def test_means_do_not_depend_on_the_chunk_size(tmp_path, chunk_bytes):
    np.save(tmp_path / 'features.npy', FEATURES)
    mapped = np.load(tmp_path / 'features.npy', mmap_mode='r')
    means, num_images = compute_class_means(mapped, LABELS, chunk_bytes=chunk_bytes)
    assert means.dtype == np.float32 and num_images.tolist() == np.bincount(LABELS).tolist()
    expected = [FEATURES[label == LABELS].astype(np.float64).mean(axis=0) for label in range(7)]
    np.testing.assert_allclose(means, expected, rtol=1e-7)


def test_sums_are_accumulated_in_float64():
    # In float32, 2**24 + 1 is 2**24.
    features = np.r_[np.float32(2**24), np.ones(3, np.float32)][:, None]
    means, _ = compute_class_means(features, [0] * 4)
    assert means[0, 0] == np.float32((2**24 + 3) / 4)


PROGRAM = """
import resource, sys
import numpy as np
from slim.features.class_means import compute_class_means
resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[2]),) * 2)
features = np.load(sys.argv[1], mmap_mode='r')
labels = np.arange(len(features)) % 10
means, _ = compute_class_means(features, labels, chunk_bytes=2**20)
assert (means == np.arange(10)[:, None]).all()
try:
    np.array(features)
except MemoryError:
    print('the file does not fit')
"""


def test_a_file_larger_than_memory_is_read_in_chunks(tmp_path, root):
    path = tmp_path / 'features.npy'
    rows = np.lib.format.open_memmap(path, 'w+', dtype=np.float32, shape=(200_000, 512))  # 410 MB
    rows[:] = (np.arange(len(rows)) % 10)[:, None]
    rows.flush()
    # Python and numpy use about 100 MiB of data; BLAS threads would use more.
    environment = {**os.environ, 'OPENBLAS_NUM_THREADS': '1'}
    command = [sys.executable, '-c', PROGRAM, str(path), str(300 * 2**20)]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, env=environment)
    assert (result.returncode, result.stdout) == (0, 'the file does not fit\n'), result.stderr


@pytest.mark.parametrize(
    'features, labels, message',
    [
        (FEATURES, LABELS[:-1], 'there are 100 features, but 99 labels'),
        (FEATURES, LABELS + 1, r'1 of 8 classes have no images \(0\)'),
        (FEATURES, LABELS * 9, r'48 of 55 classes have no images \(1, 2, 3, 4, 5, \.\.\.\)'),
        (FEATURES[0], LABELS, r'the shape is \[5\]'),
        (FEATURES[:, :0], LABELS, r'the shape is \[100, 0\]'),
        (FEATURES.astype(str), LABELS, 'features must be numbers'),
        (np.where(np.arange(100)[:, None] == 61, np.nan, FEATURES), LABELS, 'row 61 is not finite'),
        (np.where(np.arange(100)[:, None] == 7, np.inf, FEATURES), LABELS, 'row 7 is not finite'),
    ],
)
def test_invalid_features_and_labels_are_refused(features, labels, message):
    with pytest.raises(UserError, match=f'^a.npy: .*{message}'):
        compute_class_means(features, labels, where='a.npy', chunk_bytes=400)


def test_a_wrong_number_of_classes_is_refused():
    with pytest.raises(UserError, match='1 of 8 classes have no images'):
        compute_class_means(FEATURES, LABELS, num_classes=8)
    with pytest.raises(UserError, match='there is label 6, but 6 classes'):
        compute_class_means(FEATURES, LABELS, num_classes=6)


@pytest.mark.parametrize(
    'labels, message',
    [
        ([0, 1, -1], '-1 is negative'),
        ([0.0, 0.5], '0.5 is not a whole number'),
        ([0.0, np.nan], 'nan is not a whole number'),
        ([np.inf], 'inf is not a whole number'),
        ([[0], [1]], r'the shape is \[2, 1\]'),
        ([], r'the shape is \[0\]'),
        (['0'], 'labels must be whole numbers'),
        ([2**40], 'is not a label'),
    ],
)
def test_invalid_labels_are_refused(labels, message):
    with pytest.raises(UserError, match=message):
        check_labels(np.array(labels))
