"""Evaluates the checkpoints of a folder, each as it comes, or one of them, or several together.

    python eval.py --dataset_name=cub_200 --checkpoint_path=checkpoints/cub_200 \\
        --eval_dir=checkpoints/cub_200/eval

Each image counts once, whatever the batch size. Prints accuracy and recall at 5, shows them in
TensorBoard (eval/Accuracy, eval/Recall_5), and writes the accuracy of each class to
per_class_accuracy-<step>.csv in --eval_dir. Runs beside train.py on another GPU
(CUDA_VISIBLE_DEVICES=1) or on the CPU (CUDA_VISIBLE_DEVICES=). Ends with --once, after
--timeout_secs without a new checkpoint, or at once on Ctrl-C and SIGTERM.

--num_crops=12 averages the softmax over 12 crops of each image: the centre, windows of its size in
the four corners, the whole image, and the mirror images of these six. Several checkpoints, with
commas between them, are an ensemble, whose softmax is averaged too:

    python eval.py --dataset_name=cub_200 --num_crops=12 --eval_image_size=299,560 \\
        --checkpoint_path=checkpoints/cub_200,checkpoints/cub_200_560 --eval_dir=checkpoints/both

An ensemble is evaluated once, the newest checkpoint of each folder, and counts as of the largest of
their steps. Tables are named by step alone: give ensembles and 12 crops an --eval_dir of their own.
"""

import signal

from absl import flags

from slim import command_line, configs
from slim.datasets.dataset import catalogue_warnings, load_dataset
from slim.errors import UserError
from slim.files import check_writable
from slim.nets import nets_factory
from slim.quiet_import import import_tensorflow

command_line.group('Where things are')
flags.DEFINE_list(
    'checkpoint_path',
    None,
    'Checkpoint, or a folder of them; several, with commas between, for an ensemble. Required.',
)
flags.DEFINE_string('eval_dir', None, 'Folder for event files and tables; none by default.')
flags.DEFINE_string('dataset_dir', './data/', 'Folder that holds the datasets.')
flags.DEFINE_string('dataset_name', 'cub_200', 'Dataset, a folder of --dataset_dir.')
flags.DEFINE_enum(
    'dataset_split_name', 'validation', ['train', 'validation'], 'train or validation.'
)

command_line.group('Network and images')
flags.DEFINE_list(
    'model_name', 'inception_v3', 'Network to evaluate; for an ensemble one for all or one each.'
)
flags.DEFINE_float(
    'depth_multiplier', 1.0, 'As in training; in an ensemble for every network that has one.'
)
flags.DEFINE_enum(
    'preprocessing_name',
    None,
    ['inception', 'vgg'],
    "inception or vgg; by default the network's own.",
)
flags.DEFINE_list(
    'eval_image_size',
    None,
    "Height and width in pixels; by default the network's own. For an ensemble one for all or one "
    'each.',
)
flags.DEFINE_enum(
    'num_crops',
    '1',
    ['1', '12'],
    '1 or 12: crops of each image, over which the softmax is averaged.',
)
flags.DEFINE_integer('labels_offset', 0, 'Subtracted from every label.', lower_bound=0)
flags.DEFINE_enum(
    'weights',
    'auto',
    ['auto', 'average', 'raw'],
    'Moving averages, raw weights, or (auto) averages where the checkpoint has them.',
)

command_line.group('How, and how long')
flags.DEFINE_enum(
    'precision',
    'float32',
    ['float32', 'bfloat16', 'float16'],
    'What the layers compute in; variables, batch norm and logits stay float32.',
)
flags.DEFINE_boolean('jit_compile', False, 'Whether XLA compiles the network.')
flags.DEFINE_boolean(
    'tf32', False, 'Whether GPUs may multiply with 10 bits of the mantissa: faster, less exact.'
)
flags.DEFINE_integer(
    'batch_size',
    100,
    'Crops that pass through the network at once: images of a batch, with --num_crops=12 a twelfth '
    'as many, but at least one.',
    lower_bound=1,
)
flags.DEFINE_integer('max_num_batches', None, 'Batches to evaluate; all by default.', lower_bound=1)
flags.DEFINE_boolean('once', False, 'Whether to evaluate only the newest checkpoint, and end.')
flags.DEFINE_float(
    'eval_interval_secs', 60, 'Seconds between two looks for a new checkpoint.', lower_bound=0.0
)
flags.DEFINE_float(
    'timeout_secs',
    None,
    'End after so many seconds without a new checkpoint; never by default.',
    lower_bound=0.0,
)
flags.DEFINE_integer(
    'num_preprocessing_threads',
    None,
    'Images decoded side by side; by default as many as help.',
    lower_bound=1,
)


def main(flags):
    command_line.require(flags, 'checkpoint_path', 'model_name', 'dataset_name')
    paths = flags.checkpoint_path
    if '' in paths:
        raise UserError(f'--checkpoint_path={",".join(paths)} has an empty entry')
    names = command_line.broadcast_flag(flags, 'model_name', 'checkpoint_path')
    sizes = command_line.broadcast_flag(flags, 'eval_image_size', 'checkpoint_path', int)
    # There is nothing to save: Python would wait for the batch under way before it ended.
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
