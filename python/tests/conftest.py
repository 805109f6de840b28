"""Two servers on the loopback interface: one that answers as it is told, and the real one."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from apptuit.testing import Server

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures"

# A shell has the jobs in its background ignore Ctrl-C, which would go on in the tests of it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def points(self) -> list[dict[str, Any]]:
        """The points of a put, unpacked by Python's own zlib and json."""
        points: list[dict[str, Any]] = json.loads(zlib.decompress(self.raw), parse_constant=_no)
        return points


@dataclass
class Answer:
    """What the server says next."""

    status: int = 204
    body: bytes = b""
    delay: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)


CUT = 0
"""In place of a status: the connection ends without an answer."""


def _success(_: Request) -> Answer:
    return Answer()


class Recorder:
    """Records requests; answers with `answers` in turn, then with what `otherwise` says."""

    def __init__(self, otherwise: Callable[[Request], Answer] = _success) -> None:
        self.requests: list[Request] = []
        self.answers: deque[Answer] = deque()
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def _answer(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, raw)
                recorder.requests.append(request)
                answer = recorder.answers.popleft() if recorder.answers else otherwise(request)
                time.sleep(answer.delay)
                if answer.status == CUT:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(answer.status)
                for header in answer.headers.items():
                    self.send_header(*header)
                if answer.status != 204:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def points(self) -> list[dict[str, Any]]:
        """All points of all puts, in order."""
        return [point for request in self.requests for point in request.points]

    def answer(self, status: int, body: bytes = b"", delay: float = 0.0, **headers: str) -> None:
        """Put an answer at the end of the line."""
        self.answers.append(Answer(status, body, delay, headers))

    def wait_for(self, requests: int) -> None:
        """Wait until that many requests were made, ten seconds at most."""
        deadline = time.monotonic() + 10
        while len(self.requests) < requests:
            assert time.monotonic() < deadline, f"only {len(self.requests)} of {requests} requests"
            time.sleep(0.01)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


def _no(constant: str) -> None:
    raise AssertionError(f"`{constant}` is not JSON")


@pytest.fixture
def server() -> Iterator[Recorder]:
    """A recording server of one test."""
    recorder = Recorder()
    yield recorder
    recorder.close()


def binary() -> Path:
    """The command `apptuit`; without it the test is skipped, and fails where CI runs it."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = Path(os.environ.get("APPTUIT_BIN", target / "debug" / "apptuit"))
    if path.is_file():
        return path
    reason = f"no server to test with: {path} is missing; build it with `cargo build`"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of our own, shared by tests, with nothing kept in it."""
    with serving(tmp_path_factory.mktemp("data")) as address:
        yield address


@contextmanager
def serving(data: Path, *flags: str) -> Iterator[str]:
    """Run a server on a free port, which keeps its points in `data`, and give its address."""
    with Server(binary(), data, flags) as server:
        yield server.url


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of the machine out of the tests."""
    for name in (
        "API_TOKEN",
        "TAGS",
        "API_ENDPOINT",
        "PY_TOKEN",
        "PY_TAGS",
        "DISABLE_HOST_TAG",
        "SPOOL_DIR",
    ):
        monkeypatch.delenv(f"APPTUIT_{name}", raising=False)
