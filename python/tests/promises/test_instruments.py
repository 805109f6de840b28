"""The registry and its instruments, by the names and the modules that programs import."""

from __future__ import annotations

import time
from queue import Queue

import pytest
from pyformance.meters.gauge import CallbackGauge

from apptuit.pyformance import ApptuitReporter
from pyformance import MetricsRegistry
from tests.promises.world import TOKEN, World


def report(registry: MetricsRegistry) -> None:
    ApptuitReporter(registry=registry, token=TOKEN, reporting_interval=60).report_now()


def test_f24_a_name_gives_the_same_instrument_each_time(world: World) -> None:
    registry = MetricsRegistry()
    for kind in ("counter", "meter", "timer", "histogram", "gauge"):
        get = getattr(registry, kind)
        assert get("one") is get("one")
        assert get("one") is not get("another")
    for _ in range(3):
        registry.counter("order_count").inc()
    report(registry)
    assert world.value("order_count_count") == 3.0


def test_f25_a_registry_of_pyformance_makes_all_five_kinds(world: World) -> None:
    registry = MetricsRegistry()
    registry.counter("order_count").inc(2)
    registry.meter("order_requests_rate").mark()
    registry.histogram("response_size").add(512)
    registry.gauge("queue_size", CallbackGauge(lambda: 17))
    with registry.timer("order_requests_processing_time").time():
        pass
    report(registry)
    assert world.value("order_count_count") == 2.0
    assert world.value("order_requests_rate_count") == 1.0
    assert world.value("response_size_max") == 512.0
    assert world.value("queue_size_value") == 17.0
    assert world.value("order_requests_processing_time_count") == 1.0


def test_f26_a_meter_has_a_mean_rate_and_those_of_1_5_and_15_minutes(world: World) -> None:
    class Clock:
        now = 0.0

        def time(self) -> float:
            return self.now

    clock = Clock()
    registry = MetricsRegistry(clock=clock)
    requests = registry.meter("order_requests_rate")
    requests.mark()
    requests.mark(2)
    clock.now = 5.0
    # The first tick makes all rates 3 in 5 s; the next ones decay towards 10 in 5 s.
    rates = [
        requests.get_one_minute_rate(),
        requests.get_five_minute_rate(),
        requests.get_fifteen_minute_rate(),
        requests.get_mean_rate(),
    ]
    assert rates == pytest.approx([0.6] * 4, rel=1e-12)
    clock.now = 10.0
    requests.mark(10)
    report(registry)
    expected = {
        "count": 13,
        "1m_rate": 0.7119378195189474,
        "5m_rate": 0.6231399646497355,
        "15m_rate": 0.6077562127931445,
        "mean_rate": 1.3,
    }
    arrived = {field: world.value(f"order_requests_rate_{field}") for field in expected}
    assert arrived == pytest.approx(expected, rel=1e-12)


class QueueManager:
    """Work that waits, and how much."""

    def __init__(self, registry: MetricsRegistry, name: str) -> None:
        self.queue: Queue[str] = Queue()
        self.asked = 0
        self.gauge = registry.add(name, CallbackGauge(self.size))

    def size(self) -> int:
        self.asked += 1
        return self.queue.qsize()


def test_f27_a_gauge_is_asked_at_each_report(world: World) -> None:
    registry = MetricsRegistry()
    manager = QueueManager(registry, "pending_jobs")
    assert manager.gauge.get_value() == 0
    reporter = ApptuitReporter(registry=registry, token=TOKEN)
    manager.asked = 0
    for minute in range(3):
        reporter.report_now(timestamp=1_500_000_000 + 60 * minute)
        manager.queue.put("a job")
    assert [value for _, value in world.one("pending_jobs_value")["dps"]] == [0.0, 1.0, 2.0]
    assert manager.asked == 3


def test_f28_a_counter_goes_up_and_down(world: World) -> None:
    registry = MetricsRegistry()
    pending = registry.counter("pending_jobs")
    pending.inc()
    pending.inc(10)
    pending.dec()
    pending.dec(3)
    assert pending.get_count() == 7
    report(registry)
    assert world.value("pending_jobs_count") == 7.0


def test_f29_a_timer_times_blocks_also_those_that_return_or_raise(world: World) -> None:
    registry = MetricsRegistry()
    timer = registry.timer("response_time")

    def handle(seconds: float) -> str:
        with timer.time():
            time.sleep(seconds)
            if seconds > 0.05:
                raise LookupError("no such order")
            return "OK"

    assert handle(0.01) == handle(0.02) == "OK"
    with pytest.raises(LookupError):
        handle(0.06)
    report(registry)
    arrived = {
        field: world.value(f"response_time_{field}")
        for field in ("count", "min", "max", "sum", "avg", "50_percentile", "mean_rate")
    }
    assert arrived["count"] == 3.0
    assert 0.01 <= arrived["min"] < arrived["50_percentile"] < arrived["max"] < 10
    assert arrived["min"] + 0.02 + 0.06 <= arrived["sum"]
    assert arrived["avg"] == pytest.approx(arrived["sum"] / 3)
    assert arrived["mean_rate"] > 0


def test_f30_a_histogram_has_min_max_mean_sum_and_count(world: World) -> None:
    registry = MetricsRegistry()
    sizes = registry.histogram("response_size")
    for size in (1, 2, 3, 4, 100):
        sizes.add(size)
    assert sizes.get_sum() == 110
    report(registry)
    expected = {
        "min": 1,
        "max": 100,
        "avg": 22,
        "count": 5,
        "std_dev": 43.617656975128774,
        "75_percentile": 52,
        "99_percentile": 100,
    }
    arrived = {field: world.value(f"response_size_{field}") for field in expected}
    assert arrived == pytest.approx(expected, rel=1e-12)
