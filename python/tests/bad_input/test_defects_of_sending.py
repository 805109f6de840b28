"""Defects of the old package that ours must not repeat: what happens on the way."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from apptuit import Apptuit, ApptuitSendException, DataPoint
from tests.conftest import Recorder

NOW = 1_500_000_000
POINT = DataPoint("m", {"a": "b"}, NOW, 1)

WITH_A_FILE_OF_PASSWORDS = """
import sys
from apptuit import Apptuit, DataPoint
Apptuit("the-token", sys.argv[1]).send([DataPoint("m", {"a": "b"}, 1500000000, 1)])
"""


def test_h12_a_file_of_passwords_is_not_read(server: Recorder, tmp_path: Path) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    env = {**os.environ, "HOME": str(tmp_path), "NETRC": str(netrc)}
    command = [sys.executable, "-c", WITH_A_FILE_OF_PASSWORDS, server.url]
    subprocess.run(command, env=env, check=True, timeout=60)
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer the-token"]


class Redirecting:
    """Answers puts with a redirect, and takes what is put at `/elsewhere`."""

    def __init__(self, status: int, location: str) -> None:
        self.seen: list[tuple[str, str, int]] = []
        redirecting = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                redirecting.seen.append((self.command, self.path, len(body)))
                if self.path.startswith("/elsewhere"):
                    self.send_response(204)
                else:
                    self.send_response(status)
                    self.send_header("Location", location)
                    self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Redirecting:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


@pytest.mark.parametrize("status", [301, 302, 303])
def test_h13_a_redirect_that_would_lose_the_points_is_a_failure(status: int) -> None:
    with Redirecting(status, "/elsewhere") as server:
        with pytest.raises(ApptuitSendException, match=f"{status}") as raised:
            Apptuit("secret", server.url).send([POINT])
        assert "/elsewhere" in raised.value.msg
        assert [path for _, path, _ in server.seen] == ["/api/put?details"]


@pytest.mark.parametrize("status", [307, 308])
def test_h13_a_redirect_that_keeps_the_points_is_followed(status: int) -> None:
    with Redirecting(status, "/elsewhere") as server:
        Apptuit("secret", server.url).send([POINT])
        first, second = server.seen
        assert (first[0], second[0]) == ("POST", "POST")
        assert first[2] == second[2] > 0
