"""Reporting a registry, against a server that records what arrives."""

from __future__ import annotations

import gc
import json
import socket
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from typing import Any

import pytest

from apptuit import ApptuitException, ApptuitSendException, timeseries
from apptuit.metrics import CallbackGauge, MetricsRegistry, SimpleGauge, global_registry
from apptuit.pyformance import ApptuitReporter
from apptuit.pyformance.apptuit_reporter import default_error_handler
from apptuit.utils import sanitize_name_apptuit
from tests.conftest import FIXTURES, Recorder

META = "apptuit_reporter_"


def reporter(server: Recorder, registry: MetricsRegistry, **settings: Any) -> ApptuitReporter:
    defaults: dict[str, Any] = {
        "registry": registry,
        "reporting_interval": 60,
        "token": "secret-token",
        "api_endpoint": server.url,
        "tags": {"service": "orders"},
        "disable_host_tag": True,
        "error_handler": None,
    }
    return ApptuitReporter(**{**defaults, **settings})


def data(server: Recorder) -> list[dict[str, Any]]:
    """The points that arrived, without those of the reporter about itself."""
    return [point for point in server.points if META not in point["metric"].replace(".", "_")]


def values(server: Recorder) -> dict[str, float]:
    return {point["metric"]: point["value"] for point in data(server)}


class Handler:
    """An error handler that remembers its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int, int, list[Any]]] = []

    def __call__(self, status: int, successful: int, failed: int, errors: list[Any]) -> None:
        self.calls.append((status, successful, failed, errors))


def test_every_field_of_every_instrument_arrives(server: Recorder) -> None:
    registry = MetricsRegistry()
    registry.counter("c").inc(3)
    registry.histogram("h").add(2)
    registry.meter("m").mark(4)
    registry.gauge("g", lambda: 2.5)
    with registry.timer("t").time():
        pass
    reporter(server, registry, prefix="my app.").report_now(timestamp=1500000000)
    sent = values(server)
    assert set(sent) == {
        f"my_app_{name}_{field}"
        for name, fields in registry.dump_metrics().items()
        for field in fields
    }
    assert (sent["my_app_c_count"], sent["my_app_h_avg"], sent["my_app_m_count"]) == (3, 2, 4)
    assert (sent["my_app_g_value"], sent["my_app_t_count"]) == (2.5, 1)
    for point in data(server):
        assert (point["timestamp"], point["tags"]) == (1500000000, {"service": "orders"})


def test_a_gauge_that_was_never_set_is_not_sent(server: Recorder) -> None:
    registry = MetricsRegistry()
    registry.gauge("unset")
    registry.counter("c").inc()
    reporter(server, registry).report_now()
    assert values(server) == {"c_count": 1}


def test_tags_of_the_name_win_over_the_reporters_and_those_over_the_environments(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPTUIT_TAGS", "k: env, only_env: 1, host: envhost")
    tags = {"k": "rep", "only_rep": 2}
    registry = MetricsRegistry()
    registry.counter(timeseries.encode_metric("c", {"k": "metric", "n": 7}))
    reporter(server, registry, tags=tags, disable_host_tag=False).report_now()
    (point,) = data(server)
    assert point["tags"] == {
        "k": "metric",
        "n": "7",
        "only_env": "1",
        "only_rep": "2",
        "host": "envhost",
    }
    assert tags == {"k": "rep", "only_rep": 2}


def test_the_host_is_a_tag_unless_disabled(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = MetricsRegistry()
    assert reporter(server, registry, disable_host_tag=None).tags["host"] == socket.gethostname()
    monkeypatch.setenv("APPTUIT_DISABLE_HOST_TAG", "True")
    assert reporter(server, registry, disable_host_tag=None).tags == {"service": "orders"}
    assert reporter(server, registry, disable_host_tag=False).tags["host"] == socket.gethostname()
    monkeypatch.setenv("APPTUIT_DISABLE_HOST_TAG", "maybe")
    with pytest.raises(ValueError, match="maybe"):
        reporter(server, registry, disable_host_tag=None)


def sendable_names() -> list[tuple[str, dict[str, str], str]]:
    """The encoded names of the table that can be sent: a metric, tags, no empty key."""
    lines = (FIXTURES / "names" / "encoded.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t")[1:] for line in lines if line.startswith(("encode\t", "decode\t"))]
    names = [
        (json.loads(metric), json.loads(tags), json.loads(name)) for metric, tags, name in rows
    ]
    return [
        (metric, tags, name) for metric, tags, name in names if metric and tags and "" not in tags
    ]


@pytest.mark.parametrize(("metric", "tags", "encoded"), sendable_names())
def test_tags_inside_a_name_arrive_as_the_table_says(
    server: Recorder, metric: str, tags: dict[str, str], encoded: str
) -> None:
    registry = MetricsRegistry()
    registry.counter(encoded).inc()
    reporter(server, registry, tags={"service": "s"}, sanitize_mode="apptuit").report_now()
    (point,) = data(server)
    assert point["metric"] == sanitize_name_apptuit(f"{metric}.count")
    clean = {sanitize_name_apptuit(key): value for key, value in tags.items()}
    assert point["tags"] == {"service": "s", **clean}


def test_a_thread_reports_at_once_and_at_every_interval(server: Recorder) -> None:
    registry = MetricsRegistry()
    registry.counter("c").inc()
    running = reporter(server, registry, reporting_interval=0.2)
    assert running.start() is True
    assert running.start() is False
    server.wait_for(3)
    running.stop()
    after = len(server.requests)
    time.sleep(0.5)
    assert len(server.requests) == after


def test_stop_reports_one_last_time_and_the_reporter_can_start_again(server: Recorder) -> None:
    registry = MetricsRegistry()
    running = reporter(server, registry)
    for count in (1, 2):
        assert running.start() is True
        registry.counter("c").inc()
        running.stop()
        assert values(server)["c_count"] == count
        running.stop()


def test_a_running_reporter_reports_when_the_program_ends(server: Recorder) -> None:
    script = f"""
        from apptuit.metrics import CallbackGauge, MetricsRegistry
        from apptuit.pyformance import ApptuitReporter

        registry = MetricsRegistry()
        ApptuitReporter(registry, 60, "token", {server.url!r}, tags={{"a": "b"}}).start()
        registry.counter("short").inc(7)
        registry.add("asked", CallbackGauge(lambda: 8))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stderr == ""
    assert values(server) == {"short_count": 7, "asked_value": 8}


