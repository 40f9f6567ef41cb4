"""Inspects a checkpoint: its variables, and the network they belong to, by names and shapes alone.

The checkpoint is compared with the networks whose root scope occurs in it. These are built in a
graph that is never run.
"""

import functools
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf

from slim.learning import checkpoints
from slim.learning.optimizers import OPTIMIZERS
from slim.nets import nets_factory
from slim.tables import format_table
from slim.validation import first_few

STATISTICS = ('/moving_mean', '/moving_variance')

# A number of classes that cannot be mistaken for one of a network's own dimensions.
_CLASSES = 7919

# An entry of object-based (TensorFlow 2) checkpoints, whose names are Python attributes.
_OBJECT_GRAPH = '_CHECKPOINTABLE_OBJECT_GRAPH'

Shape = tuple[int, ...]
NetworkShape = tuple[int | None, ...]  # None is the number of classes.


@dataclass(frozen=True)
class Variable:
    """An entry of a checkpoint: its name, shape and the name of its dtype, such as 'float32'."""

    name: str
    shape: Shape
    dtype: str


@dataclass(frozen=True)
class ShapeMismatch:
    """A variable with another shape in the checkpoint (`found`) than in the network (`wanted`)."""

    name: str
    found: Shape
    wanted: NetworkShape

    def __str__(self) -> str:
        return f'{self.name} {_format_shape(self.found)} instead of {_format_shape(self.wanted)}'


@dataclass(frozen=True)
class Fit:
    """Differences between a checkpoint's variables and those of a network.

    The auxiliary head is not compared: its shape depends on the size of the training images.

    Attributes:
      network: key of `nets_factory.NETWORKS`.
      num_classes: number of classes of the classifier; None if no classifier fits.
      depth_multiplier: depth multiplier for which the network is most similar.
      left_out: scopes of heads that are absent from the checkpoint.
      missing: names that the network has and the checkpoint lacks, except those in `left_out`.
      extra: names below the network's root scope that the network does not have.
      mismatched: variables of another shape.
    """

    network: str
    num_classes: int | None
    depth_multiplier: float
    left_out: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    mismatched: tuple[ShapeMismatch, ...]

    @property
    def num_differences(self) -> int:
        """Number of missing, extra and mismatched variables."""
        return len(self.missing) + len(self.extra) + len(self.mismatched)

    @property
    def fits(self) -> bool:
        """True if the checkpoint is one of this network, apart from heads left out."""
        return not self.num_differences


@dataclass(frozen=True)
class Inspection:
    """Contents of a checkpoint; variables are sorted by name.

    Attributes:
      path: path of the checkpoint.
      global_step: training step at which it was written; None if it does not hold it.
      model: variables of the network.
      averages: EMA weights.
      slots: optimizer state, slots and scalars.
      fits: comparison with each candidate network, the most similar first.
      is_object_based: True for an object-based checkpoint of TensorFlow 2.
    """

    path: str
    global_step: int | None
    model: tuple[Variable, ...]
    averages: tuple[Variable, ...]
    slots: tuple[Variable, ...]
    fits: tuple[Fit, ...]
    is_object_based: bool

    @property
    def slot_counts(self) -> dict[str, int]:
        """Number of variables with a slot of each name, e.g. {'RMSProp': 196, 'RMSProp_1': 196}."""
        return dict(sorted(Counter(slot.name.split('/')[-1] for slot in self.slots).items()))

    @property
    def num_parameters(self) -> int:
        """Number of elements of the network's variables, without batch norm statistics."""
        return sum(math.prod(v.shape) for v in self.model) - self.num_statistics

    @property
    def num_statistics(self) -> int:
        """Number of elements of the batch norm statistics."""
        return sum(math.prod(v.shape) for v in self.model if v.name.endswith(STATISTICS))


