"""Meters and moving averages, by clocks that are handed in. Numbers are pyformance's."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from apptuit.metrics import ExpWeightedMovingAvg, Meter, MetricsRegistry, Timer

from .clocks import Manual

SILENT_MINUTES = {
    1: [0.22072766, 0.08120117, 0.02987224],
    5: [0.49123845, 0.40219203, 0.32928698],
    15: [0.56130419, 0.52510399, 0.49123845],
}


@pytest.mark.parametrize("minutes", SILENT_MINUTES)
def test_an_average_forgets_in_silence(minutes: int) -> None:
    clock = Manual(1_500_000_000.25)
    average = ExpWeightedMovingAvg(minutes, clock=clock)
    average.add(3)
    clock.add(5)
    average.tick()
    assert average.get_rate() == pytest.approx(0.6)
    for expected in SILENT_MINUTES[minutes]:
        clock.add(60)
        average.tick()
        assert average.get_rate() == pytest.approx(expected, abs=5e-9)


def test_an_average_ticks_when_it_is_read_after_an_interval() -> None:
    clock = Manual()
    average = ExpWeightedMovingAvg(1, clock=clock)
    assert (average.rate, average.period, average.interval) == (-1, 60, 5)
    average.add(3)
    assert average.uncounted == 3
    clock.now = 4.9
    assert average.get_rate() == 0
    clock.now = 5
    assert average.get_rate() == pytest.approx(0.6)
    assert (average.uncounted, average.last_tick) == (0, 5)
    clock.now = 10
    assert average.get_rate() == pytest.approx(0.552026648777594)
    average.add(60)
    clock.now = 70
    assert average.get_rate() == pytest.approx(0.835199813892603)


def test_an_average_of_another_interval_counts_parts() -> None:
    clock = Manual()
    average = ExpWeightedMovingAvg(1, interval=1.0, clock=clock)
    average.add(0.25)
    clock.now = 1
    assert average.get_rate() == 0.25
    for wrong in ("x", None):
        with pytest.raises(TypeError):
            average.add(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="nan"):
        average.add(math.nan)
    with pytest.raises(ValueError, match="`period`"):
        ExpWeightedMovingAvg(-1)


def test_a_meter_agrees_with_pyformance() -> None:
    clock = Manual(17)
    meter = Meter(clock=clock)
    assert meter.clock is clock
    meter.mark()
    meter.mark(2)
    clock.add(5)
    rates = [meter.get_one_minute_rate, meter.get_five_minute_rate, meter.get_fifteen_minute_rate]
    assert [rate() for rate in rates] == pytest.approx([0.6] * 3)
    assert meter.get_count() == 3
    assert meter.get_mean_rate() == pytest.approx(0.6)
    clock.add(5)
    meter.mark(10)
    assert [rate() for rate in rates] == pytest.approx(
        [0.7119378195189474, 0.6231399646497355, 0.6077562127931445]
    )
    assert meter.get_mean_rate() == pytest.approx(1.3)
    meter.clear()
    clock.add(5)
    assert (meter.get_count(), [rate() for rate in rates]) == (0, [0, 0, 0])
    meter.mark(5)
    clock.add(1)
    meter.tick()
    assert meter.get_one_minute_rate() == pytest.approx(5 * (1 - math.exp(-1 / 60)))


def test_a_meter_counts_what_is_no_whole_number() -> None:
    clock = Manual()
    meter = Meter(clock)
    for amount in (2.5, True, 1 << 40, -3, 0.25):
        meter.mark(amount)
    clock.add(2)
    expected = 2.5 + 1 + (1 << 40) - 3 + 0.25
    assert (meter.get_count(), meter.get_mean_rate()) == (expected, expected / 2)
    wrong: Any
    for wrong in ("x", None, object()):
        with pytest.raises(TypeError):
            meter.mark(wrong)
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="`(nan|inf)`"):
            meter.mark(bad)
    with pytest.raises(ValueError, match="too large"):
        meter.mark(10**400)
    assert meter.get_count() == expected


def test_while_no_time_passes_or_it_runs_backwards_there_is_no_rate() -> None:
    clock = Manual(100)
    registry = MetricsRegistry(clock=clock)
    registry.meter("m").mark(7)
    with registry.timer("t").time():
        pass
    for now in (100, 50):
        clock.now = now
        dump = registry.dump_metrics()
        for name in ("m", "t"):
            rates = [value for field, value in dump[name].items() if field.endswith("rate")]
            assert rates == [0] * 4


def test_a_clock_may_begin_anywhere() -> None:
    for start in (-1e6, 0, 1e9, 4e12):
        clock = Manual(start)
        meter = Meter(clock)
        meter.mark(10)
        clock.add(5)
        assert meter.get_one_minute_rate() == pytest.approx(2)


@pytest.mark.parametrize("clock", [None, time])
def test_the_module_time_stands_for_the_monotonic_clock(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1 / 0)
    meter, timer = Meter(clock), Timer(clock=clock)
    assert meter.clock is time
    meter.mark()
    with timer.time():
        time.sleep(0.01)
    assert 0.01 <= timer.get_max() < 5
    assert meter.get_mean_rate() > 0


def test_a_clock_that_is_none_is_refused_and_one_that_fails_is_heard() -> None:
    class Broken:
        said: Any = 0

        def time(self) -> Any:
            if self.said is None:
                raise ZeroDivisionError
            return self.said

    with pytest.raises(AttributeError):
        Meter(clock=5)  # type: ignore[arg-type]
    broken = Broken()
    registry = MetricsRegistry(broken)
    assert registry._clock is broken
    meter, histogram, timer = registry.meter("m"), registry.histogram("h"), registry.timer("t")
    meter.mark()
    for said, error in ((None, ZeroDivisionError), ("x", TypeError), (math.nan, ValueError)):
        broken.said = said
        for call in (
            meter.get_mean_rate,
            lambda: histogram.add(1),
            timer.time,
            registry.dump_metrics,
        ):
            with pytest.raises(error):
                call()
    broken.said = 5
    assert meter.get_mean_rate() == 0.2
    assert histogram.get_count() == 0