def test_a_failed_batch_is_told_to_the_handler_and_raised(server: Recorder) -> None:
    registry, handler = MetricsRegistry(), Handler()
    registry.counter("c").inc()
    tags = {"service": "orders"}
    point = {"metric": "c_count", "timestamp": 60, "value": 1.0, "tags": tags}
    body = {"success": 0, "failed": 1, "errors": [{"datapoint": point, "error": "no"}]}
    server.answer(400, json.dumps(body).encode())
    with pytest.raises(ApptuitSendException, match="1 points failed") as raised:
        reporter(server, registry, error_handler=handler).report_now(timestamp=60)
    assert (raised.value.status_code, raised.value.success, raised.value.failed) == (None, 0, 1)
    assert "failed to send 1 out of 1 points" in raised.value.msg
    named = {"datapoint": {**point, "metric": "c.count"}, "error": "no"}
    assert handler.calls == [(400, 0, 1, [named])]


def test_an_unreachable_service_is_told_to_the_handler_with_status_0(server: Recorder) -> None:
    registry, handler = MetricsRegistry(), Handler()
    registry.counter("c").inc()
    unreachable = reporter(server, registry, error_handler=handler)
    server.close()
    unreachable.start()
    unreachable.stop()
    status, successful, failed, errors = handler.calls[0]
    assert (status, successful, failed) == (0, 0, 1)
    assert len(errors) == 1


def test_a_handler_that_raises_does_not_end_reporting(
    server: Recorder, capfd: pytest.CaptureFixture[str]
) -> None:
    def handler(*_: Any) -> None:
        raise ZeroDivisionError("in the handler")

    registry = MetricsRegistry()
    registry.counter("c").inc()
    server.answer(500)
    server.answer(500)
    running = reporter(server, registry, error_handler=handler, reporting_interval=0.1)
    running.start()
    server.wait_for(4)
    running.stop()
    assert "in the handler" in capfd.readouterr().err


def test_one_bad_metric_is_told_and_the_others_are_sent(server: Recorder) -> None:
    registry, handler = MetricsRegistry(), Handler()
    registry.counter("good").inc()
    registry.counter('broken{"a"').inc()
    with pytest.raises(ValueError, match="broken"):
        reporter(server, registry, error_handler=handler).report_now()
    assert values(server) == {"good_count": 1}
    ((status, _, failed, errors),) = handler.calls
    assert (status, failed) == (0, 1)
    assert "broken" in str(errors)


@pytest.mark.parametrize("exception", [ZeroDivisionError("asked"), SystemExit("asked")])
def test_a_gauge_that_raises_is_told_and_the_others_are_sent(
    server: Recorder, exception: BaseException
) -> None:
    def ask() -> float:
        raise exception

    registry, handler = MetricsRegistry(), Handler()
    registry.counter("good").inc()
    registry.add("bad", CallbackGauge(ask))
    running = reporter(server, registry, error_handler=handler)
    running.start()
    running.stop()
    assert values(server) == {"good_count": 1}
    assert handler.calls
    for status, _, failed, errors in handler.calls:
        assert (status, failed) == (0, 1)
        assert "bad" in str(errors)
        assert "asked" in str(errors)


def test_a_gauge_is_asked_on_the_reporters_thread_and_may_use_the_registry(
    server: Recorder,
) -> None:
    registry = MetricsRegistry()
    threads: set[int] = set()

    def ask() -> float:
        threads.add(threading.get_ident())
        return registry.counter("made while reporting").get_count()

    registry.gauge("asked", ask)
    running = reporter(server, registry)
    running.start()
    running.stop()
    assert values(server)["asked_value"] == 0
    assert threading.get_ident() not in threads


