"""Reporters in plain Python, against sockets and files."""

from __future__ import annotations

import base64
import io
import json
import logging
import math
import pickle
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pyformance.reporters import (
    CarbonReporter,
    ConsoleReporter,
    CsvReporter,
    InfluxReporter,
    OpenTSDBReporter,
    SysLogReporter,
    UdpCarbonReporter,
)
from pyformance.reporters.reporter import Reporter

from apptuit.metrics import MetricsRegistry, global_registry

from .clocks import Manual

NOW = 1_500_000_010


@pytest.fixture
def registry() -> MetricsRegistry:
    """Counts, a rate, and values that not every system can take."""
    clock = Manual(NOW - 5)
    registry = MetricsRegistry(clock)
    registry.counter("a.c").inc(3)
    registry.meter("m m").mark(4)
    registry.gauge("unset")
    registry.gauge("text", lambda: "x")
    registry.gauge("true", lambda: True)
    clock.now = NOW
    return registry


class Server:
    """Takes connections one after another, and keeps what they say."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.said: list[bytes] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as said:
                self.said.append(said.read())

    def wait_for(self, number: int) -> list[bytes]:
        deadline = time.monotonic() + 10
        while len(self.said) < number:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        return self.said

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of one test, for lines and pickles."""
    server = Server()
    yield server
    server.close()


