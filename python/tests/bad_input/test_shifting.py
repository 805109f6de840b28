"""Objects that change, or change others, while they are read; and text that cannot be sent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from apptuit import Apptuit, DataPoint, TimeSeries, TimeSeriesName, timeseries
from apptuit.metrics import MetricsRegistry
from apptuit.pyformance import ApptuitReporter
from tests.conftest import Recorder

NOW = 1_500_000_000


def client(server: Recorder, **settings: Any) -> Apptuit:
    return Apptuit("secret", server.url, **settings)


class Growing:
    """A tag's value, a whole number, that adds tags to its dict when it is read."""

    def __init__(self) -> None:
        self.tags: dict[str, Any] = {}

    def __index__(self) -> int:
        self.tags.update((f"new{n}", 1) for n in range(len(self.tags), len(self.tags) + 20))
        return 7


@pytest.mark.parametrize("kind", ["point", "series"])
def test_a_tag_that_changes_its_dict_while_it_is_read(server: Recorder, kind: str) -> None:
    growing = Growing()
    given = {"a": "b", "k": growing, "z": "y"}
    if kind == "point":
        point = DataPoint("m", given, NOW, 1)
        growing.tags = point.tags or {}
        client(server).send([point])
    else:
        series = TimeSeries("m", given, [NOW], [1])
        growing.tags = series.tags or {}
        client(server).send_timeseries([series])
    (sent,) = server.points
    assert {"a": "b", "k": "7", "z": "y"}.items() <= sent["tags"].items()


class Shrinking:
    """A number that empties the list it is in when it is read."""

    def __init__(self, of: list[Any]) -> None:
        self.of = of

    def __float__(self) -> float:
        self.of.clear()
        return 1.0


def test_a_list_that_shrinks_while_it_is_read() -> None:
    for place in (0, 1):
        values: list[Any] = [1, 2, 3]
        values[place] = Shrinking(values)
        with suppress(ValueError):
            series = TimeSeries("m", {"a": "b"}, [NOW, NOW + 1, NOW + 2], values)
            assert len(series.timestamps) == len(series.values) == len(series)


class Restless(dict[str, str]):
    """A dict that changes whenever it is asked for its members."""

    def __iter__(self) -> Any:
        self[f"n{len(self)}"] = "x"
        return super().__iter__()

    def keys(self) -> Any:
        self[f"n{len(self)}"] = "x"
        return super().keys()

    def items(self) -> Any:
        self[f"n{len(self)}"] = "x"
        return super().items()


def test_a_dict_that_changes_when_it_is_asked() -> None:
    makers: list[Callable[[Any], Any]] = [
        lambda tags: DataPoint("m", tags, NOW, 1),
        lambda tags: TimeSeries("m", tags),
        lambda tags: TimeSeriesName("m", tags),
        lambda tags: timeseries.encode_metric("m", tags),
        lambda tags: Apptuit("secret", "http://127.0.0.1:1", global_tags=tags),
        lambda tags: ApptuitReporter(MetricsRegistry(), 60, "secret", tags=tags),
    ]
    for make in makers:
        assert make(Restless(a="b")) is not None


def test_a_dict_that_another_thread_changes(server: Recorder) -> None:
    tags = {"a": "b"}
    over = threading.Event()

    def change() -> None:
        n = 0
        while not over.is_set():
            tags[f"k{n % 20}"] = "v"
            tags.pop(f"k{(n + 10) % 20}", None)
            n += 1

    thread = threading.Thread(target=change)
    thread.start()
    try:
        asking, end = client(server), time.monotonic() + 1
        while time.monotonic() < end:
            try:
                points = [DataPoint("m", tags, NOW, n) for n in range(20)]
            except RuntimeError as error:
                # What Python itself says of a dict that changes while it is copied.
                assert "changed size" in str(error) or "mutated" in str(error)  # noqa: PT017
            else:
                asking.send(points)
    finally:
        over.set()
        thread.join(10)
    assert all(point["tags"]["a"] == "b" for point in server.points)


LONE = "lone \ud800 surrogate"


def test_text_that_is_no_unicode_is_refused_and_told_of(server: Recorder) -> None:
    asking = client(server)
    points = [
        DataPoint(LONE, {"a": "b"}, NOW, 1),
        DataPoint("m", {LONE: "b"}, NOW, 1),
        DataPoint("m", {"a": LONE}, NOW, 1),
    ]
    for point in points:
        with pytest.raises(ValueError, match="surrogate"):
            asking.send([point])
        with pytest.raises(ValueError, match="surrogate"):
            asking.send_timeseries([TimeSeries(point.metric, point.tags, [NOW], [1])])
    with pytest.raises(ValueError, match="surrogate"):
        asking.query(LONE, NOW)
    assert server.requests == []


def test_text_that_is_no_unicode_costs_a_report_only_itself(server: Recorder) -> None:
    registry = MetricsRegistry()
    registry.counter("good").inc()
    for make in (registry.counter, registry.timer, registry.gauge):
        # The name is refused at once, or is left out of reports.
        try:
            make(LONE)
        except ValueError as error:
            assert "surrogate" in str(error)  # noqa: PT017
    reporter = ApptuitReporter(registry, 60, "secret", server.url, error_handler=None)
    reporter.report_now()
    assert "good_count" in {point["metric"] for point in server.points}
