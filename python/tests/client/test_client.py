"""Sending and querying, against a server that records what arrives."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

from apptuit import Apptuit, ApptuitException, ApptuitSendException, DataPoint, TimeSeries
from apptuit.apptuit_client import DEFAULT_ENDPOINT, Output, QueryResult
from apptuit.utils import sanitize_name_apptuit, sanitize_name_prometheus
from tests.conftest import FIXTURES, Recorder

TOKEN = "secret-token"


def client(server: Recorder, **settings: Any) -> Apptuit:
    return Apptuit(**{"token": TOKEN, "api_endpoint": server.url, **settings})


def answer(outputs: list[dict[str, Any]]) -> bytes:
    return json.dumps({"outputs": outputs, "hints": [], "query": {}}).encode()


def output(output_id: str, *series: tuple[dict[str, str], list[tuple[float, Any]]]) -> Any:
    result = [
        {"metric": "m", "tags": tags, "aggregatedTags": [], "dps": dps} for tags, dps in series
    ]
    return {"id": output_id, "result": result}


# Construction


def test_without_a_token_there_is_an_error_of_both_kinds() -> None:
    for kind in (ApptuitException, ValueError):
        with pytest.raises(kind, match="APPTUIT_API_TOKEN"):
            Apptuit()


def test_the_token_is_looked_up_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPTUIT_PY_TOKEN", "old")
    with pytest.warns(DeprecationWarning, match="APPTUIT_PY_TOKEN.*APPTUIT_API_TOKEN"):
        assert Apptuit().token == "old"
    monkeypatch.setenv("APPTUIT_API_TOKEN", "new")
    assert Apptuit().token == "new"
    assert Apptuit("argument").token == "argument"


def test_the_token_is_never_shown(server: Recorder) -> None:
    shown = client(server)
    assert TOKEN not in repr(shown) + repr(shown._client)
    server.answer(401)
    with pytest.raises(ApptuitSendException) as refused:
        shown.send([DataPoint("m", {"a": "b"}, 1, 1)])
    assert TOKEN not in f"{refused.value!r} {refused.value.args} {refused.value.msg}"


def test_an_endpoint_is_the_argument_or_the_environments_or_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Apptuit(TOKEN).endpoint == DEFAULT_ENDPOINT == "https://api.apptuit.ai"
    monkeypatch.setenv("APPTUIT_API_ENDPOINT", "http://127.0.0.1:4242/")
    assert Apptuit(TOKEN).endpoint == "http://127.0.0.1:4242"
    assert Apptuit(TOKEN, "http://127.0.0.1:1").endpoint == "http://127.0.0.1:1"
    assert Apptuit(TOKEN, "https://api.apptuit.ai").endpoint == "https://api.apptuit.ai"
    for missing in (None, ""):
        with pytest.raises(ValueError, match="api_endpoint"):
            Apptuit(TOKEN, missing)


def test_sanitize_modes_are_known_in_any_case_and_others_refused() -> None:
    assert Apptuit(TOKEN, sanitize_mode="Prometheus").sanitizer is sanitize_name_prometheus
    assert Apptuit(TOKEN, sanitize_mode="APPTUIT").sanitizer is sanitize_name_apptuit
    assert Apptuit(TOKEN, sanitize_mode=None).sanitizer is None
    assert Apptuit(TOKEN, sanitize_mode="").sanitizer is None
    for wrong in ("other", 5):
        with pytest.raises(ValueError, match="sanitize_mode"):
            Apptuit(TOKEN, sanitize_mode=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("a:b", {"a": "b"}),
        (" a : b , c: d", {"a": "b", "c": "d"}),
        (" ", {}),
        (",", {}),
        (", , tagk1: 22, , tagk2: tagv2, ,", {"tagk1": "22", "tagk2": "tagv2"}),
        ("a: ,b:c", {"a": "", "b": "c"}),
        ("url:http://x", {"url": "http://x"}),
        ('q:"a, b"', {"q": "a, b"}),
    ],
)
def test_tags_are_looked_up_in_the_environment(
    text: str, tags: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPTUIT_TAGS", text)
    assert Apptuit(TOKEN)._global_tags == tags
    assert Apptuit(TOKEN, ignore_environ_tags=True)._global_tags == {}
    assert Apptuit(TOKEN, global_tags={"x": "y"})._global_tags == {"x": "y"}


@pytest.mark.parametrize("text", ["a", ":v", "a b:c"])
def test_broken_tags_in_the_environment_are_refused(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPTUIT_TAGS", text)
    with pytest.raises(ValueError, match=text):
        Apptuit(TOKEN)


# Sending


def test_points_arrive_as_the_recorded_body_says(server: Recorder) -> None:
    client(server).send([DataPoint("cpu.load", {"host": "h1", "zone": 'a b"é'}, 1500000000, 3)])
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/api/put?details")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["content-encoding"] == "deflate"
    assert request.headers["user-agent"].startswith("apptuit-py-")
    assert "Py-3." in request.headers["user-agent"]
    assert request.points == [
        {
            "metric": "cpu_load",
            "timestamp": 1500000000,
            "value": 3.0,
            "tags": {"host": "h1", "zone": 'a b"é'},
        }
    ]


def test_every_double_arrives_as_it_was(server: Recorder) -> None:
    values = [0.1 + 0.2, 1e-7, 1e300, -0.0, 5e-324, 123456789012345678.0, float(np.float32(0.1))]
    client(server).send([DataPoint("m", {"a": "b"}, n, value) for n, value in enumerate(values)])
    assert [point["value"].hex() for point in server.points] == [value.hex() for value in values]


def test_a_points_own_tags_win_and_numbers_become_text(server: Recorder) -> None:
    own = {"zone": "own", "n": 1, "x": 1.5, "yes": True, "np": np.int64(7)}
    point = DataPoint("m", own, 1, 1)
    client(server, global_tags={"zone": "global", "service": "s"}).send([point])
    assert server.points[0]["tags"] == {
        "zone": "own",
        "n": "1",
        "x": "1.5",
        "yes": "true",
        "np": "7",
        "service": "s",
    }
    assert point.tags == own


@pytest.mark.parametrize("value", [None, [1], {"a": "b"}, float("nan")])
def test_a_tag_value_that_is_no_scalar_is_refused_by_key(server: Recorder, value: Any) -> None:
    with pytest.raises(ValueError, match="`bad`"):
        client(server).send([DataPoint("m", {"bad": value}, 1, 1)])
    assert server.requests == []


@pytest.mark.parametrize("timestamp", [None, "notatime", True, float("nan")])
def test_a_timestamp_that_is_no_number_is_refused(server: Recorder, timestamp: Any) -> None:
    with pytest.raises(ValueError, match="timestamp"):
        client(server).send([DataPoint("m", {"a": "b"}, timestamp, 1)])
    assert server.requests == []


def test_fractions_of_seconds_are_kept(server: Recorder) -> None:
    stamps = [1500000000.75, np.int64(1500000001), -60]
    client(server).send([DataPoint("m", {"a": "b"}, stamp, 1) for stamp in stamps])
    assert [point["timestamp"] for point in server.points] == [1500000000.75, 1500000001, -60]


def test_points_that_cannot_be_sent_are_refused_before_anything_is_sent(server: Recorder) -> None:
    good = DataPoint("good", {"a": "b"}, 1, 1)
    many = {f"k{n}": "v" for n in range(26)}
    for bad, text in [
        (DataPoint("lonely", {}, 1, 1), "lonely"),
        (DataPoint("crowded", many, 1, 1), "26"),
        (DataPoint("odd", {"a": "b"}, 1, float("inf")), "odd"),
    ]:
        with pytest.raises(ValueError, match=text):
            client(server).send([good, bad])
    with pytest.raises(ValueError, match="a metric"):
        client(server, sanitize_mode=None).send([DataPoint("a metric", {"a": "b"}, 1, 1)])
    assert server.requests == []


def test_series_go_out_under_any_name_without_a_sanitize_mode(server: Recorder) -> None:
    odd = TimeSeries("a metric with spaces!", {"k ey": "v"}, [1], [1])
    asking = client(server, sanitize_mode=None, global_tags={"also odd": "x"})
    asking.send_timeseries([odd])
    (sent,) = server.points
    assert sent["metric"] == "a metric with spaces!"
    assert sent["tags"] == {"k ey": "v", "also odd": "x"}
    # A rule is one for series too.
    client(server).send_timeseries([odd])
    assert server.points[-1]["metric"] == "a_metric_with_spaces_"
    assert server.points[-1]["tags"] == {"k_ey": "v"}
    # The number of tags is checked all the same, of a series without points too.
    crowded = {f"k {n}": "v" for n in range(26)}
    for tags, text in [({}, "no tags"), (crowded, "26")]:
        with pytest.raises(ValueError, match=text):
            client(server, sanitize_mode=None).send_timeseries([odd, TimeSeries("a b", tags)])
    assert len(server.requests) == 2


def test_nothing_to_send_makes_no_request(server: Recorder) -> None:
    empty: list[Any] = [None, [], (), iter([])]
    for nothing in empty:
        client(server).send(nothing)
        client(server).send_timeseries(nothing)
    client(server).send_timeseries([TimeSeries("m", {"a": "b"})])
    assert server.requests == []


def test_a_generator_of_points_can_be_sent_and_a_single_point_cannot(server: Recorder) -> None:
    point = DataPoint("m", {"a": "b"}, 1, 1)
    client(server).send(point for _ in range(3))
    assert len(server.points) == 3
    with pytest.raises(TypeError):
        client(server).send(point)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        client(server).send([object()])  # type: ignore[list-item]


def test_series_arrive_with_their_names_sanitised(server: Recorder) -> None:
    series = TimeSeries("cpu.load", {"ho.st": "h"}, [1, 2], [0.5, "1.5"])
    client(server, global_tags={"g": "x"}).send_timeseries([series])
    tags = {"ho_st": "h", "g": "x"}
    assert server.points == [
        {"metric": "cpu_load", "timestamp": 1, "value": 0.5, "tags": tags},
        {"metric": "cpu_load", "timestamp": 2, "value": 1.5, "tags": tags},
    ]


def test_refused_points_are_named(server: Recorder) -> None:
    point = {"metric": "m", "timestamp": 1, "value": 1.0, "tags": {"a": "b"}}
    body = {"success": 1, "failed": 1, "errors": [{"datapoint": point, "error": "no number"}]}
    server.answer(400, json.dumps(body).encode())
    with pytest.raises(ApptuitSendException) as refused:
        client(server).send([DataPoint("m", {"a": "b"}, n, 1) for n in range(2)])
    error = refused.value
    assert (error.status_code, error.success, error.failed) == (400, 1, 1)
    assert error.errors == body["errors"]
    assert str(error) == (
        f"1 points failed with status: 400\nno number error occurred in the datapoint {point}\n"
    )
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.msg, again.errors) == (str(error), error.msg, error.errors)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"success": 1}', b"[]"])
def test_a_refusal_in_any_form_is_the_same_exception(server: Recorder, body: bytes) -> None:
    # The body, and then each half of it: a refusal that names no point may be about one only.
    for _ in range(3):
        server.answer(400, body)
    with pytest.raises(ApptuitSendException) as refused:
        client(server).send([DataPoint("m", {"a": "b"}, n, 1) for n in range(2)])
    error = refused.value
    assert (error.status_code, error.success, error.failed) == (400, 0, 2)
    assert [each["datapoint"]["timestamp"] for each in error.errors] == [0, 1]
    assert len(server.requests) == 3


@pytest.mark.parametrize(("status", "hint"), [(401, "token"), (413, "fewer"), (500, "500")])
def test_other_failures_say_what_may_help(server: Recorder, status: int, hint: str) -> None:
    server.answer(status)
    with pytest.raises(ApptuitSendException, match=f"1 points failed with status: {status}") as e:
        client(server).send([DataPoint("m", {"a": "b"}, 1, 1)])
    assert hint in e.value.msg
    assert len(server.requests) == 1


def test_an_unreachable_service_is_a_connection_error_of_every_kind(server: Recorder) -> None:
    server.close()
    for kind in (ApptuitException, ConnectionError, OSError):
        with pytest.raises(kind):
            client(server).send([DataPoint("m", {"a": "b"}, 1, 1)])
    with pytest.raises(ConnectionError):
        client(server).query("q", 0)


def test_a_slow_service_is_a_timeout(server: Recorder) -> None:
    server.answer(204, delay=1.5)
    with pytest.raises(TimeoutError) as late:
        client(server).send([DataPoint("m", {"a": "b"}, 1, 1)], timeout=0.2)
    assert isinstance(late.value, ApptuitException)


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), "60", (1, 0)])
def test_a_timeout_must_be_above_zero(server: Recorder, timeout: Any) -> None:
    with pytest.raises(ValueError, match="timeout"):
        client(server).send([DataPoint("m", {"a": "b"}, 1, 1)], timeout=timeout)


def test_a_failure_that_may_pass_is_tried_again(server: Recorder) -> None:
    server.answer(503)
    client(server).send([DataPoint("m", {"a": "b"}, 1, 1)], retry_count=1)
    first, second = server.requests
    assert first.points == second.points


def test_other_threads_run_while_points_are_sent(server: Recorder) -> None:
    server.answer(204, delay=0.5)
    point = DataPoint("m", {"a": "b"}, 1, 1)
    sender = threading.Thread(target=lambda: client(server).send([point]))
    sender.start()
    turns = 0
    while sender.is_alive():
        time.sleep(0.01)
        turns += 1
    sender.join()
    assert turns > 10


# Querying


def test_a_query_is_asked_as_the_service_expects(server: Recorder) -> None:
    server.answer(200, answer([]))
    result = client(server).query("fetch('é').x/1", 100, 200)
    (request,) = server.requests
    assert request.method == "GET"
    assert request.path == ("/api/query?start=100&end=200&q=fetch%28%27%C3%A9%27%29.x%2F1")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert not result
    assert repr(result) == "{start: 100, end: 200, outputs: }"


def test_an_answer_is_found_by_id_and_by_position(server: Recorder) -> None:
    server.answer(
        200,
        answer(
            [
                output("a", ({"h": "1"}, [(100, 1), (99, 7)]), ({"h": "2"}, [(101.5, 2.5)])),
                output("empty"),
                output("c", ({}, [])),
            ]
        ),
    )
    result = client(server).query("q", 100, 200)
    assert (list(result), len(result), "a" in result, "empty" in result) == (
        ["a", "c"],
        2,
        True,
        False,
    )
    assert result[0] is result["a"]
    assert result[1] is result["c"]
    first, second = result["a"].series
    assert (first.metric, first.tags) == ("m", {"h": "1"})
    assert (first.timestamps, first.values) == ([100], [1.0])
    assert (second.timestamps, second.values) == ([101.5], [2.5])
    assert (str(result["c"].series[0]), len(result["c"].series[0])) == ("m{}", 0)
    for unknown in ("b", 2, -1, True, 1.5):
        with pytest.raises(KeyError):
            result[unknown]  # type: ignore[index]
    assert repr(result) == "{start: 100, end: 200, outputs: a, c}"


def test_values_that_json_does_not_know_are_read(server: Recorder) -> None:
    body = b'{"outputs":[{"id":"a","result":[{"metric":"m","tags":{},"aggregatedTags":[],'
    body += b'"dps":[[1,NaN],[2,-Infinity],[3,null]]}]}]}'
    server.answer(200, body)
    (series,) = client(server).query("q", 0)["a"].series
    assert [str(value) for value in series.values] == ["nan", "-inf", "nan"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"outputs": 5}'])
def test_an_answer_that_makes_no_sense_is_an_error_of_the_package(
    server: Recorder, body: bytes
) -> None:
    server.answer(200, body)
    with pytest.raises(ApptuitException):
        client(server).query("q", 0)


def test_a_refused_query_says_why(server: Recorder) -> None:
    recorded = json.loads((FIXTURES / "wire" / "query-error.json").read_text())
    server.answer(400, json.dumps(recorded).encode())
    with pytest.raises(ApptuitException, match="400") as refused:
        client(server).query("fetch(", 0)
    assert recorded["errors"][0]["message"] in refused.value.msg


@pytest.mark.parametrize("start", ["1h-ago", None])
def test_a_start_that_is_no_number_is_refused(server: Recorder, start: Any) -> None:
    with pytest.raises(ValueError, match="timestamp"):
        client(server).query("q", start)
    assert server.requests == []


# Data frames


def test_series_become_columns_on_one_index_of_time() -> None:
    frame = Output(
        [
            TimeSeries("m", {"h": "1"}, [60, 0], [2, 1]),
            TimeSeries("m", {"h": "2"}, [60, 120], [3, 4]),
        ]
    ).to_df()
    assert list(frame.columns) == ["m{h:1}", "m{h:2}"]
    assert [str(instant) for instant in frame.index] == [
        "1970-01-01 00:00:00",
        "1970-01-01 00:01:00",
        "1970-01-01 00:02:00",
    ]
    nan = np.nan
    np.testing.assert_array_equal(frame.to_numpy(), [[1, nan], [2, 3], [nan, 4]])


def test_a_zone_shows_the_same_instants() -> None:
    frame = Output([TimeSeries("m", {}, [0.25], [1])]).to_df(tz="Asia/Kolkata")
    assert str(frame.index[0]) == "1970-01-01 05:30:00.250000+05:30"


def test_a_series_without_points_is_an_empty_column() -> None:
    assert Output([TimeSeries("m", {})]).to_df().shape == (0, 1)
    assert Output().to_df().shape == (0, 0)


def test_a_result_of_ones_own_can_be_made() -> None:
    assert repr(QueryResult(5)) == "{start: 5, end: , outputs: }"


# Packaging


def test_the_package_needs_nothing_but_the_standard_library() -> None:
    script = """
