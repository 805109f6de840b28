"""Defects of the old package that ours must not repeat: what happens on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.parametrize("status", [301, 302, 303])
def test_h13_a_redirect_that_would_lose_the_points_is_a_failure(
    server: Recorder, status: int
) -> None:
    server.answer(status, Location="/elsewhere")
    with pytest.raises(ApptuitSendException, match=f"{status}") as raised:
        Apptuit("secret", server.url).send([POINT])
    assert "/elsewhere" in raised.value.msg
    assert [request.path for request in server.requests] == ["/api/put?details"]


@pytest.mark.parametrize("status", [307, 308])
def test_h13_a_redirect_that_keeps_the_points_is_followed(server: Recorder, status: int) -> None:
    server.answer(status, Location="/elsewhere")
    Apptuit("secret", server.url).send([POINT])
    first, second = server.requests
    assert (first.method, second.method) == ("POST", "POST")
    assert second.path == "/elsewhere"
    assert first.points == second.points != []
