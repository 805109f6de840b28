"""Instruments and the registry that holds them."""

from __future__ import annotations

import gc
import math
import threading
import time
import weakref
from typing import Any

import pytest

from apptuit.metrics import (
    CallbackGauge,
    Counter,
    Gauge,
    Histogram,
    Meter,
    MetricRegistry,
    MetricsRegistry,
    SimpleGauge,
    Timer,
    global_registry,
    set_global_registry,
)


def test_a_name_leads_to_one_instrument_of_each_kind() -> None:
    registry = MetricsRegistry()
    assert registry.counter("x") is registry.counter("x")
    assert registry.counter("x") is not registry.counter("y")
    kinds = [registry.counter, registry.gauge, registry.histogram, registry.meter, registry.timer]
    made: list[Any] = [make("x") for make in kinds]
    assert [type(one) for one in made] == [Counter, SimpleGauge, Histogram, Meter, Timer]
    assert MetricRegistry is MetricsRegistry


def test_a_counter_counts_up_and_down() -> None:
    counter = MetricsRegistry().counter("jobs")
    counter.inc()
    counter.inc(5)
    counter.dec()
    counter.dec(2)
    assert counter.get_count() == 3
    with pytest.raises(TypeError):
        counter.inc("a")  # type: ignore[arg-type]
    assert counter.get_count() == 3
    counter.clear()
    assert counter.get_count() == 0


def test_no_count_of_any_thread_is_lost() -> None:
    registry = MetricsRegistry()

    def count() -> None:
        for _ in range(2000):
            registry.counter("shared").inc()
            registry.meter("shared").mark()

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert registry.counter("shared").get_count() == 16000
    assert registry.meter("shared").get_count() == 16000


def test_a_gauge_holds_a_value_or_asks_for_it() -> None:
    registry = MetricsRegistry()
    level = registry.gauge("level")
    assert isinstance(level, SimpleGauge)
    assert math.isnan(level.get_value())
    level.set_value(4)
    queue: list[int] = []
    asked = registry.gauge("asked", lambda: len(queue))
    queue.append(1)
    assert (level.get_value(), asked.get_value()) == (4.0, 1.0)
    assert registry.get_metrics("asked") == {"value": 1.0}
    assert registry.get_metrics("level") == {"value": 4.0}
    with pytest.raises(TypeError):
        registry.gauge("wrong", 5)  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError):
        Gauge().get_value()


def test_a_gauge_of_ones_own_class_is_asked() -> None:
    class Answer(Gauge):
        def get_value(self) -> float:
            return 42

    registry = MetricsRegistry()
    registry.gauge("answer", Answer())
    assert registry.dump_metrics() == {"answer": {"value": 42.0}}


def test_a_gauge_that_raises_raises_to_whoever_asks() -> None:
    registry = MetricsRegistry()
    registry.gauge("broken", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        registry.get_metrics("broken")
    with pytest.raises(ZeroDivisionError):
        registry.dump_metrics()


def test_added_instruments_are_the_registrys() -> None:
    registry = MetricsRegistry()
    counter, meter, timer, histogram = Counter(), Meter(), Timer(), Histogram()
    for name, instrument in [("c", counter), ("m", meter), ("t", timer), ("h", histogram)]:
        assert registry.add(name, instrument) is instrument
    gauge = registry.add("g", CallbackGauge(lambda: 7))
    simple = registry.add("s", SimpleGauge(3))
    counter.inc()
    meter.mark()
    histogram.add(1)
    with timer.time():
        pass
    simple.set_value(4)
    assert registry.counter("c") is counter
    assert registry.gauge("g") is gauge
    dump = registry.dump_metrics()
    assert {name: dump[name].get("count") for name in "cmth"} == {"c": 1, "m": 1, "t": 1, "h": 1}
    assert (dump["g"], dump["s"]) == ({"value": 7.0}, {"value": 4.0})
    with pytest.raises(LookupError, match="`c`"):
        registry.add("c", Counter())
    for wrong in (5, Counter):
        with pytest.raises(TypeError):
            registry.add("x", wrong)  # type: ignore[type-var]


def test_a_histogram_describes_its_values() -> None:
    histogram = MetricsRegistry().histogram("sizes")
    for value in (1, 2, 3, 4, 100):
        histogram.add(value)
    assert (histogram.get_count(), histogram.get_sum(), histogram.get_mean()) == (5, 110, 22)
    assert (histogram.get_min(), histogram.get_max()) == (1, 100)
    assert histogram.get_stddev() == pytest.approx(43.617656975128774)
    assert histogram.get_var() == pytest.approx(43.617656975128774**2)
    snapshot = histogram.get_snapshot()
    assert (snapshot.get_size(), snapshot.get_median()) == (5, 3)
    assert snapshot.get_75th_percentile() == 52
    assert snapshot.get_percentile(0.75) == 52
    assert snapshot.get_999th_percentile() == 100
    with pytest.raises(ValueError, match="percentile"):
        snapshot.get_percentile(1.5)
    for wrong in ("x", None):
        with pytest.raises(TypeError):
            histogram.add(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="nan"):
        histogram.add(float("nan"))
    assert histogram.get_count() == 5


def test_a_timer_measures_a_block_also_when_it_raises() -> None:
    timer = MetricsRegistry().timer("work")
    with timer.time():
        time.sleep(0.02)
    with pytest.raises(ZeroDivisionError), timer.time():
        raise ZeroDivisionError
    context = timer.time()
    time.sleep(0.01)
    assert context.stop() >= 0.01
    assert timer.get_count() == 3
    assert 0.02 <= timer.get_max() < 5
    assert timer.get_sum() == pytest.approx(timer.get_mean() * 3)


def test_a_dump_has_pyformances_fields_in_its_order() -> None:
    registry = MetricsRegistry()
    registry.timer("t")
    registry.gauge("g")
    registry.meter("m")
    registry.histogram("h")
    registry.counter("c")
    dump = registry.dump_metrics()
    assert list(dump) == ["c", "h", "m", "t", "g"]
    rates = ["15m_rate", "5m_rate", "1m_rate", "mean_rate"]
    upper = ["75_percentile", "95_percentile", "99_percentile", "999_percentile"]
    assert {name: list(fields) for name, fields in dump.items()} == {
        "c": ["count"],
        "h": ["avg", "count", "max", "min", "std_dev", *upper],
        "m": ["count", *rates],
        "t": ["avg", "sum", "count", "max", "min", "std_dev", *rates, "50_percentile", *upper],
        "g": ["value"],
    }
    assert set(dump["h"].values()) == {0}
    registry.clear()
    assert registry.dump_metrics() == {}
    assert registry.get_metrics("c") == {}


def test_a_registry_and_the_owner_of_its_gauge_are_freed_together() -> None:
    class Owner:
        def __init__(self) -> None:
            self.registry = MetricsRegistry()
            self.registry.add("size", CallbackGauge(self.size))

        def size(self) -> int:
            return 1

    owner = Owner()
    assert owner.registry.dump_metrics() == {"size": {"value": 1.0}}
    gone = weakref.ref(owner)
    del owner
    gc.collect()
    assert gone() is None


def test_the_global_registry_can_be_replaced() -> None:
    before, mine = global_registry(), MetricsRegistry()
    set_global_registry(mine)
    try:
        assert global_registry() is mine
    finally:
        set_global_registry(before)
