"""What a program is told of points that failed."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from apptuit import ApptuitSendException
from apptuit.metrics import MetricsRegistry
from apptuit.pyformance.apptuit_reporter import ApptuitReporter
from tests.conftest import CUT, Answer, serving
from tests.promises.world import TOKEN, Between, World, wait_for

TAGS = {"service": "order-service"}

Told = tuple[int, int, int, list[Any]]


def registry_with(*values: float) -> MetricsRegistry:
    """Gauges of these values, `g0` and so on. The server refuses none of them."""
    registry = MetricsRegistry()
    for n, value in enumerate(values):
        registry.gauge(f"g{n}").set_value(value)
    return registry


def failing(between: Between, status: int = 500, **settings: Any) -> ApptuitReporter:
    """A reporter of two gauges, of whose next report the server says this."""
    between.answer(status)
    return ApptuitReporter(
        token=TOKEN,
        registry=registry_with(1, 2),
        reporting_interval=60,
        tags=TAGS,
        **settings,
    )


def test_f32_a_handler_is_given_status_counts_and_errors(between: Between) -> None:
    told: list[Told] = []

    def error_handler(
        status_code: int,
        successful_points_count: int,
        failed_points_count: int,
        errors: list[Any],
    ) -> None:
        told.append((status_code, successful_points_count, failed_points_count, errors))

    with pytest.raises(ApptuitSendException):
        failing(between, error_handler=error_handler).report_now()
    (call,) = told
    assert call[:3] == (500, 0, 2)
    assert isinstance(call[3], list)


def test_f33_the_default_handler_writes_to_standard_error(
    between: Between, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ApptuitSendException):
        failing(between).report_now()
    out, err = capsys.readouterr()
    first, second, *_ = err.splitlines()
    assert first == "2 points out of 2 had errors"
    assert second == "HTTP status returned from Apptuit: 500"
    assert (out, TOKEN in err) == ("", False)


def test_f34_without_a_handler_nothing_is_said(
    world: World, between: Between, capsys: pytest.CaptureFixture[str]
) -> None:
    reporter = failing(between, error_handler=None)
    reporter.start()
    reporter.stop()
    assert capsys.readouterr() == ("", "")
    # The report after the one that failed arrived.
    assert world.value("g1_value") == 2.0


def test_f35_a_handler_may_be_a_partial_function(
    between: Between, caplog: pytest.LogCaptureFixture
) -> None:
    def custom_error_handler(
        logger: logging.Logger, status: int, successful: int, failed: int, errors: list[Any]
    ) -> None:
        logger.error("%d of %d failed with %d", failed, successful + failed, status)

    handler = partial(custom_error_handler, logging.getLogger("logger key"))
    with pytest.raises(ApptuitSendException):
        failing(between, error_handler=handler).report_now()
    assert [(record.name, record.message) for record in caplog.records] == [
        ("logger key", "2 of 2 failed with 500")
    ]


def test_f36_a_handler_may_make_the_text_of_the_exception(
    between: Between, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("OrderService")

    def apptuit_error_handler(
        status_code: int, successful: int, failed: int, errors: list[Any]
    ) -> None:
        logger.error(str(ApptuitSendException(status_code, successful, failed, errors)))

    with pytest.raises(ApptuitSendException):
        failing(between, error_handler=apptuit_error_handler).report_now()
    assert caplog.messages[0].startswith("2 points failed with status: 500\n")
    errors = [{"datapoint": {"metric": "x"}, "error": "bad"}]
    same = ApptuitSendException("text", 400, 1, 2, errors)
    assert str(ApptuitSendException(400, 1, 2, errors)) == str(same)
    assert str(same) == (
        "2 points failed with status: 400\nbad error occurred in the datapoint {'metric': 'x'}\n"
    )


def test_f76_a_running_reporter_tells_status_counts_and_the_reason_of_each_point(
    tmp_path: Path,
) -> None:
    told: list[Told] = []
    registry = registry_with(1)
    registry.gauge("raising", lambda: 1 / 0)
    with serving(tmp_path, "--max-series", "1") as url, Between(url) as between:
        reporter = ApptuitReporter(
            token=TOKEN,
            api_endpoint=between.url,
            registry=registry,
            tags=TAGS,
            error_handler=lambda *call: told.append(call),
            reporting_interval=0.2,
        )
        reporter.start()
        # There is room for the series of this gauge and for no other.
        World(url).wait_for("g0_value")
        registry.gauge("one_too_many").set_value(2)
        wait_for(lambda: any(tuple(counts) == (400, 1, 1) for *counts, _ in told))
        between.answers.extend([Answer(CUT)] * 100)
        wait_for(lambda: any(tuple(counts) == (0, 0, 2) for *counts, _ in told))
        between.answers.clear()
        reporter.stop()
    reasons = [(status, error) for status, _, _, errors in told for error in errors]
    raised = next(error for _, error in reasons if "ZeroDivisionError" in error["error"])
    assert raised["datapoint"]["metric"] == "raising"
    refused = next(error for status, error in reasons if status == 400)
    assert "series" in refused["error"]
    lost = next(call for call in told if call[:3] == (0, 0, 2))
    assert "cannot send" in lost[3][0]["error"]
