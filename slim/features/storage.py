"""Features on disk: one row an image, in the order of the dataset's list.

    feature/<checkpoint>/<set>_feature_train.npy   float32 [images, width]
    feature/<checkpoint>/<set>_label_train.npy     int32 [images]
    feature/<checkpoint>/<set>_feature_train.json  what they were made with

and the same for `val`. They are written row by row into a file of the final size, so that memory
does not grow with the dataset, under another name until every row is there.
"""

import contextlib
import json
import os
import time

import numpy as np

from slim.files import UNFINISHED, atomic_file, write_text

SYNC_SECONDS = 10  # How much work a kill can cost.


def array_path(feature_dir, dataset_name, kind, split):
    """Path of an array: `kind` is 'feature' or 'label', `split` is 'train' or 'val'."""
    return os.path.join(feature_dir, f'{dataset_name}_{kind}_{split}.npy')


def _read_json(path):
    """The content of a JSON file, None where there is none or it is no JSON."""
    try:
        with open(path, encoding='utf-8') as file:
            return json.load(file)
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def is_complete(path, origin):
    """Whether the features at `path` are there and were made with `origin`, a dictionary."""
    return os.path.exists(path) and _read_json(path.removesuffix('.npy') + '.json') == origin


def write_labels(path, labels):
    """Writes labels as int32 [images], whole or not at all."""
    with atomic_file(path) as unfinished, open(unfinished, 'wb') as file:
        np.save(file, np.asarray(labels, np.int32))


def _reserve(path):
    """Takes the disk space of a file that is written through memory.

    Without it a full disk would end the process by a signal, in the middle of an assignment.

    Raises:
      OSError: if there is not enough.
    """
    with open(path, 'r+b') as file:
        try:
            os.posix_fallocate(file.fileno(), 0, os.path.getsize(path))
        except OSError as error:
            error.filename = path
            raise


class FeatureWriter:
    """A feature file being filled, in any order, over several runs if need be."""

    def __init__(self, path, num_images, width, origin):
        """Opens the unfinished file of an earlier run with the same origin, or begins one.

        Args:
          path: of the finished file.
          num_images: rows.
          width: of a feature.
          origin: JSON-able dictionary of all that decides the values.
        """
        self._path, self._origin = path, origin
        self._rows_path = path + UNFINISHED
        self._done_path = path + '.rows' + UNFINISHED
        self._origin_path = path + '.json' + UNFINISHED
        shape = (num_images, width)
        rows, done = self._reopen(shape)
        if rows is None:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                os.remove(self._origin_path)
            open_memmap = np.lib.format.open_memmap
            rows = open_memmap(self._rows_path, 'w+', dtype=np.float32, shape=shape)
            done = open_memmap(self._done_path, 'w+', dtype=bool, shape=(num_images,))
            for file in (self._rows_path, self._done_path):
                _reserve(file)
            # Last: without it nothing of the two files is believed.
            write_text(self._origin_path, json.dumps(origin))
        self._rows, self._done = rows, done
        self._pending = []
        self._synced = time.monotonic()

    def _reopen(self, shape):
        """The two arrays of an interrupted run, (None, None) if there is none that fits."""
        if _read_json(self._origin_path) != self._origin:
            return None, None
        try:
            rows = np.load(self._rows_path, mmap_mode='r+', allow_pickle=False)
            done = np.load(self._done_path, mmap_mode='r+', allow_pickle=False)
        except (OSError, ValueError):
            return None, None
        if rows.shape != shape or rows.dtype != np.float32 or done.shape != shape[:1]:
            return None, None
        return rows, done

    def missing(self):
        """Indices of the rows still to be written, int64, ascending."""
        return np.flatnonzero(~np.asarray(self._done))

    def write(self, indices, rows):
        """Writes rows, float32 [n, width], to their places, int [n].

        Raises:
          ValueError: if a feature is not finite.
        """
        if not np.isfinite(rows).all():
            raise ValueError('a feature is not finite')
        self._rows[indices] = rows
        self._pending.append(np.array(indices))
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            self.sync()

    def sync(self):
        """Puts the rows on the disk, and only then notes that they are there."""
        self._rows.flush()
        for indices in self._pending:
            self._done[indices] = True
        self._done.flush()
        self._pending.clear()
        self._synced = time.monotonic()

    def finish(self):
        """Gives the file its name.

        Raises:
          ValueError: if a row was never written.
        """
        self.sync()
        missing = self.missing()
        if len(missing):
            raise ValueError(f'{len(missing)} rows were not written, the first is {missing[0]}')
        del self._rows, self._done
        # The origin comes last: at no moment does a new one stand beside older rows.
        origin_path = self._path.removesuffix('.npy') + '.json'
        with contextlib.suppress(FileNotFoundError):
            os.remove(origin_path)
        os.replace(self._rows_path, self._path)
        write_text(origin_path, json.dumps(self._origin, indent=1))
        for path in (self._done_path, self._origin_path):
            os.remove(path)
