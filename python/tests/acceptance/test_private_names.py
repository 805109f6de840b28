"""Names that are private, or were never promised, and that programs and their tests reach for."""

from __future__ import annotations

import inspect
import os
import string
import sys
from collections.abc import Callable
from typing import Any

import pytest

from apptuit import (
    Apptuit,
    ApptuitException,
    DataPoint,
    TimeSeries,
    TimeSeriesName,
    apptuit_client,
    timeseries,
    utils,
)
from apptuit.apptuit_client import Output, QueryResult
from apptuit.metrics import MetricsRegistry
from apptuit.pyformance import ApptuitReporter, apptuit_reporter

LETTERS = string.ascii_lowercase
URL = "http://127.0.0.1:1"
REQUIRED = inspect.Parameter.empty

SIGNATURES: list[tuple[Callable[..., Any], dict[str, Any]]] = [
    (
        Apptuit,
        {
            "token": None,
            "api_endpoint": "https://api.apptuit.ai",
            "global_tags": None,
            "ignore_environ_tags": False,
            "sanitize_mode": "prometheus",
        },
    ),
    (Apptuit.send, {"self": REQUIRED, "datapoints": REQUIRED, "timeout": 60, "retry_count": 0}),
    (Apptuit.send_timeseries, {"self": REQUIRED, "timeseries_list": REQUIRED, "timeout": 60}),
    (
        Apptuit.query,
        {
            "self": REQUIRED,
            "query_str": REQUIRED,
            "start": REQUIRED,
            "end": None,
            "retry_count": 0,
            "timeout": 180,
        },
    ),
    (
        ApptuitReporter,
        {
            "registry": None,
            "reporting_interval": 10,
            "token": None,
            "api_endpoint": "https://api.apptuit.ai",
            "prefix": "",
            "tags": None,
            "error_handler": apptuit_reporter.default_error_handler,
            "disable_host_tag": None,
            "collect_process_metrics": False,
            "sanitize_mode": "prometheus",
            "retry_count": 0,
        },
    ),
    (ApptuitReporter.report_now, {"self": REQUIRED, "registry": None, "timestamp": None}),
    (
        DataPoint,
        {"metric": REQUIRED, "tags": REQUIRED, "timestamp": REQUIRED, "value": REQUIRED},
    ),
    (TimeSeries, {"metric": REQUIRED, "tags": REQUIRED, "index": None, "values": None}),
    (timeseries.decode_metric, {"encoded_metric_name": REQUIRED}),
    (QueryResult, {"start": REQUIRED, "end": None}),
    (Output.to_df, {"self": REQUIRED, "tz": None}),
]


@pytest.mark.parametrize(("function", "old"), SIGNATURES)
def test_arguments_have_their_old_names_places_and_defaults(
    function: Callable[..., Any], old: dict[str, Any]
) -> None:
    try:
        now = list(inspect.signature(function).parameters.values())[: len(old)]
    except ValueError:
        if sys.version_info >= (3, 10):
            raise
        pytest.skip("classes of the stable interface have no signatures in Python 3.9")
    assert {one.name: one.default for one in now} == old
    assert all(one.kind is one.POSITIONAL_OR_KEYWORD for one in now)


def test_constants_are_where_they_were() -> None:
    assert (apptuit_client.MAX_TAGS_LIMIT, apptuit_client.BASE_SLEEP_TIME_SECS) == (25, 2)
    assert apptuit_reporter.BATCH_SIZE == 50_000
    assert apptuit_reporter.DISABLE_HOST_TAG == "APPTUIT_DISABLE_HOST_TAG"
    kinds = ("TOTAL", "SUCCESSFUL", "FAILED")
    names = [getattr(apptuit_reporter, f"NUMBER_OF_{kind}_POINTS") for kind in kinds]
    sent = ["total", "successful", "failed", "time"]
    assert [*names, apptuit_reporter.API_CALL_TIMER] == [f"apptuit.reporter.send.{s}" for s in sent]


def test_the_sanitiser_of_a_client_is_the_function_of_its_mode() -> None:
    for mode, function in {
        "prometheus": utils.sanitize_name_prometheus,
        "apptuit": utils.sanitize_name_apptuit,
        None: None,
    }.items():
        assert Apptuit("token", URL, sanitize_mode=mode).sanitizer is function


def test_tags_of_the_environment_are_read_by_a_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPTUIT_TAGS", ", , tagk1: 22, , tagk2: tagv2, ,")
    for module in (apptuit_client, utils, apptuit_reporter):
        assert module._get_tags_from_environment() == {"tagk1": "22", "tagk2": "tagv2"}
    assert utils._contains_valid_chars("a.b-c_d/é1")
    assert not utils._contains_valid_chars("a b")


def test_points_become_rows() -> None:
    client = Apptuit("token", URL, {"g": "h", "c": "of the client"})
    points = [
        DataPoint("a.b", {"c": 1, "d.e": True}, 5, "6"),
        DataPoint("x", {"a.b": 1, "a-b": 2}, 7.5, 8),
    ]
    # Values as they were given: they become text only on the wire.
    assert client._create_payload_from_datapoints(points) == [
        {"metric": "a_b", "timestamp": 5, "value": 6.0, "tags": {"g": "h", "c": 1, "d_e": True}},
        {
            "metric": "x",
            "timestamp": 7.5,
            "value": 8.0,
            "tags": {"g": "h", "c": "of the client", "a_b": 2},
        },
    ]
    assert client._create_payload_from_datapoints([]) == []


