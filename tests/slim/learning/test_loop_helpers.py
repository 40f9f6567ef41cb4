"""Helpers of the training loop."""

import os
import signal
import threading

import pytest

from slim.learning import loop_helpers


@pytest.fixture
def previous_handlers():
    """Installs handlers that record signals; returns the list of received numbers."""
    received = []
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda n, _: received.append(n)) for number in numbers}
    yield received
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_is_recorded_and_the_second_is_not_caught(previous_handlers, number):
    with loop_helpers.StopSignal() as stop:
        assert stop.number is None
        os.kill(os.getpid(), number)
        assert (stop.number, previous_handlers) == (number, [])
        os.kill(os.getpid(), number)
        assert previous_handlers == [number]
    os.kill(os.getpid(), number)
    assert previous_handlers == [number, number]


def test_signals_are_left_alone_outside_the_main_thread(previous_handlers):
    def run():
        with loop_helpers.StopSignal():
            handlers.append(signal.getsignal(signal.SIGTERM))

    handlers = [signal.getsignal(signal.SIGTERM)]
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert handlers[0] is handlers[1]


def test_a_clock_is_due_after_its_interval(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(loop_helpers.time, 'monotonic', lambda: now[0])
    clock = loop_helpers.Clock(10)
    assert not clock.is_due()
    now[0] = 110.0
    assert clock.is_due()
    clock.restart()
    assert not clock.is_due()
    assert loop_helpers.Clock(0).is_due()


def test_a_meter_drops_the_first_step_and_forgets_old_ones():
    meter = loop_helpers.Meter(images_per_step=8, memory=2)
    meter.add(20.0, 1.0, first=True)
    assert meter.images_per_second == pytest.approx(0.4)
    meter.add(1.0, 0.5, first=False)
    assert meter.images_per_second == pytest.approx(8)
    for _ in range(2):
        meter.add(4.0, 1.0, first=False)
    assert (meter.images_per_second, meter.wait_fraction) == (2, 0.25)
    assert str(meter) == ('4.000 sec/step, 2.0 images/sec, 25.0% of the time waiting for input')
