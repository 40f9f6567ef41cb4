"""Trains or fine-tunes a network on a converted dataset, and resumes where it was stopped.

    python train.py --dataset_name=cub_200 --train_dir=checkpoints/cub_200 \\
        --checkpoint_path=checkpoints/inception/inception_v3_iNat_299.ckpt \\
        --checkpoint_exclude_scopes=Logits --trainable_scopes=Logits \\
        --optimizer=momentum --learning_rate=0.01 --max_number_of_steps=2810

`train.sh` holds the paper's recipe for a last layer. Needs the shards that `convert_dataset.py`
writes; leaves checkpoints and TensorBoard's event files in --train_dir. SIGTERM and Ctrl-C save a
checkpoint first. On several machines set TF_CONFIG and start it on each.
"""

from absl import flags

from slim import command_line, configs
from slim.datasets.dataset import catalogue_warnings, load_dataset
from slim.nets import nets_factory
from slim.quiet_import import import_tensorflow

command_line.group('Where things are')
flags.DEFINE_string('train_dir', None, 'Folder for checkpoints and event files. Required.')
flags.DEFINE_string('dataset_dir', './data/', 'Folder that holds the datasets.')
flags.DEFINE_string('dataset_name', None, 'Dataset, a folder of --dataset_dir. Required.')
flags.DEFINE_enum('dataset_split_name', 'train', ['train', 'validation'], 'train or validation.')
flags.DEFINE_integer(
    'max_images_per_class',
    None,
    'Images of a class to train on, chosen by --seed; by default all. Reads the shards once.',
    lower_bound=1,
)

command_line.group('Network and images')
flags.DEFINE_string('model_name', 'inception_v3', 'Network to train.')
flags.DEFINE_float('depth_multiplier', 1.0, 'Scales the channels of every layer; 0.25 is small.')
flags.DEFINE_enum(
    'preprocessing_name',
    None,
    ['inception', 'vgg'],
    "inception or vgg; by default the network's own.",
)
flags.DEFINE_integer(
    'train_image_size', None, "Height and width in pixels; by default the network's own."
)
flags.DEFINE_float(
    'min_crop_area',
    None,
    "Least share of an image's area that is trained on, of inception; by default 2018's 0.05. A "
    'short training learns more from 0.5.',
    lower_bound=0.01,
    upper_bound=1.0,
)
flags.DEFINE_integer('labels_offset', 0, 'Subtracted from every label.', lower_bound=0)
flags.DEFINE_float(
    'batch_norm_decay',
    None,
    "Of the moving mean and variance; by default the network's own, 0.9997 of an Inception. A "
    'training from scratch of under some ten thousand steps needs less, 0.95 say.',
    lower_bound=0.0,
    upper_bound=1.0,
)

command_line.group('Where it starts')
flags.DEFINE_string('checkpoint_path', None, 'Checkpoint to start from, or a folder of them.')
flags.DEFINE_list(
    'checkpoint_exclude_scopes',
    [],
    'Variables not to take from it, as parts of names (Logits also means AuxLogits); last_layer '
    "stands for the network's classifiers, whatever they are called.",
)
flags.DEFINE_boolean(
    'ignore_missing_vars', False, 'Whether what the checkpoint lacks starts from scratch.'
)

