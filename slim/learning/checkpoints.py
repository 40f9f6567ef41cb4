"""Name-based checkpoints in TensorFlow 1's format: written atomically, read strictly.

A training writes `<folder>/model.ckpt-<step>` and the state file `checkpoint`, as expected by the
original code, TensorBoard and `tf.train.latest_checkpoint`.
"""

import contextlib
import glob
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from slim import configs
from slim.errors import UserError
from slim.files import flush_to_disk, write_text
from slim.learning.scopes import select
from slim.validation import first_few

AVERAGE_SUFFIX = '/ExponentialMovingAverage'
PREFIX = 'model.ckpt'
_SUFFIXES = ('.data-00000-of-00001', '.index')
_TEMPORARY = '.writing-'

# Errors of TensorFlow's reader for files that are truncated or damaged.
_UNREADABLE = (tf.errors.OpError, ValueError, RuntimeError, IndexError)


class DamagedCheckpointError(UserError):
    """A checkpoint whose files are truncated or damaged."""


def list_checkpoints(folder: str) -> list[str]:
    """Returns the paths of a training's checkpoints, oldest first; training resumes from the last.

    The state file decides: checkpoints that it lists and that exist, in its order, ending with the
    one that it names as the newest (also after a user has edited it). Without a state file the
    checkpoints are found by name.
    """
    if not os.path.isdir(folder):
        return []
    state = tf.train.get_checkpoint_state(folder)
    if state:
        newest = state.model_checkpoint_path
        paths = [path for path in state.all_model_checkpoint_paths if path != newest] + [newest]
    else:
        names = [name for name in _names_in(folder) if name.startswith(PREFIX + '-')]
        steps = sorted(int(step) for name in names if (step := name.rsplit('-', 1)[1]).isdigit())
        paths = [os.path.join(folder, f'{PREFIX}-{step}') for step in steps]
    return [path for path in paths if os.path.exists(path + '.index')]


def latest_checkpoint(folder: str) -> str | None:
    """Returns the last of `list_checkpoints`, or None if there are none."""
    paths = list_checkpoints(folder)
    return paths[-1] if paths else None


def _names_in(folder: str) -> list[str]:
    """Returns the names of all checkpoints in a folder, released ones included."""
    indices = sorted(glob.glob(os.path.join(glob.escape(folder), '*.index')))
    return [os.path.basename(path).removesuffix('.index') for path in indices]


def other_checkpoints(folder: str) -> list[str]:
    """Returns the names of checkpoints that `save` did not write, such as released ones."""
    return [name for name in _names_in(folder) if not name.startswith(PREFIX + '-')]


def save(
    folder: str,
    tensors: Mapping[str, tf.Tensor | tf.Variable],
    step: int,
    max_to_keep: int = configs.TrainingConfig.max_checkpoints,
) -> str:
    """Writes `folder/model.ckpt-<step>`, deletes the oldest checkpoints and returns the new path.

    The files are written under another name, flushed and renamed, the state file last: a process
    that is killed at any moment leaves the earlier checkpoints intact, and this one complete or not
    listed.

    Args:
      folder: folder of the checkpoints; created if it does not exist.
      tensors: dictionary from TF1 name to tensor.
      step: global step.
      max_to_keep: number of checkpoints to keep; 0 keeps all.

    Raises:
      OSError: if the folder cannot be written or the disk is full; no partial file is left.
    """
    os.makedirs(folder, exist_ok=True)
    _remove_temporary_files(folder)
    path = os.path.join(folder, f'{PREFIX}-{step}')
    temporary = os.path.join(folder, f'{_TEMPORARY}{PREFIX}-{step}')
    names = sorted(tensors)
    values = [tensors[name] for name in names]
    try:
        tf.raw_ops.SaveV2(
            prefix=temporary, tensor_names=names, shape_and_slices=[''] * len(names), tensors=values
        )
        for suffix in _SUFFIXES:
            flush_to_disk(temporary + suffix)
        for suffix in _SUFFIXES:  # The index last: without it the data are not a checkpoint.
            os.replace(temporary + suffix, path + suffix)
    except tf.errors.OpError as error:
        raise OSError(f'{path} could not be written: {error.message}') from error
    finally:
        _remove_temporary_files(folder)

    paths = [other for other in list_checkpoints(folder) if other != path] + [path]
    deleted = paths[:-max_to_keep] if max_to_keep else []
    # The state file: a `CheckpointState` as text, with relative paths so that the folder can move.
    kept = [os.path.basename(path) for path in paths[len(deleted) :]]
    state = [f'model_checkpoint_path: "{kept[-1]}"\n']
    state += [f'all_model_checkpoint_paths: "{name}"\n' for name in kept]
    write_text(os.path.join(folder, 'checkpoint'), ''.join(state))
    for old in deleted:
        for suffix in (*_SUFFIXES, '.meta'):
            with contextlib.suppress(FileNotFoundError):
                os.remove(old + suffix)
    return path


