"""What a checkpoint holds, and which network of the registry it is of: by names and shapes alone.

Only the networks whose root scope the checkpoint's names bear are built, in a graph that is never
run, to compare its names and shapes with theirs.
"""

import functools
import math
import re
from collections import Counter
from dataclasses import dataclass

import tensorflow as tf

from slim.learning import checkpoints
from slim.learning.optimizers import OPTIMIZERS
from slim.nets import nets_factory

STATISTICS = ('moving_mean', 'moving_variance')

# So that a dimension which is the number of classes can be told from one of the network's own.
_CLASSES = 7919

# What checkpoints of TensorFlow 2's own kind, by Python attribute, bear.
_OBJECT_GRAPH = '_CHECKPOINTABLE_OBJECT_GRAPH'


@dataclass(frozen=True)
class Variable:
    """An entry of a checkpoint.

    Attributes:
      name: in the checkpoint.
      shape: a tuple of ints.
      dtype: 'float32', say.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self):
        """How many numbers it is."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class ShapeMismatch:
    """A variable with another shape than the network's; None is the number of classes."""

    name: str
    found: tuple[int, ...]
    wanted: tuple[int | None, ...]


@dataclass(frozen=True)
class Fit:
    """How a checkpoint's variables compare with those of a network.

    The auxiliary head is not compared: its shape depends on the size of the training's images.

    Attributes:
      network: a key of `nets_factory.NETWORKS`.
      num_classes: of the classifier; None where there is none that fits.
      depth_multiplier: with which the network is nearest.
      left_out: scopes of heads of which the checkpoint has nothing.
      missing: names that the network has and the checkpoint lacks, heads left out not counted.
      extra: names under the network's root scope that it does not have.
      misshapen: a `ShapeMismatch` for each variable of another shape.
    """

    network: str
    num_classes: int | None
    depth_multiplier: float
    left_out: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    misshapen: tuple[ShapeMismatch, ...]

    @property
    def num_differences(self):
        return len(self.missing) + len(self.extra) + len(self.misshapen)

    @property
    def fits(self):
        """Whether the checkpoint is one of this network, but for heads left out."""
        return not self.num_differences


@dataclass(frozen=True)
class Inspection:
    """What a checkpoint holds.

    Attributes:
      path: of the checkpoint.
      global_step: the step at which it was written; None where it does not say.
      model: its `Variable`s that are a model's own, in the order of names, as all of these.
      averages: the moving averages.
      slots: what an optimizer keeps, scalars included.
      fits: a `Fit` for each network that it was compared with, the nearest first.
      by_attribute: whether it is of TensorFlow 2's own kind, with attributes for names.
    """

    path: str
    global_step: int | None
    model: tuple[Variable, ...]
    averages: tuple[Variable, ...]
    slots: tuple[Variable, ...]
    fits: tuple[Fit, ...]
    by_attribute: bool

    @property
    def slot_counts(self):
        """How many variables have a slot of each name, {'RMSProp': 196, 'RMSProp_1': 196} say."""
        return dict(sorted(Counter(slot.name.split('/')[-1] for slot in self.slots).items()))

    @property
    def num_parameters(self):
        """How many numbers the model is, without the statistics of its batch norms."""
        return sum(v.size for v in self.model) - self.num_statistics

    @property
    def num_statistics(self):
        return sum(v.size for v in self.model if v.name.split('/')[-1] in STATISTICS)


def inspect(path, network_name=None):
    """Reads what a checkpoint holds: names, shapes, types and the step, nothing else.

    Args:
      path: a checkpoint or a folder whose newest one is meant.
      network_name: compare with this network only, whatever the names look like.

    Returns:
      An `Inspection`.

    Raises:
      UserError: if it is missing or damaged, or the network is unknown.
    """
    checkpoint = checkpoints.Checkpoint(path)
    scalars = {name for row in OPTIMIZERS.values() for name in row.scalars}
    model, averages, slots = [], [], []
    for name in sorted(set(checkpoint.shapes) - {'global_step', _OBJECT_GRAPH}):
        variable = Variable(name, tuple(checkpoint.shapes[name]), checkpoint.dtypes[name])
        if name.endswith(checkpoints.AVERAGE_SUFFIX):
            averages.append(variable)
        elif name.rpartition('/')[0] in checkpoint.shapes or re.sub(r'_\d+$', '', name) in scalars:
            slots.append(variable)
        else:
            model.append(variable)
    shapes = {variable.name: variable.shape for variable in model}
    roots = {name.split('/')[0] for name in shapes}
    candidates = [name for name, row in nets_factory.NETWORKS.items() if row.scope in roots]
    fits = sorted((compare(shapes, name) for name in candidates), key=lambda f: f.num_differences)
    return Inspection(
        path=checkpoint.path,
        global_step=checkpoint.global_step if 'global_step' in checkpoint.shapes else None,
        model=tuple(model),
        averages=tuple(averages),
        slots=tuple(slots),
        fits=tuple(fits),
        by_attribute=_OBJECT_GRAPH in checkpoint.shapes,
    )


