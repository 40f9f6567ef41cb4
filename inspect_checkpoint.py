"""Describes a checkpoint: its network, classes, EMA weights, optimizer state and variables.

    python inspect_checkpoint.py checkpoints/inception/inception_v3_iNat_299.ckpt

prints a summary and the name, shape and type of each variable. For a folder it describes the newest
checkpoint. It reads no tensor except the step, so that a large checkpoint takes no longer than a
small one.
"""

import signal

from absl import flags

from slim import command_line
from slim.quiet_import import import_tensorflow

flags.DEFINE_string(
    'checkpoint_path',
    None,
    'Checkpoint, or folder of checkpoints; the name of the flag can be left out.',
)
flags.DEFINE_boolean('all', False, 'Also list optimizer state and EMA weights.')


def main(flags: flags.FlagValues) -> None:
    command_line.require(flags, 'checkpoint_path')
    # A reader that stops early, such as `head`, ends the script without an error message.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    import_tensorflow('slim.compat')
    from slim.learning import inspection

    print(inspection.describe(inspection.inspect(flags.checkpoint_path), flags.all))


if __name__ == '__main__':
    command_line.run(main, __doc__, argument_flag='checkpoint_path')
