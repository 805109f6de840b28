"""Arguments of every kind, to every part of the client: taken, or refused with a clear word."""

from __future__ import annotations

import copy
import inspect
import logging
import math
import pickle
import subprocess
import sys
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

import apptuit
from apptuit import Apptuit, ApptuitException, DataPoint, TimeSeries, TimeSeriesName, timeseries
from apptuit.apptuit_client import BASE_SLEEP_TIME_SECS, MAX_TAGS_LIMIT
from tests.conftest import Recorder

HUGE = 10**5000  # has no text: Python refuses to make one of so many digits
A_HUGE_ONE = pytest.param(HUGE, id="huge")
SURROGATE = "a\ud800b"
POINT = DataPoint("m", {"a": "b"}, 1, 1)


def client(server: Recorder, **settings: Any) -> Apptuit:
    return Apptuit("t", server.url, **settings)


# Signatures


def test_old_signatures_are_the_beginning_of_the_new_ones() -> None:
    def positional(function: Any) -> dict[str, Any]:
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD,)
        parameters = inspect.signature(function).parameters.values()
        return {each.name: each.default for each in parameters if each.kind in kinds}

    made = positional(Apptuit)
    assert list(made) == [
        "token",
        "api_endpoint",
        "global_tags",
        "ignore_environ_tags",
        "sanitize_mode",
    ]
    assert [made[name] for name in made] == [
        None,
        "https://api.apptuit.ai",
        None,
        False,
        "prometheus",
    ]
    empty = inspect.Parameter.empty
    assert positional(Apptuit.send) == {
        "self": empty,
        "datapoints": empty,
        "timeout": 60,
        "retry_count": 0,
    }
    assert list(positional(Apptuit.send_timeseries)) == [
        "self",
        "timeseries_list",
        "timeout",
        "retry_count",
    ]
    assert positional(Apptuit.query) == {
        "self": empty,
        "query_str": empty,
        "start": empty,
        "end": None,
        "retry_count": 0,
        "timeout": 180,
    }


def test_names_that_programs_import_are_there() -> None:
    assert (MAX_TAGS_LIMIT, BASE_SLEEP_TIME_SECS) == (25, 2)
    assert apptuit.APPTUIT_PY_TOKEN == "APPTUIT_API_TOKEN"
    assert apptuit.APPTUIT_PY_TAGS == "APPTUIT_TAGS"
    assert apptuit.DEPRECATED_APPTUIT_PY_TOKEN == "APPTUIT_PY_TOKEN"
    assert apptuit.DEPRECATED_APPTUIT_PY_TAGS == "APPTUIT_PY_TAGS"
    assert Apptuit("t", "http://x/").put_apiurl == "http://x/api/put?details"


@pytest.mark.parametrize(
    ("number", "longest"), [(0, 2), (1, 4), (2, 8), (3, 16), (4, 30), (99, 30)]
)
def test_pauses_are_drawn_from_zero_to_the_longest(number: int, longest: float) -> None:
    drawn = [Apptuit.backoff_with_jitter(number) for _ in range(300)]
    assert 0 <= min(drawn) < longest / 4
    assert longest * 3 / 4 < max(drawn) <= longest


# Construction


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"token": 5}, "token"),
        ({"token": b"secret"}, "token"),
        ({"api_endpoint": 5}, "endpoint"),
        ({"api_endpoint": b"http://x"}, "endpoint"),
        ({"global_tags": 5}, "global_tags"),
        ({"global_tags": ["a"]}, "global_tags"),
        ({"global_tags": {"a": None}}, "`a`"),
        ({"global_tags": {5: "a"}}, "`5`"),
        ({"global_tags": {"a": SURROGATE}}, "surrogate"),
        ({"sanitize_mode": 5}, "sanitize_mode"),
        ({"compression": 5}, "`5` is no compression"),
        ({"compression": "zip"}, "`zip` is no compression"),
        ({"transport": "f"}, "transport"),
    ],
)
def test_settings_of_a_wrong_kind_are_refused_by_name(arguments: dict[str, Any], text: str) -> None:
    for kind in (ValueError, ApptuitException):
        with pytest.raises(kind, match=text) as refused:
            Apptuit(**{"token": "t", "api_endpoint": "http://x", **arguments})
    assert "secret" not in str(refused.value)


