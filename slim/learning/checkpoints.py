"""Name-based checkpoints, TensorFlow 1's format: written whole or not at all, read strictly.

`<folder>/model.ckpt-<step>` with a `checkpoint` state file beside it, as the 2018 code, TensorBoard
and `tf.train.latest_checkpoint` read them.
"""

import contextlib
import glob
import os
from dataclasses import dataclass

import tensorflow as tf

from slim.errors import UserError
from slim.files import write_text
from slim.learning.scopes import select

AVERAGE_SUFFIX = '/ExponentialMovingAverage'
PREFIX = 'model.ckpt'
_TEMPORARY = '.writing-'

# What TensorFlow's reader raises at files that are cut off or damaged.
_UNREADABLE = (tf.errors.OpError, ValueError, RuntimeError, IndexError)


class DamagedCheckpointError(UserError):
    """A checkpoint whose files are cut off or damaged."""


def list_checkpoints(folder):
    """The checkpoints of a training's folder, oldest first; the last one is where it goes on.

    They are those that the state file lists and that are there. A state file that was edited to
    name an older one as its newest is taken at its word; where it was lost, the names tell.
    """
    if not os.path.isdir(folder):
        return []
    state = tf.train.get_checkpoint_state(folder)
    if state:
        newest = state.model_checkpoint_path
        paths = [path for path in state.all_model_checkpoint_paths if path != newest] + [newest]
    else:
        indices = glob.glob(os.path.join(glob.escape(folder), f'{PREFIX}-*.index'))
        paths = [path.removesuffix('.index') for path in indices]
        paths = [path for path in paths if path.rsplit('-', 1)[1].isdigit()]
        paths.sort(key=lambda path: int(path.rsplit('-', 1)[1]))
    return [path for path in paths if os.path.exists(path + '.index')]


def latest_checkpoint(folder):
    """The last of `list_checkpoints`, or None."""
    paths = list_checkpoints(folder)
    return paths[-1] if paths else None


def _names_in(folder):
    """The names of all checkpoints in a folder, whoever wrote them."""
    indices = sorted(glob.glob(os.path.join(glob.escape(folder), '*.index')))
    return [os.path.basename(path).removesuffix('.index') for path in indices]


def other_checkpoints(folder):
    """Names of a folder's checkpoints that no training of ours wrote: released ones, say."""
    return [name for name in _names_in(folder) if not name.startswith(PREFIX + '-')]


def save(folder, tensors, step, max_to_keep=5):
    """Writes `folder/model.ckpt-<step>` and drops the oldest beyond `max_to_keep`.

    The files are written under another name, flushed and renamed, the state file last: a process
    killed at any moment leaves the checkpoints before this one, or this one too.

    Args:
      folder: made if it is missing.
      tensors: dictionary from TF1 name to tensor.
      step: the global step, an int.
      max_to_keep: how many checkpoints stay; 0 for all.

    Returns:
      The checkpoint's path.

    Raises:
      OSError: if the folder cannot be written or the disk is full; no partial file stays.
    """
    os.makedirs(folder, exist_ok=True)
    _remove_leftovers(folder)
    path = os.path.join(folder, f'{PREFIX}-{step}')
    temporary = os.path.join(folder, f'{_TEMPORARY}{PREFIX}-{step}')
    names = sorted(tensors)
    try:
        tf.raw_ops.SaveV2(
            prefix=temporary,
            tensor_names=names,
            shape_and_slices=[''] * len(names),
            tensors=[tensors[name] for name in names],
        )
        for file in glob.glob(glob.escape(temporary) + '.*'):
            _flush(file)
        # The index last: a checkpoint without one is no checkpoint.
        for suffix in ('.data-00000-of-00001', '.index'):
            os.replace(temporary + suffix, path + suffix)
    except tf.errors.OpError as error:
        raise OSError(f'{path} could not be written: {error.message}') from error
    finally:
        _remove_leftovers(folder)

    kept = [other for other in list_checkpoints(folder) if other != path]
    kept.append(path)
    dropped = kept[:-max_to_keep] if max_to_keep else []
    kept = kept[len(dropped) :]
    _write_state(folder, kept)
    for old in dropped:
        for suffix in ('.index', '.data-00000-of-00001', '.meta'):
            with contextlib.suppress(FileNotFoundError):
                os.remove(old + suffix)
    return path


def _write_state(folder, paths):
    """Writes the state file, a `CheckpointState` as text; relative, so that the folder can move."""
    names = [os.path.basename(path) for path in paths]
    lines = [f'model_checkpoint_path: "{names[-1]}"']
    lines += [f'all_model_checkpoint_paths: "{name}"' for name in names]
    write_text(os.path.join(folder, 'checkpoint'), '\n'.join(lines) + '\n')


