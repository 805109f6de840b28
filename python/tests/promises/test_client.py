"""The client: how it is made, what it is made from, and what it adds to points."""

from __future__ import annotations

import inspect
import time

import pytest

from apptuit import Apptuit, ApptuitException, ApptuitSendException, DataPoint, TimeSeries
from tests.promises.world import TOKEN, World

NOW = 1_500_000_000


def point(metric: str = "orders", **tags: str) -> DataPoint:
    return DataPoint(metric, tags, NOW, 1)


def test_f03_a_client_is_made_of_a_token_global_tags_and_a_mode(world: World) -> None:
    client = Apptuit(
        token=TOKEN, global_tags={"service": "order-service"}, sanitize_mode="prometheus"
    )
    client.send([point("orders.placed", city="Pune")])
    assert world.one("orders_placed") == {
        "metric": "orders_placed",
        "tags": {"city": "Pune", "service": "order-service"},
        "aggregatedTags": [],
        "dps": [[NOW, 1.0]],
    }


def test_f04_the_token_authenticates_every_call(world: World) -> None:
    known, stranger = Apptuit(token=TOKEN), Apptuit(token="of-someone-else")
    known.send([point(a="b")])
    with pytest.raises(ApptuitSendException) as refused:
        stranger.send([point(a="c")])
    assert refused.value.status_code == 401
    with pytest.raises(ApptuitSendException):
        stranger.send_timeseries([TimeSeries("orders", {"a": "c"}, [NOW], [1])])
    with pytest.raises(ApptuitException, match="401"):
        stranger.query("fetch('orders')", start=1)
    assert [series["tags"] for series in world.series("orders")] == [{"a": "b"}]
    assert len(known.query("fetch('orders')", start=1)[0].series) == 1


def test_f05_global_tags_are_optional_and_go_with_all_data(world: World) -> None:
    Apptuit(token=TOKEN).send([point("without", a="b")])
    client = Apptuit(token=TOKEN, global_tags={"service": "shop", "zone": "eu"})
    client.send([point("with_points", zone="us"), point("alone")])
    client.send_timeseries([TimeSeries("with_series", {"a": "b"}, [NOW], [1])])
    assert world.tags("without") == {"a": "b"}
    assert world.tags("with_points") == {"service": "shop", "zone": "us"}
    assert world.tags("alone") == {"service": "shop", "zone": "eu"}
    assert world.tags("with_series") == {"a": "b", "service": "shop", "zone": "eu"}


def test_f06_mode_none_leaves_names_alone(world: World) -> None:
    client = Apptuit(token=TOKEN, sanitize_mode=None)
    client.send([DataPoint("proc.cpu-load/a__b", {"city.code": "x y"}, NOW, 1)])
    assert world.tags("proc.cpu-load/a__b") == {"city.code": "x y"}
    with pytest.raises(ValueError, match="a b"):
        client.send([point("a b", c="d")])


