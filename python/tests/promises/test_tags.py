"""Tags that a reporter adds, the host among them, and which of two wins."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from apptuit import timeseries
from apptuit.metrics import MetricsRegistry
from apptuit.pyformance import ApptuitReporter
from tests.promises.world import TOKEN, World


def tags(world: World, metric: str = "orders", **settings: Any) -> dict[str, str]:
    """The tags with which a counter arrives that a reporter with these settings reports."""
    registry = MetricsRegistry()
    registry.counter(metric).inc()
    ApptuitReporter(registry=registry, token=TOKEN, **settings).report_now()
    return world.tags("orders_count")


def test_f37_tags_of_the_reporter_go_with_all_its_metrics(world: World) -> None:
    registry = MetricsRegistry()
    registry.counter("orders").inc()
    registry.gauge("queue").set_value(3)
    registry.histogram(timeseries.encode_metric("size", {"unit": "byte"})).add(1)
    service = {"service": "order-service", "env": "dev"}
    ApptuitReporter(registry=registry, token=TOKEN, tags=service).report_now()
    metrics = world.metrics()
    assert {
        "orders_count",
        "queue_value",
        "size_max",
        "apptuit_reporter_send_total_count",
    } <= metrics
    for metric in metrics:
        assert service.items() <= world.tags(metric).items()


def test_f41_the_host_is_a_tag_by_default(world: World) -> None:
    assert tags(world) == {"host": socket.gethostname()}


def test_f42_the_host_can_be_named_by_the_reporter(world: World) -> None:
    given = {"host": "node-foo"}
    assert tags(world, tags=given) == {"host": "node-foo"}


def test_f43_the_host_can_be_named_by_the_environment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPTUIT_TAGS", "host: node-bar")
    assert tags(world, tags={"a": "b"}) == {"host": "node-bar", "a": "b"}


def test_f44_the_host_can_be_left_out(world: World) -> None:
    assert tags(world, tags={"a": "b"}, disable_host_tag=True) == {"a": "b"}


def test_f45_the_host_can_be_left_out_by_the_environment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPTUIT_DISABLE_HOST_TAG", "True")
    assert tags(world, tags={"a": "b"}) == {"a": "b"}


def test_f65_tags_of_the_metric_win_over_the_reporters_and_those_over_the_environments(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPTUIT_TAGS", "a: env, b: env, c: env")
    metric = timeseries.encode_metric("orders", {"a": "metric", "host": "of-the-metric"})
    reporters = {"a": "reporter", "b": "reporter"}
    expected = {"a": "metric", "b": "reporter", "c": "env", "host": "of-the-metric"}
    assert tags(world, metric, tags=reporters) == expected
