"""What a process tells of itself."""

from __future__ import annotations

import gc
import os
import threading
import time
from typing import Any

import pytest

from apptuit.metrics import MetricsRegistry
from apptuit.pyformance import process_metrics
from apptuit.pyformance.apptuit_reporter import ProcessMetrics
from tests.conftest import Recorder
from tests.reporter.programs import run
from tests.reporter.test_reporter import data, reporter

EXPECTED = {
    ("python_cpu_time_used_seconds_count", "user"),
    ("python_cpu_time_used_seconds_count", "system"),
    ("python_memory_usage_bytes_count", "main"),
    ("python_memory_usage_bytes_count", "shared"),
    ("python_memory_usage_bytes_count", "unshared"),
    ("python_memory_usage_bytes_count", "unshared_stack_size"),
    ("python_page_faults_count", "major"),
    ("python_page_faults_count", "minor"),
    ("python_process_swaps_count", None),
    ("python_block_operations_count", "input"),
    ("python_block_operations_count", "output"),
    ("python_ipc_messages_count", "sent"),
    ("python_ipc_messages_count", "received"),
    ("python_system_signals_count", None),
    ("python_context_switches_count", "voluntary"),
    ("python_context_switches_count", "involuntary"),
    ("python_thread_value", "demon"),
    ("python_thread_value", "alive"),
    ("python_thread_value", "dummy"),
    *{("python_gc_collection_count", f"collection_{n}") for n in range(3)},
    *{("python_gc_threshold_count", f"threshold_{n}") for n in range(3)},
}


def of_process(server: Recorder) -> dict[tuple[str, Any], float]:
    """The last values, by name and type."""
    points = [point for point in data(server) if point["metric"].startswith("python_")]
    assert {point["tags"]["worker_id"] for point in points} == {str(os.getpid())}
    return {(point["metric"], point["tags"].get("type")): point["value"] for point in points}


def test_25_points_of_the_process_go_with_a_report(server: Recorder) -> None:
    registry = MetricsRegistry()
    reporter(server, registry, collect_process_metrics=True).report_now()
    told = of_process(server)
    assert set(told) == EXPECTED
    assert len(data(server)) == 25
    assert told["python_cpu_time_used_seconds_count", "user"] == pytest.approx(
        time.process_time(), abs=5
    )
    assert told["python_memory_usage_bytes_count", "main"] > 1e6
    thresholds = [told["python_gc_threshold_count", f"threshold_{n}"] for n in range(3)]
    assert thresholds == list(gc.get_threshold())


def test_counters_say_what_is_there_each_time_and_not_more(server: Recorder) -> None:
    reports = reporter(server, MetricsRegistry(), collect_process_metrics=True)
    before = gc.get_threshold()
    try:
        for threshold in (700, 700, 500):
            gc.set_threshold(threshold, 10, 10)
            server.requests.clear()
            reports.report_now()
            assert of_process(server)["python_gc_threshold_count", "threshold_0"] == threshold
    finally:
        gc.set_threshold(*before)


def test_the_garbage_collector_tells_what_it_collected_also_when_disabled(
    server: Recorder,
) -> None:
    reports = reporter(server, MetricsRegistry(), collect_process_metrics=True)
    gc.disable()
    try:
        for _ in range(10):
            cycle: list[Any] = []
            cycle.append(cycle)
        del cycle
        gc.collect()
        collected = gc.get_stats()[2]["collected"]
        assert collected >= 10
        reports.report_now()
    finally:
        gc.enable()
    assert of_process(server)["python_gc_collection_count", "collection_2"] == collected


def test_threads_are_daemons_others_and_those_python_did_not_start() -> None:
    process, done = ProcessMetrics(MetricsRegistry()), threading.Event()

    def told() -> list[float]:
        dump = process.collect_process_metrics()
        return [dump[name]["value"] for name in process.thread_metrics_names]

    before = told()
    threads = [threading.Thread(target=done.wait, daemon=daemon) for daemon in (True, True, False)]
    for thread in threads:
        thread.start()
    after = told()
    done.set()
    assert [now - then for now, then in zip(after, before)] == [2, 1, 0]


def test_they_are_in_the_registry_and_go_with_any_other(server: Recorder) -> None:
    registry, other = MetricsRegistry(), MetricsRegistry()
    other.counter("other").inc()
    reports = reporter(server, registry, collect_process_metrics=True, prefix="pre.")
    process = reports.process_metrics
    assert process is not None
    reports.report_now(other)
    assert len(data(server)) == 26
    named = process.resource_metric_names + process.gc_metric_names
    assert set(registry._counters) == set(named)
    assert set(registry._gauges) == set(process.thread_metrics_names)
    assert f'python.process.swaps{{"worker_id": {os.getpid()}}}' in named
    assert {point["metric"][:11] for point in data(server)} == {"pre_python_", "pre_other_c"}


def test_registries_of_other_packages_hold_them_too() -> None:
    class Counter:
        value: float = 0

        def inc(self, by: float) -> None:
            self.value += by

        def get_count(self) -> float:
            return self.value

    class Gauge:
        value: float = 0

        def set_value(self, value: float) -> None:
            self.value = value

    class Foreign:
        def __init__(self) -> None:
            self._counters: dict[str, Counter] = {}
            self._gauges: dict[str, Gauge] = {}

        def counter(self, key: str) -> Counter:
            return self._counters.setdefault(key, Counter())

        def gauge(self, key: str) -> Gauge:
            return self._gauges.setdefault(key, Gauge())

    registry = Foreign()
    process = ProcessMetrics(registry)
    dump = process.collect_process_metrics()
    assert len(dump) == 25
    for name, counter in registry._counters.items():
        assert counter.value == pytest.approx(dump[name]["count"])
    process.renew()
    assert not registry._counters
    assert not registry._gauges


def test_windows_is_warned_that_most_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_metrics.sys, "platform", "win32")
    with pytest.warns(RuntimeWarning, match="Windows"):
        ProcessMetrics(MetricsRegistry())


def test_they_need_no_more_than_the_package() -> None:
    program = """
        import sys
        sys.modules["resource"] = sys.modules["psutil"] = None
        from apptuit.metrics import MetricsRegistry
        from apptuit.pyformance.apptuit_reporter import ProcessMetrics
        assert len(ProcessMetrics(MetricsRegistry()).collect_process_metrics()) == 25
    """
    run(program, 60, "-W", "error")