def compare(shapes, network_name):
    """Compares the shapes of a checkpoint's variables with those of a network.

    Args:
      shapes: dictionary from name to shape, a sequence of ints; other networks' count for nothing.
      network_name: a key of `nets_factory.NETWORKS`.

    Returns:
      A `Fit`, with the depth multiplier of the shapes where the network has one.

    Raises:
      UserError: if the name is unknown.
    """
    network = nets_factory.get_network(network_name)
    root = network.scope + '/'
    found = {name: tuple(shape) for name, shape in shapes.items() if name.startswith(root)}
    wanted = _network_shapes(network_name)
    fit = _compare(found, wanted, network_name, 1.0)
    if fit.misshapen and network.has_depth_multiplier:
        multiplier = _guess_depth_multiplier(found, wanted)
        if multiplier not in (None, 1.0):
            scaled = _network_shapes(network_name, multiplier)
            scaled = _compare(found, scaled, network_name, multiplier)
            fit = min(fit, scaled, key=lambda fit: fit.num_differences)
    return fit


@functools.cache
def _network_shapes(name, depth_multiplier=1.0):
    """Shapes of a network's variables by name, with None for the number of classes.

    Built without the auxiliary head.
    """
    network = nets_factory.get_network(name)
    network_fn = nets_factory.get_network_fn(name, _CLASSES)
    arguments = network.optional_arguments(depth_multiplier, create_aux_logits=False)
    size = network.default_image_size
    with tf.Graph().as_default():
        network_fn(tf.compat.v1.placeholder(tf.float32, [None, size, size, 3]), **arguments)
        return {
            variable.op.name: tuple(
                None if length == _CLASSES else length for length in variable.shape.as_list()
            )
            for variable in tf.compat.v1.global_variables()
        }


def _compare(found, wanted, network_name, depth_multiplier):
    """`compare`, for one depth multiplier: with the shapes that the network has under it."""

    def heads_of(name):
        return [scope for scope in scopes if name.startswith(scope + '/')]

    scopes = nets_factory.get_network(network_name).last_layer_scopes
    left_out = [scope for scope in scopes if not any(scope in heads_of(name) for name in found)]
    auxiliary = [scope for scope in scopes if not any(scope in heads_of(name) for name in wanted)]
    missing = [
        name for name in wanted if name not in found and not set(heads_of(name)) & set(left_out)
    ]
    extra = [
        name for name in found if name not in wanted and not set(heads_of(name)) & set(auxiliary)
    ]
    misshapen = [
        ShapeMismatch(name, found[name], wanted[name])
        for name in wanted
        if name in found and not _same_shape(found[name], wanted[name])
    ]
    # The last dimension of each of the classifier's variables, if it is whole.
    classifier = {name for name, shape in wanted.items() if None in shape}
    faulty = {*missing, *(variable.name for variable in misshapen)}
    counts = {found[name][-1] for name in classifier & found.keys() - faulty}
    return Fit(
        network=network_name,
        num_classes=counts.pop() if len(counts) == 1 and not classifier & faulty else None,
        depth_multiplier=depth_multiplier,
        left_out=tuple(left_out),
        missing=tuple(sorted(missing)),
        extra=tuple(sorted(extra)),
        misshapen=tuple(sorted(misshapen, key=lambda variable: variable.name)),
    )


def _same_shape(found, wanted):
    """Whether two shapes are equal, where None in `wanted` is any length."""
    return len(found) == len(wanted) and all(
        want in (None, length) for length, want in zip(found, wanted, strict=True)
    )


