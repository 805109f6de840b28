"""Points: making them, sending them, and the memory that takes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import data
from apptuit import Apptuit, DataPoint, TimeSeries

from .case import Case, peak_added, timed

# Only ours can be told to.
FAST = MappingProxyType({"compression": "fast"})


def points() -> list[DataPoint]:
    return [DataPoint(*row) for row in data.rows()]


class Build(Case, name="build"):
    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self.rows = data.rows()

    def sample(self) -> float:
        return timed(lambda: [DataPoint(*row) for row in self.rows])


class Send(Case, name="send"):
    options: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self.points = points()
        self.client = Apptuit("token", endpoint, **self.options)

    def sample(self) -> float:
        return timed(lambda: self.client.send(self.points))


class SendFast(Send, name="send.fast"):
    options = FAST


class SendSeries(Case, name="send_timeseries"):
    options: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self.series = [TimeSeries(*columns) for columns in data.columns(100)]
        self.client = Apptuit("token", endpoint, **self.options)

    def sample(self) -> float:
        return timed(lambda: self.client.send_timeseries(self.series))


class SendSeriesFast(SendSeries, name="send_timeseries.fast"):
    options = FAST


class SendOne(Case, name="send.one"):
    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self.points = points()[:1]
        self.client = Apptuit("token", endpoint)

    def sample(self) -> float:
        def work() -> None:
            for _ in range(20):
                self.client.send(self.points)

        return timed(work) / 20


class SendMemory(Case, name="memory.send"):
    """In a fresh process that has sent nothing yet."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self.points = points()
        self.client = Apptuit("token", endpoint)

    def sample(self) -> float:
        return peak_added(lambda: self.client.send(self.points))