import sys, sysconfig
library = sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")
before = set(sys.modules)
import apptuit, apptuit.metrics
new = {name.partition(".")[0] for name in set(sys.modules) - before} - {"apptuit"}
files = {name: getattr(sys.modules[name], "__file__", None) or library[0] for name in new}
installed = [name for name, file in files.items() if "site-packages" in file]
print(installed + [name for name, file in files.items() if not file.startswith(library)])
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_old_except_clauses_for_requests_still_catch(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stand(OSError):
        """The class that requests raises."""

    module = type(sys)("requests.exceptions")
    module.ConnectionError = Stand  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "requests.exceptions", module)
    with pytest.raises(Stand) as unreachable:
        Apptuit(TOKEN, "http://127.0.0.1:9").send([DataPoint("m", {"a": "b"}, 1, 1)])
    assert isinstance(unreachable.value, (ApptuitException, ConnectionError))
    again = pickle.loads(pickle.dumps(unreachable.value))
    assert str(again) == str(unreachable.value)


def test_a_send_exception_takes_what_an_error_handler_gets() -> None:
    errors = [{"datapoint": {"metric": "x"}, "error": "bad"}, "odd"]
    error = ApptuitSendException(400, 98, 2, errors)  # type: ignore[arg-type]
    assert (error.status_code, error.success, error.failed) == (400, 98, 2)
    assert str(error) == (
        "2 points failed with status: 400\n"
        "bad error occurred in the datapoint {'metric': 'x'}\nodd\n"
    )
    assert str(ApptuitSendException("m")) == "None points failed\n"
