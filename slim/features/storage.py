"""Feature files: one row per image, in the order of the dataset's list.

    feature/<checkpoint>/<set>_feature_train.npy   float32 [images, feature_dim]
    feature/<checkpoint>/<set>_label_train.npy     int32 [images]
    feature/<checkpoint>/<set>_feature_train.json  provenance: how they were computed

and the same for `val`. Rows are written into a file of the final size, so that memory use does not
grow with the dataset; it has a temporary name until it is complete.
"""

import contextlib
import json
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from slim.files import UNFINISHED, atomic_file, write_text

SYNC_SECONDS = 10  # Most work that is lost when the process is killed.


def array_path(feature_dir: str, dataset_name: str, kind: str, split: str) -> str:
    """Returns the path of an array: `kind` 'feature' or 'label', `split` 'train' or 'val'."""
    return os.path.join(feature_dir, f'{dataset_name}_{kind}_{split}.npy')


def _read_json(path: str) -> Any:
    """Returns the content of a JSON file, None if it does not exist or is not JSON."""
    try:
        with open(path, encoding='utf-8') as file:
            return json.load(file)
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def is_complete(path: str, provenance: dict[str, object]) -> bool:
    """Returns whether the features `path` are complete and have this provenance."""
    return os.path.exists(path) and _read_json(path.removesuffix('.npy') + '.json') == provenance


def write_array(path: str, array: np.ndarray) -> None:
    """Writes an array to a `.npy` file atomically."""
    with atomic_file(path) as unfinished, open(unfinished, 'wb') as file:
        np.save(file, array)


def write_labels(path: str, labels: Sequence[int]) -> None:
    """Writes labels as int32 [images] atomically."""
    write_array(path, np.asarray(labels, np.int32))


def _create_array(path: str, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> np.memmap:
    """Creates a `.npy` file as a memory map, with its disk space allocated.

    If the space were not allocated, a full disk would kill the process by a signal when a row is
    assigned.

    Raises:
      OSError: if there is not enough space.
    """
    array = np.lib.format.open_memmap(path, 'w+', dtype=dtype, shape=shape)
    with open(path, 'r+b') as file:
        try:
            os.posix_fallocate(file.fileno(), 0, os.path.getsize(path))
        except OSError as error:
            error.filename = path
            raise
    return array


class FeatureWriter:
    """A feature file `path` that is filled in any order, possibly over several runs."""

    def __init__(
        self, path: str, num_images: int, feature_dim: int, provenance: dict[str, object]
    ) -> None:
        """Opens the unfinished file of an earlier run with the same provenance, or creates one.

        Args:
          path: path of the complete file.
          num_images: number of rows.
          feature_dim: dimension of a feature.
          provenance: everything that decides the values, as a JSON-able dictionary.
        """
        self.path, self._provenance = path, provenance
        self._rows_path = path + UNFINISHED
        self._done_path = path + '.rows' + UNFINISHED
        self._provenance_path = path + '.json' + UNFINISHED
        arrays = self._reopen((num_images, feature_dim))
        if arrays is None:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                os.remove(self._provenance_path)
            arrays = (
                _create_array(self._rows_path, np.float32, (num_images, feature_dim)),
                _create_array(self._done_path, bool, (num_images,)),
            )
            # Last: the two arrays are used only if it exists.
            write_text(self._provenance_path, json.dumps(provenance))
        self._rows, self._done = arrays
        self._pending: list[np.ndarray] = []
        self._synced = time.monotonic()

    def _reopen(self, shape: tuple[int, int]) -> tuple[np.memmap, np.memmap] | None:
        """Returns the arrays of an interrupted run (rows, done), None if none fit."""
        if _read_json(self._provenance_path) != self._provenance:
            return None
        try:
            rows = np.load(self._rows_path, mmap_mode='r+', allow_pickle=False)
            done = np.load(self._done_path, mmap_mode='r+', allow_pickle=False)
        except (OSError, ValueError):
            return None
        fits = rows.shape == shape and rows.dtype == np.float32 and done.shape == shape[:1]
        return (rows, done) if fits else None

    def missing_rows(self) -> np.ndarray:
        """Returns the indices of rows that are not written yet, int64, ascending."""
        return np.flatnonzero(~np.asarray(self._done))

    def write(self, indices: np.ndarray, rows: np.ndarray) -> None:
        """Writes rows float32 [n, feature_dim] to the places `indices`, int [n].

        Raises:
          ValueError: if a feature is not finite.
        """
        if not np.isfinite(rows).all():
            raise ValueError('a feature is not finite')
        self._rows[indices] = rows
        self._pending.append(np.array(indices))
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Flushes the rows to disk and only then records that they are done."""
        self._rows.flush()
        for indices in self._pending:
            self._done[indices] = True
        self._done.flush()
        self._pending.clear()
        self._synced = time.monotonic()

    def finish(self) -> None:
        """Renames the file to its final name.

        Raises:
          ValueError: if a row was never written.
        """
        self.sync()
        if len(missing := self.missing_rows()):
            raise ValueError(f'{len(missing)} rows were not written, the first is {missing[0]}')
        del self._rows, self._done
        # The provenance last, so that a new one never accompanies older rows.
        final_provenance_path = self.path.removesuffix('.npy') + '.json'
        with contextlib.suppress(FileNotFoundError):
            os.remove(final_provenance_path)
        os.replace(self._rows_path, self.path)
        write_text(final_provenance_path, json.dumps(self._provenance, indent=1))
        for path in (self._done_path, self._provenance_path):
            os.remove(path)