def inspect(path: str, network_name: str | None = None) -> Inspection:
    """Reads the names, shapes and dtypes in a checkpoint, and its step; no other tensor.

    Args:
      path: checkpoint, or folder whose newest checkpoint is meant.
      network_name: network to compare with; None: those whose root scope occurs in the checkpoint.

    Raises:
      UserError: if it is missing or damaged, or the network is unknown.
    """
    checkpoint = checkpoints.Checkpoint(path)
    scalars = {name for optimizer in OPTIMIZERS.values() for name in optimizer.scalars}
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
    candidates = [network_name] if network_name else candidates
    fits = sorted((compare(shapes, name) for name in candidates), key=lambda f: f.num_differences)
    return Inspection(
        path=checkpoint.path,
        global_step=checkpoint.global_step if 'global_step' in checkpoint.shapes else None,
        model=tuple(model),
        averages=tuple(averages),
        slots=tuple(slots),
        fits=tuple(fits),
        is_object_based=_OBJECT_GRAPH in checkpoint.shapes,
    )


def compare(
    shapes: Mapping[str, Sequence[int]], network_name: str, depth_multiplier: float | None = None
) -> Fit:
    """Compares the shapes of a checkpoint's variables with those of a network.

    Args:
      shapes: dictionary from name to shape; names outside the network's root scope are ignored.
      network_name: key of `nets_factory.NETWORKS`.
      depth_multiplier: depth multiplier of the network; None: the one that the shapes suggest.

    Raises:
      UserError: if the name is unknown.
    """
    network = nets_factory.get_network(network_name)
    if depth_multiplier is None:
        fits = [compare(shapes, network_name, 1.0)]
        if fits[0].mismatched and network.has_depth_multiplier:
            guess = _guess_depth_multiplier(shapes, _network_shapes(network_name, 1.0))
            fits.append(compare(shapes, network_name, guess))
        return min(fits, key=lambda fit: fit.num_differences)
    root = network.scope + '/'
    found = {name: tuple(shape) for name, shape in shapes.items() if name.startswith(root)}
    wanted = _network_shapes(network_name, depth_multiplier)

    def without(names: Iterable[str]) -> tuple[str, ...]:
        """Returns the scopes of the heads that have none of the variables `names`."""
        heads = network.last_layer_scopes
        return tuple(h for h in heads if not any(name.startswith(h + '/') for name in names))

    # Neither heads that the checkpoint lacks nor those that are not compared (the auxiliary one)
    # count as differences.
    left_out = without(found)
    ignored = tuple(head + '/' for head in left_out + without(wanted))
    mismatched = {
        name: ShapeMismatch(name, found[name], wanted[name])
        for name in sorted(wanted.keys() & found.keys())
        if not tf.TensorShape(wanted[name]).is_compatible_with(found[name])
    }
    # The last dimension of each of the classifier's variables, None for one that does not fit.
    counts = {
        found[name][-1] if name in found and name not in mismatched else None
        for name, shape in wanted.items()
        if None in shape
    }
    return Fit(
        network=network_name,
        num_classes=counts.pop() if len(counts) == 1 else None,
        depth_multiplier=depth_multiplier,
        left_out=left_out,
        missing=tuple(n for n in sorted(wanted.keys() - found) if not n.startswith(ignored)),
        extra=tuple(n for n in sorted(found.keys() - wanted) if not n.startswith(ignored)),
        mismatched=tuple(mismatched.values()),
    )


@functools.cache
def _network_shapes(network_name: str, depth_multiplier: float) -> dict[str, NetworkShape]:
    """Returns the shapes of a network's variables by name, without the auxiliary head."""
    network = nets_factory.get_network(network_name)
    network_fn = nets_factory.get_network_fn(network_name, _CLASSES)
    arguments = network.optional_arguments(depth_multiplier, create_aux_logits=False)
    size = network.default_image_size
    with tf.Graph().as_default():
        network_fn(tf.compat.v1.placeholder(tf.float32, [None, size, size, 3]), **arguments)
        return {
            variable.op.name: tuple(None if n == _CLASSES else n for n in variable.shape.as_list())
            for variable in tf.compat.v1.global_variables()
        }


