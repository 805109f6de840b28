"""The types that are told are those of the built package, and serve a program users write."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "typing" / "program.py"


def run(*arguments: str, **variables: str) -> str:
    command = [sys.executable, *arguments]
    env = {**os.environ, **variables}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(sys.version_info < (3, 10), reason="mypy 2 needs Python 3.10")
def test_the_types_match_the_built_package() -> None:
    run("-m", "mypy.stubtest", "apptuit", "--concise")


def test_the_program_whose_types_are_checked_runs(url: str) -> None:
    said = run(str(PROGRAM), APPTUIT_API_ENDPOINT=url, APPTUIT_API_TOKEN="any-token")
    assert "orders {'city': 'Pune'}" in said
    assert "20.5" in said
