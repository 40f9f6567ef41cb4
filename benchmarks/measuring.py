"""Measures rates in turn, round after round, and compares measurements of the same round."""

import concurrent.futures
import logging
import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

log = logging.getLogger('slim')


@dataclass(frozen=True)
class Measurement:
    """One measurement.

    Attributes:
      amount: number of images, operations or pairs of domains.
      seconds: wall-clock time.
      cpu_seconds: CPU time of all threads.
      waited: part of `seconds` in which the network waited for input; None if it has no input.
      peak_bytes: peak memory of the largest process; 0 if it was not measured.
      result: computed values by name.
    """

    amount: float
    seconds: float
    cpu_seconds: float
    waited: float | None = None
    peak_bytes: int = 0
    result: dict[str, float] | None = None

    @property
    def rate(self) -> float:
        """Amount per second."""
        return self.amount / self.seconds


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
      name: label of the row.
      measure: function that measures it once.
      flops: operations per image; None if there is nothing to count.
      baseline: name of the row whose rate this one is compared with, if any.
      precision: type that the layers compute in; None if it makes no difference.
    """

    name: str
    measure: Callable[[], Measurement]
    flops: float | None = None
    baseline: str = ''
    precision: str | None = None

    @property
    def key(self) -> tuple[str, str | None]:
        """Unique key of the row: (name, precision)."""
        return self.name, self.precision


Measurements = dict[tuple[str, str | None], list[Measurement]]


def measure_for(seconds: float, work: Callable[[], tuple[int, float | None]]) -> Measurement:
    """Calls `work()`, which returns (amount, seconds waited or None), for at least `seconds`."""
    began, cpu_began = time.perf_counter(), time.process_time()
    amount, waited = 0, None
    while not amount or time.perf_counter() - began < seconds:
        done, more = work()
        amount += done
        waited = more if waited is None or more is None else waited + more
    elapsed, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    return Measurement(amount, elapsed, cpu_seconds, waited)


def call_in_new_process(function: Callable, *arguments: Any) -> Any:
    """Returns what `function(*arguments)` returns in a process without a history of its own."""
    context = multiprocessing.get_context('spawn')
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
        return executor.submit(function, *arguments).result()


def measure_rows(rows: Sequence[Row], repeats: int) -> Measurements:
    """Measures all rows in turn, `repeats` times, and returns the measurements by key.

    Every other round runs backwards, so that a machine that slows down does not favour the first
    rows.
    """
    measured: Measurements = {row.key: [] for row in rows}
    for number in range(repeats):
        log.info('measuring, round %d of %d', number + 1, repeats)
        for row in rows if number % 2 == 0 else reversed(rows):
            measured[row.key].append(row.measure())
    return measured


def ratios(
    measurements: Sequence[Measurement], baseline: Sequence[Measurement]
) -> tuple[float, float]:
    """Compares rates: medians of the ratios to the baseline within each round.

    Returns:
      (ratio by wall-clock time, ratio by CPU time per amount). If other programs use the same
      cores, only the second one is meaningful; if a GPU computes, only the first one.
    """
    pairs = list(zip(measurements, baseline, strict=True))
    by_clock = statistics.median(one.rate / other.rate for one, other in pairs)
    by_cpu = statistics.median(
        (one.amount / one.cpu_seconds) / (other.amount / other.cpu_seconds) for one, other in pairs
    )
    return by_clock, by_cpu
