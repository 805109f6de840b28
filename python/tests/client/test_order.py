"""Many points are sent series by series, and what is refused is told in the order it was given."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import pytest

from apptuit import Apptuit, ApptuitSendException, DataPoint, TimeSeries
from tests.conftest import Recorder


def points(count: int, series: int) -> list[DataPoint]:
    return [DataPoint("m", {"s": f"s{n % series}"}, n // 3, n) for n in range(count)]


def test_few_points_travel_in_the_order_they_are_given(server: Recorder) -> None:
    Apptuit("t", server.url).send(points(1000, 7))
    assert [point["value"] for point in server.points] == list(range(1000))


@pytest.mark.parametrize("series", [2, 7, 400, 5000])
def test_many_points_are_all_there_and_those_of_a_series_in_order(
    server: Recorder, series: int
) -> None:
    given = points(5000, series)
    Apptuit("t", server.url).send(given)
    assert sorted(point["value"] for point in server.points) == list(range(5000))
    by_series: dict[str, list[float]] = defaultdict(list)
    for point in server.points:
        by_series[point["tags"]["s"]].append(point["value"])
        assert point["tags"]["s"] == f"s{int(point['value']) % series}"
        assert point["timestamp"] == point["value"] // 3
    assert all(values == sorted(values) for values in by_series.values())
    changes = sum(
        one["tags"] != other["tags"] for one, other in zip(server.points, server.points[1:])
    )
    assert changes == series - 1


def test_the_points_that_are_refused_are_told_in_the_order_they_were_given(
    server: Recorder,
) -> None:
    refused = [4321, 17, 3000, 18]
    echoes = [
        {"metric": "m", "timestamp": n // 3, "value": n, "tags": {"s": f"s{n % 7}"}}
        for n in refused
    ]
    errors = [{"datapoint": echo, "error": f"no {echo['value']}"} for echo in echoes]
    server.answer(400, json.dumps({"success": 4996, "failed": 4, "errors": errors}).encode())
    with pytest.raises(ApptuitSendException) as failed:
        Apptuit("t", server.url).send(points(5000, 7))
    told: list[Any] = failed.value.errors
    assert [error["datapoint"]["value"] for error in told] == sorted(refused)
    assert [error["error"] for error in told] == [f"no {n}" for n in sorted(refused)]


def test_a_refused_point_of_a_series_is_told_with_its_time_and_value(server: Recorder) -> None:
    server.answer(400, b'{"success": 3, "failed": 1, "errors": [{"index": 3, "error": "no"}]}')
    series = [TimeSeries("m", {"s": s}, [1, 2], [n, n + 0.5]) for n, s in enumerate("ab")]
    with pytest.raises(ApptuitSendException) as failed:
        Apptuit("t", server.url).send_timeseries(series)
    point = {"metric": "m", "timestamp": 2, "value": 1.5, "tags": {"s": "b"}}
    assert failed.value.errors == [{"datapoint": point, "error": "no"}]


def test_without_reasons_all_points_are_told_in_the_order_they_were_given(
    server: Recorder,
) -> None:
    for _ in range(200):
        server.answer(400)
    with pytest.raises(ApptuitSendException) as failed:
        Apptuit("t", server.url).send(points(1500, 7))
    assert [error["datapoint"]["value"] for error in failed.value.errors] == list(range(1500))