@pytest.fixture
def datagrams() -> Iterator[socket.socket]:
    """A socket that takes datagrams."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taking:
        taking.bind(("127.0.0.1", 0))
        taking.settimeout(5)
        yield taking


class Web(HTTPServer):
    """Keeps method, path, headers and body of requests, and answers with `status`."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.status = 204
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                web.requests.append((self.command, self.path, headers, body))
                self.send_response(web.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server of one test."""
    web = Web()
    thread = threading.Thread(target=web.serve_forever, args=(0.01,))
    thread.start()
    yield web
    web.shutdown()
    thread.join(10)
    web.server_close()


def test_the_console_shows_all_fields(registry: MetricsRegistry) -> None:
    stream = io.StringIO()
    ConsoleReporter(registry, 10, stream, Manual(NOW)).report_now()
    lines = stream.getvalue().split("\n")
    assert lines[0] == "== 2017-07-14 02:40:10 " + "=" * 35
    assert lines[1:4] == ["a.c:", "               count = 3", "m m:"]
    assert lines[4:9] == [
        "               count = 4.0",
        "            15m_rate = 0.8",
        "             5m_rate = 0.8",
        "             1m_rate = 0.8",
        "           mean_rate = 0.8",
    ]
    assert lines[9:11] == ["unset:", "               value = nan"]
    assert lines[-2:] == ["", ""]


def test_the_console_is_standard_error_at_that_moment(
    registry: MetricsRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    ConsoleReporter(registry).report_now(timestamp=0)
    assert capsys.readouterr().err.startswith("== 1970-01-01 00:00:00 ==")


def test_files_get_a_line_a_report_and_a_head_once(
    registry: MetricsRegistry, tmp_path: Path
) -> None:
    registry.counter("../a/b").inc()
    for timestamp in (None, 77):
        with CsvReporter(registry, path=tmp_path / "new", separator=";", clock=Manual(NOW)) as csv:
            csv.report_now(timestamp=timestamp)
    files = {path.name: path.read_text() for path in (tmp_path / "new").iterdir()}
    assert files["a.c.csv"] == "timestamp;count\n2017-07-14 02:40:10;3\n1970-01-01 00:01:17;3\n"
    head, line, _ = files["m m.csv"].splitlines()
    assert head == "timestamp;15m_rate;1m_rate;5m_rate;count;mean_rate"
    assert line == "2017-07-14 02:40:10;0.8;0.8;0.8;4.0;0.8"
    assert ".._a_b.csv" in files
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_files_are_by_default_in_the_current_directory(
    registry: MetricsRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    reporter = CsvReporter(registry)
    assert Path(reporter.path) == tmp_path
    reporter.report_now()
    assert (tmp_path / "a.c.csv").read_text().startswith("timestamp\tcount\n")


LINES = [f"a.c.count 3 {NOW}", f"m_m.count 4.0 {NOW}"]
LINES += [f"m_m.{field} 0.8 {NOW}" for field in ("15m_rate", "5m_rate", "1m_rate", "mean_rate")]
LINES += [f"true.value True {NOW}"]


def test_carbon_gets_lines(registry: MetricsRegistry, server: Server) -> None:
    settings: dict[str, Any] = {"server": "127.0.0.1", "port": server.port, "clock": Manual(NOW)}
    CarbonReporter(registry, prefix="pre.", **settings).report_now()
    assert server.wait_for(1)[0].decode() == "".join(f"pre.{line}\n" for line in LINES)


def test_carbon_gets_pickles(registry: MetricsRegistry, server: Server) -> None:
    CarbonReporter(
        registry, 5, "", "127.0.0.1", server.port, clock=Manual(NOW), pickle_protocol=True
    ).report_now()
    said = server.wait_for(1)[0]
    (length,) = struct.unpack("!L", said[:4])
    points = pickle.loads(said[4:])
    assert length == len(said) - 4
    assert points[0] == ("a.c.count", (NOW, 3))
    assert [path for path, _ in points] == [line.split()[0] for line in LINES]


def test_carbon_gets_datagrams_that_travel_in_one_piece(
    registry: MetricsRegistry, datagrams: socket.socket
) -> None:
    for number in range(200):
        registry.counter(f"counter.{number:04}").inc(number)
    port = datagrams.getsockname()[1]
    UdpCarbonReporter(registry, server="127.0.0.1", port=port, clock=Manual(NOW)).report_now()
    lines: list[bytes] = []
    while len(lines) < 200 + len(LINES):
        datagram = datagrams.recv(65536)
        assert len(datagram) <= 1432
        assert datagram.endswith(b"\n")
        lines += datagram.splitlines()
    expected = {*LINES, *(f"counter.{number:04}.count {number} {NOW}" for number in range(200))}
    assert {line.decode() for line in lines} == expected


def test_a_carbon_that_is_not_there_raises(registry: MetricsRegistry, server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(OSError):
        CarbonReporter(registry, server="127.0.0.1", port=port).report_now()
    made: list[Any] = []

    def factory(*args: Any) -> socket.socket:
        made.append(args)
        return socket.socket(*args)

    CarbonReporter(
        registry, server="127.0.0.1", port=server.port, socket_factory=factory
    ).report_now()
    assert made == [()]


def test_influx_gets_its_lines(registry: MetricsRegistry, web: Web) -> None:
    reporter = InfluxReporter(
        registry,
        prefix="p,re",
        database="d b",
        username="u",
        password="p",
        port=web.server_port,
        autocreate_database=True,
        clock=Manual(NOW),
    )
    reporter.report_now()
    reporter.report_now(timestamp=5)
    create, first, second = web.requests
    assert create[:2] == ("POST", "/query?q=CREATE%20DATABASE%20%22d%20b%22")
    assert first[:2] == second[:2] == ("POST", "/write?db=d%20b&precision=s")
    assert first[2]["authorization"] == "Basic " + base64.b64encode(b"u:p").decode()
    assert first[3].decode().split("\n") == [
        f"p\\,re.a.c count=3 {NOW}",
        f"p\\,re.m\\ m count=4.0,15m_rate=0.8,5m_rate=0.8,1m_rate=0.8,mean_rate=0.8 {NOW}",
        f"p\\,re.true value=True {NOW}",
    ]
    assert second[3].decode().endswith(" 5")
    InfluxReporter(registry, port=web.server_port).report_now()
    assert web.requests[-1][1] == "/write?db=metrics&precision=s"
    assert "authorization" not in web.requests[-1][2]


def test_opentsdb_gets_its_points(registry: MetricsRegistry, web: Web) -> None:
    url = f"http://127.0.0.1:{web.server_port}/api/put"
    tags = {"host": "h"}
    OpenTSDBReporter(
        "app", "key", url, registry, clock=Manual(NOW), prefix="p.", tags=tags
    ).report_now()
    ((_, path, headers, body),) = web.requests
    assert (path, headers["content-type"]) == ("/api/put", "application/json")
    assert headers["authorization"] == "Basic " + base64.b64encode(b"app:key").decode()
    points = json.loads(body)
    assert points[0] == {"metric": "p.a.c.count", "value": 3, "timestamp": NOW, "tags": tags}
    assert [point["metric"] for point in points[:3]] == [
        "p.a.c.count",
        "p.m m.count",
        "p.m m.15m_rate",
    ]
    assert len(points) == len(LINES)


@pytest.mark.parametrize("status", [500, None])
def test_a_web_server_that_fails_is_logged(
    status: int | None, registry: MetricsRegistry, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    port = web.server_port
    if status is None:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
    else:
        web.status = status
    InfluxReporter(registry, port=port).report_now()
    OpenTSDBReporter("app", "secret", f"http://127.0.0.1:{port}/", registry).report_now()
    assert len(caplog.records) == 2
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    assert "secret" not in caplog.text


def test_the_systems_log_gets_one_message(
    registry: MetricsRegistry, datagrams: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    address = datagrams.getsockname()
    SysLogReporter(registry, tag="app", clock=Manual(NOW), address=address).report_now()
    said = re.fullmatch(r"<14>app: ({.*})", datagrams.recv(65536).decode())
    assert said
    values = json.loads(said[1])
    assert (values["a.c.count"], values["m m.count"], values["timestamp"]) == (3, 4.0, NOW)
    assert list(values) == sorted(values)
    assert "unset.value" not in values
    SysLogReporter(registry, address="/nonsense/log").report_now()
    assert "/nonsense/log" in caplog.text


class Recording(Reporter):
    """Notes when it reported, and fails as it is told."""

    def __init__(self, *args: Any, fail: bool = False, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.fail = fail
        self.reports: list[float] = []

    def report_now(self, registry: Any = None, timestamp: float | None = None) -> None:
        assert registry is self.registry
        self.reports.append(time.monotonic())
        if self.fail:
            raise ZeroDivisionError


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_a_reporter_reports_at_once_and_at_intervals_and_can_be_started_again() -> None:
    reporter = Recording(MetricsRegistry(), 0.05)
    assert reporter.start()
    assert not reporter.start()
    until(lambda: len(reporter.reports) >= 3)
    thread = reporter._loop_thread
    assert thread
    assert (thread.name, thread.daemon) == ("pyformance reporter Recording", True)
    reporter.stop()
    thread.join(5)
    assert not thread.is_alive()
    spans = [after - before for before, after in zip(reporter.reports, reporter.reports[1:])]
    assert min(spans) > 0.02
    before = len(reporter.reports)
    assert reporter.start()
    until(lambda: len(reporter.reports) > before)
    reporter.stop()


def test_stopping_ends_a_long_interval(registry: MetricsRegistry) -> None:
    reporter = Recording(registry, 3600)
    reporter.start()
    until(lambda: len(reporter.reports) == 1)
    reporter.stop()
    assert reporter._loop_thread
    reporter._loop_thread.join(5)
    assert not reporter._loop_thread.is_alive()


def test_a_report_that_raises_is_logged_and_the_next_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reporter = Recording(MetricsRegistry(), 0.01, fail=True)
    reporter.start()
    until(lambda: len(reporter.reports) >= 2)
    reporter.stop()
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("interval", [0, -1, "60", None, math.nan, math.inf])
def test_an_interval_that_is_no_time_is_refused(interval: Any) -> None:
    with pytest.raises(ValueError, match="reporting_interval"):
        Reporter(reporting_interval=interval)


def test_a_reporter_has_the_global_registry_and_says_what_a_subclass_needs() -> None:
    reporter = Reporter()
    assert reporter.registry is global_registry()
    assert (reporter.reporting_interval, reporter.clock) == (30, time)
    with pytest.raises(NotImplementedError, match="report_now"):
        reporter.report_now()