def test_global_tags_are_copied() -> None:
    tags = {"a": "b"}
    made = Apptuit("t", "http://x", tags)
    tags["c"] = "d"
    assert made._global_tags == {"a": "b"}


def test_bodies_can_be_packed_in_several_ways(server: Recorder) -> None:
    points = [DataPoint("m", {"n": str(n % 50)}, n, math.sin(n)) for n in range(3000)]
    sizes = {}
    for compression in ("default", "fast", "gzip", "none"):
        client(server, compression=compression).send(points)
        request = server.requests[-1]
        sizes[compression] = len(request.raw)
        encoding = request.headers.get("content-encoding", "identity")
        assert encoding == {"gzip": "gzip", "none": "identity"}.get(compression, "deflate")
        raw = request.raw if compression == "none" else zlib.decompress(request.raw, 47)
        assert raw.count(b'"metric"') == 3000
    assert sizes["default"] < sizes["fast"] < sizes["none"]


def test_a_client_can_be_closed_and_used_again(server: Recorder) -> None:
    with client(server) as opened:
        opened.send([POINT])
    opened.close()
    opened.send([POINT])
    assert len(server.requests) == 2


# Calls


@pytest.mark.parametrize("timeout", [5, 5.0, np.int64(5), np.float32(5), Decimal(5), (2, 3), None])
def test_a_timeout_is_any_number_above_zero_or_none(server: Recorder, timeout: Any) -> None:
    client(server).send([POINT], timeout)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "timeout", [0, -1, math.nan, math.inf, "5", b"5", (), (1, "2"), [1], A_HUGE_ONE, object()]
)
@pytest.mark.parametrize("call", ["send", "send_timeseries", "query"])
def test_what_is_no_timeout_is_refused(server: Recorder, call: str, timeout: Any) -> None:
    things: Any = {"send": [POINT], "send_timeseries": [TimeSeries("m", {"a": "b"}, [1], [1])]}
    more = {"start": 0} if call == "query" else {}
    with pytest.raises(ValueError, match="timeout"):
        getattr(client(server), call)(things.get(call, "q"), timeout=timeout, **more)
    assert server.requests == []


def test_retries_have_two_names(server: Recorder) -> None:
    series = TimeSeries("m", {"a": "b"}, [1], [1])
    for name in ("retry", "retry_count"):
        before = len(server.requests)
        server.answer(503)
        client(server).send([POINT], **{name: 1})
        assert len(server.requests) == before + 2
    client(server).send([POINT], retry=2, retry_count=2)
    client(server).send_timeseries([series], retry=np.int64(2))
    for call in (
        lambda: client(server).send([POINT], retry_count=1, retry=2),
        lambda: client(server).send_timeseries([series], retry_count=1, retry=2),
        lambda: client(server).query("q", 0, retry_count=1, retry=2),
    ):
        with pytest.raises(TypeError, match=r"`retry` is 2 but `retry_count` is 1"):
            call()


@pytest.mark.parametrize("retries", [-1, A_HUGE_ONE, np.int64(3), True])
def test_any_integer_is_a_number_of_retries(server: Recorder, retries: Any) -> None:
    client(server).send([POINT], retry_count=retries)


@pytest.mark.parametrize("retries", [1.5, "1", None, Decimal(1)])
def test_what_is_no_integer_is_no_number_of_retries(server: Recorder, retries: Any) -> None:
    with pytest.raises(TypeError, match="retries"):
        client(server).send([POINT], retry_count=retries)


@pytest.mark.parametrize(
    "things", [5, POINT, [POINT, None], ["m"], [TimeSeries("m", {})], {"m": 1}]
)
def test_what_are_no_points_is_a_type_error(server: Recorder, things: Any) -> None:
    with pytest.raises(TypeError):
        client(server).send(things)
    assert server.requests == []


@pytest.mark.parametrize("things", [5, [POINT], [None], ["m"]])
def test_what_are_no_series_is_a_type_error(server: Recorder, things: Any) -> None:
    with pytest.raises(TypeError):
        client(server).send_timeseries(things)
    assert server.requests == []


