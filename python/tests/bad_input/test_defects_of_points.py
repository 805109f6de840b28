"""Defects of the old package that ours must not repeat: points, names, and what is said of them."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from apptuit import Apptuit, ApptuitSendException, DataPoint, TimeSeries, TimeSeriesName, timeseries
from apptuit.apptuit_client import QueryResult
from tests.conftest import Recorder

NOW = 1_500_000_000
NAN = float("nan")


def client(server: Recorder, **settings: Any) -> Apptuit:
    return Apptuit(**{"token": "secret", "api_endpoint": server.url, **settings})


def test_h07_send_names_the_first_bad_point_and_its_place_before_anything_is_sent(
    server: Recorder,
) -> None:
    good = DataPoint("good", {"a": "b"}, NOW, 1)
    bad = {
        "no tags": DataPoint("bad", {}, NOW, 1),
        "26": DataPoint("bad", {f"k{n}": "v" for n in range(26)}, NOW, 1),
    }
    for reason, point in bad.items():
        with pytest.raises(ValueError) as raised:
            client(server).send([good, point, good])
        for part in ("1", "bad", reason.split()[-1]):
            assert part in str(raised.value)
    assert server.requests == []


@pytest.mark.parametrize("value", [NAN, float("inf"), float("-inf")])
def test_h08_what_is_not_finite_is_refused_by_name(server: Recorder, value: float) -> None:
    with pytest.raises(ValueError, match="not_finite"):
        client(server).send([DataPoint("not_finite", {"a": "b"}, NOW, value)])
    with pytest.raises(ValueError, match="not_finite"):
        client(server).send_timeseries([TimeSeries("not_finite", {"a": "b"}, [NOW], [value])])
    assert server.requests == []


def test_h09_what_the_caller_passes_is_neither_changed_nor_kept(server: Recorder) -> None:
    tags, index, values = {"a": "b"}, [NOW], [1.0]
    asking = client(server, global_tags=tags)
    point = DataPoint("point", tags, NOW, 1)
    series = TimeSeries("series", tags, index, values)
    series.add_point(NOW + 1, 2)
    assert (tags, index, values) == ({"a": "b"}, [NOW], [1.0])
    tags["c"] = "later"
    index.append(5)
    values.clear()
    asking.send([point])
    asking.send_timeseries([series])
    assert {str(point["tags"]) for point in server.points} == {"{'a': 'b'}"}
    assert [point["value"] for point in server.points] == [1.0, 1.0, 2.0]


def test_h10_each_decoding_gives_tags_of_its_own() -> None:
    for decode in (timeseries.decode_metric, TimeSeriesName.decode_metric):
        decode('m{"a": "b"}')[1]["poison"] = "1"
        assert decode('m{"a": "b"}') == ("m", {"a": "b"})


BROKEN = [
    b"",
    b"<html>bad gateway</html>",
    b"{}",
    b"[]",
    b"null",
    b'{"success": 1',
    b'{"success": 0, "failed": 1}',
    b'{"success": 0, "failed": 1, "errors": null}',
    b'{"success": 0, "failed": 1, "errors": "text"}',
    b'{"success": 0, "failed": 1, "errors": ["text"]}',
    b'{"success": 0, "failed": 1, "errors": [{"error": 5}]}',
    b'{"success": 0, "failed": 1, "errors": [{"datapoint": null, "error": null}]}',
    b'{"success": "0", "failed": -1, "errors": [[]]}',
    b"\xff\xfe\x00",
]


@pytest.mark.parametrize("body", BROKEN)
@pytest.mark.parametrize("status", [400, 500])
def test_h11_a_refusal_is_one_exception_whatever_its_body_says(
    server: Recorder, status: int, body: bytes
) -> None:
    server.answer(status, body)
    with pytest.raises(ApptuitSendException) as raised:
        client(server).send([DataPoint("m", {"a": "b"}, NOW, 1)])
    error = raised.value
    assert (error.status_code, error.success, error.failed) == (status, 0, 1)
    assert isinstance(error.errors, list)
    assert str(error).startswith(f"1 points failed with status: {status}\n")


def test_h16_tag_values_travel_as_text_and_what_has_no_text_is_refused_with_its_key(
    server: Recorder,
) -> None:
    tags = {"n": 1, "x": 1.5, "yes": True, "big": 10**30, "np": np.int64(7), "s": "text"}
    asking = client(server)
    asking.send([DataPoint("m", tags, NOW, 1)])
    asking.send_timeseries([TimeSeries("m", tags, [NOW], [1])])
    texts = {"n": "1", "x": "1.5", "yes": "true", "big": str(10**30), "np": "7", "s": "text"}
    assert [point["tags"] for point in server.points] == [texts, texts]
    assert DataPoint("m", tags, NOW, 1).tags == tags
    for value in (None, [], {}, (), object(), b"bytes", NAN):
        with pytest.raises(ValueError, match="the_key"):
            asking.send([DataPoint("m", {"the_key": value}, NOW, 1)])
        with pytest.raises(ValueError, match="the_key"):
            asking.send_timeseries([TimeSeries("m", {"the_key": value}, [NOW], [1])])
    for key in (5, None, b"k", ("a",)):
        with pytest.raises((TypeError, ValueError)):
            asking.send([DataPoint("m", {key: "v"}, NOW, 1)])  # type: ignore[dict-item]
    assert len(server.requests) == 2


def test_h17_timestamps_are_numbers_of_any_kind_and_nothing_else(server: Recorder) -> None:
    moment = datetime(2017, 7, 14, 2, 40, tzinfo=timezone.utc)
    kinds: list[Any] = [
        NOW,
        float(NOW),
        np.int64(NOW),
        np.float64(NOW),
        Decimal(NOW),
        Fraction(NOW),
    ]
    asking = client(server)
    asking.send([DataPoint("m", {"n": n}, kind, 1) for n, kind in enumerate(kinds)])
    assert [point["timestamp"] for point in server.points] == [NOW] * len(kinds)
    assert int(moment.timestamp()) == NOW
    asking.send([DataPoint("m", {"a": "b"}, NOW + 0.75, 1), DataPoint("m", {"a": "b"}, -5, 1)])
    asking.send([DataPoint("m", {"a": "b"}, NOW * 1000, 1)])
    assert [point["timestamp"] for point in server.points[-3:-1]] == [NOW + 0.75, -5]
    assert server.points[-1]["timestamp"] in (NOW, NOW * 1000)
    sent = len(server.requests)
    for wrong in ("notatime", "1500000000", None, True, NAN, float("inf"), [], 10**400, object()):
        with pytest.raises((ValueError, TypeError)):
            asking.send([DataPoint("m", {"a": "b"}, wrong, 1)])
        with pytest.raises((ValueError, TypeError)):
            asking.send_timeseries([TimeSeries("m", {"a": "b"}, [wrong], [1])])
    assert len(server.requests) == sent


def test_h18_a_line_that_ends_is_no_name(server: Recorder) -> None:
    asking = client(server, sanitize_mode=None)
    for metric, key in (("a\n", "k"), ("a", "k\n")):
        with pytest.raises(ValueError, match="invalid character|`"):
            asking.send([DataPoint(metric, {key: "v"}, NOW, 1)])
    assert server.requests == []


def test_h31_two_names_that_become_one_are_told_of_once(
    server: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    asking = client(server)
    points = [DataPoint(name, {"a": "b"}, NOW, 1) for name in ("a.b", "a-b", "c.d")]
    for _ in range(2):
        asking.send(points)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "`a.b` and `a-b`" in caplog.messages[0]
    assert len(server.points) == 6


def test_h34_an_unknown_output_is_a_key_error_and_leaves_no_trace() -> None:
    result = QueryResult(100, 200)
    before = repr(result)
    for key in (0, -1, True, "unknown", 1.5, None):
        with pytest.raises(KeyError):
            result[key]  # type: ignore[index]
    assert (repr(result), list(result), len(result)) == (before, [], 0)


def test_h35_names_without_tags_are_shown_whole() -> None:
    for tags in ({}, None):
        assert repr(DataPoint("metric", tags, 1, 1)) == "metric{timestamp: 1, value: 1.000000}"
        assert repr(TimeSeries("metric", tags)) == "metric{}"
        assert str(TimeSeriesName("metric", tags)) == "metric{}"
