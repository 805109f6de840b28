"""A counter counts as Python's own numbers do, whatever it is given."""

from __future__ import annotations

import gc
import random
import threading
import weakref
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from apptuit.metrics import Counter, MetricsRegistry

BIG = 10**30
EDGES = [0, 1, -1, 2**31, 2**53 + 1, 2**61, 2**62, 2**62 - 1, 2**63 - 1, -(2**63), 2**63, BIG]


def test_it_counts_up_and_down() -> None:
    counter = Counter()
    counter.inc()
    counter.inc(5)
    counter.inc(val=2)
    counter.dec()
    counter.dec(3)
    assert counter.get_count() == 4
    assert type(counter.get_count()) is int
    counter.clear()
    assert counter.get_count() == 0


@pytest.mark.parametrize(
    "amounts",
    [
        [2.5],
        [1, 0.1, 0.2, 1, 1],
        [0.1] * 10,
        [BIG, 1, -1],
        [2**63 - 1, 1],
        [-(2**63), -1],
        [2**62, 2**62, -(2**63)],
        [True, True],
        [Decimal("0.1"), 1, Decimal("0.2")],
        [Fraction(1, 3), 1],
        [np.int64(5), 1],
        [np.float32(0.1), 1],
        [np.uint8(200), np.uint8(50)],
        [3, float("inf"), 1],
        [2 + 3j],
        [BIG, 0.5],
    ],
)
def test_sums_are_those_of_python_in_value_and_type(amounts: list[Any]) -> None:
    counter, expected = Counter(), 0
    for amount in amounts:
        counter.inc(amount)
        expected = expected + amount
        assert counter.get_count() == expected
        assert type(counter.get_count()) is type(expected)
    for amount in amounts:
        counter.dec(amount)
        expected = expected - amount
        assert counter.get_count() == expected or expected != expected
        assert type(counter.get_count()) is type(expected)


def test_whole_numbers_of_any_size_stay_exact() -> None:
    draw = random.Random(1)
    for _ in range(200):
        counter, expected = Counter(), 0
        for _ in range(50):
            amount = draw.choice([*EDGES, draw.randint(-(2**64), 2**64), draw.randint(-9, 9)])
            if draw.random() < 0.5:
                counter.inc(amount)
                expected += amount
            else:
                counter.dec(amount)
                expected -= amount
            assert counter.get_count() == expected


@pytest.mark.parametrize("wrong", ["a", None, object(), [], {}, b"1"])
def test_what_is_no_number_is_refused_and_changes_nothing(wrong: Any) -> None:
    for before in (0, 3, 2.5, BIG):
        counter = Counter()
        counter.inc(before)
        with pytest.raises(TypeError):
            counter.inc(wrong)
        with pytest.raises(TypeError):
            counter.dec(wrong)
        assert counter.get_count() == before
    with pytest.raises(TypeError):
        Counter().inc(1, 2)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Counter(1)  # type: ignore[call-arg]


def test_a_number_whose_addition_raises_or_counts_again_loses_nothing() -> None:
    counter = Counter()

    class Hostile:
        def __radd__(self, other: Any) -> Any:
            raise ZeroDivisionError

    class Meddler:
        met = 0

        def __radd__(self, other: Any) -> Any:
            if not self.met:
                self.met += 1
                counter.inc(10)
            return other + 1

    counter.inc(2)
    with pytest.raises(ZeroDivisionError):
        counter.inc(Hostile())
    assert counter.get_count() == 2
    counter.inc(Meddler())
    assert counter.get_count() == 13


def test_a_dump_has_the_count_as_it_is() -> None:
    registry = MetricsRegistry()
    for name, amount in {"int": 3, "float": 2.5, "big": BIG, "exact": Decimal("0.10")}.items():
        registry.counter(name).inc(amount)
    dump = registry.dump_metrics()
    assert dump["int"] == {"count": 3}
    assert dump["float"] == {"count": 2.5}
    assert dump["big"] == {"count": BIG}
    assert str(dump["exact"]["count"]) == "0.10"


def test_no_count_of_64_threads_is_lost_of_any_kind() -> None:
    registry = MetricsRegistry()

    def count() -> None:
        for _ in range(500):
            registry.counter("whole").inc()
            registry.counter("float").inc(0.5)
            registry.counter("big").inc(BIG)
            registry.counter("exact").inc(Fraction(1, 3))

    threads = [threading.Thread(target=count) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    n = 64 * 500
    counts = {name: fields["count"] for name, fields in registry.dump_metrics().items()}
    assert counts == {"whole": n, "float": n / 2, "big": n * BIG, "exact": Fraction(n, 3)}


def test_a_subclass_has_a_constructor_of_its_own() -> None:
    class Named(Counter):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class Silent(Counter):
        def __init__(self, name: str) -> None:  # never calls the other
            self.name = name

    for made in (Named("n"), Silent("n")):
        made.inc(2)
        assert (made.name, made.get_count()) == ("n", 2)


def test_a_sum_that_refers_to_its_counter_is_freed_with_it() -> None:
    class Holder:
        def __init__(self, held: Any) -> None:
            self.held = held

        def __radd__(self, other: Any) -> Any:
            return self

    class Own(Counter):
        pass

    counter = Own()
    counter.inc(Holder(counter))
    gone = weakref.ref(counter)
    del counter
    gc.collect()
    assert gone() is None
