"""Says what a checkpoint holds: of which network it is, with how many classes, averages and slots.

    python inspect_checkpoint.py checkpoints/inception/inception_v3_iNat_299.ckpt

prints a summary and then the name, shape and type of each variable, on stdout. A folder means its
newest checkpoint. No tensor is read but the step: a large checkpoint takes no longer than a small
one.
"""

import signal

from absl import flags

from slim import command_line
from slim.quiet_import import import_tensorflow

flags.DEFINE_string(
    'checkpoint_path',
    None,
    'Checkpoint, or a folder of them; the name of the flag can be left out.',
)
flags.DEFINE_boolean('all', False, 'Whether to list slots and moving averages too.')


def main(flags):
    command_line.require(flags, 'checkpoint_path')
    # A reader of the output that has seen enough, `head` say, ends the script without a complaint.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    import_tensorflow('slim.compat')
    from slim.learning import inspection

    print(inspection.describe(inspection.inspect(flags.checkpoint_path), flags.all))


if __name__ == '__main__':
    command_line.run(main, __doc__, argument_flag='checkpoint_path')
