"""Points, series and names as Python objects."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from apptuit import ApptuitException, DataPoint, TimeSeries, TimeSeriesName


class Reading(DataPoint):
    """A point with a constructor of its own shape."""

    def __init__(self, celsius: float) -> None:
        super().__init__("room.celsius", {"room": "lab"}, 60, celsius)
        self.sensor: Any = "s1"


class Room(TimeSeries):
    """A series with a constructor of its own shape."""

    def __init__(self) -> None:
        super().__init__("room.celsius", {"room": "lab"})
        self.floor = 2


def test_a_point_has_the_attributes_it_was_given() -> None:
    tags = {"b": 2, "a": 1}
    point = DataPoint("metric1", tags, 1500000000, "3.14")
    assert (point.metric, point.tags, point.timestamp, point.value) == (
        "metric1",
        {"a": 1, "b": 2},
        1500000000,
        3.14,
    )
    assert repr(point) == "metric1{a:1, b:2, timestamp: 1500000000, value: 3.140000}"
    assert str(point) == repr(point)
    point.timestamp, point.value = 7, 8
    assert (point.timestamp, point.value) == (7, 8.0)
    tags["c"] = 3
    assert point.tags == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    "named", [TimeSeries("m", {"k": "v"}), TimeSeriesName("m", {"k": "v"}), Reading(20)]
)
def test_attributes_of_a_programs_own_are_kept_and_copied(named: Any) -> None:
    named.note = "checked"
    for copied in (copy.copy(named), copy.deepcopy(named), pickle.loads(pickle.dumps(named))):
        assert copied.note == "checked"
        assert copied.metric == named.metric
    named.note, gone = named, weakref.ref(copied)
    copied.note = copied
    del copied
    gc.collect()
    assert gone() is None


def test_the_garbage_collector_looks_only_at_points_of_classes_made_in_python() -> None:
    point = DataPoint("m", {}, 1, 1)
    point.__init__("m", {}, 2, 2)  # type: ignore[misc]
    assert not gc.is_tracked(point)
    reading = Reading(20)
    assert gc.is_tracked(reading)
    reading.sensor, gone = reading, weakref.ref(reading)
    del reading
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("tags", [None, {}])
def test_a_point_without_tags_keeps_its_metric_in_text(tags: Any) -> None:
    assert repr(DataPoint("m", tags, 1.9, float("nan"))) == "m{timestamp: 1, value: nan}"


@pytest.mark.parametrize(
    "value", ["3", " 3 ", b"3", 3, 3.0, Decimal(3), np.float32(3), np.int64(3)]
)
def test_a_value_is_anything_that_float_takes(value: Any) -> None:
    assert DataPoint("m", {}, 1, value).value == 3.0


@pytest.mark.parametrize("value", [None, "abc", [1], object(), 1j, 10**400])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="expected a number"):
        DataPoint("m", {}, 1, value)


@pytest.mark.parametrize("metric", [None, ""])
def test_a_point_needs_a_metric(metric: Any) -> None:
    with pytest.raises(ValueError, match="metric has no name"):
        DataPoint(metric, {}, 1, 1)


@pytest.mark.parametrize("key", ["", None, 0])
def test_an_empty_tag_key_is_refused(key: Any) -> None:
    with pytest.raises(ValueError, match="tag key"):
        DataPoint("m", {key: "v"}, 1, 1)


@pytest.mark.parametrize("tags", ["a", ["a"]])
def test_tags_of_a_wrong_type_are_an_error_of_every_fitting_kind(tags: Any) -> None:
    for kind in (AttributeError, TypeError, ApptuitException):
        with pytest.raises(kind):
            DataPoint("m", tags, 1, 1)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickle.dumps])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_points_and_series_can_be_copied_and_pickled(again: Any, protocol: int) -> None:
    def anew(thing: Any) -> Any:
        if again is pickle.dumps:
            return pickle.loads(pickle.dumps(thing, protocol))
        return again(thing)

    point = anew(DataPoint("m", {"a": 1}, 60, 2.5))
    assert type(point) is DataPoint
    assert repr(point) == "m{a:1, timestamp: 60, value: 2.500000}"
    reading = anew(Reading(21.5))
    assert (type(reading), reading.value, reading.sensor) == (Reading, 21.5, "s1")
    series = anew(TimeSeries("m", {"a": "b"}, [1, 2], [3, 4]))
    assert (str(series), series.timestamps, series.values) == ("m{a:b}", [1, 2], [3, 4])
    room = anew(Room())
    assert (type(room), room.metric, room.floor, len(room)) == (Room, "room.celsius", 2, 0)
    name = anew(TimeSeriesName("m", {"a": 1}))
    assert str(name) == 'm{"a": 1}'


def test_a_series_copies_what_it_is_given() -> None:
    index, values = [1, 2], (3, 4)
    series = TimeSeries("m", {}, index, values)
    series.add_point(3, "5")
    assert (index, series.timestamps, series.values) == ([1, 2], [1, 2, 3], [3, 4, 5.0])
    assert (repr(series), len(series)) == ("m{}", 3)


def test_a_series_takes_arrays() -> None:
    series = TimeSeries("m", None, np.array([1, 2]), np.array([0.5, 1.5]))
    assert (series.timestamps, series.values) == ([1, 2], [0.5, 1.5])


@pytest.mark.parametrize(("index", "values"), [([1], None), (None, [1]), ([1, 2], [1])])
def test_a_series_needs_a_value_for_each_timestamp(index: Any, values: Any) -> None:
    with pytest.raises(ValueError, match="timestamps but"):
        TimeSeries("m", {}, index, values)


def test_a_refused_value_leaves_the_series_as_it_was() -> None:
    series = TimeSeries("m", {})
    with pytest.raises(ValueError, match="abc"):
        series.add_point(1, "abc")
    assert (series.timestamps, series.values) == ([], [])


def test_a_name_can_be_changed_and_is_checked() -> None:
    point = DataPoint("m", {"a": "b"}, 1, 1)
    point.timeseries_name.metric = "n"
    assert point.metric == "n"
    with pytest.raises(ValueError, match="metric has no name"):
        point.timeseries_name.metric = ""
