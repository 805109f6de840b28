"""The global registry: functions and decorators."""

from __future__ import annotations

import asyncio
import inspect
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from apptuit import metrics
from apptuit.metrics import MetricsRegistry, count_calls, hist_calls, meter_calls, time_calls

DECORATORS = [count_calls, meter_calls, time_calls, hist_calls]


@pytest.fixture(autouse=True)
def registry() -> Iterator[MetricsRegistry]:
    """A global registry of one test."""
    before, mine = metrics.global_registry(), MetricsRegistry()
    metrics.set_global_registry(mine)
    yield mine
    metrics.set_global_registry(before)


def test_functions_use_the_global_registry(registry: MetricsRegistry) -> None:
    for name in ("counter", "histogram", "meter", "timer", "gauge"):
        made = getattr(metrics, name)("x")
        assert made is getattr(registry, name)("x")
    assert metrics.gauge("asked", lambda: 3).get_value() == 3
    assert metrics.dump_metrics().keys() == registry.dump_metrics().keys() == {"x", "asked"}
    metrics.clear()
    assert registry.dump_metrics() == {}
    assert metrics.global_registry() is registry


def test_calls_are_counted_marked_timed_and_their_results_added(registry: MetricsRegistry) -> None:
    def work(result: Any = 4) -> Any:
        return result

    key = f"{work.__qualname__}_calls"
    assert [decorate(work)(7) for decorate in DECORATORS] == [7] * 4
    fields = registry.get_metrics(key)
    assert registry.counter(key).get_count() == 1
    assert registry.meter(key).get_count() == 1
    assert registry.timer(key).get_count() == 1
    assert (registry.histogram(key).get_count(), registry.histogram(key).get_max()) == (1, 7)
    assert fields["count"] == 1


@pytest.mark.parametrize("decorate", DECORATORS)
def test_a_method_keeps_its_name_text_and_arguments(
    decorate: Any, registry: MetricsRegistry
) -> None:
    class K:
        @decorate
        def method(self, a: int, *, b: int = 2) -> int:
            """Add."""
            return a + b

        @staticmethod
        @decorate
        def alone(a: int) -> int:
            return a

    assert (K().method(1), K().method(1, b=5), K.alone(3)) == (3, 6, 3)
    assert (K.method.__name__, K.method.__doc__) == ("method", "Add.")
    assert K.method.__wrapped__(K(), 1) == 3  # type: ignore[attr-defined]
    assert list(inspect.signature(K.method).parameters) == ["self", "a", "b"]
    prefix = K.__qualname__
    assert registry.dump_metrics().keys() == {f"{prefix}.method_calls", f"{prefix}.alone_calls"}
    assert registry.get_metrics(f"{prefix}.method_calls")["count"] == 2


@pytest.mark.parametrize("decorate", DECORATORS)
def test_the_registry_is_looked_up_at_each_call(decorate: Any) -> None:
    @decorate
    def work() -> int:
        return 1

    for _ in range(2):
        fresh = MetricsRegistry()
        metrics.set_global_registry(fresh)
        work()
        assert [fields["count"] for fields in fresh.dump_metrics().values()] == [1]
        fresh.clear()
        work()
        assert [fields["count"] for fields in fresh.dump_metrics().values()] == [1]


def test_what_a_function_raises_is_raised_and_the_call_was_one(registry: MetricsRegistry) -> None:
    def work() -> None:
        time.sleep(0.01)
        raise ZeroDivisionError

    for decorate in DECORATORS:
        with pytest.raises(ZeroDivisionError):
            decorate(work)()
    key = f"{work.__qualname__}_calls"
    assert (registry.counter(key).get_count(), registry.meter(key).get_count()) == (1, 1)
    assert registry.timer(key).get_max() >= 0.01
    assert key not in registry._histograms


@pytest.mark.parametrize("result", [True, "x", None, math.nan, math.inf, 10**400, [1], 1j])
def test_results_that_are_no_numbers_are_only_returned(
    result: Any, registry: MetricsRegistry
) -> None:
    assert hist_calls(lambda: result)() is result
    assert registry.dump_metrics() == {}


@pytest.mark.parametrize("decorate", DECORATORS)
def test_a_call_of_a_coroutine_lasts_until_it_is_through(
    decorate: Any, registry: MetricsRegistry
) -> None:
    @decorate
    async def work(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    assert inspect.iscoroutinefunction(work)

    async def both() -> list[float]:
        return list(await asyncio.gather(work(0.03), work(0.02)))

    assert asyncio.run(both()) == [0.03, 0.02]
    (fields,) = registry.dump_metrics().values()
    assert fields["count"] == 2
    if decorate is time_calls:
        assert fields["min"] >= 0.02
    if decorate is hist_calls:
        assert (fields["min"], fields["max"]) == (0.02, 0.03)


def test_importing_the_package_loads_nothing_that_is_not_needed() -> None:
    program = (
        "import sys, apptuit, apptuit.metrics;"
        "found = {'pyformance', 'blinker', 'asyncio', 'pandas', 'numpy'} & set(sys.modules);"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("name", sorted({*metrics.__all__} - {"call_too_long"}))
def test_all_that_is_public_says_what_it_is(name: str) -> None:
    public = getattr(metrics, name)
    assert public.__doc__
    if inspect.isclass(public):
        members = [member for member in vars(public) if not member.startswith("_")]
        silent = [m for m in members if not m.isupper() and not getattr(public, m).__doc__]
        assert silent == []