def test_f10_an_endpoint_may_be_given_and_the_default_is_the_service(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("APPTUIT_API_ENDPOINT")
    assert Apptuit(token=TOKEN).put_apiurl == "https://api.apptuit.ai/api/put?details"
    Apptuit(token=TOKEN, api_endpoint=world.url + "/").send([point(a="b")])
    assert world.value("orders") == 1.0


def test_f11_tags_of_the_environment_can_be_ignored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPTUIT_TAGS", "zone: eu")
    assert inspect.signature(Apptuit).parameters["ignore_environ_tags"].default is False
    Apptuit(token=TOKEN).send([point("with_zone", a="b")])
    Apptuit(token=TOKEN, ignore_environ_tags=True).send([point("without_zone", a="b")])
    assert world.tags("with_zone") == {"a": "b", "zone": "eu"}
    assert world.tags("without_zone") == {"a": "b"}


def test_f12_a_client_sends_points_and_series_and_asks_queries(world: World) -> None:
    client = Apptuit(token=TOKEN)
    client.send([point("points", a="b")])
    client.send_timeseries([TimeSeries("series", {"a": "b"}, [NOW, NOW + 1], [1, 2])])
    assert world.one("points")["dps"] == [[NOW, 1.0]]
    assert world.one("series")["dps"] == [[NOW, 1.0], [NOW + 1, 2.0]]
    (series,) = client.query("fetch('series')", NOW, NOW + 1)[0].series
    assert (series.timestamps, series.values) == ([NOW, NOW + 1], [1.0, 2.0])


CLIENT_AND_REPORTER = """
from apptuit import Apptuit, DataPoint
from apptuit.metrics import MetricsRegistry
from apptuit.pyformance import ApptuitReporter

Apptuit().send([DataPoint("sent", {"a": "b"}, 1500000000, 1)])
registry = MetricsRegistry()
registry.counter("reported").inc(4)
ApptuitReporter(registry=registry).report_now()
"""


def test_f15_client_and_reporter_find_the_token_in_the_environment(world: World) -> None:
    world.run(CLIENT_AND_REPORTER, APPTUIT_API_TOKEN=TOKEN)
    assert world.value("sent") == 1.0
    assert world.value("reported_count") == 4.0


def test_f16_no_token_anywhere_is_an_apptuit_exception() -> None:
    from apptuit.pyformance import ApptuitReporter

    for missing in (Apptuit, ApptuitReporter):
        with pytest.raises(ApptuitException, match="APPTUIT_API_TOKEN") as raised:
            missing()
        assert isinstance(raised.value, ValueError)


def test_f17_tags_of_the_environment_stand_in_for_global_ones(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPTUIT_TAGS", "service: order-service, zone: eu")
    Apptuit(token=TOKEN).send([point(zone="us"), point("alone")])
    assert world.tags("orders") == {"service": "order-service", "zone": "us"}
    assert world.tags("alone") == {"service": "order-service", "zone": "eu"}


def test_f18_blanks_in_tags_of_the_environment_are_optional(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = {"k1": "v1", "k2": "v 2", "own": "yes"}
    for n, text in enumerate(("k1: v1, k2: v 2", "k1:v1,k2:v 2", " k1 : v1 ,k2:  v 2 , ")):
        monkeypatch.setenv("APPTUIT_TAGS", text)
        Apptuit(token=TOKEN).send([point(f"m{n}", own="yes")])
        assert world.tags(f"m{n}") == expected, text
    monkeypatch.delenv("APPTUIT_TAGS")
    Apptuit(token=TOKEN, global_tags=None).send([point("neither", own="yes")])
    assert world.tags("neither") == {"own": "yes"}


def test_f20_global_tags_keep_those_of_the_environment_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPTUIT_TAGS", "zone: eu")
    Apptuit(token=TOKEN, global_tags={"service": "shop"}).send([point(a="b")])
    assert world.tags("orders") == {"a": "b", "service": "shop"}


def test_f48_a_point_has_25_tags_at_most(world: World) -> None:
    client = Apptuit(token=TOKEN, global_tags={"g": "1"})
    tags = {f"k{n}": "v" for n in range(24)}
    client.send([point("enough", **tags)])
    assert len(world.tags("enough")) == 25
    with pytest.raises(ValueError, match="26"):
        client.send([point("fine", a="b"), point("too_many", more="v", **tags)])
    with pytest.raises(ValueError, match="26"):
        client.send_timeseries([TimeSeries("too_many", {"more": "v", **tags}, [NOW], [1])])
    assert world.metrics() == {"enough"}


def test_f66_points_with_names_tags_times_and_values_are_sent(world: World) -> None:
    client = Apptuit(token=TOKEN)
    metrics = ["proc.cpu.percent", "node.memory.bytes", "network.send.bytes"]
    now = int(time.time())
    points = [
        DataPoint(metric, {"host": host}, now - ago, n + 0.5)
        for n, metric in enumerate(metrics)
        for host in ("h1", "h2")
        for ago in (60, 0)
    ]
    client.send(points)
    for n, metric in enumerate(metrics):
        for host in ("h1", "h2"):
            found = world.one(metric.replace(".", "_"), host=host)
            assert found["dps"] == [[now - 60, n + 0.5], [now, n + 0.5]]