command_line.group('What is trained, and how')
flags.DEFINE_list(
    'trainable_scopes', None, 'Variables to train, as parts of names, or last_layer; default all.'
)
flags.DEFINE_enum(
    'optimizer',
    'rmsprop',
    ['adadelta', 'adagrad', 'adam', 'ftrl', 'momentum', 'rmsprop', 'sgd'],
    'adadelta, adagrad, adam, ftrl, momentum, rmsprop or sgd.',
)
flags.DEFINE_float('opt_epsilon', 1.0, 'Epsilon of adadelta, adam and rmsprop.')
flags.DEFINE_float('momentum', 0.9, 'Momentum of momentum.')
flags.DEFINE_float('rmsprop_momentum', 0.9, 'Momentum of rmsprop.')
flags.DEFINE_float('rmsprop_decay', 0.9, 'Decay of rmsprop.')
flags.DEFINE_float('adadelta_rho', 0.95, 'Decay of adadelta.')
flags.DEFINE_float('adagrad_initial_accumulator_value', 0.1, 'Where adagrad starts.')
flags.DEFINE_float('adam_beta1', 0.9, 'Decay of the first moment of adam.')
flags.DEFINE_float('adam_beta2', 0.999, 'Decay of the second moment of adam.')
flags.DEFINE_float('ftrl_learning_rate_power', -0.5, 'Learning rate power of ftrl.')
flags.DEFINE_float('ftrl_initial_accumulator_value', 0.1, 'Where ftrl starts.')
flags.DEFINE_float('ftrl_l1', 0.0, 'L1 regularization of ftrl.')
flags.DEFINE_float('ftrl_l2', 0.0, 'L2 regularization of ftrl.')
flags.DEFINE_float('learning_rate', 0.01, 'Learning rate at the start.', lower_bound=0.0)
flags.DEFINE_enum(
    'learning_rate_decay_type',
    'exponential',
    ['fixed', 'exponential', 'polynomial'],
    'fixed, exponential or polynomial.',
)
flags.DEFINE_float('end_learning_rate', 0.0001, 'Where polynomial ends.', lower_bound=0.0)
flags.DEFINE_float(
    'learning_rate_decay_factor', 0.94, 'Factor of exponential.', lower_bound=0.0, upper_bound=1.0
)
flags.DEFINE_float('num_epochs_per_decay', 2.0, 'Epochs to a decay.', lower_bound=0.0)
flags.DEFINE_float(
    'label_smoothing',
    0.0,
    'Share of the probability given to all classes alike.',
    lower_bound=0.0,
    upper_bound=1.0,
)
flags.DEFINE_float('moving_average_decay', None, 'Of averages of the variables; none by default.')
flags.DEFINE_float(
    'weight_decay', 0.00004, 'Factor of the L2 loss of the weights.', lower_bound=0.0
)
flags.DEFINE_integer(
    'batch_size', 32, 'Images of a batch, over all devices together.', lower_bound=1
)
flags.DEFINE_integer(
    'replicas_to_aggregate', 1, 'Batches whose gradients make one update.', lower_bound=1
)
flags.DEFINE_integer(
    'max_number_of_steps', None, 'Updates to make; by default it never ends.', lower_bound=1
)
flags.DEFINE_integer('seed', 0, 'Of initial weights, data order, augmentation and dropout.')
flags.DEFINE_boolean(
    'deterministic', False, 'Whether TensorFlow may use no operation that varies from run to run.'
)

command_line.group('What is written, and when')
flags.DEFINE_integer('log_every_n_steps', 10, 'Steps between two lines of the log.', lower_bound=1)
flags.DEFINE_float('save_summaries_secs', 600, 'Seconds between two summaries.', lower_bound=0.0)
flags.DEFINE_float('save_interval_secs', 600, 'Seconds between two checkpoints.', lower_bound=0.0)
flags.DEFINE_integer(
    'max_checkpoints', 5, 'Newest checkpoints to keep; 0 keeps all.', lower_bound=0
)

command_line.group('Devices, precision and threads')
flags.DEFINE_enum(
    'precision',
    'float32',
    ['float32', 'bfloat16', 'float16'],
    'What the layers compute in. Variables, batch norm, logits and losses stay float32; with '
    'float16 the loss is scaled.',
)
flags.DEFINE_boolean('jit_compile', False, 'Whether XLA compiles the network.')
flags.DEFINE_boolean(
    'tf32', False, 'Whether GPUs may multiply with 10 bits of the mantissa: faster, less exact.'
)
flags.DEFINE_integer(
    'num_clones',
    1,
    'GPUs of this machine; without any, that many devices of its CPU.',
    lower_bound=1,
)
flags.DEFINE_boolean('clone_on_cpu', False, 'Whether to leave the GPUs alone.')
flags.DEFINE_integer('num_readers', 4, 'Shards read side by side.', lower_bound=1)
flags.DEFINE_integer(
    'num_preprocessing_threads',
    None,
    'Images decoded side by side; by default as many as help.',
    lower_bound=1,
)


def main(flags):
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
    fields = command_line.fields_from_flags
    config = fields(
        configs.TrainingConfig,
        flags,
        image_size=flags.train_image_size,
        checkpoint_exclude_scopes=tuple(flags.checkpoint_exclude_scopes),
        trainable_scopes=tuple(flags.trainable_scopes) if flags.trainable_scopes else None,
        optimizer=fields(configs.OptimizerConfig, flags, name=flags.optimizer),
        schedule=fields(
            configs.ScheduleConfig,
            flags,
            decay_type=flags.learning_rate_decay_type,
            decay_factor=flags.learning_rate_decay_factor,
        ),
    )
    shown = command_line.own_flags(flags)
    ended_by = training.train(config, dataset, flags.train_dir, strategy, shown)
    return 128 + ended_by if ended_by else 0


if __name__ == '__main__':
    command_line.run(main, __doc__)
