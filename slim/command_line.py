"""Command line of all scripts: flags are parsed before heavy imports, errors are one clear line.

A script defines its flags and a `main(flags)` that imports TensorFlow:

    if __name__ == '__main__':
        command_line.run(main, __doc__)

so that `--help` and mistakes in the flags are answered at once.
"""

import difflib
import logging
import os
import signal
import sys
import typing
from collections.abc import Callable, Collection, Iterable
from types import FrameType
from typing import Annotated, Any, NoReturn, TypeVar

from absl import flags

from slim.errors import UserError, nearest

T = TypeVar('T')
FLAGS = flags.FLAGS
_FROM_CONFIG = object()
_groups: dict[int, str] = {}  # Number of flags defined before the group -> its title.

# Flags of the original code that no longer exist, and what to use instead.
REMOVED_FLAGS = {
    'master': 'set TF_CONFIG to train on several machines',
    'worker_replicas': 'set TF_CONFIG to train on several machines',
    'num_ps_tasks': 'there are no parameter servers; set TF_CONFIG to train on several machines',
    'task': 'set TF_CONFIG, whose task.index replaces it',
    'sync_replicas': 'training is always synchronous; --replicas_to_aggregate is enough',
    'quantize': 'it has no replacement',
    'quantize_delay': 'it has no replacement',
    'moving_average_decay': '--weights=average or --weights=raw selects the weights',
}


class Terminated(KeyboardInterrupt):
    """SIGTERM, after `end_on_sigterm` has been called."""


def end_on_sigterm() -> None:
    """Makes SIGTERM end the script as Ctrl-C does, so that clean-up handlers run."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Terminated

    signal.signal(signal.SIGTERM, end)


def define(
    config: type,
    field: str,
    help: str,
    *,
    name: str | None = None,
    default: Any = _FROM_CONFIG,
    **bounds: Any,
) -> None:
    """Defines a flag with the type, default and choices of a field of a settings dataclass.

    Args:
      config: dataclass of `slim.configs`.
      field: name of the field.
      help: description of the setting.
      name: name of the flag; by default the field's.
      default: default of the flag, for a script whose default differs from the field's on purpose.
      **bounds: `lower_bound` and `upper_bound` of a number.

    Raises:
      TypeError: if no kind of flag fits the field's type.
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
        raise TypeError(f'{config.__name__}.{field}: no kind of flag fits {annotation}')


def group(title: str) -> None:
    """Starts a group of flags: `--help` prints `title` above the flags defined from here on."""
    _groups[len(_script_flags(FLAGS))] = title


def require(flag_values: flags.FlagValues, *names: str) -> None:
    """Raises a `UserError` for the first of the flags `names` that is not set."""
    for name in names:
        if getattr(flag_values, name) in (None, '', []):
            raise UserError(f'--{name} is required; see --help')


def choose(flag_values: flags.FlagValues, name: str, choices: Collection[str]) -> None:
    """Raises a `UserError` if the list flag `name` has a value that is not one of `choices`."""
    for value in getattr(flag_values, name):
        if value not in choices:
            raise UserError(f'--{name}: there is no {value}{nearest(value, choices)}')


def broadcast_flag(
    flag_values: flags.FlagValues, name: str, members: str, convert: Callable[[str], Any] = str
) -> tuple[Any, ...]:
    """Returns the values of a list flag, one for each value of the list flag `members`.

    A single value is repeated, and a flag that is not set gives None for each.

    Args:
      flag_values: all flags.
      name: name of the flag.
      members: name of the other flag.
      convert: function from the text of a value to the value.

    Raises:
      UserError: if the numbers of values differ, or `convert` raises a ValueError.
    """
    texts, count = getattr(flag_values, name) or [], len(getattr(flag_values, members))
    if len(texts) not in (0, 1, count):
        raise UserError(
            f'--{name} has {len(texts)} values and --{members} has {count}; give one for all or '
            'one for each'
        )
    try:
        values = [convert(text) for text in texts] or [None]
    except ValueError as error:
        raise UserError(f'--{name}: {error}') from error
    return tuple(values if len(values) == count else values * count)


def warn(warnings: Iterable[str]) -> None:
    """Prints warnings to stderr, one per line."""
    for warning in warnings:
        print(f'warning: {warning}', file=sys.stderr)


def own_flags(flag_values: flags.FlagValues) -> dict[str, object]:
    """Returns the values of the flags that the running script defines, by name."""
    return {flag.name: flag.value for flag in _script_flags(flag_values)}


def _script_flags(flag_values: flags.FlagValues) -> list[flags.Flag]:
    """Returns the flags of the running script in the order of their definition."""
    by_module = flag_values.flags_by_module_dict()
    return by_module.get('__main__') or by_module.get(sys.argv[0], [])


def fields_from_flags(dataclass: type[T], flag_values: flags.FlagValues, **given: Any) -> T:
    """Returns a `dataclass` whose fields have the values of the flags of these names, or `given`.

    The values of list flags become tuples.
    """
    names = set(typing.get_type_hints(dataclass)) - set(given)
    values = {name: getattr(flag_values, name) for name in names}
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return dataclass(**values, **given)


def _fail(message: object) -> NoReturn:
    """Ends the script with one line on stderr and exit status 1."""
    script = os.path.basename(sys.argv[0])
    print(f'{script}: {" ".join(str(message).split())}', file=sys.stderr)
    sys.exit(1)


def _print_help(doc: str) -> None:
    """Prints a script's docstring and its flags, in the groups in which they were defined."""
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

    Raises a `UserError` for an unknown or removed flag, a wrong value or an unexpected argument.
    """
    known = set(FLAGS)
    FLAGS.set_gnu_getopt()  # Flags may follow the argument.
    for argument in argv[1:]:
        name = argument.lstrip('-').split('=')[0]
        name = name if name in REMOVED_FLAGS else name.removeprefix('no')
        if argument.startswith('-') and name in REMOVED_FLAGS and name not in known:
            raise UserError(f'--{name} of the original code was removed: {REMOVED_FLAGS[name]}.')
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


def run(
    main: Callable[[flags.FlagValues], int | None],
    doc: str,
    argv: list[str] | None = None,
    argument_flag: str | None = None,
) -> NoReturn:
    """Parses the flags, calls `main(FLAGS)` and exits with the status that it returns (None: 0).

    A `UserError` or OSError (a missing file, a full disk, a folder that cannot be written) becomes
    one line on stderr and exit status 1. Any other exception is a bug and keeps its traceback.

    Args:
      main: body of the script.
      doc: docstring of the script, printed by `--help`.
      argv: command line; by default that of the process.
      argument_flag: flag whose value may be given without its name; for a list flag its values, as
        separate arguments. By default arguments are not accepted, only flags.
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
