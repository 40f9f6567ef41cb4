"""Evaluates the checkpoints of a folder, each as it comes, or one of them.

    python eval.py --dataset_name=cub_200 --checkpoint_path=checkpoints/cub_200 \\
        --eval_dir=checkpoints/cub_200/eval

Each image counts once, whatever the batch size. Prints accuracy and recall at 5, shows them in
TensorBoard (eval/Accuracy, eval/Recall_5), and writes the accuracy of each class to
per_class_accuracy-<step>.csv in --eval_dir. Runs beside train.py on another GPU
(CUDA_VISIBLE_DEVICES=1) or on the CPU (CUDA_VISIBLE_DEVICES=). Ends with --once, after
--timeout_secs without a new checkpoint, or at once on Ctrl-C and SIGTERM.
"""

import signal

from absl import flags

from slim import command_line
from slim.datasets.dataset import catalogue_warnings, load_dataset
from slim.datasets.whole_files import check_writable
from slim.nets import nets_factory
from slim.quiet_import import import_tensorflow

# Where things are
flags.DEFINE_string('checkpoint_path', None, 'Checkpoint, or a folder of them. Required.')
flags.DEFINE_string('eval_dir', None, 'Folder for event files and tables; none by default.')
flags.DEFINE_string('dataset_dir', './data/', 'Folder that holds the datasets.')
flags.DEFINE_string('dataset_name', 'cub_200', 'Dataset, a folder of --dataset_dir.')
flags.DEFINE_enum(
    'dataset_split_name', 'validation', ['train', 'validation'], 'train or validation.'
)

# Network and images
flags.DEFINE_string('model_name', 'inception_v3', 'Network to evaluate.')
flags.DEFINE_float('depth_multiplier', 1.0, 'As in training.')
flags.DEFINE_enum(
    'preprocessing_name',
    None,
    ['inception', 'vgg'],
    "inception or vgg; by default the network's own.",
)
flags.DEFINE_integer(
    'eval_image_size', None, "Height and width in pixels; by default the network's own."
)
flags.DEFINE_integer('labels_offset', 0, 'Subtracted from every label.', lower_bound=0)
flags.DEFINE_enum(
    'weights',
    'auto',
    ['auto', 'average', 'raw'],
    'Moving averages, raw weights, or (auto) averages where the checkpoint has them.',
)

# How, and how long
flags.DEFINE_boolean(
    'tf32', False, 'Whether GPUs may multiply with 10 bits of the mantissa: faster, less exact.'
)
flags.DEFINE_integer('batch_size', 100, 'Images of a batch.', lower_bound=1)
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
    command_line.require(flags, 'checkpoint_path', 'dataset_name')
    # There is nothing to save: Python would wait for the batch under way before it ended.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    dataset = load_dataset(flags.dataset_dir, flags.dataset_name, flags.dataset_split_name)
    command_line.warn(catalogue_warnings(dataset))
    nets_factory.get_network(flags.model_name)
    if flags.eval_dir:
        check_writable(flags.eval_dir)
    import_tensorflow('slim.compat')
    from slim.learning import checkpoints, devices, evaluation

    single = flags.once or checkpoints.is_checkpoint(flags.checkpoint_path)
    path = checkpoints.resolve(flags.checkpoint_path) if single else flags.checkpoint_path
    devices.set_up(flags.tf32)
    config = command_line.fields_from_flags(
        evaluation.EvaluationConfig, flags, image_size=flags.eval_image_size
    )
    evaluator = evaluation.Evaluator(config, dataset)
    if single:
        evaluation.report(evaluator.evaluate(path), dataset, flags.eval_dir)
        return
    evaluation.evaluate_new_checkpoints(
        evaluator,
        path,
        lambda result: evaluation.report(result, dataset, flags.eval_dir),
        timeout_secs=flags.timeout_secs,
        poll_secs=max(1, flags.eval_interval_secs),
    )


if __name__ == '__main__':
    command_line.run(main, __doc__)
