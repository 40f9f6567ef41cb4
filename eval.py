"""Evaluates the checkpoints of a folder as they appear, or a single checkpoint, or an ensemble.

    python eval.py --dataset_name=cub_200 --checkpoint_path=checkpoints/cub_200 \\
        --eval_dir=checkpoints/cub_200/eval

Each image counts once, whatever the batch size. Prints accuracy and recall at 5, writes them for
TensorBoard (eval/Accuracy, eval/Recall_5), and writes the accuracy of each class to
per_class_accuracy-<step>.csv in --eval_dir. Can run in parallel with train.py, on another GPU
(CUDA_VISIBLE_DEVICES=1) or on the CPU (CUDA_VISIBLE_DEVICES=). Stops after the newest checkpoint
with --once, after --timeout_secs without a new checkpoint, or at once on Ctrl-C and SIGTERM.

--num_crops=12 averages the softmax over 12 crops of each image: the centre, crops of the same size
in the four corners, the whole image, and the horizontal flips of these six. Several checkpoints,
separated by commas, are an ensemble, whose softmax is averaged too:

    python eval.py --dataset_name=cub_200 --num_crops=12 --eval_image_size=299,560 \\
        --checkpoint_path=checkpoints/cub_200,checkpoints/cub_200_560 --eval_dir=checkpoints/both

An ensemble is evaluated once, with the newest checkpoint of each folder; its step is the largest of
their steps. Files are named after the step only: use a separate --eval_dir for ensembles and for 12
crops.
"""

import signal

from absl import flags

from slim import command_line, configs
from slim.datasets.dataset import catalogue_warnings, load_dataset
from slim.errors import UserError
from slim.files import check_writable
from slim.nets import nets_factory
from slim.quiet_import import import_tensorflow

CONFIG = configs.EvaluationConfig

command_line.group('Files and folders')
flags.DEFINE_list(
    'checkpoint_path',
    None,
    'Checkpoint, or folder of checkpoints; several, separated by commas, for an ensemble. '
    'Required.',
)
flags.DEFINE_string('eval_dir', None, 'Folder for event files and tables; by default none.')
flags.DEFINE_string('dataset_dir', configs.DATASET_DIR, 'Folder that holds the datasets.')
flags.DEFINE_string('dataset_name', 'cub_200', 'Dataset, a folder in --dataset_dir.')
flags.DEFINE_enum('dataset_split_name', 'validation', configs.SPLITS, 'Split to evaluate on.')

command_line.group('Network and images')
command_line.define(
    CONFIG,
    'model_name',
    'Network; for an ensemble one for all members or one for each.',
    default=(CONFIG.model_name,),
)
command_line.define(
    CONFIG,
    'depth_multiplier',
    'Depth multiplier of the training; in an ensemble, of every network that has one.',
)
command_line.define(
    CONFIG, 'preprocessing_name', "Preprocessing of the images; by default the network's."
)
command_line.define(
    CONFIG,
    'image_size',
    "Height and width in pixels; by default the network's. For an ensemble one for all members or "
    'one for each.',
    name='eval_image_size',
)
flags.DEFINE_enum(
    'num_crops',
    str(CONFIG.num_crops),
    ['1', '12'],
    'Number of crops of each image to average the softmax over.',
)
command_line.define(CONFIG, 'labels_offset', 'Number to subtract from every label.', lower_bound=0)

command_line.group('Weights')
command_line.define(
    CONFIG, 'weights', 'EMA weights (average), raw weights, or EMA weights if there are any (auto).'
)

command_line.group('Schedule')
flags.DEFINE_boolean('once', False, 'Evaluate only the newest checkpoint.')
flags.DEFINE_float(
    'eval_interval_secs', 60, 'Seconds between checks for a new checkpoint.', lower_bound=0.0
)
flags.DEFINE_float(
    'timeout_secs',
    None,
    'Seconds without a new checkpoint after which to stop; by default never.',
    lower_bound=0.0,
)
command_line.define(
    CONFIG, 'max_num_batches', 'Number of batches to evaluate; by default all.', lower_bound=1
)

command_line.group('Speed and precision')
command_line.define(
    CONFIG,
    'batch_size',
    'Number of crops per batch: of images, with --num_crops=12 a twelfth as many, at least one.',
    lower_bound=1,
)
command_line.define(
    CONFIG,
    'precision',
    'Type that layers compute in; variables, batch norm and logits stay float32.',
)
command_line.define(CONFIG, 'jit_compile', 'Compile the network with XLA.')
flags.DEFINE_boolean(
    'tf32', False, 'Let GPUs multiply with 10 bits of the mantissa: faster, less exact.'
)
command_line.define(
    CONFIG,
    'num_preprocessing_threads',
    'Number of images to decode in parallel; by default chosen automatically.',
    lower_bound=1,
)


def main(flags: flags.FlagValues) -> None:
    command_line.require(flags, 'checkpoint_path', 'model_name', 'dataset_name')
    paths = flags.checkpoint_path
    if '' in paths:
        raise UserError(f'--checkpoint_path={",".join(paths)} has an empty entry')
    names = command_line.broadcast_flag(flags, 'model_name', 'checkpoint_path')
    sizes = command_line.broadcast_flag(flags, 'eval_image_size', 'checkpoint_path', int)
    # There is nothing to save, and Python's own handlers would wait for the current batch.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    dataset = load_dataset(flags.dataset_dir, flags.dataset_name, flags.dataset_split_name)
    command_line.warn(catalogue_warnings(dataset))
    for name in names:
        nets_factory.get_network(name)
    if flags.eval_dir:
        check_writable(flags.eval_dir)
    import_tensorflow('slim.compat')
    from slim.learning import checkpoints, devices, evaluation, precision

    once = flags.once or len(paths) > 1 or checkpoints.is_checkpoint(paths[0])
    if once:
        paths = [checkpoints.resolve(path) for path in paths]
    devices.set_up(flags.tf32)
    precision.warn_if_slow(flags.precision)
    config = command_line.fields_from_flags(
        configs.EvaluationConfig,
        flags,
        model_name=names,
        image_size=sizes,
        num_crops=int(flags.num_crops),
    )
    evaluator = evaluation.Evaluator(config, dataset)
    if once:
        evaluation.report(evaluator.evaluate(*paths), dataset, flags.eval_dir)
        return
    evaluation.evaluate_new_checkpoints(
        evaluator,
        paths[0],
        lambda result: evaluation.report(result, dataset, flags.eval_dir),
        timeout_secs=flags.timeout_secs,
        poll_secs=max(1, flags.eval_interval_secs),
    )


if __name__ == '__main__':
    command_line.run(main, __doc__)