@pytest.mark.parametrize(
    ("metric", "tags"),
    [
        ("a b", {"c": 1}),
        ("a", {"c d": 1}),
        ("a", {}),
        ("a", None),
        ("a", dict.fromkeys(LETTERS, 1)),
    ],
)
def test_points_that_are_refused_become_no_rows(metric: str, tags: Any) -> None:
    client = Apptuit("token", URL, sanitize_mode=None)
    with pytest.raises(ValueError):
        client._create_payload_from_datapoints([DataPoint(metric, tags, 1, 1)])


@pytest.mark.parametrize("tags", [{}, None, dict.fromkeys(LETTERS, 1)])
@pytest.mark.parametrize("values", [[], [1]])
def test_series_that_are_refused_become_no_rows(tags: Any, values: list[int]) -> None:
    client = Apptuit("token", URL, sanitize_mode=None)
    with pytest.raises(ValueError, match="tags"):
        client._create_payload_from_timeseries([TimeSeries("a", tags, values, values)])


def test_series_become_rows_and_their_number() -> None:
    client = Apptuit("token", URL, {"g": "h"}, sanitize_mode=None)
    series = [TimeSeries("a.b", {"c": 1}, [1, 2], [3, 4]), TimeSeries("empty", {"c": 1})]
    rows, number = client._create_payload_from_timeseries(series)
    assert number == 2
    assert rows == [
        {"metric": "a.b", "tags": {"g": "h", "c": 1}, "timestamp": 1, "value": 3},
        {"metric": "a.b", "tags": {"g": "h", "c": 1}, "timestamp": 2, "value": 4},
    ]


def test_a_registry_shows_what_it_holds() -> None:
    registry = MetricsRegistry()
    counter, gauge = registry.counter("c"), registry.gauge("g")
    for kind in ("meter", "timer", "histogram"):
        getattr(registry, kind)(kind)
    assert dict(registry._counters) == {"c": counter}
    assert dict(registry._gauges) == {"g": gauge}
    assert [list(getattr(registry, f"_{kind}s")) for kind in ("meter", "timer", "histogram")] == [
        ["meter"],
        ["timer"],
        ["histogram"],
    ]
    assert "c" in registry._counters
    assert "g" not in registry._counters


def made(registry: MetricsRegistry, **settings: Any) -> ApptuitReporter:
    return ApptuitReporter(
        registry, token="token", api_endpoint=URL, **{"disable_host_tag": True, **settings}
    )


def test_a_reporter_collects_points() -> None:
    registry = MetricsRegistry()
    registry.counter(timeseries.encode_metric("orders", {"id": 1, "city": "Pune"})).inc(3)
    registry.gauge("queue").set_value(2)
    reporter = made(registry, tags={"service": "shop"}, prefix="my.")
    points = reporter._collect_data_points(registry, 7)
    found = {point.metric: (point.tags, point.timestamp, point.value) for point in points}
    # Names before they are sanitised, and tags with their types.
    assert found == {
        "my.orders.count": ({"service": "shop", "id": 1, "city": "Pune"}, 7, 3.0),
        "my.queue.value": ({"service": "shop"}, 7, 2.0),
    }
    assert reporter._collect_data_points(MetricsRegistry()) == []
    with pytest.raises(AttributeError):
        reporter._collect_data_points(None)


def test_a_reporter_takes_its_time_from_a_clock_that_can_be_replaced() -> None:
    class Clock:
        def time(self) -> float:
            return 1_500_000_000.6

    registry = MetricsRegistry()
    registry.counter("c").inc()
    reporter = made(registry, tags={"a": "b"})
    reporter.clock = Clock()
    (point,) = reporter._collect_data_points(registry)
    assert point.timestamp == 1_500_000_001


def test_what_is_told_about_sending_is_in_a_registry() -> None:
    reporter = made(MetricsRegistry(), tags={"a": "b"}, error_handler=None)
    reporter.registry.counter("c").inc()
    with pytest.raises(ApptuitException, match="1 points failed"):
        reporter.report_now()
    counter = reporter._meta_metrics_registry.counter
    assert counter(apptuit_reporter.NUMBER_OF_TOTAL_POINTS).get_count() == 1
    assert counter(apptuit_reporter.NUMBER_OF_FAILED_POINTS).get_count() == 1
    assert counter(apptuit_reporter.NUMBER_OF_SUCCESSFUL_POINTS).get_count() == 0


def test_metrics_of_the_process_are_in_the_registry_under_names_that_can_be_asked_for() -> None:
    registry = MetricsRegistry()
    reporter = made(registry, tags={"a": "b"}, collect_process_metrics=True, error_handler=None)
    with pytest.raises(ApptuitException, match="points failed"):
        reporter.report_now()
    names = reporter.process_metrics
    assert made(registry).process_metrics is None
    counted = {*names.resource_metric_names, *names.gc_metric_names}
    assert counted <= set(registry._counters)
    assert set(names.thread_metrics_names) <= set(registry._gauges)
    cpu = {"type": "user", "worker_id": os.getpid()}
    assert timeseries.encode_metric("python.cpu.time.used.seconds", cpu) in counted
    assert len(counted) + len(names.thread_metrics_names) == 25
    assert TimeSeriesName.decode_metric(min(names.thread_metrics_names))[1] == {
        "type": "alive",
        "worker_id": os.getpid(),
    }