def _flush(path):
    """Makes sure that a file's content is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_leftovers(folder):
    """Removes what a save that was killed left under its temporary name."""
    for file in glob.glob(os.path.join(glob.escape(folder), _TEMPORARY + '*')):
        os.remove(file)


def is_checkpoint(path):
    """Whether `path` names one checkpoint, be it there or not, rather than a folder of them."""
    named_like_one = '.ckpt' in os.path.basename(path) and not os.path.isdir(path)
    return named_like_one or os.path.exists(path + '.index') or os.path.isfile(path)


def resolve(path):
    """The checkpoint that `path` means: itself, or the newest in it where it is a folder.

    Raises:
      UserError: if there is none.
    """
    if os.path.isdir(path):
        newest = latest_checkpoint(path)
        if newest is None:
            others = ', '.join(other_checkpoints(path))
            hint = f'name one of its files: {others}' if others else 'is training under way?'
            raise UserError(f'{path} holds no checkpoint of a training; {hint}')
        return newest
    for suffix in ('.index', '.data-00000-of-00001', '.meta'):
        path = path.removesuffix(suffix)
    # A file of that very name is a checkpoint of TensorFlow's first format, in one piece.
    if not os.path.exists(path + '.index') and not os.path.isfile(path):
        folder = os.path.dirname(path) or '.'
        there = ', '.join(_names_in(folder))
        hint = f'; {folder} holds {there}' if there else ''
        raise UserError(f'no checkpoint {path} (its file {path}.index is missing){hint}')
    return path


class Checkpoint:
    """A checkpoint open for reading: names, shapes, types, values.

    Attributes:
      path: of the checkpoint itself.
      shapes: dictionary from name to shape, a list of ints.
      dtypes: dictionary from name to type, 'float32' say.
    """

    def __init__(self, path):
        """Opens `path`, a checkpoint or a folder whose newest one is meant.

        Raises:
          UserError: if it is missing; DamagedCheckpointError if it is not a whole checkpoint.
        """
        self.path = resolve(path)
        try:
            self._reader = tf.train.load_checkpoint(self.path)
            self.shapes = self._reader.get_variable_to_shape_map()
            dtypes = self._reader.get_variable_to_dtype_map()
        except _UNREADABLE as error:
            raise DamagedCheckpointError(f'{self.path} is damaged or no checkpoint') from error
        self.dtypes = {name: dtype.name for name, dtype in dtypes.items()}

    def read(self, name):
        """The tensor `name` as a numpy array.

        Raises:
          DamagedCheckpointError: if the file is truncated or damaged.
        """
        try:
            return self._reader.get_tensor(name)
        except _UNREADABLE as error:
            raise DamagedCheckpointError(
                f'{self.path} is damaged (truncated?): {name} cannot be read'
            ) from error

    @property
    def global_step(self):
        """The step at which it was written, 0 where it does not say."""
        return int(self.read('global_step')) if 'global_step' in self.shapes else 0

    @property
    def has_averages(self):
        """Whether it holds moving averages."""
        return any(name.endswith(AVERAGE_SUFFIX) for name in self.shapes)


@dataclass(frozen=True)
class RestoreReport:
    """What a restore did, as names of variables.

    Attributes:
      path: of the checkpoint.
      restored: took their values from the checkpoint.
      averaged: those of them that took their moving average.
      excluded: left out by scope; they keep their initial values.
      new: not in the checkpoint; they keep their initial values.
      unused: in the checkpoint and not asked for.
    """

    path: str
    restored: tuple[str, ...]
    averaged: tuple[str, ...]
    excluded: tuple[str, ...]
    new: tuple[str, ...]
    unused: tuple[str, ...]

    def __str__(self):
        weights = 'moving averages' if self.averaged else 'raw weights'
        parts = [f'{len(self.restored)} variables restored ({weights})']
        for what, names in (
            ('excluded by scope', self.excluded),
            ('new', self.new),
            ('unused', self.unused),
        ):
            if names:
                scopes = sorted({'/'.join(name.split('/')[:2]) for name in names})
                listed = ', '.join(scopes[:4]) + (', ...' if len(scopes) > 4 else '')
                parts.append(f'{len(names)} {what} ({listed})')
        return f'{self.path}: ' + '; '.join(parts)


def choose_weights(checkpoint, weights):
    """Whether to take moving averages: 'auto' where the checkpoint has them, 'average' or 'raw'.

    Raises:
      UserError: if averages are asked for and there are none.
    """
    if weights == 'average' and not checkpoint.has_averages:
        raise UserError(f'{checkpoint.path} has no moving averages; use --weights=raw')
    return weights == 'average' or (weights == 'auto' and checkpoint.has_averages)


def restore(
    variables,
    checkpoint,
    exclude_scopes=(),
    ignore_missing_vars=False,
    use_averages=False,
    last_layer_scopes=(),
):
    """Sets variables from a checkpoint by name. Nothing is changed before everything is read.

    Args:
      variables: dictionary from TF1 name to variable.
      checkpoint: a `Checkpoint`.
      exclude_scopes: variables whose names contain one of these keep their values.
      ignore_missing_vars: whether a variable that the checkpoint lacks keeps its value rather than
        being an error.
      use_averages: whether to read `<name>/ExponentialMovingAverage` where it is there.
      last_layer_scopes: what 'last_layer' among `exclude_scopes` stands for.

    Returns:
      A `RestoreReport`.

    Raises:
      UserError: if a variable is missing or has another shape, naming it, both shapes and the flag
        that would help; if an excluded scope matches nothing; if the file is damaged.
    """
    excluded = select(variables, exclude_scopes, 'checkpoint_exclude_scopes', last_layer_scopes)
    sources = {
        name: name + AVERAGE_SUFFIX
        if use_averages and name + AVERAGE_SUFFIX in checkpoint.shapes
        else name
        for name in variables
    }
    asked = [name for name in variables if name not in set(excluded)]
    new = [name for name in asked if sources[name] not in checkpoint.shapes]
    if new and not ignore_missing_vars:
        raise UserError(_missing_message(new, checkpoint))
    found = [name for name in asked if sources[name] in checkpoint.shapes]
    misshapen = [
        name
        for name in found
        if list(checkpoint.shapes[sources[name]]) != variables[name].shape.as_list()
    ]
    if misshapen:
        raise UserError(_misshapen_message(misshapen, sources, variables, checkpoint))
    values = {name: checkpoint.read(sources[name]) for name in found}
    if not values:
        raise UserError(f'{checkpoint.path} holds none of the variables of this network')
    for name, value in values.items():
        variables[name].assign(value)
    unused = set(checkpoint.shapes) - set(excluded) - {sources[name] for name in found}
    # Slots, the step and the twins of what was read are no news.
    unused = [name for name in unused if _is_model_variable(name, variables, checkpoint)]
    return RestoreReport(
        path=checkpoint.path,
        restored=tuple(values),
        averaged=tuple(name for name in found if sources[name] != name),
        excluded=tuple(excluded),
        new=tuple(new),
        unused=tuple(sorted(unused)),
    )


def _is_model_variable(name, variables, checkpoint):
    """Whether `name` is a layer's own variable, rather than a slot or an average of one."""
    if name == 'global_step' or name.endswith(AVERAGE_SUFFIX) or name in variables:
        return False
    parent = name.rsplit('/', 1)[0]
    return parent not in checkpoint.shapes and '/' in name


