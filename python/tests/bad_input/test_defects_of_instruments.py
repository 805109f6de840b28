"""Defects of the old package that ours must not repeat: instruments and their registry."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from apptuit.metrics import (
    Counter,
    Histogram,
    Meter,
    MetricsRegistry,
    Timer,
    global_registry,
    hist_calls,
    set_global_registry,
)


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def time(self) -> float:
        return self.now


@contextmanager
def hurried() -> Iterator[None]:
    """Threads take turns as often as the interpreter lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def together(count: int, work: Callable[[int], Any]) -> None:
    """Run `work` on threads that start at one moment; what it raises is raised here."""
    barrier, raised = threading.Barrier(count), []

    def run(n: int) -> None:
        barrier.wait(30)
        try:
            work(n)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if raised:
        raise raised[0]


def test_h19_a_dump_and_new_instruments_do_not_disturb_each_other() -> None:
    registry = MetricsRegistry()
    over = time.monotonic() + 1

    def work(n: int) -> None:
        made = 0
        while time.monotonic() < over:
            if n == 0:
                registry.dump_metrics()
            else:
                registry.counter(f"c{n}.{made % 500}").inc()
                registry.gauge(f"g{n}.{made % 500}").set_value(made)
                made += 1

    with hurried():
        together(4, work)
    assert len(registry.dump_metrics()) > 3


def test_h19_64_threads_that_make_one_counter_lose_no_increment() -> None:
    registry = MetricsRegistry()

    def work(_: int) -> None:
        for n in range(200):
            registry.counter(f"c{n}").inc()
            registry.histogram("h").add(n)
            registry.meter("m").mark()

    with hurried():
        together(64, work)
    counts = {registry.counter(f"c{n}").get_count() for n in range(200)}
    assert counts == {64}
    assert registry.histogram("h").get_count() == registry.meter("m").get_count() == 64 * 200


def test_h20_a_rate_over_no_time_or_less_is_zero() -> None:
    clock = Clock()
    registry = MetricsRegistry(clock=clock)
    registry.meter("m").mark(5)
    with registry.timer("t").time():
        pass
    assert registry.meter("m").get_mean_rate() == 0
    registry.dump_metrics()
    clock.now -= 10
    assert registry.meter("m").get_mean_rate() == 0
    assert all(
        value >= 0 for fields in registry.dump_metrics().values() for value in fields.values()
    )


def test_h21_extremes_and_variance_are_those_of_the_values() -> None:
    def of(*values: float) -> Histogram:
        histogram = Histogram()
        for value in values:
            histogram.add(value)
        return histogram

    empty = of()
    assert (empty.get_min(), empty.get_max(), empty.get_mean(), empty.get_var()) == (0, 0, 0, 0)
    assert (of(3e9, 4e9).get_min(), of(-3e9, -4e9).get_max()) == (3e9, -3e9)
    assert of(-1, 5, 9).get_var() == pytest.approx(76 / 3)
    histogram = of(1, 2)
    for wrong in ("x", None, [], 1j, object()):
        with pytest.raises(TypeError):
            histogram.add(wrong)  # type: ignore[arg-type]
    assert (histogram.get_count(), histogram.get_sum()) == (2, 3)
    assert histogram.get_snapshot().get_median() == 1.5


def test_h22_hours_of_rest_do_not_empty_a_histogram() -> None:
    clock = Clock()
    histogram = Histogram(clock=clock)
    for n in range(2000):
        histogram.add(n)
    assert histogram.get_snapshot().get_size() == 1028
    clock.now += 15 * 3600
    histogram.add(7)
    assert histogram.get_snapshot().get_size() == 1028


def test_h23_the_time_of_day_does_not_disturb_durations(monkeypatch: pytest.MonkeyPatch) -> None:
    timer, meter = Timer(), Meter()
    meter.mark(3)
    with timer.time():
        monkeypatch.setattr(time, "time", lambda: 0.0)
        time.sleep(0.01)
    assert (timer.get_count(), 0.01 <= timer.get_max() < 10) == (1, True)
    assert 0 < meter.get_mean_rate() <= 300


def test_h24_counting_what_a_function_returns_does_not_lose_it() -> None:
    class Shop:
        @hist_calls
        def price(self, of: Any) -> Any:
            return of

    before = global_registry()
    set_global_registry(MetricsRegistry())
    try:
        returned = [Shop().price(value) for value in (3, 4.5, "text", None, True)]
        key = f"{Shop.price.__qualname__}_calls"
        assert returned == [3, 4.5, "text", None, True]
        assert global_registry().histogram(key).get_sum() == 7.5
    finally:
        set_global_registry(before)


def test_h30_a_counter_refuses_text_and_keeps_its_count() -> None:
    counter = Counter()
    counter.inc(2)
    for call in (counter.inc, counter.dec):
        with pytest.raises(TypeError):
            call("a")  # type: ignore[arg-type]
    assert counter.get_count() == 2
