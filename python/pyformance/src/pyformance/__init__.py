"""Instruments, and the registry that holds them: the names of pyformance 0.4.

from pyformance import MetricsRegistry

registry = MetricsRegistry()
registry.counter("orders.accepted").inc()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .__version__ import __version__

if TYPE_CHECKING:
    from apptuit.metrics import (
        MetricsRegistry,
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

    call_too_long: Any

__all__ = [
    "MetricsRegistry",
    "__version__",
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

_MODULES = ("meters", "registry", "reporters", "stats")


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        # Looked up when they are first used, so that the import of one part loads no other.
        import importlib

        if name in _MODULES:
            return importlib.import_module(f"{__name__}.{name}")
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module("apptuit.metrics"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__, *_MODULES})
