"""Histograms, timers, and what they sample with."""

from __future__ import annotations

import math
import random
import statistics
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from apptuit.metrics import (
    ExpDecayingSample,
    Histogram,
    MetricsRegistry,
    SlidingTimeWindowSample,
    Snapshot,
    Timer,
)

from .clocks import Manual

HOUR = 3600


def test_percentiles_are_pyformances() -> None:
    snapshot = Snapshot(range(10, 0, -1))
    expected = {0: 1, 0.05: 1, 0.25: 2.75, 0.5: 5.5, 0.75: 8.25, 0.9: 9.9}
    expected.update({0.95: 10, 0.99: 10, 0.999: 10, 1: 10})
    for percentile, value in expected.items():
        assert snapshot.get_percentile(percentile) == pytest.approx(value)
    assert snapshot.get_median() == 5.5
    assert snapshot.get_75th_percentile() == 8.25
    assert snapshot.get_95th_percentile() == snapshot.get_99th_percentile() == 10
    assert snapshot.get_999th_percentile() == 10
    assert Snapshot([7]).get_percentile(0.3) == 7
    for wrong in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="percentile"):
            snapshot.get_percentile(wrong)
    with pytest.raises(TypeError):
        Snapshot(["a"])  # type: ignore[list-item]


def test_a_snapshot_has_all_numbers_of_its_values() -> None:
    values = [3, 1.5, 4, -1, 5]
    snapshot = Snapshot(values)
    assert (snapshot.get_size(), snapshot.values) == (5, sorted(values))
    assert (snapshot.get_sum(), snapshot.get_min(), snapshot.get_max()) == (12.5, -1, 5)
    assert snapshot.get_mean() == 2.5
    assert snapshot.get_var() == pytest.approx(statistics.variance(values))
    assert snapshot.get_stddev() == pytest.approx(statistics.stdev(values))
    empty = Snapshot([])
    numbers = [empty.get_size, empty.get_sum, empty.get_min, empty.get_max, empty.get_mean]
    numbers += [empty.get_var, empty.get_stddev, empty.get_median]
    assert [number() for number in numbers] == [0] * 8


def test_totals_are_exact_and_of_all_values() -> None:
    histogram = Histogram(size=10)
    for value in range(1000):
        histogram.add(value)
    assert (histogram.get_count(), histogram.get_sum()) == (1000, 499500)
    assert (histogram.get_mean(), histogram.get_min(), histogram.get_max()) == (499.5, 0, 999)
    assert histogram.get_var() == pytest.approx(83416.6667)
    assert histogram.get_snapshot().get_size() == 10
    histogram.clear()
    assert (histogram.get_count(), histogram.get_snapshot().get_size()) == (0, 0)
    registry = MetricsRegistry()
    for value in (1, 2, 3, 4, 100):
        registry.histogram("h").add(value)
    fields = registry.get_metrics("h")
    assert (fields["avg"], fields["count"], fields["max"], fields["min"]) == (22.0, 5.0, 100, 1)
    assert fields["std_dev"] == pytest.approx(43.617656975128774)
    assert fields["75_percentile"] == 52.0
    assert [fields[f"{p}_percentile"] for p in (95, 99, 999)] == [100] * 3


def test_extremes_and_variance_are_right_where_pyformance_was_not() -> None:
    histogram = Histogram()
    for value in (3_000_000_000, 4_000_000_000):
        histogram.add(value)
    assert (histogram.get_min(), histogram.get_max()) == (3e9, 4e9)
    histogram = Histogram()
    for value in (-1, 5, 9):
        histogram.add(value)
    assert histogram.get_var() == pytest.approx(25.333333)
    fresh = Histogram()
    assert (fresh.get_min(), fresh.get_max(), fresh.get_stddev()) == (0, 0, 0)


@pytest.mark.parametrize("add", [Histogram.add, ExpDecayingSample.update, Timer._update])
def test_numbers_of_any_kind_are_taken_and_all_else_changes_nothing(add: Any) -> None:
    target = {Histogram.add: Histogram, ExpDecayingSample.update: ExpDecayingSample}.get(
        add, Timer
    )()
    good = [1, 2.5, True, Decimal("0.5"), Fraction(1, 2), np.float32(1), np.int64(3), 10**300]
    for value in good:
        add(target, value)
    for wrong in ("1", None, object(), [1], 1j, b"1"):
        with pytest.raises(TypeError):
            add(target, wrong)
    for bad in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match="finite"):
            add(target, bad)
    with pytest.raises(ValueError, match="too large"):
        add(target, 10**400)
    snapshot = target.get_snapshot()
    assert (snapshot.get_size(), snapshot.get_max()) == (len(good), 1e300)


