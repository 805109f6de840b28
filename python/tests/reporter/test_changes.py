"""What is changed of a reporter after its first use counts from the next report on."""

from __future__ import annotations

from typing import Any

import pytest

from apptuit import ApptuitSendException
from apptuit.metrics import MetricsRegistry
from apptuit.pyformance import ApptuitReporter
from tests.conftest import Recorder


def made(server: Recorder, **settings: Any) -> ApptuitReporter:
    registry = MetricsRegistry()
    registry.counter("orders").inc()
    settings = {"reporting_interval": 60, "tags": {"a": "b"}, "disable_host_tag": True, **settings}
    return ApptuitReporter(registry, token="token", api_endpoint=server.url, **settings)


def reported(server: Recorder, reporter: ApptuitReporter) -> list[tuple[str, dict[str, str]]]:
    """The names and the tags of the next report, those about the report itself included."""
    before = len(server.points)
    reporter.report_now()
    return [(point["metric"], point["tags"]) for point in server.points[before:]]


def test_tags_that_are_replaced_or_changed_in_place(server: Recorder) -> None:
    reporter = made(server)
    assert {tuple(tags.items()) for _, tags in reported(server, reporter)} == {(("a", "b"),)}
    reporter.tags["c"] = 1
    assert all(tags == {"a": "b", "c": "1"} for _, tags in reported(server, reporter))
    reporter.tags = {"d": "e"}
    assert all(tags == {"d": "e"} for _, tags in reported(server, reporter))
    del reporter.tags["d"]
    reporter.tags.update(f="g")
    assert all(tags == {"f": "g"} for _, tags in reported(server, reporter))


def test_the_interval_and_tags_count_in_reports_of_the_thread_too(server: Recorder) -> None:
    reporter = made(server, reporting_interval=1)
    with reporter:
        server.wait_for(2)
        reporter.reporting_interval = 0.1
        reporter.tags["c"] = "d"
        # Two requests a report: at the old interval they would take fifteen seconds.
        server.wait_for(32)
    assert server.points[0]["tags"] == {"a": "b"}
    assert server.points[-1]["tags"] == {"a": "b", "c": "d"}
    with pytest.raises(ValueError, match="`0` is no reporting_interval"):
        reporter.reporting_interval = 0
    assert reporter.reporting_interval == 0.1


def test_tags_that_cannot_be_sent_are_told_and_others_are_sent_again(server: Recorder) -> None:
    reporter = made(server, error_handler=None)
    reporter.report_now()
    reporter.tags["c"] = None
    with pytest.raises(ApptuitSendException) as raised:
        reporter.report_now()
    assert "`c` has the value `None`" in str(raised.value.errors)
    reporter.tags["c"] = "d"
    assert all(tags["c"] == "d" for _, tags in reported(server, reporter))


def test_tags_that_are_none_are_refused_or_taken_as_none(server: Recorder) -> None:
    reporter = made(server, worker_id="first")
    with pytest.raises(TypeError, match="tags are `5`"):
        reporter.tags = 5  # type: ignore[assignment]
    reporter.tags = None
    assert reporter.tags == {"worker_id": "first"}


def test_a_prefix(server: Recorder) -> None:
    reporter = made(server, prefix="old.")
    assert all(name.startswith("old_") for name, _ in reported(server, reporter))
    reporter.prefix = "new."
    assert all(name.startswith("new_") for name, _ in reported(server, reporter))
    reporter.prefix = None
    assert reporter.prefix == ""
    assert "orders_count" in dict(reported(server, reporter))
    with pytest.raises(TypeError, match="`5` is no prefix"):
        reporter.prefix = 5  # type: ignore[assignment]


def test_the_number_of_tries(server: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    reporter = made(server, error_handler=None)
    reporter.report_now()
    before = len(server.requests)
    reporter.retry_count = 1
    server.answer(500)
    reporter.report_now()
    # A second try, and the numbers about it.
    assert len(server.requests) == before + 3
    reporter.retry_count = 0
    server.answer(500)
    with pytest.raises(ApptuitSendException):
        reporter.report_now()
    with pytest.raises(TypeError, match="`x` is no number of retries"):
        reporter.retry_count = "x"  # type: ignore[assignment]
