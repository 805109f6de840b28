"""Gauges hold what they were given, or ask."""

from __future__ import annotations

import gc
import math
import weakref
from decimal import Decimal
from typing import Any

import pytest

from apptuit.metrics import CallbackGauge, Gauge, MetricsRegistry, SimpleGauge


@pytest.mark.parametrize("value", [1, 2.5, True, Decimal("1.5"), "abc", None, [1], 10**400])
def test_a_gauge_gives_back_what_was_set(value: Any) -> None:
    gauge = SimpleGauge()
    assert math.isnan(gauge.get_value())
    gauge.set_value(value)
    assert gauge.get_value() == value
    assert type(gauge.get_value()) is type(value)
    assert SimpleGauge(value).get_value() == value
    gauge.set_value(0.5)
    assert gauge.get_value() == 0.5


def test_a_registry_makes_the_gauge_that_is_asked_for() -> None:
    registry = MetricsRegistry()
    assert math.isnan(registry.gauge("unset").get_value())
    assert registry.gauge("default", default=3).get_value() == 3
    assert registry.gauge("default", default=4).get_value() == 3
    assert registry.gauge("asked", lambda: 7).get_value() == 7
    assert registry.gauge("asked", lambda: 8).get_value() == 7
    mine = SimpleGauge(1)
    assert registry.gauge("mine", mine) is mine
    with pytest.raises(TypeError, match="`5`"):
        registry.gauge("wrong", 5)  # type: ignore[call-overload]
    assert "wrong" not in registry._gauges


def test_a_function_is_asked_once_by_each_dump() -> None:
    calls: list[int] = []

    def ask() -> int:
        calls.append(1)
        return len(calls)

    registry = MetricsRegistry()
    registry.gauge("g", ask)
    assert calls == []
    assert registry.dump_metrics() == {"g": {"value": 1}}
    assert registry.get_metrics("g") == {"value": 2}
    assert len(calls) == 2


def test_a_gauge_of_ones_own_class_is_asked() -> None:
    class Answer(Gauge):
        def __init__(self, answer: int) -> None:
            self.answer = answer

        def get_value(self) -> int:
            return self.answer

    class Doubled(SimpleGauge):
        def get_value(self) -> Any:
            return super().get_value() * 2

    class Size(CallbackGauge):
        def __init__(self) -> None:
            super().__init__(self.size)

        def size(self) -> int:
            return 9

    registry = MetricsRegistry()
    registry.add("answer", Answer(42))
    registry.add("doubled", Doubled(4))
    registry.add("size", Size())
    values = {name: fields["value"] for name, fields in registry.dump_metrics().items()}
    assert values == {"answer": 42, "doubled": 8, "size": 9}
    with pytest.raises(NotImplementedError):
        Gauge().get_value()


def test_a_function_that_raises_raises_to_whoever_dumps() -> None:
    registry = MetricsRegistry()
    registry.gauge("broken", lambda: 1 / 0)
    registry.counter("good").inc()
    for dump in (registry.dump_metrics, lambda: registry.get_metrics("broken")):
        with pytest.raises(ZeroDivisionError):
            dump()
    assert registry.get_metrics("good") == {"count": 1}


def test_a_function_may_use_its_registry() -> None:
    registry = MetricsRegistry()

    def meddle() -> int:
        registry.counter("asked").inc()
        registry.timer(f"t{registry.counter('asked').get_count()}")
        if registry.counter("asked").get_count() < 3:
            registry.dump_metrics()
        else:
            registry.clear()
        return len(registry._gauges)

    registry.gauge("meddler", meddle)
    registry.gauge("last", lambda: 1)
    # The innermost has forgotten all; those under way know which instruments there were.
    assert registry.dump_metrics() == {"meddler": {"value": 0}, "last": {"value": 1}}
    assert registry.dump_metrics() == {}


def test_a_registry_and_the_owner_of_its_gauge_are_freed_together() -> None:
    class Owner:
        def __init__(self) -> None:
            self.registry = MetricsRegistry(clock=self)
            self.registry.add("size", CallbackGauge(self.time))
            self.registry.gauge("self").set_value(self)
            self.registry.timer("t")

        def time(self) -> float:
            return 1.0

    owner = Owner()
    gone = weakref.ref(owner)
    assert owner.registry.get_metrics("size") == {"value": 1.0}
    del owner
    gc.collect()
    assert gone() is None
