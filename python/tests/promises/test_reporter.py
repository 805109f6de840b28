"""The reporter: how it is made, and when it reports."""

from __future__ import annotations

import importlib
import threading
import time
from functools import partial

import pytest

from apptuit.metrics import MetricsRegistry
from apptuit.pyformance import ApptuitReporter
from tests.conftest import CUT
from tests.promises.world import TOKEN, Between, World


def test_f13_the_reporter_is_imported_from_two_places() -> None:
    package = importlib.import_module("apptuit.pyformance")
    module = importlib.import_module("apptuit.pyformance.apptuit_reporter")
    assert package.ApptuitReporter is module.ApptuitReporter is ApptuitReporter


def test_f14_a_reporter_takes_all_that_the_readme_names(world: World) -> None:
    told: list[tuple[object, ...]] = []
    registry = MetricsRegistry()
    registry.counter("orders.placed").inc(7)
    reporter = ApptuitReporter(
        token=TOKEN,
        registry=registry,
        reporting_interval=60,
        tags={"service": "order-service"},
        collect_process_metrics=True,
        sanitize_mode="apptuit",
        error_handler=lambda *arguments: told.append(arguments),
        disable_host_tag=True,
        retry=1,
    )
    reporter.report_now()
    assert world.tags("orders.placed.count") == {"service": "order-service"}
    assert world.value("orders.placed.count") == 7.0
    assert "python.thread.value" in world.metrics()
    assert (reporter.reporting_interval, reporter.retry_count, told) == (60, 1, [])


def test_f19_tags_of_the_environment_and_of_the_reporter_are_combined(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPTUIT_TAGS", "zone: eu, service: of-the-environment")
    registry = MetricsRegistry()
    registry.counter("orders").inc()
    tags = {"service": "of-the-reporter"}
    ApptuitReporter(registry=registry, token=TOKEN, tags=tags, disable_host_tag=True).report_now()
    assert world.tags("orders_count") == {"zone": "eu", "service": "of-the-reporter"}


def test_f21_a_started_reporter_reports_at_every_interval_while_the_program_goes_on(
    world: World,
) -> None:
    registry = MetricsRegistry()
    orders = registry.counter("orders")
    reporter = ApptuitReporter(registry=registry, token=TOKEN, reporting_interval=1)
    called = time.monotonic()
    assert reporter.start() is True
    assert time.monotonic() - called < 0.9
    # The first report is made at once, and two more follow.
    world.wait_for("orders_count")
    orders.inc()
    points = []
    while len(points) < 3 and time.monotonic() - called < 10:
        time.sleep(0.1)
        points = world.one("orders_count")["dps"][:3]
    reporter.stop()
    first = points[0][0]
    assert [stamp for stamp, _ in points] == [first, first + 1, first + 2]
    assert points[-1][1] == 1.0


def test_f22_failures_of_the_server_and_of_the_connection_are_retried_twice(
    world: World,
) -> None:
    def report(name: str, failure: int) -> None:
        registry = MetricsRegistry()
        registry.counter(name).inc(5)
        with Between(world.url) as between:
            between.answer(failure)
            reporter = ApptuitReporter(
                registry=registry, token=TOKEN, api_endpoint=between.url, retry=2
            )
            reporter.report_now()

    names = {"after_a_500": 500, "after_a_cut": CUT}
    threads = [threading.Thread(target=partial(report, *one)) for one in names.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    for name in names:
        assert [value for _, value in world.one(f"{name}_count")["dps"]] == [5.0]


def test_f23_a_stopped_reporter_reports_no_more(world: World, between: Between) -> None:
    registry = MetricsRegistry()
    orders = registry.counter("orders")
    reporter = ApptuitReporter(registry=registry, token=TOKEN, reporting_interval=0.05)
    reporter.start()
    world.wait_for("orders_count")
    orders.inc(3)
    reporter.stop()
    seen = len(between.requests)
    assert world.value("orders_count") == 3.0
    orders.inc()
    time.sleep(0.5)
    assert len(between.requests) == seen
    assert world.value("orders_count") == 3.0


def test_f31_a_reporter_that_is_not_started_reports_when_it_is_told_to(world: World) -> None:
    registry = MetricsRegistry()
    registry.counter("orders").inc(3)
    reporter = ApptuitReporter(registry=registry, token=TOKEN)
    before = threading.active_count()
    reporter.report_now(timestamp=1_500_000_000)
    reporter.report_now(timestamp=1_500_000_060)
    assert world.one("orders_count")["dps"] == [[1_500_000_000, 3.0], [1_500_000_060, 3.0]]
    assert threading.active_count() == before
