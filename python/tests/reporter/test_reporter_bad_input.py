"""Arguments that make no sense, and functions that do not what they should."""

from __future__ import annotations

import faulthandler
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from apptuit import ApptuitException
from apptuit.metrics import MetricsRegistry
from apptuit.pyformance import ApptuitReporter
from tests.conftest import Recorder
from tests.reporter.programs import run
from tests.reporter.test_reporter import Handler, reporter, values


@pytest.fixture(autouse=True)
def _watchdog() -> Iterator[None]:
    """End the tests, and say where all threads are, should one of them hang."""
    faulthandler.dump_traceback_later(120, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"reporting_interval": "60"}, "60"),
        ({"reporting_interval": 0}, "reporting_interval"),
        ({"reporting_interval": -1}, "-1"),
        ({"reporting_interval": float("inf")}, "inf"),
        ({"queue_points": -1}, "queue_points"),
        ({"queue_points": 1.5}, "1.5"),
        ({"queue_bytes": "many"}, "many"),
        ({"on_queue_full": "wait"}, "drop_oldest"),
        ({"retry_count": "two"}, "two"),
        ({"retry": 1, "retry_count": 2}, "retry"),
        ({"compression": "best"}, "best"),
        ({"transport": 5}, "transport"),
        ({"sanitize_mode": "other"}, "other"),
        ({"api_endpoint": ""}, "api_endpoint"),
        ({"token": None}, "APPTUIT_API_TOKEN"),
        ({"registry": 5}, "dump_metrics"),
        ({"no_such": 5}, "no_such"),
    ],
)
def test_a_wrong_argument_is_named(server: Recorder, settings: dict[str, Any], named: str) -> None:
    with pytest.raises((ValueError, TypeError), match=named):
        reporter(server, **{"registry": MetricsRegistry(), **settings})


@pytest.mark.parametrize("timeout", [-1, "1", None, float("nan"), True])
def test_a_wrong_timeout_is_refused(server: Recorder, timeout: Any) -> None:
    reports = reporter(server, MetricsRegistry())
    for call in (reports.stop, reports.flush):
        with pytest.raises(ValueError, match="timeout"):
            call(timeout)


@pytest.mark.parametrize("timestamp", ["noon", float("nan"), True, [1]])
def test_a_wrong_timestamp_is_refused(server: Recorder, timestamp: Any) -> None:
    registry = MetricsRegistry()
    registry.counter("c").inc()
    with pytest.raises(ValueError, match="timestamp"):
        reporter(server, registry).report_now(timestamp=timestamp)
    assert not server.requests


def test_tags_that_cannot_be_sent_are_named_and_the_callers_are_left_alone(
    server: Recorder,
) -> None:
    for tags in ({"k": None}, {"k": [1]}, {1: "v"}):
        before = dict(tags)
        with pytest.raises((ValueError, TypeError), match="k|1"):
            reporter(server, MetricsRegistry(), tags=tags, disable_host_tag=False).report_now()
        assert tags == before


def test_a_callback_may_use_all_of_the_registry_and_the_reporter(server: Recorder) -> None:
    registry, said = MetricsRegistry(), []

    def curious() -> float:
        registry.counter("made").inc()
        registry.gauge("another", lambda: 1.0)
        if len(said) < 1:
            said.append("asked")
            registry.dump_metrics()
        reports.ledger()
        for call in (reports.report_now, lambda: reports.flush(0)):
            try:
                call()
            except ApptuitException as error:
                said.append(error.msg)
        reports.stop()
        return 1.0

    reports = reporter(server, registry)
    registry.gauge("curious", curious)
    reports.report_now()
    assert values(server)["curious_value"] == 1
    assert any("inside a report" in str(text) for text in said)
    server.requests.clear()
    reports.start()
    deadline = time.monotonic() + 20
    while not values(server):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    reports.stop()


def test_a_callback_that_blocks_holds_up_its_report_and_nothing_else(server: Recorder) -> None:
    registry, release = MetricsRegistry(), threading.Event()
    registry.gauge("blocks", lambda: float(release.wait(30)))
    other = MetricsRegistry()
    other.counter("c").inc()
    running = reporter(server, registry)
    running.start()
    begun = time.monotonic()
    reporter(server, other).report_now()
    registry.counter("c").inc()
    running.stop(timeout=0.5)
    assert time.monotonic() - begun < 5
    assert values(server) == {"c_count": 1}
    release.set()


def test_threads_that_report_record_and_stop_at_once_do_not_block_each_other(
    server: Recorder,
) -> None:
    registry, done, handler = MetricsRegistry(), threading.Event(), Handler()
    registry.gauge("asked", lambda: registry.counter("c").get_count())
    running = reporter(server, registry, reporting_interval=0.01, error_handler=handler)

    def record() -> None:
        while not done.is_set():
            registry.counter("c").inc()
            with registry.timer("t").time():
                registry.histogram("h").add(1)

    def restart() -> None:
        while not done.is_set():
            running.start()
            running.ledger()
            running.stop(1)

    def report() -> None:
        while not done.is_set():
            running.report_now()

    threads = [threading.Thread(target=work) for work in (record, restart, report, report)]
    for thread in threads:
        thread.start()
    time.sleep(2)
    done.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    # The last report of those threads may have been made before the last count.
    running.report_now()
    assert values(server)["c_count"] == registry.counter("c").get_count()


def test_the_handler_may_use_the_reporter(server: Recorder) -> None:
    registry, seen = MetricsRegistry(), []

    def handler(*_: Any) -> None:
        seen.append(reports.ledger().recorded)
        reports.stop()

    registry.counter("c").inc()
    reports = reporter(server, registry, error_handler=handler)
    server.answer(500)
    reports.start()
    deadline = time.monotonic() + 20
    while not seen:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    while not reports.start():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    reports.stop()


@pytest.mark.parametrize(("status", "hint"), [(401, "token"), (413, "fewer")])
def test_the_default_handler_says_what_to_do(
    server: Recorder, status: int, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = MetricsRegistry()
    registry.counter("c").inc()
    settings: dict[str, Any] = {"token": "t", "api_endpoint": server.url, "tags": {"a": "b"}}
    server.answer(status)
    with pytest.raises(ApptuitException):
        ApptuitReporter(registry, **settings).report_now()
    said = capsys.readouterr().err
    assert f"HTTP status returned from Apptuit: {status}\n" in said
    assert "1 points out of 1 had errors\n" in said
    assert hint in said


def test_a_build_without_the_interpreters_lock_is_refused() -> None:
    program = """
        import sys
        sys.version = "3.13.0 experimental free-threading build (main, ...)"
        try:
            import apptuit
        except ImportError as error:
            assert "free-threaded" in str(error), error
        else:
            raise AssertionError("it was imported")
    """
    run(program)


def test_a_subinterpreter_is_refused_clearly() -> None:
    module = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    inside = (
        "try:\n    import apptuit\n"
        "except ImportError as error:\n    assert 'subinterpreters' in str(error), error\n"
        "else:\n    raise AssertionError('it was imported')"
    )
    program = f"""
        import apptuit
        import {module} as interpreters
        made = interpreters.create()
        failed = interpreters.run_string(made, {inside!r})
        assert failed is None, failed
    """
    run(program)
