"""What names and keys may contain, what becomes of what they may not, and tags inside a name."""

from __future__ import annotations

import re

import pytest

from apptuit import Apptuit, DataPoint, timeseries
from apptuit.metrics import MetricsRegistry
from apptuit.pyformance import ApptuitReporter
from tests.promises.world import TOKEN, World

NOW = 1_500_000_000
NAMES = [
    "cpu.load",
    "http://x/y",
    "total-%",
    "7&&time/s",
    "naïve-metric",
    "日本語.abc",
    "a b",
    "x__y",
]


def arrived(world: World, mode: str) -> list[str]:
    """The names under which `NAMES` arrive, as metrics and as keys of a tag alike."""
    client = Apptuit(token=TOKEN, sanitize_mode=mode)
    found = []
    for n, name in enumerate(NAMES):
        known = world.metrics()
        client.send([DataPoint(name, {name: f"value {n}"}, NOW, n)])
        (new,) = world.metrics() - known
        assert world.tags(new) == {new: f"value {n}"}
        found.append(new)
    return found


def test_f07_mode_apptuit_keeps_letters_of_all_scripts_and_four_signs(world: World) -> None:
    expected = "cpu.load http_//x/y total-_ 7_time/s naïve-metric 日本語.abc a_b x_y"
    assert arrived(world, "apptuit") == expected.split()


def test_f08_mode_prometheus_keeps_ascii_letters_digits_and_underscores(world: World) -> None:
    expected = "cpu_load http_x_y total_ _7_time_s na_ve_metric _abc a_b x_y"
    assert arrived(world, "prometheus") == expected.split()


@pytest.mark.parametrize("mode", ["prometheus", "apptuit"])
def test_f09_names_and_keys_are_sanitised_and_values_are_not(world: World, mode: str) -> None:
    value = 'http://x/ "y" é 日本 100% __'
    Apptuit(token=TOKEN, sanitize_mode=mode).send([DataPoint("a%b", {"c%d": value}, NOW, 1)])
    assert world.tags("a_b") == {"c_d": value}


def test_f38_an_encoded_name_is_a_key_of_the_registry(world: World) -> None:
    registry = MetricsRegistry()
    cpu = {"type": "idle", "host": "node-foo", "service": "order-service"}
    registry.meter(timeseries.encode_metric("node_cpu", cpu)).mark()
    registry.counter(timeseries.encode_metric("order_count", tags={"city-code": "BLR"})).inc()
    ApptuitReporter(registry=registry, token=TOKEN, tags={"env": "dev"}).report_now()
    assert world.tags("node_cpu_1m_rate") == {**cpu, "env": "dev"}
    assert world.tags("order_count_count")["city_code"] == "BLR"
    by_either = [
        timeseries.encode_metric("m", tags=cpu),
        timeseries.encode_metric("m", metric_tags=cpu),
    ]
    assert by_either == [timeseries.encode_metric("m", cpu)] * 2


def test_f39_an_encoded_name_is_decoded_into_name_and_tags() -> None:
    for name, tags in [
        ("node.cpu", {"type": "idle"}),
        ("é", {"ключ": 'a"b\\c', "n": 1}),
        ("m", {}),
    ]:
        assert timeseries.decode_metric(timeseries.encode_metric(name, tags)) == (name, tags)
    assert timeseries.decode_metric("plain") == ("plain", {})


def test_f40_different_tags_are_series_of_their_own_and_instruments_can_be_kept(
    world: World,
) -> None:
    registry = MetricsRegistry()
    counters = {}
    for city in ("BLR", "PNQ", "BLR", "BLR"):
        if city not in counters:
            metric = timeseries.encode_metric("order_count", tags={"city-code": city})
            counters[city] = registry.counter(metric)
        counters[city].inc()
        assert (
            registry.counter(timeseries.encode_metric("order_count", {"city-code": city}))
            is counters[city]
        )
    ApptuitReporter(registry=registry, token=TOKEN).report_now()
    assert world.value("order_count_count", city_code="BLR") == 3.0
    assert world.value("order_count_count", city_code="PNQ") == 1.0


def test_f46_names_and_keys_may_have_any_letters_and_four_signs_and_values_anything(
    world: World,
) -> None:
    client = Apptuit(token=TOKEN, sanitize_mode=None)
    for name in ("日本語.abc", "naïve-metric/x_1", "ارقام"):
        client.send([DataPoint(name, {name: "\n\t{}[] 😀\\"}, NOW, 1)])
        assert world.tags(name) == {name: "\n\t{}[] 😀\\"}
    for wrong in ("a b", "total%", "emoji😀", "new\n", ""):
        with pytest.raises(ValueError):
            client.send([DataPoint(wrong, {"a": "b"}, NOW, 1)])
        with pytest.raises(ValueError):
            client.send([DataPoint("m", {wrong: "b"}, NOW, 1)])


def test_f47_what_the_default_mode_makes_is_a_name_prometheus_takes(world: World) -> None:
    Apptuit(token=TOKEN).send(
        [DataPoint(f"{n}{name}", {name: "v"}, NOW, n) for n, name in enumerate(NAMES)]
    )
    found = world.metrics()
    keys = {key for metric in found for series in world.series(metric) for key in series["tags"]}
    assert len(found) == len(NAMES)
    for name in found | keys:
        assert re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name)