def _guess_depth_multiplier(
    found: Mapping[str, Sequence[int]], wanted: Mapping[str, NetworkShape]
) -> float:
    """Returns the roundest multiplier that turns the channels of `wanted` into those of `found`.

    A network scaled by m has int(c * m) channels in place of c, so that each layer limits m to an
    interval. 1.0: `found` has no layer in common with `wanted`.
    """
    channels = {
        (before, shape[-1])
        for name, shape in found.items()
        if len(shape) == len(wanted.get(name, ())) == 4 and (before := wanted[name][-1])
    }
    low, high = 0.0, math.inf
    # The widest layer first. Layers that the minimum number of channels has kept wider do not agree
    # with it and are skipped.
    for before, after in sorted(channels, reverse=True):
        least, limit = max(low, after / before), min(high, (after + 1) / before)
        if least < limit:
            low, high = least, limit
    if high == math.inf:
        return 1.0
    rounded = (math.ceil(low * 10**digits) / 10**digits for digits in range(1, 16))
    return next((multiplier for multiplier in rounded if low <= multiplier < high), low)


def describe(inspection: Inspection, everything: bool = False) -> str:
    """Returns an inspection as text: a summary, an empty line, the table of variables.

    The table includes optimizer state and EMA weights if `everything` is True.
    """
    model = f'{len(inspection.model)}: {inspection.num_parameters:,} parameters'
    if inspection.num_statistics:
        model += f' and {inspection.num_statistics:,} batch norm statistics'
    slots = ', '.join(f'{name} ({count})' for name, count in inspection.slot_counts.items())
    step = inspection.global_step
    networks = list(_describe_networks(inspection))
    summary = [
        ('network', networks[0]),
        *(('', line) for line in networks[1:]),
        ('model variables', model),
        ('EMA weights', str(len(inspection.averages) or 'none')),
        ('optimizer state', f'{len(inspection.slots)}: {slots}' if slots else 'none'),
        ('global step', 'not in the checkpoint' if step is None else str(step)),
    ]
    variables = list(inspection.model)
    if everything:
        variables += [*inspection.averages, *inspection.slots]
        variables.sort(key=lambda variable: variable.name)
    rows = [
        {'name': variable.name, 'shape': _format_shape(variable.shape), 'dtype': variable.dtype}
        for variable in variables
    ]
    table = format_table(rows) if rows else 'no variables'
    lines = [{'key': key, 'value': value} for key, value in summary]
    return '\n'.join([inspection.path, format_table(lines, headers=False), '', table])


def _describe_networks(inspection: Inspection) -> Iterator[str]:
    """Yields lines about the networks that a checkpoint belongs to."""
    if not inspection.fits:
        kind = ': an object-based checkpoint of TensorFlow 2' if inspection.is_object_based else ''
        yield f'unknown{kind}'
        return
    fits = [fit for fit in inspection.fits if fit.fits]
    for fit in fits:
        classes = f'{fit.num_classes} classes' if fit.num_classes else 'no classifier'
        multiplier = fit.depth_multiplier
        scaled = f', depth multiplier {multiplier:g}' if multiplier != 1.0 else ''
        heads = f', without {" and ".join(fit.left_out)}' if fit.left_out else ''
        yield f'{fit.network}, {classes}{scaled}{heads}'
    if not fits:
        nearest = inspection.fits[0]
        multiplier = nearest.depth_multiplier
        scaled = f' with depth multiplier {multiplier:g}' if multiplier != 1.0 else ''
        yield f'none fits; the most similar is {nearest.network}{scaled}'
        groups = (
            ('missing', nearest.missing),
            ('extra', nearest.extra),
            ('of another shape', nearest.mismatched),
        )
        yield from (f'{len(names)} {key}: {first_few(names)}' for key, names in groups if names)
    roots = {nets_factory.get_network(fit.network).scope for fit in inspection.fits}
    others = [v.name for v in inspection.model if v.name.split('/')[0] not in roots]
    if others:
        yield f'{len(others)} outside any known network: {first_few(others)}'


def _format_shape(shape: NetworkShape) -> str:
    """Returns a shape as text.

    >>> _format_shape((1, 1, 2048, None))
    '[1, 1, 2048, classes]'
    """
    return f'[{", ".join("classes" if length is None else str(length) for length in shape)}]'
