"""Floating-point operations of a traced `tf.function`, counted from its graph.

Only convolutions and matrix products count, two operations to a multiplication and addition, as in
papers. What else a network computes is a few percent of that.
"""

import math


def count_flops(concrete_function):
    """Operations of a `ConcreteFunction` for one image: a batch of unknown size counts as one.

    Ops on which no output depends are left out; TensorFlow prunes them before it runs the graph.

    Raises:
      ValueError: at an op that would have to be counted and is not understood.
    """
    waiting = [tensor.op for tensor in concrete_function.outputs]
    seen = set()
    total = 0
    while waiting:
        op = waiting.pop()
        if op.name in seen:
            continue
        seen.add(op.name)
        waiting.extend(tensor.op for tensor in op.inputs)
        total += 2 * _multiplications(op)
    return total


def _multiplications(op):
    """Multiplications of one op, with their additions; 0 for an op that is not counted."""
    if op.type in ('Conv2D', 'Conv2DBackpropInput', 'Conv2DBackpropFilter'):
        if op.get_attr('data_format') != b'NHWC':
            raise ValueError(f'{op.name}: channels come first')
        # Each gradient of a convolution multiplies what the convolution multiplied: every number
        # of its output with the filter's height x width x input channels.
        output = op.outputs[0] if op.type == 'Conv2D' else op.inputs[2]
        filters = op.outputs[0] if op.type == 'Conv2DBackpropFilter' else op.inputs[1]
        return math.prod(_shape(output)) * math.prod(_shape(filters)[:-1])
    if op.type == 'MatMul':
        common = 0 if op.get_attr('transpose_a') else 1
        return math.prod(_shape(op.outputs[0])) * _shape(op.inputs[0])[common]
    if 'Conv' in op.type or 'MatMul' in op.type or 'PartitionedCall' in op.type:
        raise ValueError(f'{op.name}: cannot count the operations of {op.type}')
    return 0


def _shape(tensor):
    """A tensor's shape, with 1 for a batch size that is not known."""
    first, *rest = tensor.shape.as_list()
    if None in rest:
        raise ValueError(f'{tensor.name} has the shape {tensor.shape}, which is not known enough')
    return [1 if first is None else first, *rest]
