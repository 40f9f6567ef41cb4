"""Trains or fine-tunes a network on a converted dataset; resumes from the newest checkpoint.

    python train.py --dataset_name=cub_200 --train_dir=checkpoints/cub_200 \\
        --checkpoint_path=checkpoints/inception/inception_v3_iNat_299.ckpt \\
        --checkpoint_exclude_scopes=Logits --trainable_scopes=Logits \\
        --optimizer=momentum --learning_rate=0.01 --max_number_of_steps=2810

Needs the shards that `convert_dataset.py` writes. Writes checkpoints and TensorBoard's event files
to --train_dir. SIGTERM and Ctrl-C save a checkpoint first. For several machines set TF_CONFIG and
run the same command on each.

`train.sh` is the paper's recipe for a last layer; recipes/ has the paper's other trainings:

    python train.py --flagfile=recipes/inat2017_299.flags --train_dir=checkpoints/mine

Flags after --flagfile override those of the file.
"""

from absl import flags

from slim import command_line, configs
from slim.configs import OptimizerConfig, ScheduleConfig, TrainingConfig
from slim.datasets.dataset import catalogue_warnings, load_dataset
from slim.nets import nets_factory
from slim.quiet_import import import_tensorflow

define, group = command_line.define, command_line.group

group('Files and folders')
flags.DEFINE_string('train_dir', None, 'Folder for checkpoints and event files. Required.')
flags.DEFINE_string('dataset_dir', configs.DATASET_DIR, 'Folder that contains the datasets.')
flags.DEFINE_string('dataset_name', None, 'Dataset, a subfolder of --dataset_dir. Required.')
flags.DEFINE_enum('dataset_split_name', 'train', configs.SPLITS, 'Split to train on.')
flags.DEFINE_integer(
    'max_images_per_class',
    None,
    'Maximum number of images per class, selected by --seed; by default all. The labels of all '
    'shards are read once.',
    lower_bound=1,
)

group('Network and images')
define(TrainingConfig, 'model_name', 'Network to train.')
define(
    TrainingConfig,
    'depth_multiplier',
    'Factor of the number of channels of every layer, e.g. 0.25 for a small network.',
)
define(
    TrainingConfig,
    'preprocessing_name',
    "Preprocessing and augmentation; by default the network's own.",
)
define(
    TrainingConfig,
    'image_size',
    "Height and width of the images in pixels; by default the network's own.",
    name='train_image_size',
)
define(
    TrainingConfig,
    'min_crop_area',
    "Smallest fraction of an image's area in a training crop, for inception preprocessing; by "
    "default the original code's 0.05. Short trainings learn more with 0.5.",
    lower_bound=0.01,
    upper_bound=1.0,
)
define(TrainingConfig, 'labels_offset', 'Number subtracted from every label.', lower_bound=0)
define(
    TrainingConfig,
    'batch_norm_decay',
    "Decay of the moving mean and variance; by default the network's own, 0.9997 for Inception "
    'networks. Trainings from scratch of less than about ten thousand steps need a smaller one, '
    'e.g. 0.95.',
    lower_bound=0.0,
    upper_bound=1.0,
)

group('Initial weights')
define(TrainingConfig, 'checkpoint_path', 'Checkpoint to start from, or a folder of checkpoints.')
define(
    TrainingConfig,
    'checkpoint_exclude_scopes',
    'Variables not to restore, as parts of names (Logits also matches AuxLogits); last_layer '
    "stands for the network's classifiers.",
)
define(
    TrainingConfig,
    'ignore_missing_vars',
    'Initialize variables that are missing in the checkpoint instead of ending with an error.',
)

