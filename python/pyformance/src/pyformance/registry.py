"""Registries, the global one, and the decorators that use it."""

from __future__ import annotations

from typing import Any

from apptuit.metrics import (
    CallbackGauge,
    Counter,
    Gauge,
    Histogram,
    Meter,
    MetricsRegistry,
    RegexRegistry,
    SimpleGauge,
    Timer,
    clear,
    count_calls,
    counter,
    dump_metrics,
    gauge,
    global_registry,
    hist_calls,
    histogram,
    meter,
    meter_calls,
    set_global_registry,
    time_calls,
    timer,
)

__all__ = [
    "CallbackGauge",
    "Counter",
    "Gauge",
    "Histogram",
    "Meter",
    "MetricsRegistry",
    "RegexRegistry",
    "SimpleGauge",
    "Timer",
    "clear",
    "count_calls",
    "counter",
    "dump_metrics",
    "gauge",
    "get_qualname",
    "global_registry",
    "hist_calls",
    "histogram",
    "meter",
    "meter_calls",
    "set_global_registry",
    "time_calls",
    "timer",
]


def get_qualname(obj: Any) -> str:
    """Return the name of a class or function, with those of what it is defined in."""
    name: str = obj.__qualname__
    return name
