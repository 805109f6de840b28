"""A watchdog: a test that hangs says where each of its threads is, and ends the run."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterator

import pytest

PATIENCE = 60.0


@pytest.fixture(autouse=True)
def _watchdog() -> Iterator[None]:
    """Works without the interpreter's lock, so it ends a deadlock of that too."""
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
