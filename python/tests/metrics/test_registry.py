"""Registries: names, kinds, dumps, and what is refused."""

from __future__ import annotations

import inspect
import pydoc
import threading
import time
from types import MappingProxyType
from typing import Any

import pytest

from apptuit import metrics
from apptuit.metrics import (
    CallbackGauge,
    Counter,
    Histogram,
    Meter,
    MetricRegistry,
    MetricsRegistry,
    RegexRegistry,
    SimpleGauge,
    Timer,
)

from .clocks import Manual

KINDS = ["counter", "histogram", "meter", "timer", "gauge"]
RATES = ["15m_rate", "5m_rate", "1m_rate", "mean_rate"]
UPPER = ["75_percentile", "95_percentile", "99_percentile", "999_percentile"]
FIELDS = {
    "counter": ["count"],
    "histogram": ["avg", "count", "max", "min", "std_dev", *UPPER],
    "meter": ["count", *RATES],
    "timer": ["avg", "sum", "count", "max", "min", "std_dev", *RATES, "50_percentile", *UPPER],
    "gauge": ["value"],
}


def test_a_name_leads_to_one_instrument_of_each_kind() -> None:
    registry = MetricsRegistry()
    made = [getattr(registry, kind)("x") for kind in KINDS]
    assert [type(one) for one in made] == [Counter, Histogram, Meter, Timer, SimpleGauge]
    assert all(getattr(registry, kind)("x") is one for kind, one in zip(KINDS, made))
    assert all(getattr(registry, kind)("y") is not one for kind, one in zip(KINDS, made))
    assert MetricRegistry is MetricsRegistry


@pytest.mark.parametrize("clock", [None, Manual()])
def test_a_dump_has_pyformances_fields_in_its_order_and_zero_where_nothing_was(clock: Any) -> None:
    registry = MetricsRegistry(clock)
    for kind in reversed(KINDS):
        getattr(registry, kind)(f"{kind}.b")
        getattr(registry, kind)(f"{kind}.a")
    registry.gauge("gauge.a").set_value(0)
    registry.gauge("gauge.b").set_value(0.0)
    dump = registry.dump_metrics()
    assert list(dump) == [f"{kind}.{name}" for kind in KINDS for name in "ba"]
    for name, fields in dump.items():
        assert list(fields) == FIELDS[name.split(".")[0]]
        assert set(fields.values()) == {0}
        assert registry.get_metrics(name) == fields
        assert list(registry.get_metrics(name)) == list(fields)


def test_later_kinds_win_where_one_name_has_several() -> None:
    registry = MetricsRegistry()
    registry.counter("x").inc(5)
    registry.meter("x").mark(2)
    registry.histogram("x").add(1)
    registry.gauge("x", lambda: 9)
    for fields in (registry.get_metrics("x"), registry.dump_metrics()["x"]):
        expected = ["count", *[f for f in FIELDS["histogram"] if f != "count"], *RATES, "value"]
        assert list(fields) == expected
        assert (fields["count"], fields["avg"], fields["value"]) == (2.0, 1.0, 9)
        assert type(fields["count"]) is float
    assert registry.get_metrics("y") == {}


def test_added_instruments_are_the_registrys_used_or_not() -> None:
    registry = MetricsRegistry()
    counter, meter, timer, histogram = Counter(), Meter(), Timer(), Histogram()
    counter.inc(2)
    meter.mark()
    histogram.add(5)
    timer._update(0.5)
    gauge: Any = CallbackGauge(lambda: 7)
    for name, instrument in zip("cmthg", [counter, meter, timer, histogram, gauge]):
        assert registry.add(name, instrument) is instrument
    simple = registry.add("s", SimpleGauge(3))
    counter.inc()
    meter.mark()
    histogram.add(1)
    with timer.time():
        pass
    simple.set_value(4)
    assert registry.counter("c") is counter
    assert registry.gauge("g") is gauge
    dump = registry.dump_metrics()
    assert {name: dump[name]["count"] for name in "cmth"} == {"c": 3, "m": 2, "t": 2, "h": 2}
    assert (dump["h"]["max"], dump["t"]["max"]) == (5, 0.5)
    assert (dump["g"], dump["s"]) == ({"value": 7}, {"value": 4})


def test_one_instrument_may_be_in_several_registries_and_under_several_names() -> None:
    counter, one, other = Counter(), MetricsRegistry(), MetricsRegistry()
    for registry, name in ((one, "a"), (one, "b"), (other, "a")):
        registry.add(name, counter)
    counter.inc()
    assert one.dump_metrics() == {"a": {"count": 1}, "b": {"count": 1}}
    assert other.dump_metrics() == {"a": {"count": 1}}


def test_what_cannot_be_added_is_refused() -> None:
    registry = MetricsRegistry()
    registry.add("c", Counter())
    with pytest.raises(LookupError, match="`c`"):
        registry.add("c", Counter())
    registry.add("c", Meter())
    wrong: Any
    for wrong in (5, Counter, None, "x"):
        with pytest.raises(TypeError, match="no instrument"):
            registry.add("x", wrong)
    assert list(registry.dump_metrics()) == ["c"]


