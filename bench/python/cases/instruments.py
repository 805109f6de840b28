"""Instruments: what one call costs."""

import random
from typing import Any

from .case import Loop

try:
    from apptuit import metrics
except ImportError:
    import pyformance as metrics


class CounterInc(Loop, name="counter.inc"):
    statement = "counter.inc()"

    def names(self) -> dict[str, Any]:
        return {"counter": metrics.MetricsRegistry().counter("orders")}


class CounterByName(Loop, name="registry.counter.inc"):
    statement = "registry.counter('orders').inc()"

    def names(self) -> dict[str, Any]:
        return {"registry": metrics.MetricsRegistry()}


class MeterMark(Loop, name="meter.mark"):
    statement = "meter.mark()"

    def names(self) -> dict[str, Any]:
        return {"meter": metrics.MetricsRegistry().meter("orders")}


class HistogramAdd(Loop, name="histogram.add"):
    statement = "histogram.add(12.5)"

    def names(self) -> dict[str, Any]:
        histogram = metrics.MetricsRegistry().histogram("bytes")
        draw = random.Random(0)
        for _ in range(3_000):  # its reservoir is full
            histogram.add(draw.random())
        return {"histogram": histogram}


class TimerTime(Loop, name="timer.time"):
    statement = "with timer.time(): pass"

    def names(self) -> dict[str, Any]:
        return {"timer": metrics.MetricsRegistry().timer("latency")}


class GaugeSet(Loop, name="gauge.set_value"):
    statement = "gauge.set_value(12.5)"

    def names(self) -> dict[str, Any]:
        return {"gauge": metrics.MetricsRegistry().gauge("depth")}
