"""The recorder and the clock of `apptuit.testing`."""

from __future__ import annotations

import re
from typing import Any

import pytest

from apptuit import ApptuitSendException, DataPoint, TimeSeries
from apptuit.testing import ManualClock, Point, Recorder

HOST = {"host": "h1"}


def test_a_recorder_keeps_the_points_that_are_sent(apptuit_recorder: Recorder) -> None:
    client = apptuit_recorder.client()
    client.send([DataPoint("cpu.load", HOST, 60, 1.5), DataPoint("cpu.load", HOST, 60.25, 2)])
    assert apptuit_recorder.points == [
        Point("cpu_load", HOST, 60, 1.5),
        Point("cpu_load", HOST, 60.25, 2.0),
    ]
    (request,) = apptuit_recorder.requests
    assert (request.method, request.url[-16:]) == ("POST", "/api/put?details")
    assert request.body.startswith(b'[{"metric"')
    apptuit_recorder.clear()
    assert (apptuit_recorder.points, apptuit_recorder.requests) == ([], [])


@pytest.mark.parametrize("compression", ["default", "fast", "gzip", "none"])
def test_bodies_of_every_compression_are_read(compression: str) -> None:
    recorder = Recorder()
    recorder.client(compression=compression).send([DataPoint("m", {"é": "b"}, 1, 2)])
    assert recorder.value("m") == 2


def test_settings_of_a_client_are_those_of_the_real_one(
    apptuit_recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPTUIT_TAGS", "from: environment")
    client = apptuit_recorder.client(sanitize_mode=None, global_tags={"zone": "a"})
    client.send_timeseries([TimeSeries("cpu.load", HOST, [60], [1.0])])
    assert apptuit_recorder.points == [Point("cpu.load", {"zone": "a", **HOST}, 60, 1.0)]
    client = apptuit_recorder.client(ignore_environ_tags=False)
    client.send([DataPoint("m", {}, 1, 2)])
    apptuit_recorder.assert_sent("m", 2, **{"from": "environment"})


def test_points_are_found_by_metric_and_tags() -> None:
    recorder = Recorder()
    recorder.client().send([DataPoint("orders", {"city": c}, 1, n) for n, c in enumerate("aab")])
    assert [point.value for point in recorder.sent("orders", city="a")] == [0, 1]
    assert recorder.value("orders", city="a") == 1
    recorder.assert_sent("orders")
    recorder.assert_sent("orders", 0, 1, city="a")
    recorder.assert_not_sent("orders", city="c")
    recorder.assert_not_sent("order")


@pytest.mark.parametrize(
    ("look", "told"),
    [
        (
            lambda r: r.value("orders"),
            "2 series of `orders` were sent, expected one\n2 points were",
        ),
        (lambda r: r.value("order"), "0 series of `order` were sent"),
        (lambda r: r.assert_sent("order", city="a"), "`order{city=a}` was not sent, expected it\n"),
        (lambda r: r.assert_sent("orders", 7, city="a"), "was sent with 3, expected it with 7\n"),
        (lambda r: r.assert_sent("orders", 3, 3, city="a"), "sent with 3, expected it with 3, 3\n"),
        (lambda r: r.assert_sent("orders", city="c"), "  orders{city=a} 3\n  orders{city=b} 4"),
        (lambda r: r.assert_not_sent("orders", city="b"), "`orders{city=b}` was sent with 4"),
        (lambda r: (r.clear(), r.assert_sent("orders")), "expected it\nnothing was sent"),
    ],
)
def test_an_assertion_that_fails_tells_what_was_sent(look: Any, told: str) -> None:
    recorder = Recorder()
    recorder.client().send(
        [DataPoint("orders", {"city": "a"}, 1, 3), DataPoint("orders", {"city": "b"}, 1, 4)]
    )
    with pytest.raises(AssertionError, match=re.escape(told)):
        look(recorder)


def test_a_request_can_be_refused_or_fail(apptuit_recorder: Recorder) -> None:
    apptuit_recorder.answer(401)
    apptuit_recorder.fail(ConnectionError("no way there"))
    client, points = apptuit_recorder.client(), [DataPoint("m", HOST, 1, 2)]
    with pytest.raises(ApptuitSendException) as refused:
        client.send(points)
    assert refused.value.status_code == 401
    with pytest.raises(ConnectionError, match="no way there"):
        client.send(points)
    assert len(apptuit_recorder.requests) == 2
    apptuit_recorder.assert_not_sent("m")
    client.send(points)
    apptuit_recorder.assert_sent("m", 2)


def test_a_query_is_answered_as_it_was_told_or_with_nothing(apptuit_recorder: Recorder) -> None:
    client = apptuit_recorder.client()
    assert not client.query("fetch('m')", start=1)
    body = b'{"outputs":[{"id":"a","result":[{"metric":"m","tags":{},"dps":[[1,2.5]]}]}]}'
    apptuit_recorder.answer(200, body)
    assert client.query("fetch('m')", start=1)["a"].series[0].values == [2.5]


def test_a_clock_moves_when_it_is_advanced(apptuit_clock: ManualClock) -> None:
    assert apptuit_clock.time() == 0
    assert apptuit_clock.advance(2.5) == apptuit_clock.time() == 2.5
    assert ManualClock(start=100).advance(0) == 100
    for wrong in (-1, float("nan")):
        with pytest.raises(ValueError, match="cannot advance by"):
            apptuit_clock.advance(wrong)
    assert repr(apptuit_clock) == "ManualClock(2.5)"
