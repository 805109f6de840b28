"""What waits because it could not be delivered, and what the ledger says of it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

import pytest

from apptuit import ApptuitException
from apptuit.metrics import MetricsRegistry
from apptuit.pyformance import FlushReport
from tests.conftest import Recorder
from tests.reporter.test_reporter import data, reporter, values


def one_counter() -> MetricsRegistry:
    registry = MetricsRegistry()
    registry.counter("c").inc()
    return registry


def times(server: Recorder) -> list[int]:
    return [point["timestamp"] for point in data(server)]


def balance(reports: Any) -> tuple[int, int, int, int]:
    recorded, delivered, spooled, queued, dropped = reports.ledger()
    assert recorded == delivered + spooled + queued + sum(dropped.values())
    return delivered, spooled, queued, sum(dropped.values())


def test_what_fails_waits_in_memory_and_is_flushed_with_its_time(server: Recorder) -> None:
    reports, earlier = reporter(server, one_counter()), int(time.time()) - 500
    for _ in range(2):
        server.answer(503)
    with pytest.raises(ApptuitException):
        reports.report_now(timestamp=earlier)
    assert balance(reports) == (0, 0, 19, 0)
    assert not FlushReport(delivered=1, spooled=0, queued=19, dropped=0).is_complete
    server.requests.clear()
    flushed = reports.flush(20)
    assert (flushed.spooled, flushed.queued, flushed.dropped) == (0, 0, 0)
    assert flushed.is_complete
    assert flushed.delivered == len(server.points) == 38
    assert earlier in times(server)


def test_a_spool_outlives_the_reporter(server: Recorder, tmp_path: Path) -> None:
    earlier = int(time.time()) - 500
    first = reporter(server, one_counter(), spool_dir=tmp_path)
    server.answer(503)
    server.answer(503)
    with pytest.raises(ApptuitException):
        first.report_now(timestamp=earlier)
    delivered, spooled, queued, _ = balance(first)
    assert (delivered, queued) == (0, 0)
    assert spooled > 0
    server.requests.clear()
    del first
    second = reporter(server, MetricsRegistry(), spool_dir=str(tmp_path))
    assert second.flush(20).spooled == 0
    assert times(server) == [earlier]


def test_the_environment_names_a_spool_and_an_argument_goes_before_it(
    server: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPTUIT_SPOOL_DIR", str(tmp_path / "variable"))
    for directory, settings in (("variable", {}), ("own", {"spool_dir": tmp_path / "own"})):
        reporter(server, one_counter(), **settings).report_now()
        assert (tmp_path / directory).is_dir()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_spool_that_cannot_be_made_is_told_before_anything_is_sent(
    server: Recorder, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    reports = reporter(server, one_counter(), spool_dir=tmp_path / "file" / "spool")
    with pytest.raises(ValueError, match="spool"):
        reports.start()
    with pytest.raises(ApptuitException, match="spool"):
        reports.report_now()
    assert not server.requests


@pytest.mark.parametrize(("what", "kept"), [("drop_oldest", 2), ("drop_newest", 1)])
def test_the_queue_is_bounded(server: Recorder, what: str, kept: int) -> None:
    now = int(time.time())
    reports = reporter(server, one_counter(), queue_points=19, on_queue_full=what)
    for n in (1, 2):
        server.answer(503)
        server.answer(503)
        with pytest.raises(ApptuitException):
            reports.report_now(timestamp=now - 100 + n)
    assert reports.ledger().dropped == {"queue_full": 19}
    server.requests.clear()
    reports.flush(20)
    assert now - 100 + kept in times(server)
    assert now - 100 + 3 - kept not in times(server)


def test_stop_is_done_in_the_time_it_is_given_and_keeps_what_hangs(
    server: Recorder, tmp_path: Path
) -> None:
    server.answer(204, delay=8)
    running = reporter(server, one_counter(), spool_dir=tmp_path)
    running.start()
    server.wait_for(1)
    begun = time.monotonic()
    running.stop(timeout=1)
    assert time.monotonic() - begun < 3
    assert running.ledger().spooled > 0


def test_a_pause_between_tries_is_ended_by_stop(server: Recorder) -> None:
    for _ in range(3):
        server.answer(503)
    running = reporter(server, one_counter(), retry_count=50)
    running.start()
    server.wait_for(1)
    begun = time.monotonic()
    running.stop()
    assert time.monotonic() - begun < 3


def test_a_reporter_is_a_context(server: Recorder) -> None:
    registry = MetricsRegistry()
    with reporter(server, registry) as running:
        assert running.start() is False
        registry.counter("inside").inc()
    assert values(server) == {"inside_count": 1}
    assert running.start() is True
    running.stop()


def test_a_function_may_carry_the_reports(server: Recorder) -> None:
    bodies: list[bytes] = []

    def carry(
        method: str, url: str, headers: dict[str, str], body: bytes, timeout: float
    ) -> tuple[int, Optional[Mapping[str, str]], bytes]:
        bodies.append(body)
        return 204, {}, b""

    reporter(server, one_counter(), transport=carry, compression="gzip").report_now()
    assert not server.requests
    assert bodies[0][:2] == b"\x1f\x8b"


def test_workers_of_one_host_can_be_told_apart(server: Recorder) -> None:
    for given, tag in ((True, str(os.getpid())), ("blue", "blue"), (0, "0")):
        server.requests.clear()
        reporter(server, one_counter(), worker_id=given).report_now()
        assert data(server)[0]["tags"]["worker_id"] == tag
    server.requests.clear()
    reporter(server, one_counter()).report_now()
    assert "worker_id" not in data(server)[0]["tags"]


class Clock:
    def __init__(self, now: Any) -> None:
        self.now = now

    def time(self) -> Any:
        if isinstance(self.now, Exception):
            raise self.now
        return self.now


def test_the_clock_says_the_time_of_reports(server: Recorder) -> None:
    reports = reporter(server, one_counter())
    assert reports.clock is time
    for now, told in ((100.4, 100), (100.6, 101), (0, 0)):
        server.requests.clear()
        reports.clock = Clock(now)
        reports.report_now()
        assert set(times(server)) == {told}
    assert reports._collect_data_points(one_counter())[0].timestamp == 0
    server.requests.clear()
    reports.report_now(timestamp=7.25)
    assert times(server) == [7.25]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_clock_that_fails_is_not_asked_in_vain(server: Recorder) -> None:
    reports = reporter(server, one_counter())
    for broken in (Clock(ZeroDivisionError("clock")), Clock("noon"), Clock(None), object()):
        server.requests.clear()
        reports.clock = broken
        reports.report_now()
        assert times(server)[0] == pytest.approx(time.time(), abs=60)
