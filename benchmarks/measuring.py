"""Measures rates in turn, round after round, and compares those of the same round."""

import logging
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger('slim')


@dataclass(frozen=True)
class Measured:
    """One measurement.

    Attributes:
      amount: images, or operations.
      seconds: what they took.
      cpu_seconds: what all threads of this process took together.
      waited: seconds of them that the network waited for input.
    """

    amount: float
    seconds: float
    cpu_seconds: float
    waited: float | None = None

    @property
    def rate(self):
        """Images, or operations, a second."""
        return self.amount / self.seconds


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
      name: what it is called.
      measure: measures it once.
      flops: operations an image; None where there is nothing to count.
      baseline: name of the line whose rate this one is compared with.
      precision: what is computed in, a key of `slim.learning.precision.PRECISIONS`; None where it
        makes no difference.
    """

    name: str
    measure: Callable[[], Measured]
    flops: float | None = None
    baseline: str | None = None
    precision: str | None = None

    @property
    def key(self):
        """What tells it from all other rows: (name, precision)."""
        return self.name, self.precision


def measure_for(seconds, work):
    """Calls `work()`, which gives (images, seconds waited or None), for at least `seconds`."""
    began, cpu_began = time.perf_counter(), time.process_time()
    amount, waited = 0, None
    while not amount or time.perf_counter() - began < seconds:
        done, more = work()
        amount += done
        waited = more if waited is None or more is None else waited + more
    elapsed, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    return Measured(amount, elapsed, cpu_seconds, waited)


def measure_rows(rows, repeats, what=''):
    """Measures all rows in turn, `repeats` times: lists of `Measured` by key.

    Every other round goes backwards: a machine that grows slower must not favour the first lines.

    Args:
      rows: list of `Row`.
      repeats: number of rounds.
      what: is measured, for the log.
    """
    measured = {row.key: [] for row in rows}
    for number in range(repeats):
        log.info('measuring%s, round %d of %d', what and ' ' + what, number + 1, repeats)
        for row in rows if number % 2 == 0 else reversed(rows):
            measured[row.key].append(row.measure())
    return measured


def median_rate(measured):
    """The median of the rates of a list of `Measured`."""
    return statistics.median(one.rate for one in measured)


def ratios(measured, others):
    """How fast `measured` is compared with `others`: medians of the ratios within a round.

    Returns:
      (by the clock, by the CPU time that the same amount takes). Where other programs take turns on
      the same cores only the second one says much; where a GPU computes, only the first one.
    """
    pairs = list(zip(measured, others, strict=True))
    by_clock = statistics.median(one.rate / other.rate for one, other in pairs)
    by_cpu = statistics.median(
        (one.amount / one.cpu_seconds) / (other.amount / other.cpu_seconds) for one, other in pairs
    )
    return by_clock, by_cpu
