"""What registries of any package say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..exceptions import ApptuitTypeError
from ..metrics import MetricsRegistry

Unread = list[tuple[str, str]]

_KINDS = ("_counters", "_histograms", "_meters", "_timers", "_gauges")


def checked(registry: Any) -> Any:
    """Return a registry that can be reported; others are refused."""
    if callable(getattr(registry, "dump_metrics", None)):
        return registry
    raise ApptuitTypeError(
        f"`{type(registry).__name__}` is no registry that can be reported: expected an "
        "apptuit.metrics.MetricsRegistry, or an object with a method `dump_metrics`"
    )


def is_native(registry: Any) -> bool:
    """Tell whether a registry says no more in Python than its native half knows."""
    kind = type(registry)
    return (
        isinstance(registry, MetricsRegistry)
        and kind.dump_metrics is MetricsRegistry.dump_metrics
        and kind.get_metrics is MetricsRegistry.get_metrics
        and "dump_metrics" not in getattr(registry, "__dict__", {})
    )


def dump(registry: Any, unread: Unread) -> Mapping[Any, Any]:
    """Dump a registry; what cannot be read costs only itself, if its names can be found."""
    try:
        dumped: Mapping[Any, Any] = registry.dump_metrics()
        return dumped
    except Exception as error:
        found = [getattr(registry, kind, None) for kind in _KINDS]
        tables = [table for table in found if isinstance(table, Mapping)]
        if not tables or not callable(getattr(registry, "get_metrics", None)):
            unread.append((type(registry).__name__, reason(error)))
            return {}
    read: dict[Any, Any] = {}
    for key in dict.fromkeys(key for table in tables for key in list(table)):
        try:
            read[key] = registry.get_metrics(key)
        except Exception as error:
            unread.append((str(key), reason(error)))
    return read


def reason(error: BaseException) -> str:
    """Say why something could not be read."""
    return f"{type(error).__name__}: {error}"
