"""Settings of every script, with their defaults: the only place where a default is stated.

A frozen dataclass per job; the fields are described by the help texts of the script that has a flag
of the same name. `command_line.define` makes such a flag from a field, so that a flag and the
library cannot disagree. Lists of choices are annotations: `Annotated[str, PRECISIONS]`.

Imports nothing but the standard library, so that `--help` does not wait for TensorFlow.
"""

from dataclasses import dataclass, field
from typing import Annotated

# Folders that the scripts share.
DATASET_DIR = './data/'
CHECKPOINT_DIR = './checkpoints/'
FEATURE_DIR = './feature/'

# Lists of choices. The tables that hold the implementations have exactly these keys.
DECAY_TYPES = ('fixed', 'exponential', 'polynomial')
ON_ERROR = ('fail', 'skip')
OPTIMIZERS = ('adadelta', 'adagrad', 'adam', 'ftrl', 'momentum', 'rmsprop', 'sgd')
PRECISIONS = ('float32', 'bfloat16', 'float16')
PREPROCESSING = ('inception', 'vgg')
SOLVERS = ('pot', 'pyemd')
SPLITS = ('train', 'validation')
WEIGHTS = ('auto', 'average', 'raw')


@dataclass(frozen=True)
class OptimizerConfig:
    """An optimizer and the hyperparameters of all seven; defaults of the original code."""

    name: Annotated[str, OPTIMIZERS] = 'rmsprop'
    opt_epsilon: float = 1.0  # adadelta, adam, rmsprop
    momentum: float = 0.9  # momentum
    rmsprop_momentum: float = 0.9
    rmsprop_decay: float = 0.9
    adadelta_rho: float = 0.95
    adagrad_initial_accumulator_value: float = 0.1
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    ftrl_learning_rate_power: float = -0.5
    ftrl_initial_accumulator_value: float = 0.1
    ftrl_l1: float = 0.0
    ftrl_l2: float = 0.0


