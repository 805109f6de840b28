"""Defects of the old package that ours must not repeat: the reporter."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from apptuit import ApptuitSendException, timeseries
from apptuit.metrics import MetricsRegistry
from apptuit.pyformance import ApptuitReporter
from apptuit.pyformance.apptuit_reporter import default_error_handler
from tests.conftest import Recorder

META = "apptuit_reporter_"
NAN = float("nan")


class Told(list[tuple[Any, ...]]):
    """An error handler that remembers what it was told."""

    def __call__(self, *call: Any) -> None:
        self.append(call)


def reporter(server: Recorder, registry: MetricsRegistry, **settings: Any) -> ApptuitReporter:
    defaults: dict[str, Any] = {
        "token": "secret",
        "api_endpoint": server.url,
        "reporting_interval": 60,
        "disable_host_tag": True,
        "tags": {"service": "orders"},
        "error_handler": None,
    }
    return ApptuitReporter(registry, **{**defaults, **settings})


def values(server: Recorder) -> dict[str, Any]:
    """The values that arrived, the newest of each metric, without those about sending."""
    points = [point for point in server.points if not point["metric"].startswith(META)]
    return {point["metric"]: point["value"] for point in points}


def counting(*names: str) -> MetricsRegistry:
    registry = MetricsRegistry()
    for name in names:
        registry.counter(name).inc()
    return registry


SHORT_JOB = """
import sys, time
from apptuit.metrics import MetricsRegistry
from apptuit.pyformance import ApptuitReporter

registry = MetricsRegistry()
reporter = ApptuitReporter(registry, 60, "secret", sys.argv[1])
reporter.start()
time.sleep(0.2)
registry.counter("orders").inc(7)
if sys.argv[2] == "stop":
    reporter.stop()
