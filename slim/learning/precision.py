"""What a network computes in: float32, or 16 bits where they suffice.

With bfloat16 or float16 the layers' inputs and weights are rounded to that type and so is what they
give; products are added up in float32. Variables, the arithmetic of batch norm, the classifier, the
losses, the optimizer and all that is written stay float32 (Micikevicius et al., *Mixed Precision
Training*, arXiv 1710.03740). The networks see to the classifier themselves: their heads cast.
"""

import contextlib
import logging

import tensorflow as tf

log = logging.getLogger('slim')

PRECISIONS = {'float32': tf.float32, 'bfloat16': tf.bfloat16, 'float16': tf.float16}

# What /proc/cpuinfo calls the instructions that make a type of 16 bits fast.
_INSTRUCTIONS = {
    'bfloat16': {'avx512_bf16', 'amx_bf16', 'avx_ne_convert'},
    'float16': {'avx512_fp16', 'amx_fp16', 'avx_ne_convert'},
}


@contextlib.contextmanager
def float32_variables(dtype):
    """Within it layers that ask for a variable of type `dtype` get a float32 one, rounded."""
    if dtype == tf.float32:
        yield
        return

    def get_rounded(getter, *arguments, dtype=None, **named):
        if dtype is None or tf.as_dtype(dtype) != rounded_dtype:
            return getter(*arguments, dtype=dtype, **named)
        return tf.cast(getter(*arguments, dtype=tf.float32, **named), rounded_dtype)

    rounded_dtype = dtype
    scope = tf.compat.v1.get_variable_scope()
    with tf.compat.v1.variable_scope(scope, custom_getter=get_rounded):
        yield


def _cpu_flags():
    """The instruction sets of this machine's CPU, as Linux names them; none where it cannot say."""
    try:
        with open('/proc/cpuinfo', encoding='utf-8') as file:
            lines = [line for line in file if line.startswith(('flags', 'Features'))]
    except OSError:
        return set()
    return set(lines[0].split()) if lines else set()


def has_fast_instructions(precision):
    """Whether the devices here multiply numbers of this precision faster than float32."""
    if precision == 'float32' or tf.config.list_logical_devices('GPU'):
        return True
    return bool(_INSTRUCTIONS[precision] & _cpu_flags())


def warn_if_slow(precision):
    """Says in the log that a precision gains nothing here, where that is so."""
    if not has_fast_instructions(precision):
        log.warning(
            'WARNING: this CPU has no instructions for %s; --precision=float32 is as fast here',
            precision,
        )
