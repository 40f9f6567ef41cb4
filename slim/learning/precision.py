"""Types that a network computes in: float32, or 16 bits where they suffice.

With bfloat16 or float16 the inputs, weights and outputs of layers are cast to that type; products
are summed in float32. Variables, batch-norm arithmetic, classifier, losses, optimizer and all
files stay float32 (Micikevicius et al., *Mixed Precision Training*, arXiv 1710.03740). The heads of
the networks cast their inputs, so that the classifier computes in float32.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

log = logging.getLogger('slim')

PRECISIONS = {'float32': tf.float32, 'bfloat16': tf.bfloat16, 'float16': tf.float16}

# Instruction sets that make a 16-bit type fast, as named in /proc/cpuinfo.
_INSTRUCTIONS = {
    'bfloat16': {'avx512_bf16', 'amx_bf16', 'avx_ne_convert'},
    'float16': {'avx512_fp16', 'amx_fp16', 'avx_ne_convert'},
}


@contextlib.contextmanager
def float32_variables(layer_dtype: tf.DType) -> Iterator[None]:
    """Gives layers that request a variable of `layer_dtype` a float32 variable, cast to it."""
    if layer_dtype == tf.float32:
        yield
        return

    def get_cast(getter: Callable, *args: Any, dtype: Any = None, **kwargs: Any) -> tf.Tensor:
        if dtype is None or tf.as_dtype(dtype) != layer_dtype:
            return getter(*args, dtype=dtype, **kwargs)
        return tf.cast(getter(*args, dtype=tf.float32, **kwargs), layer_dtype)

    scope = tf.compat.v1.get_variable_scope()
    with tf.compat.v1.variable_scope(scope, custom_getter=get_cast):
        yield


def _cpu_flags() -> set[str]:
    """Returns the CPU's instruction sets from /proc/cpuinfo; none if there is no such file."""
    try:
        with open('/proc/cpuinfo', encoding='utf-8') as file:
            lines = [line for line in file if line.startswith(('flags', 'Features'))]
    except OSError:
        return set()
    return set(lines[0].split()) if lines else set()


def has_fast_instructions(precision: str) -> bool:
    """Returns whether the devices multiply numbers of this precision faster than float32."""
    if precision == 'float32' or tf.config.list_logical_devices('GPU'):
        return True
    return bool(_INSTRUCTIONS[precision] & _cpu_flags())


def warn_if_slow(precision: str) -> None:
    """Logs a warning if a precision is no faster than float32 on this machine."""
    if not has_fast_instructions(precision):
        log.warning(
            'WARNING: this CPU has no instructions for %s; --precision=float32 is as fast here',
            precision,
        )