def test_a_point_that_cannot_be_sent_is_told_with_its_number(server: Recorder) -> None:
    bad = DataPoint("lonely", {"k": None}, 7, 1.5)
    with pytest.raises(ValueError, match=r"`lonely\{k:None, timestamp: 7.*number 2,.*tag `k`"):
        client(server).send([POINT, POINT, bad, POINT])
    series = TimeSeries("odd", {"a": "b"}, [1], ["x"])
    with pytest.raises(ValueError, match=r"`odd\{a:b\}`, number 1,.*`x`"):
        client(server).send_timeseries([TimeSeries("m", {"a": "b"}, [1], [1]), series])
    assert server.requests == []


def test_points_come_from_any_iterable_and_an_error_in_it_comes_out(server: Recorder) -> None:
    def broken() -> Iterator[DataPoint]:
        yield POINT
        raise LookupError("no more")

    client(server).send((POINT, POINT))
    with pytest.raises(LookupError, match="no more"):
        client(server).send(broken())
    assert len(server.points) == 2


@pytest.mark.parametrize("query", [5, None, b"q", ["q"]])
def test_a_query_is_text(server: Recorder, query: Any) -> None:
    with pytest.raises(TypeError, match="is no query"):
        client(server).query(query, 0)
    with pytest.raises(ValueError, match="surrogate"):
        client(server).query(SURROGATE, 0)
    assert server.requests == []


@pytest.mark.parametrize("end", ["now", A_HUGE_ONE, math.nan, [1]])
def test_an_end_is_a_number(server: Recorder, end: Any) -> None:
    with pytest.raises(ValueError, match="timestamp"):
        client(server).query("q", 0, end)
    assert server.requests == []


# Points, series and names


@pytest.mark.parametrize(
    "value", [Fraction(3, 2), "1_5e-1", b"1.5", bytearray(b"1.5"), np.float64(1.5), np.array(1.5)]
)
def test_a_value_is_what_float_makes_of_it(value: Any) -> None:
    assert DataPoint("m", {}, 1, value).value == float(value)


@pytest.mark.parametrize("value", [A_HUGE_ONE, SURROGATE, {}, np.array([1, 2]), b"\xff"])
def test_a_value_that_is_none_is_refused_by_every_way(value: Any) -> None:
    point, series = DataPoint("m", {}, 1, 1), TimeSeries("m", {})
    for refuse in (
        lambda: DataPoint("m", {}, 1, value),
        lambda: setattr(point, "value", value),
        lambda: series.add_point(1, value),
    ):
        with pytest.raises(ValueError, match="expected a number"):
            refuse()
    assert (point.value, len(series), series.values) == (1, 0, [])


@pytest.mark.parametrize(
    "at", [A_HUGE_ONE, pytest.param(-HUGE, id="-huge"), math.inf, SURROGATE, {}, object(), 10**30]
)
def test_a_timestamp_that_is_none_is_refused_when_it_is_sent(server: Recorder, at: Any) -> None:
    with pytest.raises(ValueError, match="is no timestamp"):
        client(server).send([DataPoint("m", {"a": "b"}, at, 1)])
    with pytest.raises(ValueError, match="is no timestamp"):
        client(server).send_timeseries([TimeSeries("m", {"a": "b"}, [at], [1])])
    assert repr(DataPoint("m", {}, at, 1)).startswith("m{timestamp: ")
    assert server.requests == []


@pytest.mark.parametrize("at", [Decimal("1.5"), np.float64(1.5), Fraction(3, 2)])
def test_a_timestamp_is_any_number(server: Recorder, at: Any) -> None:
    client(server).send([DataPoint("m", {"a": "b"}, at, 1)])
    assert server.points[0]["timestamp"] == 1.5


