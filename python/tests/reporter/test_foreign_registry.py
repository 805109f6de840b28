"""Registries of other packages, and registries of ours that say something of their own."""

from __future__ import annotations

import threading
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from apptuit import ApptuitSendException
from apptuit.metrics import MetricsRegistry, RegexRegistry
from tests.conftest import Recorder
from tests.reporter.test_reporter import Handler, data, reporter, values


class Foreign:
    """All that a registry needs."""

    def __init__(self, dump: Any) -> None:
        self.dump = dump

    def dump_metrics(self) -> Any:
        if isinstance(self.dump, BaseException):
            raise self.dump
        return self.dump


def test_a_dump_is_reported_with_encoded_tags_and_any_fields(server: Recorder) -> None:
    dump = {
        'orders{"city": "blr", "n": 1}': {"count": 3},
        "plain": {"count": 2, "1m_rate": 0.5, "own field": True},
        "exact": {"value": Decimal("1.25"), "half": Fraction(1, 2), "text": " 4 "},
    }
    reporter(server, Foreign(dump), prefix="shop.").report_now(timestamp=60)  # type: ignore[arg-type]
    assert values(server) == {
        "shop_orders_count": 3,
        "shop_plain_count": 2,
        "shop_plain_1m_rate": 0.5,
        "shop_plain_own_field": 1,
        "shop_exact_value": 1.25,
        "shop_exact_half": 0.5,
        "shop_exact_text": 4,
    }
    (orders,) = [point for point in data(server) if point["metric"] == "shop_orders_count"]
    assert orders["tags"] == {"service": "orders", "city": "blr", "n": "1"}
    assert orders["timestamp"] == 60


class Unreadable:
    def __float__(self) -> float:
        raise ZeroDivisionError("asked for a number")


@pytest.mark.parametrize(
    ("name", "fields", "named"),
    [
        ("bad", {"value": None}, "bad.value"),
        ("bad", {"value": "abc"}, "bad.value"),
        ("bad", {"value": [1]}, "bad.value"),
        ("bad", {"value": 10**400}, "bad.value"),
        ("bad", {"value": Unreadable()}, "bad.value"),
        ("bad", {"value": 1j}, "bad.value"),
        ("bad", 5, "bad"),
        ('bad{"a"', {"value": 1}, 'bad{"a"'),
        ("", {"value": 1}, ""),
        (7, {"value": 1}, "7"),
        ("\ud800", {"value": 1}, ""),
    ],
)
def test_what_is_wrong_with_a_dump_costs_only_itself(
    server: Recorder, name: Any, fields: Any, named: str
) -> None:
    handler, dump = Handler(), {"good": {"count": 1}, name: fields, "other": {"count": 2}}
    with pytest.raises(ApptuitSendException) as raised:
        reporter(server, Foreign(dump), error_handler=handler).report_now()  # type: ignore[arg-type]
    assert isinstance(raised.value, ValueError)
    assert (raised.value.success, raised.value.failed) == (2, 1)
    assert values(server) == {"good_count": 1, "other_count": 2}
    ((status, _, failed, errors),) = handler.calls
    assert (status, failed) == (0, 1)
    assert named in errors[0]["datapoint"]["metric"]


def test_values_that_are_not_finite_are_left_out(server: Recorder) -> None:
    dump = {"g": {"value": float("nan"), "more": float("-inf")}, "c": {"count": 1}}
    reports = reporter(server, Foreign(dump))  # type: ignore[arg-type]
    reports.report_now()
    assert values(server) == {"c_count": 1}
    assert reports.ledger().dropped == {"not_finite": 2}


@pytest.mark.parametrize("dump", [ZeroDivisionError("in the dump"), None, [], SystemExit(1)])
def test_a_registry_that_cannot_be_dumped_is_told(server: Recorder, dump: Any) -> None:
    handler = Handler()
    with pytest.raises(ValueError, match="failed"):
        reporter(server, Foreign(dump), error_handler=handler).report_now()  # type: ignore[arg-type]
    assert len(handler.calls) == 1
    running = reporter(server, Foreign(dump), error_handler=handler, reporting_interval=0.05)  # type: ignore[arg-type]
    running.start()
    deadline = threading.Event()
    for _ in range(200):
        if len(handler.calls) > 3:
            break
        deadline.wait(0.05)
    running.stop()
    assert len(handler.calls) > 3, "the thread goes on"


class Pyformance:
    """The parts of a registry of pyformance that a dump of it goes through."""

    def __init__(self, **gauges: Any) -> None:
        self._counters: dict[str, int] = {"c": 1}
        self._gauges = gauges

    def get_metrics(self, key: str) -> dict[str, Any]:
        if key in self._counters:
            return {"count": self._counters[key]}
        return {"value": self._gauges[key]()}

    def dump_metrics(self) -> dict[str, Any]:
        return {key: self.get_metrics(key) for key in [*self._counters, *self._gauges]}


def test_a_gauge_that_raises_costs_only_itself_in_other_registries_too(server: Recorder) -> None:
    def broken() -> float:
        raise ZeroDivisionError("asked")

    handler, registry = Handler(), Pyformance(bad=broken, good=lambda: 2.0)
    with pytest.raises(ValueError, match="asked"):
        reporter(server, registry, error_handler=handler).report_now()  # type: ignore[arg-type]
    assert values(server) == {"c_count": 1, "good_value": 2}
    assert "bad" in str(handler.calls)


def test_a_subclass_says_what_is_reported(server: Recorder) -> None:
    class Doubled(MetricsRegistry):
        def dump_metrics(self) -> dict[str, dict[str, Any]]:
            dump = super().dump_metrics()
            return {f"twice {name}": {"count": 2 * it["count"]} for name, it in dump.items()}

    registry = Doubled()
    registry.counter("c").inc(3)
    reporter(server, registry).report_now()
    assert values(server) == {"twice_c_count": 6}

    plain = MetricsRegistry()
    plain.counter("c").inc()
    server.requests.clear()
    reporter(server, plain).report_now()
    assert values(server) == {"c_count": 1}


def test_names_of_a_regex_registry_are_those_it_makes(server: Recorder) -> None:
    registry = RegexRegistry(r"^/api/(\w+)/\d+(?:/(\w+))?$")
    registry.counter("/api/users/1").inc()
    registry.counter("/api/users/2").inc()
    reporter(server, registry).report_now()
    assert values(server) == {"users_count": 2}


def test_another_registry_counts_in_the_same_numbers(server: Recorder) -> None:
    registry = MetricsRegistry()
    registry.counter("c").inc()
    reports = reporter(server, registry)
    reports.report_now()
    reports.report_now(Foreign({"f": {"count": 2}}))
    assert values(server) == {"c_count": 1, "f_count": 2}
    meta = reports._meta_metrics_registry
    assert meta.counter("apptuit.reporter.send.total").get_count() == 2
    assert meta.timer("apptuit.reporter.send.time").get_count() == 2
    assert reports.ledger().delivered == len(server.points)


def test_points_to_look_at_keep_the_objects_of_tags(server: Recorder) -> None:
    registry = MetricsRegistry()
    registry.counter('c{"n": 1}').inc(2)
    reports = reporter(server, registry, tags={"id": 7}, prefix="p.")
    (point,) = reports._collect_data_points(registry, 60)
    assert (point.metric, point.tags) == ("p.c.count", {"n": 1, "id": 7})
    assert (point.timestamp, point.value) == (60, 2.0)
    with pytest.raises(AttributeError):
        reports._collect_data_points(None)