def test_a_decaying_sample_keeps_so_many_and_does_not_collapse_in_silence() -> None:
    clock = Manual(5)
    sample = ExpDecayingSample(size=100, alpha=0.99, clock=clock)
    for value in range(1000):
        sample.update(value)
        clock.add(0.1)
    assert sample.get_size() == sample.get_snapshot().get_size() == 100
    assert set(sample.get_snapshot().values) <= set(range(1000))
    clock.add(15 * HOUR)
    sample.update(5000)
    # Upstream's collapses to two values here, because their weights underflow.
    assert sample.get_size() == 100
    assert 5000 in sample.get_snapshot().values
    sample.clear()
    assert sample.get_size() == 0


def test_recent_values_prevail_in_a_decaying_sample() -> None:
    clock = Manual()
    histogram = Histogram(size=100, alpha=0.015, clock=clock)
    for _ in range(1000):
        histogram.add(1)
    clock.add(600)
    for _ in range(1000):
        histogram.add(2)
    share = statistics.mean(histogram.get_snapshot().values)
    assert share > 1.95


def test_a_window_keeps_the_values_of_its_time() -> None:
    clock = Manual()
    sample = SlidingTimeWindowSample(10, clock)
    for value in range(30):
        sample.update(value)
        clock.add(1)
    assert sample.get_snapshot().values == list(range(20, 30))
    clock.add(100)
    assert sample.get_size() == 0
    with pytest.raises(ValueError, match="`window`"):
        SlidingTimeWindowSample(-1)


class Last:
    """A sample of Python's own: the last value alone."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def update(self, value: Any) -> None:
        if value == 13:
            raise LookupError("unlucky")
        self.values = [value]

    def get_snapshot(self) -> Any:
        return Snapshot(self.values)

    def clear(self) -> None:
        self.values = []


def test_a_histogram_that_is_handed_no_sample_shows_its_own() -> None:
    histogram = Histogram(size=2)
    sample = histogram.sample
    assert sample.get_size() == 0
    for value in (1, 2):
        histogram.add(value)
    assert (sample.get_size(), sample.get_snapshot().values) == (2, [1, 2])
    sample.update(9)
    assert (histogram.get_count(), histogram.get_max(), sample.get_size()) == (3, 9, 2)
    with pytest.raises(ValueError, match="finite"):
        sample.update(math.nan)
    sample.clear()
    assert (histogram.get_count(), sample.get_size()) == (0, 0)


def test_a_sample_of_ones_own_is_told_of_each_value_and_asked() -> None:
    last = Last()
    histogram = Histogram(sample=last)
    assert histogram.sample is last
    for value in (5, 6, 7):
        histogram.add(value)
        assert last.values == [value]
    with pytest.raises(LookupError, match="unlucky"):
        histogram.add(13)
    assert (histogram.get_count(), histogram.get_max()) == (3, 7)
    registry = MetricsRegistry()
    registry.add("h", histogram)
    fields = registry.get_metrics("h")
    assert (fields["avg"], fields["75_percentile"], fields["999_percentile"]) == (6, 7, 7)
    histogram.clear()
    assert (last.values, histogram.get_count()) == ([], 0)


@pytest.mark.parametrize("make", [Histogram, Timer])
def test_our_own_samples_can_be_handed_in(make: Any) -> None:
    clock = Manual()
    window = SlidingTimeWindowSample(10, clock=clock)
    made = make(sample=window)
    add = made.add if make is Histogram else made._update
    for value in (1, 2, 3):
        add(value)
        clock.add(4)
    assert window.get_snapshot().values == made.get_snapshot().values == [2, 3]
    assert made.get_count() == 3


def test_sizes_that_are_none_are_refused() -> None:
    for make in (Histogram, Timer, ExpDecayingSample):
        with pytest.raises(ValueError, match="`size` is `-1`"):
            make(size=-1)
        with pytest.raises(ValueError, match="`alpha`"):
            make(alpha=math.inf)
        with pytest.raises(TypeError):
            make(size="x")  # type: ignore[arg-type]
    nothing = Histogram(size=0)
    nothing.add(1)
    assert (nothing.get_count(), nothing.get_snapshot().get_size()) == (1, 0)


def test_quantiles_of_a_dump_are_those_of_the_snapshot() -> None:
    registry, draw = MetricsRegistry(), random.Random(3)
    timer = registry.timer("t")
    for _ in range(5000):
        timer._update(draw.expovariate(1))
    fields, snapshot = registry.get_metrics("t"), timer.get_snapshot()
    assert fields["50_percentile"] == snapshot.get_median()
    assert fields["75_percentile"] == snapshot.get_75th_percentile()
    assert fields["95_percentile"] == snapshot.get_95th_percentile()
    assert fields["99_percentile"] == snapshot.get_99th_percentile()
    assert fields["999_percentile"] == snapshot.get_999th_percentile()
