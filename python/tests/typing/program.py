"""A program as users write it, with all its types: it is checked by two checkers, and run."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from functools import partial
from queue import Queue
from typing import Any, Optional

import pandas as pd

from apptuit import (
    Apptuit,
    ApptuitException,
    ApptuitSendException,
    DataPoint,
    TimeSeries,
    timeseries,
)
from apptuit.apptuit_client import Output, QueryResult
from apptuit.metrics import CallbackGauge, Counter, Gauge, MetricsRegistry, SimpleGauge
from apptuit.pyformance import ApptuitReporter
from apptuit.pyformance.apptuit_reporter import default_error_handler


class Jobs(Gauge):
    """A gauge of its own class."""

    def __init__(self, queue: Queue[str]) -> None:
        self.queue = queue

    def get_value(self) -> float:
        return self.queue.qsize()


def on_error(
    logger: logging.Logger, status: int, successful: int, failed: int, errors: Sequence[Any]
) -> None:
    """Handle failed points, with an argument more than a reporter gives."""
    logger.error(str(ApptuitSendException(status, successful, failed, list(errors))))


class Shop:
    """Counts orders by city, and times them."""

    def __init__(self, registry: MetricsRegistry) -> None:
        self.registry = registry
        self.cities: dict[str, Counter] = {}
        self.waiting: Queue[str] = Queue()
        self.jobs: Jobs = registry.add("jobs", Jobs(self.waiting))
        self.temperature: SimpleGauge = registry.gauge("temperature")
        self.size: Gauge = registry.gauge("size", CallbackGauge(self.waiting.qsize))
        self.requests = registry.meter("requests")
        self.prices = registry.histogram("prices")

    def order(self, city: str, price: float) -> float:
        """Take an order, and tell the median of the prices."""
        if city not in self.cities:
            name = timeseries.encode_metric("orders", tags={"city": city})
            self.cities[city] = self.registry.counter(name)
        with self.registry.timer("latency").time():
            self.cities[city].inc()
            self.requests.mark()
            self.prices.add(price)
        return self.prices.get_snapshot().get_median()


def points(start: int) -> Iterator[DataPoint]:
    """Three readings of two rooms."""
    for room in ("lab", "hall"):
        for n in range(3):
            yield DataPoint("room.celsius", {"room": room, "floor": 2}, start + n, 20.5 + n)


def frame_of(client: Apptuit, query: str, start: float) -> Optional[pd.DataFrame]:
    """The first output, if there is one."""
    result: QueryResult = client.query(query, start=start, retry_count=1)
    if not result:
        return None
    output: Output = result[0]
    for series in output.series:
        assert series.tags is not None
        print(series.metric, series.tags["room"], list(zip(series.timestamps, series.values)))
    return output.to_df()


def main(start: int) -> Optional[pd.DataFrame]:
    """Count, report, send and ask."""
    registry = MetricsRegistry()
    shop = Shop(registry)
    shop.temperature.set_value(21.5)
    shop.order("Pune", 9.75)
    reporter = ApptuitReporter(
        registry=registry,
        reporting_interval=60,
        tags={"service": "shop"},
        error_handler=partial(on_error, logging.getLogger("shop")),
        retry=2,
    )
    reporter.start()
    reporter.stop()
    reporter.error_handler = default_error_handler

    client = Apptuit(global_tags={"service": "shop"}, sanitize_mode="prometheus")
    try:
        client.send(list(points(start)), timeout=10, retry_count=2)
        humid = TimeSeries("room.humidity", {"room": "lab"}, index=[start], values=[40])
        humid.add_point(start + 1, 41.5)
        client.send_timeseries([humid])
    except (ApptuitException, ValueError) as error:
        print(error)
    metric, tags = timeseries.decode_metric('orders{"city": "Pune"}')
    print(metric, tags, os.environ.get("APPTUIT_TAGS"))
    return frame_of(client, "fetch('room_celsius')", start)


if __name__ == "__main__":
    print(main(int(time.time()) - 60))