def _remove_temporary_files(folder: str) -> None:
    """Removes what an interrupted `save` left under its temporary name."""
    for file in glob.glob(os.path.join(glob.escape(folder), _TEMPORARY + '*')):
        os.remove(file)


def is_checkpoint(path: str) -> bool:
    """Returns whether `path` names a checkpoint, existing or not, rather than a folder of them."""
    has_checkpoint_name = '.ckpt' in os.path.basename(path) and not os.path.isdir(path)
    return has_checkpoint_name or os.path.exists(path + '.index') or os.path.isfile(path)


def resolve(path: str) -> str:
    """Returns the checkpoint that `path` stands for: itself, or the newest one of a folder.

    Raises a `UserError` if there is none.
    """
    if os.path.isdir(path):
        newest = latest_checkpoint(path)
        if newest is None:
            others = ', '.join(other_checkpoints(path))
            hint = f'name one of its files: {others}' if others else 'has the training started?'
            raise UserError(f'{path} holds no checkpoint of a training; {hint}')
        return newest
    for suffix in (*_SUFFIXES, '.meta'):
        path = path.removesuffix(suffix)
    # A file with exactly this name is a checkpoint in TensorFlow's first format, a single file.
    if not os.path.exists(path + '.index') and not os.path.isfile(path):
        folder = os.path.dirname(path) or '.'
        names = ', '.join(_names_in(folder))
        hint = f'; {folder} holds {names}' if names else ''
        raise UserError(f'no checkpoint {path} (its file {path}.index is missing){hint}')
    return path


class Checkpoint:
    """A checkpoint opened for reading.

    Attributes:
      path: path of the checkpoint without its suffix.
      shapes: dictionary from name to shape, a list of ints.
      dtypes: dictionary from name to the name of the dtype, such as 'float32'.
    """

    def __init__(self, path: str) -> None:
        """Opens the checkpoint `path`, or the newest one of the folder `path`.

        Raises a `UserError` if it does not exist, a `DamagedCheckpointError` if it cannot be read.
        """
        self.path = resolve(path)
        try:
            self._reader = tf.train.load_checkpoint(self.path)
            self.shapes: dict[str, list[int]] = self._reader.get_variable_to_shape_map()
            dtypes = self._reader.get_variable_to_dtype_map()
        except _UNREADABLE as error:
            raise DamagedCheckpointError(f'{self.path} is damaged or not a checkpoint') from error
        self.dtypes: dict[str, str] = {name: dtype.name for name, dtype in dtypes.items()}

    def read(self, name: str) -> np.ndarray:
        """Returns a tensor; `DamagedCheckpointError` if the file is truncated or damaged."""
        try:
            return self._reader.get_tensor(name)
        except _UNREADABLE as error:
            message = f'{self.path} is damaged (truncated?): {name} cannot be read'
            raise DamagedCheckpointError(message) from error

    @property
    def global_step(self) -> int:
        """Global step, 0 if the checkpoint does not hold it."""
        return int(self.read('global_step')) if 'global_step' in self.shapes else 0

    @property
    def has_ema_weights(self) -> bool:
        """True if the checkpoint holds EMA weights."""
        return any(name.endswith(AVERAGE_SUFFIX) for name in self.shapes)


@dataclass(frozen=True)
class RestoreReport:
    """Result of a restore, as names of variables.

    Attributes:
      path: path of the checkpoint.
      restored: variables set from the checkpoint.
      averaged: restored variables that were set to their EMA weights.
      excluded: variables excluded by scope, which keep their initial values.
      new: variables that the checkpoint lacks, which keep their initial values.
      unused: model variables in the checkpoint that the network does not have.
    """

    path: str
    restored: tuple[str, ...]
    averaged: tuple[str, ...]
    excluded: tuple[str, ...]
    new: tuple[str, ...]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        weights = 'EMA weights' if self.averaged else 'raw weights'
        parts = [f'{self.path}: {len(self.restored)} variables restored ({weights})']
        groups = {'excluded by scope': self.excluded, 'new': self.new, 'unused': self.unused}
        for group, names in groups.items():
            if names:
                scopes = sorted({'/'.join(name.split('/')[:2]) for name in names})
                parts.append(f'{len(names)} {group} ({first_few(scopes)})')
        return '; '.join(parts)


