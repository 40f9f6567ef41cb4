"""Helpers of the training loop: a stop signal, a clock and a speedometer."""

import collections
import logging
import signal
import threading
import time
from types import FrameType
from typing import Any

log = logging.getLogger('slim')


class StopSignal:
    """Records SIGTERM and SIGINT while the loop runs, so that it can stop between two steps.

    Attributes:
      number: number of the signal received, None before there is one.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> 'StopSignal':
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._previous[number] = signal.signal(number, self._record)
        return self

    def _record(self, number: int, _: FrameType | None) -> None:
        self.number = number
        name = signal.Signals(number).name
        log.warning('%s: saving a checkpoint after this step; repeat it to stop at once', name)
        signal.signal(number, self._previous[number])

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)


class Clock:
    """Measures whether an interval has passed since the last restart."""

    def __init__(self, seconds: float):
        self._seconds, self._last = seconds, time.monotonic()

    def is_due(self) -> bool:
        return time.monotonic() - self._last >= self._seconds

    def restart(self) -> None:
        self._last = time.monotonic()


class Meter:
    """Training speed over the last steps, and the fraction of time spent waiting for input."""

    def __init__(self, images_per_step: int, memory: int = 50):
        self._images = images_per_step
        self._steps: collections.deque[tuple[float, float]] = collections.deque(maxlen=memory)
        self._compiled = False

    def add(self, seconds: float, waited: float, first: bool) -> None:
        """Records a step. The first one, which compiles, is dropped when the second one arrives."""
        if self._compiled:
            self._steps.clear()
        self._compiled = first
        self._steps.append((seconds, waited))

    @property
    def _seconds(self) -> float:
        return sum(seconds for seconds, _ in self._steps)

    @property
    def images_per_second(self) -> float:
        return len(self._steps) * self._images / self._seconds

    @property
    def wait_fraction(self) -> float:
        return sum(waited for _, waited in self._steps) / self._seconds

    def __str__(self) -> str:
        return (
            f'{self._seconds / len(self._steps):.3f} sec/step, {self.images_per_second:.1f} '
            f'images/sec, {100 * self.wait_fraction:.1f}% of the time waiting for input'
        )