@dataclass(frozen=True)
class ScheduleConfig:
    """Learning rate as a function of the step; see the flags of `train.py`."""

    decay_type: Annotated[str, DECAY_TYPES] = 'exponential'
    learning_rate: float = 0.01
    end_learning_rate: float = 0.0001
    decay_factor: float = 0.94
    num_epochs_per_decay: float = 2.0  # possibly fractional


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides the result of a training; see the flags of `train.py`."""

    # Network and images
    model_name: str = 'inception_v3'
    depth_multiplier: float = 1.0
    preprocessing_name: Annotated[str | None, PREPROCESSING] = None
    image_size: int | None = None
    min_crop_area: float | None = None
    labels_offset: int = 0
    batch_norm_decay: float | None = None
    weight_decay: float = 0.00004
    label_smoothing: float = 0.0
    # Initial weights and trained variables
    checkpoint_path: str | None = None
    checkpoint_exclude_scopes: tuple[str, ...] = ()
    ignore_missing_vars: bool = False
    trainable_scopes: tuple[str, ...] | None = None
    # Optimization
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    moving_average_decay: float | None = None
    batch_size: int = 32
    replicas_to_aggregate: int = 1
    max_number_of_steps: int | None = None
    seed: int = 0
    precision: Annotated[str, PRECISIONS] = 'float32'
    jit_compile: bool = False
    # Logs and checkpoints
    log_every_n_steps: int = 10
    save_summaries_secs: float = 600
    save_interval_secs: float = 600
    max_checkpoints: int = 5
    # Input pipeline
    num_readers: int = 4
    num_preprocessing_threads: int | None = None

    @property
    def images_per_update(self) -> int:
        """Number of images per training step, over all devices and accumulated batches."""
        return self.batch_size * self.replicas_to_aggregate


@dataclass(frozen=True)
class EvaluationConfig:
    """Everything that decides the result of an evaluation; see the flags of `eval.py`.

    An ensemble has tuples for `model_name`, `image_size` or both: a value for each member.
    """

    model_name: str | tuple[str, ...] = 'inception_v3'
    depth_multiplier: float = 1.0
    preprocessing_name: Annotated[str | None, PREPROCESSING] = None
    image_size: int | tuple[int | None, ...] | None = None
    num_crops: int = 1
    labels_offset: int = 0
    batch_size: int = 100
    max_num_batches: int | None = None
    weights: Annotated[str, WEIGHTS] = 'auto'
    precision: Annotated[str, PRECISIONS] = 'float32'
    jit_compile: bool = False
    num_preprocessing_threads: int | None = None

    @property
    def members(self) -> list[tuple[str, int | None]]:
        """Name and image size (None: the network's own) of each network."""
        names, sizes = self.model_name, self.image_size
        if isinstance(names, str):
            names = (names,) * (len(sizes) if isinstance(sizes, tuple) else 1)
        if not isinstance(sizes, tuple):
            sizes = (sizes,) * len(names)
        return list(zip(names, sizes, strict=True))


@dataclass(frozen=True)
class ExtractionConfig:
    """Everything that decides the values of features; see the flags of `feature_extraction.py`.

    Either `checkpoint_path` or `saved_model` is set. With a SavedModel, `model_name`,
    `depth_multiplier`, `end_point`, `weights`, `precision` and `jit_compile` are ignored.
    """

    checkpoint_path: str | None = None
    model_name: str = 'inception_v3'
    depth_multiplier: float = 1.0
    preprocessing_name: Annotated[str | None, PREPROCESSING] = None
    image_size: int | None = None
    end_point: str | None = None
    weights: Annotated[str, WEIGHTS] = 'auto'
    precision: Annotated[str, PRECISIONS] = 'float32'
    jit_compile: bool = False
    saved_model: str | None = None
    batch_size: int = 32
    num_preprocessing_threads: int | None = None


@dataclass(frozen=True)
class ExportConfig:
    """A network to export as a SavedModel; see the flags of `export_saved_model.py`.

    `model_name` and `depth_multiplier` are None for those that the checkpoint fits.
    """

    checkpoint_path: str
    model_name: str | None = None
    depth_multiplier: float | None = None
    image_size: int | None = None
    end_point: str | None = None
    weights: Annotated[str, WEIGHTS] = 'auto'


@dataclass(frozen=True)
class ConversionConfig:
    """How a dataset is converted to TFRecords; see the flags of `convert_dataset.py`.

    If an image or a line cannot be used, `on_error='fail'` converts nothing, and 'skip' converts
    the rest; either way all of them are reported first.
    """

    num_shards: int = 10
    seed: int = 0  # Only for training images; validation images keep the order of their list.
    num_workers: int | None = None  # None: as many as there are cores and work for.
    on_error: Annotated[str, ON_ERROR] = 'fail'
    apply_exif_rotation: bool = False
    progress: bool = True  # Shows a progress bar on stderr, if that is a terminal.


@dataclass(frozen=True)
class PreparationConfig:
    """How lists of images are made; see the flags of `prepare_dataset.py`."""

    validation_share: float = 0.2
    seed: int = 0
    max_distance: int = 6
    num_workers: int | None = None  # None: one per core.


@dataclass(frozen=True)
class SimilarityConfig:
    """How domains are compared; see the flags of `domain_similarity.py`."""

    gamma: float = 0.01  # the paper's, section 4
    min_num_imgs: int = 200  # the original notebook's
    solver: Annotated[str, SOLVERS] = 'pot'
    max_iterations: int = 10_000_000
    bootstrap: int = 0
    seed: int = 0


@dataclass(frozen=True)
class LinearClassifierConfig:
    """How logistic regression is fitted; see the flags of `linear_classifier.py`."""

    C: float = 1.0
    max_iterations: int = 100
    seed: int = 0


@dataclass(frozen=True)
class MiniatureConfig:
    """Settings of the miniature experiment; see `slim.experiments.miniature`.

    The network and its optimization are those of the demo: Adam, the learning rate decaying
    linearly to the last step, a fast batch-norm decay, crops of at least half of an image.
    """

    sources: tuple[str, ...] = ('mini_nature', 'mini_objects')  # synthetic datasets to pre-train on
    union: str = 'mini_nature_objects'  # synthetic dataset that merges the sources
    targets: tuple[str, ...] = (  # synthetic target datasets
        'mini_birds',
        'mini_flowers',
        'mini_butterflies',
        'mini_leaves',
        'mini_cars',
        'mini_aircraft',
        'mini_pots',
    )
    seed: int = 0  # random seed for initial weights, data order, augmentation and dropout
    num_steps: int = 1500  # on one source; the union takes this times the number of sources
    batch_size: int = 32  # images per training step
    learning_rate: float = 0.006  # initial learning rate
    min_crop_area: float = 0.5  # smallest fraction of an image's area in a training crop
    precision: Annotated[str, PRECISIONS] = 'float32'  # type that layers compute in
    model_name: str = 'inception_v3'
    depth_multiplier: float = 0.25  # factor of the channels of every layer
    image_size: int = 107  # height and width in pixels
    gamma: float = SimilarityConfig.gamma  # of the similarity; the paper's
    num_shards: int = 4  # shards per source

    @property
    def networks(self) -> tuple[str, ...]:
        """Datasets that a network is pre-trained on: the sources and their union."""
        return *self.sources, self.union

    def steps(self, network: str) -> int:
        """Number of training steps of `network`."""
        return self.num_steps * (len(self.sources) if network == self.union else 1)