def use_ema_weights(checkpoint: Checkpoint, weights: str) -> bool:
    """Returns whether to restore EMA weights, for one of `configs.WEIGHTS`.

    'auto' takes them if the checkpoint has any; 'average' raises a `UserError` if it has none.
    """
    if weights == 'average' and not checkpoint.has_ema_weights:
        raise UserError(f'{checkpoint.path} has no EMA weights; use --weights=raw')
    return weights != 'raw' and checkpoint.has_ema_weights


def restore(
    variables: Mapping[str, tf.Variable],
    checkpoint: Checkpoint,
    exclude_scopes: Sequence[str] = (),
    ignore_missing_vars: bool = False,
    use_ema: bool = False,
    last_layer_scopes: Sequence[str] = (),
) -> RestoreReport:
    """Sets variables from a checkpoint by name; changes nothing unless all of it can be read.

    Args:
      variables: dictionary from TF1 name to variable.
      checkpoint: checkpoint to read.
      exclude_scopes: parts of names; variables whose names contain one of them keep their values.
      ignore_missing_vars: whether variables that the checkpoint lacks keep their values instead of
        causing an error.
      use_ema: whether to read `<name>/ExponentialMovingAverage` where the checkpoint has it.
      last_layer_scopes: scopes that 'last_layer' among `exclude_scopes` stands for.

    Raises:
      UserError: if a variable is missing or has another shape (the message names it, both shapes
        and the flag that helps), an excluded scope matches nothing, or the file is damaged.
    """
    excluded = select(variables, exclude_scopes, 'checkpoint_exclude_scopes', last_layer_scopes)
    # Name of a variable -> name of its value in the checkpoint.
    entries = {name: name for name in variables if name not in excluded}
    if use_ema:
        averages = {name: name + AVERAGE_SUFFIX for name in entries}
        entries |= {name: entry for name, entry in averages.items() if entry in checkpoint.shapes}
    new = [name for name, entry in entries.items() if entry not in checkpoint.shapes]
    if new and not ignore_missing_vars:
        raise UserError(_missing_message(new, checkpoint))
    entries = {name: entry for name, entry in entries.items() if entry in checkpoint.shapes}
    if not entries:
        raise UserError(f'{checkpoint.path} holds none of the variables of this network')
    _check_shapes(variables, entries, checkpoint)
    values = {name: checkpoint.read(entry) for name, entry in entries.items()}
    for name, value in values.items():
        variables[name].assign(value)
    others = sorted(checkpoint.shapes.keys() - variables.keys())
    return RestoreReport(
        path=checkpoint.path,
        restored=tuple(entries),
        averaged=tuple(name for name, entry in entries.items() if entry != name),
        excluded=tuple(excluded),
        new=tuple(new),
        unused=tuple(name for name in others if _is_model_variable(name, checkpoint.shapes)),
    )


def _is_model_variable(name: str, names: Collection[str]) -> bool:
    """Returns whether `name` is a layer's variable: no EMA weight, optimizer state or step."""
    parent, separator, _ = name.rpartition('/')
    return bool(separator) and not name.endswith(AVERAGE_SUFFIX) and parent not in names


def _scopes_flag(names: Iterable[str]) -> str:
    """Returns the flag that excludes the scopes of `names` directly below the network's own."""
    scopes = sorted({name.split('/')[1] if '/' in name else name for name in names})
    return f'--checkpoint_exclude_scopes={",".join(scopes)}'


def _missing_message(names: Sequence[str], checkpoint: Checkpoint) -> str:
    """Returns the error message for variables that the checkpoint does not have."""
    roots = sorted({other.split('/')[0] for other in checkpoint.shapes if '/' in other})
    if names[0].split('/')[0] not in roots:
        return (
            f'{checkpoint.path} is of another network: it has no {names[0]}; it holds '
            f'{", ".join(roots) or "nothing"}. Check --model_name'
        )
    return (
        f'{checkpoint.path} lacks {first_few(names)} ({len(names)} in total); to leave these '
        f'scopes out use {_scopes_flag(names)}, to train all that it lacks from scratch use '
        '--ignore_missing_vars'
    )


def _check_shapes(
    variables: Mapping[str, tf.Variable], entries: Mapping[str, str], checkpoint: Checkpoint
) -> None:
    """Raises a `UserError` if variables have other shapes in the checkpoint."""
    shapes = {name: variables[name].shape.as_list() for name in entries}
    wrong = [name for name, entry in entries.items() if checkpoint.shapes[entry] != shapes[name]]
    if wrong:
        entry = entries[wrong[0]]
        raise UserError(
            f'{checkpoint.path}: {entry} has shape {checkpoint.shapes[entry]}, the network needs '
            f'{shapes[wrong[0]]} ({len(wrong)} in total: {first_few(wrong)}); to train these '
            f'layers from scratch use {_scopes_flag(wrong)}, otherwise check --model_name, the '
            'dataset and its number of classes, and --depth_multiplier'
        )
