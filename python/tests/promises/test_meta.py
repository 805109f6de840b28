"""What a reporter tells about itself."""

from __future__ import annotations

import pytest

from apptuit import ApptuitSendException
from apptuit.metrics import MetricsRegistry
from apptuit.pyformance import ApptuitReporter
from tests.promises.world import TOKEN, Between, World

SEND = "apptuit_reporter_send"


@pytest.fixture
def told(world: World, between: Between) -> World:
    """What was told after three reports of eight points, the second of which failed."""
    registry = MetricsRegistry()
    for n in range(8):
        registry.counter(f"c{n}").inc()
    reporter = ApptuitReporter(
        registry=registry, token=TOKEN, tags={"service": "shop"}, error_handler=None
    )
    reporter.report_now()
    between.answer(500)
    with pytest.raises(ApptuitSendException, match="8 points failed"):
        reporter.report_now()
    reporter.report_now()
    return world


def test_f49_the_points_that_were_sent_are_counted(told: World) -> None:
    assert told.value(f"{SEND}_total_count", service="shop") == 24.0


def test_f50_the_points_that_arrived_are_counted(told: World) -> None:
    assert told.value(f"{SEND}_successful_count", service="shop") == 16.0


def test_f51_the_points_that_failed_are_counted(told: World) -> None:
    assert told.value(f"{SEND}_failed_count", service="shop") == 8.0


def test_f52_the_calls_are_timed(told: World) -> None:
    fields = ("count", "min", "max", "avg", "sum", "50_percentile", "999_percentile", "mean_rate")
    arrived = {field: told.value(f"{SEND}_time_{field}", service="shop") for field in fields}
    assert arrived["count"] == 3.0
    assert 0 < arrived["min"] <= arrived["50_percentile"] <= arrived["max"] < 20
    assert arrived["sum"] == pytest.approx(arrived["count"] * arrived["avg"])