def test_halves_of_characters_are_told(server: Recorder) -> None:
    for metric, tags in [
        (SURROGATE, {"a": "b"}),
        ("m", {SURROGATE: "b"}),
        ("m", {"a": SURROGATE}),
        ("m", {"a": "b", SURROGATE: 5}),
    ]:
        point = DataPoint(metric, tags, 1, 1)
        assert "timestamp: 1" in repr(point)
        with pytest.raises(ValueError, match="surrogate"):
            client(server).send([point])
        with pytest.raises(ValueError, match="surrogate"):
            client(server).send_timeseries([TimeSeries(metric, tags, [1], [1])])
    assert server.requests == []
    encoded = timeseries.encode_metric(SURROGATE, {"a": "b"})
    assert encoded == SURROGATE + '{"a": "b"}'
    with pytest.raises(ValueError, match="surrogate"):
        timeseries.decode_metric(encoded)
    assert timeseries.decode_metric('m{"a": "\\ud800"}') == ("m", {"a": "\ud800"})


def test_huge_integers_are_told(server: Recorder) -> None:
    with pytest.raises(ValueError, match="tag `a`"):
        client(server).send([DataPoint("m", {"a": HUGE}, 1, 1)])
    client(server).send([DataPoint("m", {"a": 10**400}, 1, 1)])
    assert server.points[0]["tags"] == {"a": str(10**400)}


@pytest.mark.parametrize("kind", [OrderedDict, MappingProxyType, dict])
def test_tags_are_any_mapping_and_are_copied(kind: Any) -> None:
    inner = {"b": 1, "a": "x"}
    given = kind(inner)
    point = DataPoint("m", given, 1, 1)
    inner["c"] = 2
    assert point.tags == {"b": 1, "a": "x"}
    assert type(point.tags) is dict
    assert TimeSeriesName("m", given).tags == dict(given)


class Shifting(dict):  # type: ignore[type-arg]
    """A dict that becomes another whenever it is read."""

    def __iter__(self) -> Iterator[Any]:
        for key in list(super().keys()):
            self[f"more{len(self)}"] = 1
            yield key

    def keys(self) -> Any:
        return iter(self)

    def items(self) -> Any:
        raise LookupError("unreadable")


class Meddling:
    """A tag value that changes the dict it is in when it is read as a number."""

    def __init__(self, point: list[DataPoint]) -> None:
        self.point = point

    def __index__(self) -> int:
        tags = self.point[0].tags
        assert tags is not None
        for n in range(100):
            tags[f"new{n}"] = "x"
        return 5


def test_tags_that_change_while_they_are_read_do_no_harm(server: Recorder) -> None:
    with suppress(RuntimeError, LookupError):
        assert DataPoint("m", Shifting(a=1, b=2), 1, 1).tags
    with suppress(RuntimeError, LookupError):
        client(server, global_tags=Shifting(a=1)).send([POINT])
    held: list[DataPoint] = []
    held.append(DataPoint("m", {"a": Meddling(held), "b": "c"}, 1, 1))
    client(server).send(held)
    assert server.points[-1]["tags"]["b"] == "c"


def test_points_with_equal_names_do_not_share_what_python_may_change(server: Recorder) -> None:
    one, other = (DataPoint("m", {"a": "b"}, 1, 1) for _ in range(2))
    assert one.tags is one.tags
    assert one.tags is not None
    one.tags["c"] = "d"
    one.timeseries_name.metric = "n"
    assert (other.metric, other.tags) == ("m", {"a": "b"})
    client(server).send([one, other, DataPoint("m", {"a": "b"}, 1, 1)])
    assert [(point["metric"], point["tags"]) for point in server.points] == [
        ("n", {"a": "b", "c": "d"}),
        ("m", {"a": "b"}),
        ("m", {"a": "b"}),
    ]


def test_texts_that_are_equal_but_not_the_same_are_one_name(server: Recorder) -> None:
    def point(n: int) -> DataPoint:
        return DataPoint(
            "".join(["m", str(n)]), {"".join(["k", "1"]): "".join(["v", str(n)])}, n, n
        )

    client(server).send([point(n % 3) for n in range(30)])
    assert [point["tags"]["k1"] for point in server.points] == [f"v{n % 3}" for n in range(30)]


class Slotted(DataPoint):
    """A point with slots."""

    __slots__ = ("unit",)


class Free(Slotted):
    """And with anything besides."""