def _scopes(names):
    """The scopes right under a network's own that `names` are of, joined as a flag takes them."""
    return ','.join(sorted({name.split('/')[1] if '/' in name else name for name in names}))


def _missing_message(names, checkpoint):
    """What to tell of variables that the checkpoint does not have."""
    roots = sorted({other.split('/')[0] for other in checkpoint.shapes if '/' in other})
    if names[0].split('/')[0] not in roots:
        return (
            f'{checkpoint.path} is of another network: it has no {names[0]}; it holds '
            f'{", ".join(roots) or "nothing"}. Check --model_name'
        )
    return (
        f'{checkpoint.path} lacks {names[0]}{_and_more(names)}; to leave that scope out use '
        f'--checkpoint_exclude_scopes={_scopes(names)}, to start whatever it lacks from scratch '
        'use --ignore_missing_vars'
    )


def _misshapen_message(names, sources, variables, checkpoint):
    """What to tell of variables that have another shape in the checkpoint."""
    found = list(checkpoint.shapes[sources[names[0]]])
    return (
        f'{checkpoint.path}: {sources[names[0]]} has shape {found}, the network needs '
        f'{variables[names[0]].shape.as_list()}{_and_more(names)}; if that layer is to be trained '
        f'anew, use --checkpoint_exclude_scopes={_scopes(names)}, otherwise check --model_name, '
        'the dataset and its number of classes, and --depth_multiplier'
    )


def _and_more(names):
    return f' (and {len(names) - 1} more)' if len(names) > 1 else ''
