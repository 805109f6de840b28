"""The registry of the process, and its instruments by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional, Union

from .._native import Counter, Gauge, Histogram, Meter, MetricsRegistry, Timer

_registry = MetricsRegistry()


def global_registry() -> MetricsRegistry:
    """Return the registry that a reporter reports when it is given none."""
    return _registry


def set_global_registry(registry: MetricsRegistry) -> None:
    """Make `registry` the global one, from now on.

    Reporters keep the one they were made with; decorated functions use the new one from their next
    call on.
    """
    global _registry
    if not callable(getattr(registry, "dump_metrics", None)):
        raise TypeError(f"`{registry!r}` is no registry: expected a `MetricsRegistry`")
    _registry = registry


def counter(key: str) -> Counter:
    """Return the counter of this name in the global registry, made if need be."""
    return _registry.counter(key)


def histogram(key: str) -> Histogram:
    """Return the histogram of this name in the global registry, made if need be."""
    return _registry.histogram(key)


def meter(key: str) -> Meter:
    """Return the meter of this name in the global registry, made if need be."""
    return _registry.meter(key)


def timer(key: str) -> Timer:
    """Return the timer of this name in the global registry, made if need be."""
    return _registry.timer(key)


def gauge(key: str, gauge: Optional[Union[Gauge, Callable[[], Any]]] = None) -> Gauge:
    """Return the gauge of this name in the global registry.

    If there is none, it is made: one to be set, or `gauge`, or one that asks the function `gauge`.
    """
    return _registry.gauge(key, gauge)


def dump_metrics() -> dict[str, dict[str, Any]]:
    """Return the fields of all instruments of the global registry, by name and field.

    What a gauge's function raises is raised.
    """
    return _registry.dump_metrics()


def clear() -> None:
    """Forget all instruments of the global registry; those still held go on, unreported."""
    _registry.clear()
