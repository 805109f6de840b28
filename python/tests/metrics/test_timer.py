"""Timers: measurements, thresholds and sinks."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from apptuit.metrics import MetricsRegistry, Timer, TimerContext

from .clocks import Manual


class Sink(list[float]):
    def add(self, seconds: float) -> None:
        self.append(seconds)


def test_a_timer_agrees_with_pyformance() -> None:
    clock = Manual(1.0)
    timer = Timer(clock=clock)
    for seconds in (0.1, 0.2, 0.3, 0.4):
        context = timer.time()
        clock.add(seconds)
        assert context.stop() == pytest.approx(seconds)
    clock.add(4)
    assert (timer.get_mean(), timer.get_sum()) == pytest.approx((0.25, 1.0))
    assert (timer.get_min(), timer.get_max()) == pytest.approx((0.1, 0.4))
    assert timer.get_count() == 4.0
    assert timer.get_stddev() == pytest.approx(0.1290994448735512)
    assert timer.get_var() == pytest.approx(0.1290994448735512**2)
    assert timer.get_snapshot().get_median() == pytest.approx(0.25)
    assert timer.get_snapshot().get_75th_percentile() == pytest.approx(0.375)
    rates = [timer.get_mean_rate(), timer.get_one_minute_rate()]
    rates += [timer.get_five_minute_rate(), timer.get_fifteen_minute_rate()]
    assert rates == pytest.approx([0.8] * 4)
    timer.clear()
    assert (timer.get_count(), timer.get_snapshot().get_size()) == (0, 0)


def test_a_block_is_measured_also_when_it_raises_or_returns() -> None:
    timer = Timer()

    def work() -> int:
        with timer.time() as context:
            assert isinstance(context, TimerContext)
            assert context.timer is timer
            time.sleep(0.02)
            return 7

    assert work() == 7
    with pytest.raises(ZeroDivisionError), timer.time():
        raise ZeroDivisionError
    assert timer.get_count() == 2
    assert 0.02 <= timer.get_max() < 5


def test_a_measurement_may_end_twice_and_backwards() -> None:
    clock = Manual(10)
    timer = Timer(clock=clock)
    context = timer.time()
    clock.add(1)
    assert context.stop() == 1
    clock.add(1)
    assert context.stop() == 2
    clock.now = 7
    assert context.stop() == -3
    assert (timer.get_count(), timer.get_sum()) == (2, 3)


def test_a_sink_is_told_of_each_duration() -> None:
    clock, sink = Manual(), Sink()
    timer = Timer(clock=clock, sink=sink)
    assert timer.sink is sink
    with timer.time():
        clock.add(2)
    assert sink == [2]

    class Sinking(MetricsRegistry):
        def create_sink(self) -> Sink:
            return Sink()

    registry = Sinking(clock=clock)
    with registry.timer("t").time():
        clock.add(3)
    assert list(registry.timer("t").sink) == [3]  # type: ignore[call-overload]
    assert MetricsRegistry().create_sink() is None


def test_making_a_sink_may_make_the_timer() -> None:
    class Eager(MetricsRegistry):
        asked = 0

        def create_sink(self) -> None:
            Eager.asked += 1
            if Eager.asked == 1:
                self.inner = self.timer("t")

    registry = Eager()
    assert registry.timer("t") is registry.inner
    registry.inner._update(1)
    assert registry.dump_metrics()["t"]["count"] == 1


class Signal:
    """What the library blinker has, as far as it is used here."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, dict[str, Any]]] = []

    def send(self, sender: Any, **said: Any) -> None:
        self.sent.append((sender, said))


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Signal]]:
    """A library of signals, installed for one test."""
    blinker, signal = ModuleType("blinker"), Signal()
    blinker.Namespace = lambda: type("N", (), {"signal": lambda _, __: signal})()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "blinker", blinker)
    monkeypatch.delitem(sys.modules, "apptuit.metrics._signals", raising=False)
    yield lambda: signal
    sys.modules.pop("apptuit.metrics._signals", None)


def test_a_call_that_takes_too_long_is_signalled(signals: Callable[[], Signal]) -> None:
    from apptuit import metrics

    assert metrics.call_too_long is signals()
    clock = Manual()
    timer = Timer(threshold=1, clock=clock)
    assert timer.threshold == 1
    for seconds in (1, 2):
        context = timer.time("/users", method="GET")
        clock.add(seconds)
        context.stop()
    said = {"elapsed": 2.0, "args": ("/users",), "method": "GET"}
    assert signals().sent == [(timer, said)]
    assert timer.get_count() == 2
    with Timer(threshold=1e-9).time():
        time.sleep(0.001)
    assert signals().sent[1][1]["elapsed"] >= 0.001
    Timer(threshold=0, clock=clock).time().stop()
    assert len(signals().sent) == 2


def test_without_the_library_of_signals_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "blinker", None)
    monkeypatch.delitem(sys.modules, "apptuit.metrics._signals", raising=False)
    from apptuit import metrics

    assert metrics.call_too_long is None
    clock = Manual()
    timer = Timer(threshold=1, clock=clock)
    with timer.time():
        clock.add(5)
    assert timer.get_count() == 1
    monkeypatch.delitem(sys.modules, "apptuit.metrics._signals", raising=False)


def test_a_subclass_has_a_constructor_of_its_own() -> None:
    class Named(Timer):
        def __init__(self, name: str) -> None:
            super().__init__(threshold=2, size=5)
            self.name = name

    timer = Named("n")
    for value in range(9):
        timer._update(value)
    assert (timer.name, timer.threshold, timer.get_snapshot().get_size()) == ("n", 2, 5)
