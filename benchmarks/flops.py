"""Counts the floating-point operations of a traced `tf.function`.

Only convolutions and matrix products are counted, a multiplication and an addition as two
operations, as in the literature. Everything else is a few percent of a network.
"""

import math
from typing import Any


def count_flops(concrete_function: Any) -> int:
    """Returns the operations of a `ConcreteFunction` per image: an unknown batch size counts as 1.

    Operations that no output depends on are omitted, because TensorFlow prunes them.

    Raises:
      ValueError: for an operation that would have to be counted and is not supported.
    """
    waiting = [tensor.op for tensor in concrete_function.outputs]
    seen = set()
    total = 0
    while waiting:
        op = waiting.pop()
        if op.name not in seen:
            seen.add(op.name)
            waiting.extend(tensor.op for tensor in op.inputs)
            total += 2 * _multiplications(op)
    return total


def _multiplications(op: Any) -> int:
    """Returns the number of multiplications of an op; 0 if its type is not counted."""
    if op.type in ('Conv2D', 'Conv2DBackpropInput', 'Conv2DBackpropFilter'):
        if op.get_attr('data_format') != b'NHWC':
            raise ValueError(f'{op.name}: the data format is not NHWC')
        # Each gradient of a convolution takes as many multiplications as the convolution: for every
        # value of its output the filter's height x width x input channels.
        output = op.outputs[0] if op.type == 'Conv2D' else op.inputs[2]
        filters = op.outputs[0] if op.type == 'Conv2DBackpropFilter' else op.inputs[1]
        return math.prod(_shape(output)) * math.prod(_shape(filters)[:-1])
    if op.type == 'MatMul':
        common = 0 if op.get_attr('transpose_a') else 1
        return math.prod(_shape(op.outputs[0])) * _shape(op.inputs[0])[common]
    if 'Conv' in op.type or 'MatMul' in op.type or 'PartitionedCall' in op.type:
        raise ValueError(f'{op.name}: cannot count the operations of {op.type}')
    return 0


def _shape(tensor: Any) -> list[int]:
    """Returns the shape of a tensor, with 1 for an unknown batch size."""
    first, *rest = tensor.shape.as_list()
    if None in rest:
        raise ValueError(f'{tensor.name} has the shape {tensor.shape}, which is not fully known')
    return [1 if first is None else first, *rest]
