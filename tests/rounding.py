"""Limits for comparisons of float32 results, derived from the computation's own sensitivity.

A sum in another order changes the last place of a float32 number, and a deep network amplifies that
by a factor that depends on its weights: 3 in ResNet-V2-50, several thousand in Inception-V3 with
Squeeze-and-Excitation under the weights of these tests. No fixed limit is right for both, nor on
every CPU. The limits here are `FACTOR` times the change of a result when every input and every
weight is moved by one unit in its last place (`nudged`), which is about what one rounding in each
layer does.
"""

import numpy as np

# Measured in float32 on CPUs with AMX, AVX512 and AVX2, and with Eigen's kernels: errors of up to 5
# times the change. Real differences are orders of magnitude larger; test_reference shows some.
FACTOR = 10


def nudged(values, seed=0):
    """Moves every element by one unit in the last place, up or down at random.

    Args:
      values: float array of any shape; taken as float32.
      seed: random seed of the directions.

    Returns:
      float32 array of the same shape.
    """
    values = np.asarray(values, np.float32)
    up = np.random.RandomState(seed).rand(*values.shape) < 0.5
    return np.nextafter(values, np.where(up, np.inf, -np.inf).astype(np.float32))


def relative_error(got, want):
    """Norm of the difference, divided by the norm of `want` (1e-6 where that is smaller)."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    return np.linalg.norm(got - want) / max(np.linalg.norm(want), 1e-6)


def limit(result, nudged_result):
    """Largest acceptable relative error of a float32 computation of `result`.

    Args:
      result: float array, computed in at least the precision of what is compared with it.
      nudged_result: the same for nudged inputs and weights.

    Returns:
      `FACTOR` times the relative change, at least `FACTOR` float32 epsilons.
    """
    change = relative_error(nudged_result, result)
    return FACTOR * max(change, float(np.finfo(np.float32).eps))