def test_an_instrument_of_ones_own_class_is_asked_by_its_methods() -> None:
    class Doubled(Counter):
        def get_count(self) -> Any:
            return super().get_count() * 2

    class Loud(Timer):
        def get_max(self) -> float:
            return 99

    registry = MetricsRegistry()
    registry.add("c", Doubled()).inc(4)
    registry.add("t", Loud())._update(2)
    dump = registry.dump_metrics()
    assert dump["c"] == {"count": 8}
    assert (dump["t"]["max"], dump["t"]["min"], dump["t"]["95_percentile"]) == (99, 2, 2)


def test_tables_can_be_looked_at_and_not_be_changed() -> None:
    registry = MetricsRegistry()
    counter = registry.counter("c")
    tables = [registry._counters, registry._histograms, registry._meters, registry._timers]
    assert [type(table) for table in tables] == [MappingProxyType] * 4
    assert dict(registry._counters) == {"c": counter}
    registry.gauge("g")
    assert (list(registry._gauges), "x" in registry._gauges) == (["g"], False)
    with pytest.raises(TypeError):
        del registry._counters["c"]  # type: ignore[attr-defined]
    assert registry._clock is time
    clock = Manual()
    assert MetricsRegistry(clock)._clock is clock


def test_after_clear_instruments_go_on_by_themselves() -> None:
    registry = MetricsRegistry()
    held = registry.counter("c")
    registry.clear()
    held.inc()
    assert (registry.dump_metrics(), held.get_count()) == ({}, 1)
    assert registry.counter("c") is not held
    assert registry.dump_metrics() == {"c": {"count": 0}}


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_is_no_text_is_refused(kind: str) -> None:
    registry = MetricsRegistry()
    make = getattr(registry, kind)
    wrong: Any
    for wrong in (None, 5, b"x", ("x",)):
        with pytest.raises(TypeError):
            make(wrong)
    with pytest.raises(UnicodeEncodeError, match="surrogates"):
        make("a\udc80")
    with pytest.raises(UnicodeEncodeError, match="surrogates"):
        registry.add("\ud800", Counter())
    for key in ("", " ", "a\0b", "日本", "😀", "x" * 100_000):
        assert make(key) is make(key)
        assert list(registry.get_metrics(key)) == FIELDS[kind]
    assert len(registry.dump_metrics()) == 6


def test_the_groups_of_an_expression_make_the_name() -> None:
    registry = RegexRegistry(r"^/api/(\w+)/\d+(?:/(\w+))?$", clock=Manual())
    names = {"/api/users/1": "users", "/api/users/1/edit": "users/edit", "/none": ""}
    for kind in KINDS:
        made = {key: getattr(registry, kind)(key) for key in names}
        assert made["/api/users/1"] is getattr(registry, kind)("/api/users/2")
        table: Any = getattr(registry, f"_{kind}s")
        assert {key: table[name] for key, name in names.items()} == made
        assert len(table) == 3
    assert registry.get_metrics("/api/users/1") == {}
    counter = registry.add("/api/users/1", Counter())
    assert registry.counter("/api/users/1") is not counter
    assert registry.gauge("/api/x/1", default=3).get_value() == 3
    assert list(RegexRegistry()._counters) == []
    assert RegexRegistry().counter("any") is not None


def test_a_subclass_has_a_constructor_of_its_own() -> None:
    class Named(MetricsRegistry):
        def __init__(self, name: str) -> None:
            super().__init__(clock=Manual(5))
            self.name = name

    registry = Named("n")
    assert (registry.name, registry.timer("t").clock.time()) == ("n", 5)


def test_64_threads_get_one_instrument_a_name_while_others_dump() -> None:
    registry, start = MetricsRegistry(), threading.Barrier(65)
    failures: list[BaseException] = []

    def count() -> None:
        start.wait()
        for number in range(300):
            registry.counter(f"c{number}").inc()
            registry.meter(f"m{number}").mark()
            registry.histogram(f"h{number % 10}").add(number)
            registry.timer(f"t{number % 10}")._update(number)

    threads = [threading.Thread(target=count) for _ in range(64)]
    for thread in threads:
        thread.start()
    start.wait()
    try:
        while any(thread.is_alive() for thread in threads):
            for name, fields in registry.dump_metrics().items():
                if name[0] in "ht":
                    assert fields["count"] * fields["max"] >= fields["avg"] * fields["count"]
    except BaseException as error:
        failures.append(error)
    for thread in threads:
        thread.join()
    assert failures == []
    dump = registry.dump_metrics()
    assert {dump[f"{kind}{n}"]["count"] for kind in "cm" for n in range(300)} == {64}
    assert {dump[f"{kind}{n}"]["count"] for kind in "ht" for n in range(10)} == {64 * 30}


@pytest.mark.parametrize("name", metrics.__all__)
def test_help_can_be_had_of_everything(name: str) -> None:
    assert pydoc.render_doc(getattr(metrics, name))


def test_the_arguments_of_a_gauge_are_told() -> None:
    assert list(inspect.signature(MetricsRegistry.gauge).parameters)[1:] == [
        "key",
        "gauge",
        "default",
    ]
