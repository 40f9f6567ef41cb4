"""What every script begins with: flags before heavy imports, one clear line for bad input.

A script defines its flags, and passes a `main(flags)` that imports TensorFlow only once it runs:

    if __name__ == '__main__':
        command_line.run(main, __doc__)

`--help` and a mistake in the flags then answer at once.
"""

import dataclasses
import difflib
import logging
import os
import signal
import sys
import typing
from typing import Annotated, Any

from absl import flags

from slim.errors import UserError, nearest

FLAGS = flags.FLAGS
_FROM_CONFIG = object()
_groups: dict[int, str] = {}  # Number of flags defined before the group -> its title.

# Flags of 2018 that mean nothing any more, and what to write instead.
REMOVED_FLAGS = {
    'master': 'set TF_CONFIG to train on several machines',
    'worker_replicas': 'set TF_CONFIG to train on several machines',
    'num_ps_tasks': 'there are no parameter servers any more; set TF_CONFIG for several machines',
    'task': 'set TF_CONFIG, whose task.index takes its place',
    'sync_replicas': 'updates are always synchronous; --replicas_to_aggregate is enough',
    'quantize': 'it has no successor',
    'quantize_delay': 'it has no successor',
    'moving_average_decay': '--weights=average or raw chooses which weights are used here',
}


class Terminated(KeyboardInterrupt):
    """SIGTERM, where `end_on_sigterm` has been called."""


def end_on_sigterm():
    """From here on SIGTERM ends the script as Ctrl-C does: what it is amid is cleared away."""

    def end(number, frame):
        raise Terminated

    signal.signal(signal.SIGTERM, end)


def define(
    config: type,
    field: str,
    help: str,
    *,
    name: str | None = None,
    default: Any = _FROM_CONFIG,
    **bounds: float,
) -> None:
    """Defines the flag of a field of a settings dataclass: its type, default and choices.

    Args:
      config: dataclass of `slim.configs`.
      field: name of its field.
      help: description of the setting.
      name: name of the flag; by default that of the field.
      default: default of a script that differs from the library's on purpose.
      **bounds: `lower_bound` and `upper_bound` of a number.

    Raises:
      TypeError: if there is no kind of flag for the field's type.
    """
    flags.disclaim_key_flags()  # The flag belongs to the script that calls this function.
    annotation = typing.get_type_hints(config, include_extras=True)[field]
    if default is _FROM_CONFIG:
        default = getattr(config, field)
    name = name or field
    kind, choices = annotation, None
    if typing.get_origin(annotation) is Annotated:
        kind, choices = typing.get_args(annotation)
    kinds = {kind} | set(typing.get_args(kind))
    if choices:
        flags.DEFINE_enum(name, default, list(choices), help)
    elif bool in kinds:
        flags.DEFINE_boolean(name, default, help)
    elif tuple in {typing.get_origin(kind) for kind in kinds}:
        flags.DEFINE_list(name, default if default is None else list(default), help)
    elif int in kinds:
        flags.DEFINE_integer(name, default, help, **bounds)
    elif float in kinds:
        flags.DEFINE_float(name, default, help, **bounds)
    elif str in kinds:
        flags.DEFINE_string(name, default, help)
    else:
        raise TypeError(f'{config.__name__}.{field}: there is no kind of flag for {annotation}')


def group(title: str) -> None:
    """Starts a group of flags: `--help` prints `title` above the flags defined from here on."""
    _groups[len(_script_flags(FLAGS))] = title


def require(flag_values, *names):
    """Raises a `UserError` for the first of the flags `names` that was not given."""
    for name in names:
        if getattr(flag_values, name) in (None, '', []):
            raise UserError(f'--{name} is required; see --help')


def choose(flag_values, name, choices):
    """Raises a `UserError` if the list that the flag `name` holds has anything but `choices`."""
    for value in getattr(flag_values, name):
        if value not in choices:
            raise UserError(f'--{name}: there is no {value}{nearest(value, choices)}')


def broadcast_flag(flag_values, name, members, convert=str):
    """The values of a list flag, as many as another list flag has: its own, or its one for all.

    Args:
      flag_values: the flags.
      name: of the flag. Where it was not given, each value is None.
      members: name of the other flag.
      convert: makes a value of its text.

    Returns:
      A tuple.

    Raises:
      UserError: if there is another number of values, or one of them is nothing to `convert`.
    """
    values, count = getattr(flag_values, name) or [], len(getattr(flag_values, members))
    if len(values) not in (0, 1, count):
        raise UserError(
            f'--{name} has {len(values)} values and --{members} has {count}; give one for all or '
            'one for each'
        )
    try:
        values = [convert(value) for value in values] or [None]
    except ValueError as error:
        raise UserError(f'--{name}: {error}') from error
    return tuple(values if len(values) == count else values * count)


