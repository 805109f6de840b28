"""Registries: what it costs to read them, and how much memory their instruments take."""

import gc
from typing import Any

from .case import Case, resident, timed
from .instruments import metrics

RESERVOIR = 1028


def fill(registry: Any, names: list[str]) -> None:
    """Time more than a reservoir holds with each timer of these names."""
    for name in names:
        timer = registry.timer(name)
        for _ in range(RESERVOIR + 72):
            with timer.time():
                pass


class DumpCounters(Case, name="dump.counters"):
    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self.registry = metrics.MetricsRegistry()
        for number in range(10_000):
            self.registry.counter(f"app.requests.{number}").inc()

    def sample(self) -> float:
        return timed(self.registry.dump_metrics)

    def facts(self) -> Any:
        dump = self.registry.dump_metrics()
        return [
            len(dump),
            sorted(dump)[:3],
            sum(each["count"] for each in dump.values()),
        ]


class DumpTimers(Case, name="dump.timers"):
    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self.registry = metrics.MetricsRegistry()
        fill(self.registry, [f"app.latency.{number}" for number in range(1_000)])

    def sample(self) -> float:
        return timed(self.registry.dump_metrics)

    def facts(self) -> Any:
        dump = self.registry.dump_metrics()
        counts = {each["count"] for each in dump.values()}
        return [
            len(dump),
            {len(each) for each in dump.values()} == {15},
            sorted(counts),
        ]


class TimersMemory(Case, name="memory.timers"):
    """In a fresh process: what is resident more with a thousand full timers than without."""

    def sample(self) -> float:
        registry = metrics.MetricsRegistry()
        names = [f"app.latency.{number}" for number in range(1_000)]
        gc.collect()
        before = resident("VmRSS")
        fill(registry, names)
        return float(resident("VmRSS") - before)
