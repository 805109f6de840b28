"""Mistakes that both checkers must find: a comment that hides nothing is itself an error."""

from __future__ import annotations

from apptuit import Apptuit, DataPoint, TimeSeries, timeseries
from apptuit.metrics import CallbackGauge, MetricsRegistry
from apptuit.pyformance import ApptuitReporter


def mistakes(client: Apptuit, registry: MetricsRegistry) -> None:
    """Each line is one."""
    Apptuit(token=5)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Apptuit(global_tags=["a"])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    client.send(5)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    client.send(["text"])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
    client.query(5, 1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    client.query("q", "1h-ago")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    client.query("q")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    client.unknown()  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    DataPoint("m", {}, "now", 1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    DataPoint(5, {}, 1, 1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    TimeSeries("m", {}).add_point(1)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    timeseries.encode_metric(5, {})  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    registry.counter(5)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    registry.add("c", 5)  # type: ignore[type-var] # pyright: ignore[reportArgumentType]
    CallbackGauge(5)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    ApptuitReporter(tags=["a"])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
