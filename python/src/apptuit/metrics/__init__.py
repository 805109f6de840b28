"""Counters, gauges, meters, histograms and timers, and the registry that holds them.

The work is native: instruments never block each other and are safe to share between threads.

    registry = MetricsRegistry()
    orders = registry.counter("orders.accepted")
    orders.inc()

Durations are in seconds, rates per second. A clock is any object with a method `time()` that
returns seconds; by default time is that of the machine's monotonic clock, also where the module
`time` is given. A sample is any object with `update(value)`, `get_snapshot()` and `clear()`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._native import (
    CallbackGauge,
    Counter,
    ExpDecayingSample,
    ExpWeightedMovingAvg,
    Gauge,
    Histogram,
    Meter,
    MetricsRegistry,
    SimpleGauge,
    SlidingTimeWindowSample,
    Snapshot,
    Timer,
    TimerContext,
)
from ._decorators import count_calls, hist_calls, meter_calls, time_calls
from ._global import (
    clear,
    counter,
    dump_metrics,
    gauge,
    global_registry,
    histogram,
    meter,
    set_global_registry,
    timer,
)
from ._regex import RegexRegistry

__all__ = [
    "CallbackGauge",
    "Counter",
    "ExpDecayingSample",
    "ExpWeightedMovingAvg",
    "Gauge",
    "Histogram",
    "Meter",
    "MetricRegistry",
    "MetricsRegistry",
    "RegexRegistry",
    "SimpleGauge",
    "SlidingTimeWindowSample",
    "Snapshot",
    "Timer",
    "TimerContext",
    "call_too_long",
    "clear",
    "count_calls",
    "counter",
    "dump_metrics",
    "gauge",
    "global_registry",
    "hist_calls",
    "histogram",
    "meter",
    "meter_calls",
    "set_global_registry",
    "time_calls",
    "timer",
]

MetricRegistry = MetricsRegistry


if TYPE_CHECKING:
    call_too_long: Any
else:

    def __getattr__(name: str) -> Any:
        # The library of signals is loaded if somebody asks for the signal.
        if name == "call_too_long":
            from ._signals import call_too_long

            return call_too_long
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
