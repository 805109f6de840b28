"""Reports: what one costs, and what others in the process notice of it."""

import threading
import time
from itertools import pairwise
from typing import Any

from apptuit import timeseries
from apptuit.pyformance import ApptuitReporter

from .case import Case, timed
from .instruments import metrics
from .registry import fill

REPORTS = 5


def registry() -> Any:
    """10 000 counters and 1 000 full timers, in series of 100 and 10 names."""
    made = metrics.MetricsRegistry()
    for number in range(10_000):
        tags = {"city": f"city-{number // 100:03}", "zone": "ap-south-1a"}
        made.counter(timeseries.encode_metric(f"app.orders.{number % 100}", tags)).inc(
            number
        )
    tags = [
        {"city": f"city-{number:03}", "zone": "ap-south-1a"} for number in range(100)
    ]
    names = [f"app.latency.{number}" for number in range(10)]
    fill(
        made, [timeseries.encode_metric(name, each) for name in names for each in tags]
    )
    return made


class Report(Case, name="report_now"):
    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        # The other side takes its number of tries for a time limit, and cannot send without.
        self.reporter = ApptuitReporter(
            registry=registry(),
            token="token",
            api_endpoint=endpoint,
            tags={"service": "bench"},
            retry_count=60,
        )

    def sample(self) -> float:
        return timed(self.reporter.report_now)


class Bystander(Report, name="bystander"):
    """A thread that is busy in Python: how long a unit of its work takes, and its longest pause."""

    def sample(self, what: str) -> float:
        ends: list[float] = []
        stop = threading.Event()
        thread = threading.Thread(target=_busy, args=(ends, stop))
        thread.start()
        time.sleep(0.05)
        windows = []
        for _ in range(REPORTS):
            start = time.perf_counter()
            if what == "alone":
                time.sleep(0.05)
            else:
                self.reporter.report_now()
            windows.append((start, time.perf_counter()))
        stop.set()
        thread.join()
        units = [
            end - begin
            for begin, end in pairwise(ends)
            if any(start < end and begin < over for start, over in windows)
        ]
        return 1e9 * (max(units) if what == "pause" else sum(units) / len(units))


def _busy(ends: list[float], stop: threading.Event) -> None:
    now, number = time.perf_counter, 1
    while not stop.is_set():
        for _ in range(500):
            number = number * 31 % 1_000_003
        ends.append(now())
