"""The fixtures of the package, in a run of pytest as a user has it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from apptuit import DataPoint
from apptuit.testing import Server, ServerMissing, find_server
from tests.conftest import ROOT, binary

pytest_plugins = ["pytester"]

TESTS = """
    from apptuit import Apptuit, DataPoint

    def test_a_recorder(apptuit_recorder):
        apptuit_recorder.client().send([DataPoint("a.b", {"c": "d"}, 1, 2)])
        apptuit_recorder.assert_sent("a_b", 2, c="d")

    def test_a_clock(apptuit_clock):
        assert apptuit_clock.advance(5) == 5

    def test_a_server(apptuit_server):
        client = apptuit_server.client()
        client.send([DataPoint("room.celsius", {"room": "lab"}, 60, 21.5)])
        assert client.query("fetch('room_celsius')", start=1)[0].series[0].values == [21.5]

    def test_each_server_is_empty(apptuit_server, monkeypatch):
        for name, value in apptuit_server.environment.items():
            monkeypatch.setenv(name, value)
        # It is an error to ask for what is not there.
        try:
            found = Apptuit().query("fetch('room_celsius')", start=1)
        except Exception as unknown:
            assert "room_celsius" in str(unknown)
        else:
            assert not found
"""


@pytest.fixture
def server_command() -> Path:
    return binary()


def test_the_fixtures_are_there_without_being_imported(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, server_command: Path
) -> None:
    monkeypatch.setenv("APPTUIT_BIN", str(server_command))
    pytester.makepyfile(TESTS)
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=4)


def test_the_guide_is_true(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, server_command: Path
) -> None:
    monkeypatch.setenv("APPTUIT_BIN", str(server_command))
    guide = (ROOT / "docs" / "guide" / "testing.md").read_text()
    examples = re.findall(r"^```python\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    pytester.makepyfile(**{f"test_{number}": code for number, code in enumerate(examples)})
    pytester.runpytest_subprocess().assert_outcomes(passed=4)


def test_without_a_server_tests_are_skipped_and_fail_in_continuous_integration(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPTUIT_BIN", "/nowhere/apptuit")
    pytester.makepyfile("def test(apptuit_server): pass")
    monkeypatch.delenv("CI", raising=False)
    result = pytester.runpytest_subprocess("-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*APPTUIT_BIN is `/nowhere/apptuit`, where there is no file*"])
    monkeypatch.setenv("CI", "true")
    pytester.runpytest_subprocess().assert_outcomes(errors=1)


def test_pytest_itself_is_not_needed(pytester: pytest.Pytester) -> None:
    program = "import sys, apptuit.testing; sys.exit('pytest' in sys.modules)"
    assert pytester.runpython_c(program).ret == 0


def test_a_missing_command_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APPTUIT_BIN", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ServerMissing, match="no command `apptuit` on PATH: install it"):
        find_server()


def test_a_server_that_does_not_come_up_tells_why(server_command: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(Exception, match=r"did not come up; it said: .*--no-such-flag"),
        Server(server_command, flags=["--no-such-flag"]),
    ):
        pass


def test_a_server_keeps_its_points_in_a_folder_that_is_named(
    server_command: Path, tmp_path: Path
) -> None:
    with Server(server_command, tmp_path) as server:
        server.client().send([DataPoint("m", {"a": "b"}, 60, 1)])
    with Server(server_command, tmp_path) as server:
        assert server.client().query("fetch('m')", start=1)[0].series[0].values == [1]
    assert server.url == ""
