"""What this process takes from its machine, as metrics."""

from __future__ import annotations

import gc
import os
import sys
import threading
import warnings
from typing import Any, Optional, Union

from .. import _native
from ..timeseries import encode_metric

__all__ = ["ProcessMetrics"]

# Metrics and their tag `type`.
_RESOURCES: tuple[tuple[str, Optional[str]], ...] = (
    ("python.cpu.time.used.seconds", "user"),
    ("python.cpu.time.used.seconds", "system"),
    ("python.memory.usage.bytes", "main"),
    ("python.memory.usage.bytes", "shared"),
    ("python.memory.usage.bytes", "unshared"),
    ("python.memory.usage.bytes", "unshared_stack_size"),
    ("python.page.faults", "major"),
    ("python.page.faults", "minor"),
    ("python.process.swaps", None),
    ("python.block.operations", "input"),
    ("python.block.operations", "output"),
    ("python.ipc.messages", "sent"),
    ("python.ipc.messages", "received"),
    ("python.system.signals", None),
    ("python.context.switches", "voluntary"),
    ("python.context.switches", "involuntary"),
)
_THREADS = tuple(("python.thread", kind) for kind in ("demon", "alive", "dummy"))
_GENERATIONS = range(3)

Number = Union[int, float]


class ProcessMetrics:
    """Keeps metrics of this process in a registry, under names with the tag `worker_id`, its pid.

    Counters hold what the system and the garbage collector count since the process began, and
    those of memory (bytes) and thresholds what is there now; gauges count threads: daemons, others,
    and those that Python did not start. What a system does not tell is 0.
    """

    def __init__(self, registry: Any) -> None:
        if sys.platform == "win32":
            warnings.warn(
                "most process metrics are not known on Windows, and are reported as 0",
                RuntimeWarning,
                stacklevel=3,
            )
        self.registry = registry
        self._name()

    def _name(self) -> None:
        self.pid: int = os.getpid()
        self.resource_metric_names: list[str] = [self._encoded(*metric) for metric in _RESOURCES]
        self.thread_metrics_names: list[str] = [self._encoded(*metric) for metric in _THREADS]
        self.gc_metric_names: list[str] = [
            self._encoded(f"python.gc.{what}", f"{what}_{generation}")
            for what in ("collection", "threshold")
            for generation in _GENERATIONS
        ]

    def _encoded(self, metric: str, kind: Optional[str]) -> str:
        tags: dict[str, Any] = {"worker_id": self.pid}
        if kind is not None:
            tags["type"] = kind
        return encode_metric(metric, tags)

    def collect_process_metrics(self) -> dict[str, dict[str, Number]]:
        """Read all anew into the registry; return the same as a dump: fields by name."""
        if self.pid != os.getpid():
            self.renew()
        counters: dict[str, Number] = {
            **dict(zip(self.resource_metric_names, _resources())),
            **dict(zip(self.gc_metric_names, _collections())),
        }
        gauges: dict[str, Number] = dict(zip(self.thread_metrics_names, _threads()))
        for name, value in counters.items():
            counter = self.registry.counter(name)
            counter.inc(value - counter.get_count())
        for name, value in gauges.items():
            self.registry.gauge(name).set_value(value)
        return {
            **{name: {"count": value} for name, value in counters.items()},
            **{name: {"value": value} for name, value in gauges.items()},
        }

    def renew(self) -> None:
        """In the child of a fork: forget the numbers of the parent."""
        for name in self.resource_metric_names + self.gc_metric_names + self.thread_metrics_names:
            _forget(self.registry, name)
        self._name()


def _resources() -> list[Number]:
    told = {(metric, kind): value for metric, kind, value in _native.process_usage()}
    values = [told.get(metric, 0.0) for metric in _RESOURCES]
    return [int(value) if value.is_integer() else value for value in values]


def _collections() -> list[Number]:
    """Objects that each generation of the garbage collector has collected, and its threshold."""
    collected = [generation["collected"] for generation in gc.get_stats()]
    # Interpreters may have other numbers of generations.
    return [
        (numbers[generation] if generation < len(numbers) else 0)
        for numbers in (collected, gc.get_threshold())
        for generation in _GENERATIONS
    ]


def _threads() -> list[Number]:
    threads = threading.enumerate()
    daemons = sum(thread.daemon for thread in threads)
    dummies = sum(isinstance(thread, threading._DummyThread) for thread in threads)
    return [daemons, len(threads) - daemons, dummies]


def _forget(registry: Any, name: str) -> None:
    if hasattr(registry, "_forget"):
        registry._forget(name)
        return
    for kind in ("_counters", "_gauges"):
        getattr(registry, kind, {}).pop(name, None)
