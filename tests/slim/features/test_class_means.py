"""Mean features of classes: in one pass over files of any size, and of what cannot be meant."""

import os
import subprocess
import sys

import numpy as np
import pytest

from slim.errors import UserError
from slim.features.class_means import class_features
from slim.validation import check_labels

RANDOM = np.random.default_rng(0)
LABELS = RANDOM.permutation(np.r_[np.arange(7), RANDOM.integers(0, 7, 93)])
FEATURES = RANDOM.normal(3, 1, [100, 5]).astype(np.float32)


@pytest.mark.parametrize('chunk_bytes', [1, 40 * 7, 2**20])
def test_means_whatever_the_chunks(tmp_path, chunk_bytes):
    np.save(tmp_path / 'features.npy', FEATURES)
    mapped = np.load(tmp_path / 'features.npy', mmap_mode='r')
    means, num_images = class_features(mapped, LABELS, chunk_bytes=chunk_bytes)
    assert means.dtype == np.float32 and num_images.tolist() == np.bincount(LABELS).tolist()
    expected = [FEATURES[label == LABELS].astype(np.float64).mean(axis=0) for label in range(7)]
    np.testing.assert_allclose(means, expected, rtol=1e-7)


def test_sums_keep_what_float32_would_lose():
    # Added one after the other in float32, 2**24 + 1 is 2**24.
    features = np.r_[np.float32(2**24), np.ones(3, np.float32)][:, None]
    means, _ = class_features(features, [0] * 4)
    assert means[0, 0] == np.float32((2**24 + 3) / 4)


PROGRAM = """
import resource, sys
import numpy as np
from slim.features.class_means import class_features
resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[2]),) * 2)
features = np.load(sys.argv[1], mmap_mode='r')
labels = np.arange(len(features)) % 10
means, _ = class_features(features, labels, chunk_bytes=2**20)
assert (means == np.arange(10)[:, None]).all()
try:
    np.array(features)
except MemoryError:
    print('the file does not fit')
"""


def test_a_file_that_is_larger_than_memory(tmp_path, root):
    path = tmp_path / 'features.npy'
    rows = np.lib.format.open_memmap(path, 'w+', dtype=np.float32, shape=(200_000, 512))  # 410 MB
    rows[:] = (np.arange(len(rows)) % 10)[:, None]
    rows.flush()
    # Python and numpy have some 100 MiB of data; threads of the BLAS would have more.
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
def test_what_cannot_be_meant(features, labels, message):
    with pytest.raises(UserError, match=f'^a.npy: .*{message}'):
        class_features(features, labels, where='a.npy', chunk_bytes=400)


def test_more_or_fewer_classes_than_said():
    with pytest.raises(UserError, match='1 of 8 classes have no images'):
        class_features(FEATURES, LABELS, num_classes=8)
    with pytest.raises(UserError, match='there is label 6, but 6 classes'):
        class_features(FEATURES, LABELS, num_classes=6)


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
def test_labels_that_are_none(labels, message):
    with pytest.raises(UserError, match=message):
        check_labels(np.array(labels))