def test_retries_are_the_number_of_further_tries(server: Recorder) -> None:
    registry = MetricsRegistry()
    registry.counter("c").inc()
    for name in ("retry", "retry_count"):
        server.answer(503)
        before = len(server.requests)
        reporter(server, registry, **{name: 1}).report_now()
        bodies = [request.points for request in server.requests[before : before + 2]]
        assert bodies[0] == bodies[1]
    with pytest.raises(TypeError, match="retry"):
        reporter(server, registry, retry=1, retry_count=2)


def test_another_registry_can_be_reported_once(server: Recorder) -> None:
    registry, other = MetricsRegistry(), MetricsRegistry()
    registry.counter("mine").inc()
    other.counter("other").inc()
    reporter(server, registry).report_now(other)
    assert values(server) == {"other_count": 1}


def test_without_a_registry_the_global_one_is_reported(server: Recorder) -> None:
    settings: dict[str, Any] = {"token": "t", "api_endpoint": server.url}
    assert ApptuitReporter(**settings).registry is global_registry()


@pytest.mark.parametrize("interval", [0, -1, "60", float("nan"), None, True])
def test_an_interval_must_be_seconds_above_zero(server: Recorder, interval: Any) -> None:
    with pytest.raises(ValueError, match="reporting_interval"):
        reporter(server, MetricsRegistry(), reporting_interval=interval)


def test_what_is_no_registry_is_refused_clearly(server: Recorder) -> None:
    for other in (object(), 5, "registry", {}):
        with pytest.raises(TypeError, match="expected an apptuit.metrics.MetricsRegistry"):
            reporter(server, other)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="dump_metrics"):
        reporter(server, MetricsRegistry()).report_now(object())


def test_the_default_handler_writes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    default_error_handler(500, 0, 1, [])
    assert capsys.readouterr().err == (
        "1 points out of 1 had errors\n"
        "HTTP status returned from Apptuit: 500\n"
        "Detailed error messages: []\n"
    )


def test_the_token_is_never_shown(server: Recorder) -> None:
    shown = reporter(server, MetricsRegistry())
    assert "secret-token" not in repr(shown) + repr(shown.client)


def test_the_numbers_about_sending_add_up_over_reports(server: Recorder) -> None:
    registry = MetricsRegistry()
    registry.counter("orders").inc()
    reports = reporter(server, registry)
    for _ in range(3):
        reports.report_now()
    totals = [
        point["value"]
        for point in server.points
        if point["metric"] == "apptuit_reporter_send_total_count"
    ]
    assert totals == [1.0, 2.0, 3.0]


def test_a_reporter_that_is_dropped_is_collected(server: Recorder) -> None:
    registry = MetricsRegistry()
    registry.counter("orders").inc()
    reports = reporter(server, registry)
    reports.report_now()
    gone = weakref.ref(reports)
    del reports
    gc.collect()
    assert gone() is None


def test_a_gauge_that_asks_for_a_report_of_its_own_reporter_is_refused(server: Recorder) -> None:
    registry = MetricsRegistry()
    registry.counter("orders").inc()
    reports = reporter(server, registry)
    refusals: list[str] = []

    def nosy() -> float:
        try:
            reports.report_now()
        except ApptuitException as error:
            refusals.append(error.msg)
        return 1.0

    registry.add("nosy", CallbackGauge(nosy))
    reports.report_now()
    assert len(refusals) == 1
    assert "inside a report" in refusals[0]
    assert values(server)["nosy_value"] == 1.0


def test_a_gauge_of_a_subclass_is_asked_itself(server: Recorder) -> None:
    class Doubled(SimpleGauge):
        def get_value(self) -> float:
            return 2.0 * super().get_value()

    registry = MetricsRegistry()
    gauge = Doubled(4.0)
    registry.add("doubled", gauge)
    reporter(server, registry).report_now()
    assert values(server)["doubled_value"] == 8.0


def test_a_start_that_fails_leaves_the_reporter_stopped(server: Recorder) -> None:
    reports = reporter(server, MetricsRegistry(), tags={1: "a"})
    for _ in range(2):
        with pytest.raises((TypeError, ValueError)):
            reports.start()


def test_the_end_of_the_interpreter_waits_for_no_gauge_and_does_not_crash(
    server: Recorder,
) -> None:
    program = f"""
        import time
        from apptuit.metrics import CallbackGauge, MetricsRegistry
        from apptuit.pyformance import ApptuitReporter

        def slow():
            for _ in range(600):
                time.sleep(0.05)
            return 1.0

        registry = MetricsRegistry()
        registry.add("slow", CallbackGauge(slow))
        ApptuitReporter(registry, 60, "token", {server.url!r}, disable_host_tag=True,
                        tags={{"k": "v"}}).start()
        time.sleep(0.5)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
