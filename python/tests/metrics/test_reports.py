"""What a report sends is what instruments of Python hold."""

from __future__ import annotations

import contextlib
import threading
from decimal import Decimal
from typing import Any

import pytest

from apptuit import ApptuitException
from apptuit.metrics import (
    Counter,
    Gauge,
    Histogram,
    MetricsRegistry,
    SlidingTimeWindowSample,
    Snapshot,
    Timer,
)
from apptuit.pyformance import ApptuitReporter
from tests.conftest import Recorder

from .clocks import Manual


def reported(server: Recorder, registry: MetricsRegistry, **settings: Any) -> dict[str, float]:
    """Report once, and return the values that arrived, by name."""
    reporter = ApptuitReporter(
        registry, 60, "token", server.url, disable_host_tag=True, tags={"k": "v"}, **settings
    )
    try:
        reporter.report_now()
    finally:
        points = [point for point in server.points if "apptuit" not in point["metric"]]
    return {point["metric"]: point["value"] for point in points}


def test_counts_of_any_kind_are_sent_as_floats(server: Recorder) -> None:
    registry = MetricsRegistry()
    amounts: dict[str, Any] = {
        "a": 2.5,
        "b": 10**30,
        "c": Decimal("0.5"),
        "d": True,
        "e": 2**62,
        "f": 3,
    }
    for name, amount in amounts.items():
        registry.counter(name).inc(amount)
    registry.counter("huge").inc(10**400)
    registry.meter("m").mark(0.25)
    sent = reported(server, registry)
    assert {
        f"{name}_count": float(amount) for name, amount in amounts.items()
    }.items() <= sent.items()
    assert sent["m_count"] == 0.25
    assert "huge_count" not in sent


def test_a_dump_and_a_report_say_the_same(server: Recorder) -> None:
    clock = Manual(10)
    registry = MetricsRegistry(clock)
    registry.counter("c").inc(1.5)
    registry.meter("m").mark(3)
    for value in range(100):
        registry.histogram("h").add(value)
    registry.timer("t")._update(0.5)
    registry.gauge("g", lambda: Decimal("2.5"))
    registry.gauge("s").set_value(True)
    registry.gauge("unset")

    class Own(Gauge):
        def get_value(self) -> float:
            return 8

    class Doubled(Counter):
        def get_count(self) -> Any:
            return super().get_count() * 2

    registry.add("own", Own())
    registry.add("doubled", Doubled()).inc(4)
    registry.add("sampled", Histogram(sample=SlidingTimeWindowSample(9, clock))).add(6)
    registry.add("clocked", Timer(clock=clock))._update(2)
    clock.add(5)
    dump = registry.dump_metrics()
    assert (dump["m"]["mean_rate"], dump["clocked"]["1m_rate"]) == pytest.approx((0.6, 0.2))
    assert dump["sampled"]["75_percentile"] == 6
    expected = {
        f"{name}_{field}": pytest.approx(float(value))
        for name, fields in dump.items()
        for field, value in fields.items()
        if name != "unset"
    }
    assert reported(server, registry) == expected


def test_what_cannot_be_read_is_told_and_the_rest_is_sent(server: Recorder) -> None:
    class Broken:
        def update(self, value: Any) -> None:
            pass

        def get_snapshot(self) -> Snapshot:
            raise LookupError("no snapshot")

        def clear(self) -> None:
            pass

    registry, told = MetricsRegistry(), []
    registry.counter("good").inc()
    registry.add("h", Histogram(sample=Broken()))
    registry.gauge("raises", lambda: 1 / 0)
    for name, value in {"none": None, "text": "abc", "list": [1], "huge": 10**400}.items():
        registry.gauge(name).set_value(value)

    def handler(status: int, successful: int, failed: int, errors: Any) -> None:
        told.extend(errors)

    with contextlib.suppress(ApptuitException):
        reported(server, registry, error_handler=handler)
    assert "good_count" in {point["metric"] for point in server.points}
    text = str(told)
    for name in ("h", "raises", "none", "text", "list", "huge"):
        assert f"`{name}`" in text or f"'{name}'" in text, text


def test_a_cleared_or_freed_instrument_is_not_sent(server: Recorder) -> None:
    registry = MetricsRegistry()
    held = registry.counter("held")
    registry.clear()
    held.inc()
    registry.counter("fresh").inc(2)
    assert reported(server, registry) == {"fresh_count": 2}


def test_reports_dumps_and_python_callbacks_do_not_wait_for_each_other(server: Recorder) -> None:
    clock, registry = Manual(), MetricsRegistry()
    busy = MetricsRegistry(clock)

    class Slow(SlidingTimeWindowSample):
        def get_snapshot(self) -> Snapshot:
            threading.Event().wait(0.001)
            return super().get_snapshot()

    busy.add("h", Histogram(sample=Slow(clock=clock)))
    busy.gauge("g", lambda: len(busy.get_metrics("h")))
    stop = threading.Event()

    def record() -> None:
        while not stop.is_set():
            busy.histogram("h").add(1)
            with busy.timer("t").time():
                registry.counter("c").inc(0.5)
            busy.meter("m").mark()

    def dump() -> None:
        while not stop.is_set():
            busy.dump_metrics()

    threads = [threading.Thread(target=work) for work in (record, record, dump)]
    reporter = ApptuitReporter(
        busy, 0.01, "token", server.url, disable_host_tag=True, tags={"k": "v"}
    )
    for thread in threads:
        thread.start()
    reporter.start()
    server.wait_for(10)
    stop.set()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    reporter.stop()