def _guess_depth_multiplier(found, wanted):
    """The roundest multiplier that makes the channels of `wanted` those of `found`; None if none.

    A network scaled by m has int(c * m) channels where it had c, which leaves m an interval.
    """
    channels = {
        (wanted[name][-1], shape[-1])
        for name, shape in found.items()
        if len(shape) == len(wanted.get(name, ())) == 4 and wanted[name][-1]
    }
    low, high = 0.0, math.inf
    # The widest first; those that a least number of channels has kept wider fit in with no other.
    for before, after in sorted(channels, reverse=True):
        if max(low, after / before) < min(high, (after + 1) / before):
            low, high = max(low, after / before), min(high, (after + 1) / before)
    if high == math.inf:
        return None
    for digits in range(1, 16):
        multiplier = math.ceil(low * 10**digits) / 10**digits
        if low <= multiplier < high:
            return multiplier
    return low


def describe(inspection, everything=False):
    """An inspection for a person to read: a summary, an empty line, the table of variables.

    Args:
      inspection: an `Inspection`.
      everything: whether slots and averages are in the table.

    Returns:
      A string of several lines.
    """
    lines = [inspection.path]
    for key, values in _summary(inspection):
        lines += [f'{key:<18}{values[0]}', *(f'{"":18}{value}' for value in values[1:])]
    variables = list(inspection.model)
    if everything:
        variables += [*inspection.averages, *inspection.slots]
        variables.sort(key=lambda variable: variable.name)
    rows = [('name', 'shape', 'dtype')]
    rows += [(variable.name, _shape(variable.shape), variable.dtype) for variable in variables]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    lines.append('')
    lines += [f'{name:<{widths[0]}}  {shape:<{widths[1]}}  {dtype}' for name, shape, dtype in rows]
    return '\n'.join(lines)


def _summary(inspection):
    """What is told of a checkpoint before its variables: (key, list of lines)."""
    yield 'network', list(_networks(inspection))
    statistics = inspection.num_statistics
    yield (
        'model variables',
        [
            f'{len(inspection.model)}: {inspection.num_parameters:,} parameters'
            + (f' and {statistics:,} statistics of batch norms' if statistics else '')
        ],
    )
    yield 'moving averages', [str(len(inspection.averages) or 'none')]
    slots = ', '.join(f'{name} ({count})' for name, count in inspection.slot_counts.items())
    yield 'optimizer slots', [f'{len(inspection.slots)}: {slots}' if slots else 'none']
    step = inspection.global_step
    yield 'global step', ['not in the checkpoint' if step is None else str(step)]


def _networks(inspection):
    """The lines about which networks a checkpoint is of."""
    fits = [fit for fit in inspection.fits if fit.fits]
    for fit in fits:
        parts = [fit.network]
        parts.append('no classifier' if fit.num_classes is None else f'{fit.num_classes} classes')
        if fit.depth_multiplier != 1.0:
            parts.append(f'depth multiplier {fit.depth_multiplier:g}')
        if fit.left_out:
            parts.append(f'without {" and ".join(fit.left_out)}')
        yield ', '.join(parts)
    roots = {nets_factory.get_network(fit.network).scope for fit in inspection.fits}
    others = [v.name for v in inspection.model if v.name.split('/')[0] not in roots]
    if not inspection.fits:
        yield 'none that is known' + (
            ': a checkpoint of TensorFlow 2, by attribute' if inspection.by_attribute else ''
        )
    elif not fits:
        nearest = inspection.fits[0]
        multiplier = nearest.depth_multiplier
        scaled = f' with depth multiplier {multiplier:g}' if multiplier != 1.0 else ''
        yield f'none fits; the nearest is {nearest.network}{scaled}'
        for what, names in (
            ('missing', nearest.missing),
            ('extra', nearest.extra),
            ('of another shape', [_reshaped(variable) for variable in nearest.misshapen]),
        ):
            if names:
                yield f'{len(names)} {what}: {_some(names)}'
    if inspection.fits and others:
        yield f'{len(others)} of no known network: {_some(others)}'


def _some(names, count=3):
    """The first few of `names`, and whether there are more."""
    return ', '.join(names[:count]) + (', ...' if len(names) > count else '')


def _reshaped(variable):
    return f'{variable.name} {_shape(variable.found)} instead of {_shape(variable.wanted)}'


def _shape(shape):
    """A shape as it is printed.

    >>> _shape((1, 1, 2048, None))
    '[1, 1, 2048, classes]'
    """
    return f'[{", ".join("classes" if length is None else str(length) for length in shape)}]'
