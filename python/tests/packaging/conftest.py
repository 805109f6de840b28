from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def server_command() -> Path:
    """The command `apptuit`; without it the test is skipped, and fails where CI runs it."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = Path(os.environ.get("APPTUIT_BIN", target / "debug" / "apptuit"))
    if path.is_file():
        return path
    reason = f"no server to test with: {path} is missing; build it with `cargo build`"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