group('Optimization')
define(
    TrainingConfig,
    'trainable_scopes',
    'Variables to train, as parts of names, or last_layer; by default all.',
)
define(TrainingConfig, 'batch_size', 'Images per batch, over all devices.', lower_bound=1)
define(
    TrainingConfig,
    'replicas_to_aggregate',
    'Number of batches to accumulate gradients over.',
    lower_bound=1,
)
define(
    TrainingConfig,
    'max_number_of_steps',
    'Number of training steps; by default training does not end.',
    lower_bound=1,
)
define(OptimizerConfig, 'name', 'Optimizer.', name='optimizer')
define(OptimizerConfig, 'opt_epsilon', 'Epsilon (--optimizer=adadelta, adam or rmsprop).')
define(OptimizerConfig, 'momentum', 'Momentum coefficient (--optimizer=momentum).')
define(OptimizerConfig, 'rmsprop_momentum', 'Momentum coefficient (--optimizer=rmsprop).')
define(OptimizerConfig, 'rmsprop_decay', 'Decay of the squared gradients (--optimizer=rmsprop).')
define(OptimizerConfig, 'adadelta_rho', 'Decay of the squared gradients (--optimizer=adadelta).')
define(
    OptimizerConfig,
    'adagrad_initial_accumulator_value',
    'Initial value of the accumulator (--optimizer=adagrad).',
)
define(OptimizerConfig, 'adam_beta1', 'Decay of the first moment (--optimizer=adam).')
define(OptimizerConfig, 'adam_beta2', 'Decay of the second moment (--optimizer=adam).')
define(OptimizerConfig, 'ftrl_learning_rate_power', 'Learning rate power (--optimizer=ftrl).')
define(
    OptimizerConfig,
    'ftrl_initial_accumulator_value',
    'Initial value of the accumulator (--optimizer=ftrl).',
)
define(OptimizerConfig, 'ftrl_l1', 'L1 regularization strength (--optimizer=ftrl).')
define(OptimizerConfig, 'ftrl_l2', 'L2 regularization strength (--optimizer=ftrl).')
define(ScheduleConfig, 'learning_rate', 'Initial learning rate.', lower_bound=0.0)
define(
    ScheduleConfig,
    'decay_type',
    'Schedule of the learning rate; exponential decays in steps, polynomial linearly.',
    name='learning_rate_decay_type',
)
define(
    ScheduleConfig,
    'end_learning_rate',
    'Final learning rate (--learning_rate_decay_type=polynomial).',
    lower_bound=0.0,
)
define(
    ScheduleConfig,
    'decay_factor',
    'Factor of each decay (--learning_rate_decay_type=exponential).',
    name='learning_rate_decay_factor',
    lower_bound=0.0,
    upper_bound=1.0,
)
define(
    ScheduleConfig,
    'num_epochs_per_decay',
    'Epochs between decays; with polynomial, epochs until the final learning rate.',
    lower_bound=0.0,
)
define(
    TrainingConfig,
    'label_smoothing',
    'Fraction of the target probability that is distributed evenly over all classes.',
    lower_bound=0.0,
    upper_bound=1.0,
)
define(TrainingConfig, 'weight_decay', 'Factor of the L2 loss of the weights.', lower_bound=0.0)
define(
    TrainingConfig,
    'moving_average_decay',
    'Decay of the EMA weights; by default there are none.',
)
define(
    TrainingConfig,
    'seed',
    'Random seed for initial weights, data order, augmentation and dropout.',
)
flags.DEFINE_boolean('deterministic', False, 'Use only operations with reproducible results.')

group('Logs and checkpoints')
define(TrainingConfig, 'log_every_n_steps', 'Steps between log lines.', lower_bound=1)
define(TrainingConfig, 'save_summaries_secs', 'Seconds between summaries.', lower_bound=0.0)
define(TrainingConfig, 'save_interval_secs', 'Seconds between checkpoints.', lower_bound=0.0)
define(
    TrainingConfig,
    'max_checkpoints',
    'Number of newest checkpoints to keep; 0 keeps all.',
    lower_bound=0,
)

group('Devices, precision and threads')
define(
    TrainingConfig,
    'precision',
    'Type that layers compute in. Variables, batch norm, logits and losses stay float32; with '
    'float16 the loss is scaled.',
)
define(TrainingConfig, 'jit_compile', 'Compile the network with XLA.')
flags.DEFINE_boolean(
    'tf32', False, 'Let GPUs multiply with 10 bits of the mantissa: faster, less exact.'
)
flags.DEFINE_integer(
    'num_clones',
    1,
    'Number of GPUs of this machine; without a GPU, number of logical CPU devices.',
    lower_bound=1,
)
flags.DEFINE_boolean('clone_on_cpu', False, 'Use the CPU although there are GPUs.')
define(TrainingConfig, 'num_readers', 'Number of shards to read in parallel.', lower_bound=1)
define(
    TrainingConfig,
    'num_preprocessing_threads',
    'Number of images to decode in parallel; by default tuned automatically.',
    lower_bound=1,
)


def config_from_flags(flags: flags.FlagValues) -> TrainingConfig:
    """Returns the settings of the training that the flags describe."""
    fields = command_line.fields_from_flags
    return fields(
        TrainingConfig,
        flags,
        image_size=flags.train_image_size,
        trainable_scopes=tuple(flags.trainable_scopes or ()) or None,
        optimizer=fields(OptimizerConfig, flags, name=flags.optimizer),
        schedule=fields(
            ScheduleConfig,
            flags,
            decay_type=flags.learning_rate_decay_type,
            decay_factor=flags.learning_rate_decay_factor,
        ),
    )


def main(flags: flags.FlagValues) -> int:
    command_line.require(flags, 'train_dir', 'dataset_name')
    dataset = load_dataset(flags.dataset_dir, flags.dataset_name, flags.dataset_split_name)
    command_line.warn(catalogue_warnings(dataset))
    nets_factory.get_network(flags.model_name)
    import_tensorflow('slim.compat')
    from slim.datasets import subset
    from slim.learning import devices, precision, training

    devices.set_up(flags.tf32)
    precision.warn_if_slow(flags.precision)
    if flags.max_images_per_class:
        dataset = subset.limit_images_per_class(dataset, flags.max_images_per_class, flags.seed)
    if flags.deterministic:
        devices.use_deterministic_operations()
    strategy = devices.create_strategy(flags.num_clones, flags.clone_on_cpu)
    shown = command_line.own_flags(flags)
    config = config_from_flags(flags)
    ended_by = training.train(config, dataset, flags.train_dir, strategy, shown)
    return 128 + ended_by if ended_by else 0


if __name__ == '__main__':
    command_line.run(main, __doc__)