"""


@pytest.mark.parametrize("ending", ["stop", "exit"])
def test_h01_what_was_counted_last_is_reported_when_the_program_ends(
    server: Recorder, ending: str
) -> None:
    command = [sys.executable, "-W", "error", "-c", SHORT_JOB, server.url, ending]
    subprocess.run(command, check=True, timeout=60)
    assert values(server) == {"orders_count": 7.0}


def test_h02_stopping_waits_for_no_interval_and_no_pause_between_tries(server: Recorder) -> None:
    running = reporter(server, counting("orders"), reporting_interval=30)
    running.start()
    server.wait_for(2)
    started = time.monotonic()
    running.stop()
    assert time.monotonic() - started < 1
    for _ in range(20):
        server.answer(503)
    running = reporter(server, counting("orders"), reporting_interval=30, retry_count=50)
    seen = len(server.requests)
    running.start()
    server.wait_for(seen + 1)
    started = time.monotonic()
    running.stop()
    assert time.monotonic() - started < 10


def test_h04_a_stopped_reporter_starts_again(server: Recorder) -> None:
    registry = counting("orders")
    running = reporter(server, registry)
    for orders in (2, 3):
        registry.counter("orders").inc()
        assert running.start() is True
        assert running.start() is False
        running.stop()
        assert values(server) == {"orders_count": orders}


def fails() -> float:
    raise LookupError("no such queue")


@pytest.mark.parametrize("gauge", [lambda: None, lambda: "abc", list, fails], ids=range(4))
def test_h07_a_gauge_that_cannot_be_read_is_told_and_the_others_are_sent(
    server: Recorder, gauge: Any
) -> None:
    registry = counting("good")
    registry.gauge("bad", gauge)
    told = Told()
    with suppress(ValueError):
        reporter(server, registry, error_handler=told).report_now()
    assert values(server) == {"good_count": 1.0}
    ((_, _, failed, errors),) = told
    assert (failed, errors[0]["datapoint"]["metric"]) == (1, "bad")
    assert errors[0]["error"]


BAD_NAMES = {
    "broken tags": 'bad{"a"',
    "26 tags": timeseries.encode_metric("bad", {f"k{n}": "v" for n in range(26)}),
    "an empty key": 'bad{"": "v"}',
    "an empty name": "",
    "a value that is no text": 'bad{"k": {"n": 1}}',
}


@pytest.mark.parametrize("kind", BAD_NAMES)
def test_h07_a_name_that_cannot_be_sent_is_told_and_the_others_are_sent(
    server: Recorder, kind: str
) -> None:
    registry = counting("good", BAD_NAMES[kind])
    told = Told()
    # Who waits for the report is told by an exception as well.
    with pytest.raises(ApptuitSendException) as raised:
        reporter(server, registry, error_handler=told).report_now()
    assert isinstance(raised.value, ValueError)
    assert values(server) == {"good_count": 1.0}
    assert sum(failed for _, _, failed, _ in told) == 1
    error = told[-1][3][0]
    assert error["datapoint"]["metric"][:3] == BAD_NAMES[kind][:3]
    assert error["error"]


def test_h08_a_gauge_that_was_never_set_is_left_out_and_no_error(server: Recorder) -> None:
    registry = counting("good")
    registry.gauge("unset")
    registry.gauge("endless", lambda: float("inf"))
    told = Told()
    reporter(server, registry, error_handler=told).report_now()
    assert (values(server), told) == ({"good_count": 1.0}, [])


def test_h09_the_tags_of_the_caller_are_left_alone(server: Recorder) -> None:
    tags = {"a": "b"}
    made = reporter(server, counting("good"), tags=tags, disable_host_tag=False)
    assert tags == {"a": "b"}
    tags["c"] = "later"
    made.report_now()
    assert all("c" not in point["tags"] for point in server.points)


def test_h10_what_is_done_to_decoded_tags_is_not_reported(server: Recorder) -> None:
    name = timeseries.encode_metric("good", {"a": "b"})
    timeseries.decode_metric(name)[1]["poison"] = "1"
    reporter(server, counting(name)).report_now()
    assert all("poison" not in point["tags"] for point in server.points)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"success": 1}', b'{"errors": ["text"]}'])
def test_h11_a_refusal_that_cannot_be_read_is_told_to_the_handler(
    server: Recorder, body: bytes
) -> None:
    server.answer(403, body)
    told = Told()
    with pytest.raises(ApptuitSendException):
        reporter(server, counting("orders"), error_handler=told).report_now()
    assert [call[:3] for call in told] == [(403, 0, 1)]


def test_h14_a_lost_connection_is_told_and_counted_and_the_next_report_is_made() -> None:
    server = Recorder()
    url = server.url
    server.close()
    told = Told()
    away = ApptuitReporter(
        counting("a", "b"), 0.1, "secret", url, tags={"x": "y"}, error_handler=told
    )
    with pytest.raises(ApptuitSendException, match="2 points failed"):
        away.report_now()
    assert away.start() is True
    deadline = time.monotonic() + 20
    while len([call for call in told if call[:3] == (0, 0, 2)]) < 3:
        assert time.monotonic() < deadline, told
        time.sleep(0.02)
    away.stop()
    assert all(isinstance(error, dict) for call in told for error in call[3])


def test_h15_what_is_told_about_a_report_goes_with_it_and_hides_no_failure(
    server: Recorder,
) -> None:
    def total() -> float:
        name = f"{META}send_total_count"
        return [point["value"] for point in server.points if point["metric"] == name][-1]

    told = Told()
    made = reporter(server, counting("a", "b"), error_handler=told)
    made.report_now()
    assert total() == 2
    made.report_now()
    assert total() == 4
    # The report arrives, and what is told about it does not: no error of the report.
    server.answer(204)
    server.answer(403)
    made.report_now()
    assert (len(told), told[0][0]) == (1, 403)
    # Both fail: the error is that of the points.
    server.answer(500)
    server.answer(403)
    with pytest.raises(ApptuitSendException) as raised:
        made.report_now()
    assert (raised.value.failed, "500" in raised.value.msg) == (2, True)


def test_h28_an_exit_in_a_gauge_does_not_end_reporting(server: Recorder) -> None:
    registry = counting("orders")
    registry.gauge("leaving", lambda: sys.exit(3))
    told = Told()
    running = reporter(server, registry, reporting_interval=0.05, error_handler=told)
    running.start()
    server.wait_for(8)
    running.stop()
    assert len(told) >= 2
    assert "SystemExit" in told[0][3][0]["error"]


def test_h29_a_handler_that_raises_replaces_no_error_and_stops_no_report(
    server: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    def raising(*_: Any) -> None:
        raise ZeroDivisionError("in the handler")

    made = reporter(server, counting("orders"), error_handler=raising)
    server.answer(500)
    with pytest.raises(ApptuitSendException, match="1 points failed"):
        made.report_now()
    # What is told about sending was sent all the same.
    assert any(point["metric"].startswith(META) for point in server.requests[-1].points)
    assert "in the handler" in capsys.readouterr().err
    default_error_handler(None, 0, 2, [])
    assert "2 points out of 2" in capsys.readouterr().err


def test_h30_gauges_may_be_booleans_and_decimals(server: Recorder) -> None:
    registry = MetricsRegistry()
    registry.gauge("yes", lambda: True)
    registry.gauge("no", lambda: False)
    registry.gauge("price", lambda: Decimal("9.75"))
    registry.gauge("big", lambda: 2**70)
    reporter(server, registry).report_now()
    expected = {"yes_value": 1.0, "no_value": 0.0, "price_value": 9.75, "big_value": 2.0**70}
    assert values(server) == expected


@pytest.mark.parametrize("interval", [0, -1, "60", None, NAN, float("inf"), True, []])
def test_h36_an_interval_is_a_number_of_seconds_above_zero(server: Recorder, interval: Any) -> None:
    with pytest.raises(ValueError, match="reporting_interval"):
        reporter(server, MetricsRegistry(), reporting_interval=interval)


def test_h38_reports_are_made_one_at_a_time(server: Recorder) -> None:
    inside, most = [0], [0]

    def gauge() -> float:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.01)
        inside[0] -= 1
        return 1.0

    registry = MetricsRegistry()
    registry.gauge("slow", gauge)
    made = reporter(server, registry, reporting_interval=0.01)
    made.start()
    threads = [threading.Thread(target=made.report_now) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    made.stop()
    total = [
        point["value"] for point in server.points if point["metric"] == f"{META}send_total_count"
    ]
    assert most == [1]
    assert total == sorted(total)
    assert total[-1] == len(values(server)) * len(total)