def warn(warnings):
    """Prints warnings, a line each, to stderr."""
    for warning in warnings:
        print(f'warning: {warning}', file=sys.stderr)


def own_flags(flag_values) -> dict[str, object]:
    """The flags that the running script defines, by name, with their values."""
    return {flag.name: flag.value for flag in _script_flags(flag_values)}


def _script_flags(flag_values):
    """The flags of the running script in the order in which it defines them."""
    by_module = flag_values.flags_by_module_dict()
    return by_module.get('__main__') or by_module.get(sys.argv[0], [])


def fields_from_flags(dataclass, flag_values, **given):
    """An instance of `dataclass`: its fields from the flags of the same names, or as given."""
    names = {field.name for field in dataclasses.fields(dataclass)} - set(given)
    return dataclass(**{name: getattr(flag_values, name) for name in names}, **given)


def _fail(message: str):
    """Ends the program with one line on stderr and exit status 1."""
    script = os.path.basename(sys.argv[0])
    print(f'{script}: {" ".join(str(message).split())}', file=sys.stderr)
    sys.exit(1)


def _print_help(doc: str):
    """Prints a script's docstring and its flags, grouped as they were defined."""
    lines = [doc.strip(), *([] if 0 in _groups else ['', 'flags:'])]
    for number, flag in enumerate(_script_flags(FLAGS)):
        if number in _groups:
            lines += ['', f'{_groups[number]}:']
        default = (flag.default_as_str or '').strip("'")
        default = f' (default: {default})' if default else ''
        name = f'--[no]{flag.name}' if flag.boolean else f'--{flag.name}'
        lines += [f'  {name}{default}', f'      {flag.help}']
    print('\n'.join(lines), flush=True)


def _parse(argv: list[str], argument_flag: str | None) -> None:
    """Parses `argv` into FLAGS; `argument_flag` as in `run`.

    Raises:
      UserError: for an unknown flag, a flag of 2018 that is gone, a bad value or a stray argument.
    """
    known = set(FLAGS)
    FLAGS.set_gnu_getopt()  # Flags may follow the argument.
    for argument in argv[1:]:
        name = argument.lstrip('-').split('=')[0]
        name = name if name in REMOVED_FLAGS else name.removeprefix('no')
        if argument.startswith('-') and name in REMOVED_FLAGS and name not in known:
            raise UserError(f'--{name} of 2018 is gone: {REMOVED_FLAGS[name]}.')
    try:
        rest = FLAGS(argv)
    except flags.UnrecognizedFlagError as error:
        close = difflib.get_close_matches(error.flagname, sorted(known), n=3)
        hint = f'; did you mean {", ".join("--" + name for name in close)}?' if close else ''
        raise UserError(f'unknown flag --{error.flagname}{hint or "; see --help."}') from error
    except flags.Error as error:
        raise UserError(f'{error}; see --help.') from error
    if rest[1:] and argument_flag and not FLAGS[argument_flag].present:
        if isinstance(FLAGS[argument_flag].parser, flags.ListParser):
            FLAGS[argument_flag].parse(rest[1:])
            del rest[1:]
        else:
            FLAGS[argument_flag].parse(rest.pop(1))
    if rest[1:]:
        raise UserError(f'unexpected argument {rest[1]}; flags are written --name=value.')


def run(main, doc: str, argv: list[str] | None = None, argument_flag: str | None = None):
    """Parses the flags, calls `main(FLAGS)` and exits with the status that it returns (None: 0).

    `argument_flag` names the flag whose value may be given without its name, and if it is a list,
    its values, one argument each; a script for which it is None takes flags only.

    A `UserError`, and an OS error (a missing file, a full disk, a folder that cannot be written),
    become one line on stderr and exit status 1. Anything else is a bug, and keeps its traceback.
    """
    argv = sys.argv if argv is None else argv
    logging.basicConfig(format='%(asctime)s %(message)s', datefmt='%H:%M:%S', stream=sys.stderr)
    logging.getLogger('slim').setLevel(logging.INFO)
    try:
        if set(argv) & {'--help', '-h', '-help', '--helpfull', '--helpshort'}:
            _print_help(doc)
            sys.exit(0)
        _parse(argv, argument_flag)
        sys.exit(main(FLAGS))
    except UserError as error:
        _fail(error)
    except KeyboardInterrupt as error:
        print(f'{os.path.basename(sys.argv[0])}: interrupted', file=sys.stderr)
        sys.exit(128 + (signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT))
    except OSError as error:
        where = f'{error.filename}: ' if error.filename else ''
        _fail(f'{where}{error.strerror or error}')