def test_attributes_of_subclasses_are_pickled_wherever_they_are() -> None:
    slotted, free = Slotted("m", {"a": 1}, 1, 2), Free("m", None, 1, 2)
    slotted.unit = free.unit = "s"  # type: ignore[attr-defined]
    free.other = 5  # type: ignore[attr-defined]
    for again in (copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))):
        assert again(slotted).unit == "s"
        assert (again(free).unit, again(free).other, again(free).tags) == ("s", 5, None)
        assert not hasattr(again(Slotted("m", {}, 1, 1)), "unit")


def test_attributes_can_be_set() -> None:
    point, series = DataPoint("m", {"a": "b"}, 1, 1), TimeSeries("m", {"a": "b"}, [1], [2])
    point.timeseries_name = series.name = TimeSeriesName("n", {"c": "d"})
    assert (point.metric, series.tags) == ("n", {"c": "d"})
    series.timestamps, series.values = (5, 6), np.array([7, 8])
    assert (series.timestamps, series.values) == ([5, 6], [7, 8])
    for name in ("metric", "tags"):
        for thing in (point, series):
            with pytest.raises(AttributeError):
                setattr(thing, name, "x")
    with pytest.raises(TypeError):
        point.timeseries_name = "n"  # type: ignore[assignment]


@pytest.mark.parametrize("items", [5, "12", b"12", np.array(5), object()])
def test_columns_are_lists_or_arrays(items: Any) -> None:
    with pytest.raises(TypeError, match="expected a list or an array"):
        TimeSeries("m", {}, items, [1, 2])
    with pytest.raises(TypeError, match="expected a list or an array"):
        TimeSeries("m", {}, [1, 2], items)


@pytest.mark.parametrize("kind", [DataPoint, TimeSeries, TimeSeriesName])
@pytest.mark.parametrize("read", [str, repr, pickle.dumps, lambda made: made.tags])
def test_what_was_never_initialised_says_so(kind: Any, read: Any) -> None:
    made = kind.__new__(kind)
    if (kind, read) == (TimeSeriesName, repr):
        return
    with pytest.raises(ValueError, match="never initialised"):
        read(made)


# What is logged


def test_failed_tries_and_names_that_collide_are_logged(
    server: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="apptuit")
    used = client(server)
    used.send([DataPoint(name, {"a": "b"}, 1, 1) for name in ("a.b", "a-b", "a.b", "a-b")])
    used.send([DataPoint(name, {"a": "b"}, 1, 1) for name in ("a.b", "a-b")])
    (collision,) = caplog.records
    assert (collision.name, collision.levelname) == ("apptuit", "WARNING")
    assert "`a.b` and `a-b` are both sent as `a_b`" in collision.getMessage()
    caplog.clear()
    server.answer(503)
    with pytest.raises(ApptuitException):
        used.send([POINT])
    (failed,) = caplog.records
    assert (failed.levelname, failed.getMessage()) == (
        "INFO",
        f"POST {server.url}/api/put: status 503",
    )


def test_without_logging_set_up_only_warnings_are_seen(server: Recorder) -> None:
    script = (
        "from apptuit import *\n"
        f"client = Apptuit('secret', {server.url!r})\n"
        "client.send([DataPoint(name, {'a': 'b'}, 1, 1) for name in ('a.b', 'a-b')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    assert done.stderr == "the metrics `a.b` and `a-b` are both sent as `a_b`\n"


# What old programs reach for


def test_rows_are_what_would_be_sent_before_it_is_text() -> None:
    made = Apptuit("t", "http://x", {"g": 1, "a": "global"})
    point = DataPoint("cpu.load", {"a": 2, "b.c": "d"}, 5, "1.5")
    row = {
        "metric": "cpu_load",
        "timestamp": 5,
        "value": 1.5,
        "tags": {"g": 1, "a": 2, "b_c": "d"},
    }
    assert made._create_payload_from_datapoints([point]) == [row]
    series = TimeSeries("cpu.load", {"a": 2, "b.c": "d"}, [5, 6], [1.5, 2])
    rows, count = made._create_payload_from_timeseries([series])
    assert (rows, count) == ([row, {**row, "timestamp": 6, "value": 2}], 2)
    with pytest.raises(ValueError, match="has no tags"):
        Apptuit("t", "http://x")._create_payload_from_datapoints([DataPoint("m", {}, 1, 1)])
