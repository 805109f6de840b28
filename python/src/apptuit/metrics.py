"""Counters, gauges, meters, histograms and timers, and the registry that holds them.

The work is native: instruments never block each other and are safe to share between threads.

    registry = MetricsRegistry()
    orders = registry.counter("orders.accepted")
    orders.inc()
"""

from __future__ import annotations

from ._native import (
    CallbackGauge,
    Counter,
    Gauge,
    Histogram,
    Meter,
    MetricsRegistry,
    SimpleGauge,
    Snapshot,
    Timer,
    TimerContext,
)

__all__ = [
    "CallbackGauge",
    "Counter",
    "Gauge",
    "Histogram",
    "Meter",
    "MetricRegistry",
    "MetricsRegistry",
    "SimpleGauge",
    "Snapshot",
    "Timer",
    "TimerContext",
    "global_registry",
    "set_global_registry",
]

MetricRegistry = MetricsRegistry

_global_registry = MetricsRegistry()


def global_registry() -> MetricsRegistry:
    """Return the registry that a reporter reports when it is given none."""
    return _global_registry


def set_global_registry(registry: MetricsRegistry) -> None:
    """Make `registry` the global one, for reporters made from now on."""
    global _global_registry
    _global_registry = registry
