"""Fixtures for pytest, which finds them by itself: a clock, a recorder, a server.

Nothing but pytest imports this module; what the fixtures give is in `apptuit.testing`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .testing import ManualClock, Recorder, Server


@pytest.fixture
def apptuit_clock() -> ManualClock:
    """Give a clock that is moved by hand: `MetricsRegistry(clock=apptuit_clock)`."""
    from .testing import ManualClock

    return ManualClock()


@pytest.fixture
def apptuit_recorder() -> Recorder:
    """Give a stand-in for the service, which keeps the points it is sent.

    `apptuit_recorder.client()` and `.reporter(registry)` send to it; `.points` are what came.
    """
    from .testing import Recorder

    return Recorder()


@pytest.fixture
def apptuit_server() -> Iterator[Server]:
    """Run a real server of this test, on an empty store: `apptuit_server.client()`, `.url`.

    The command is that of `APPTUIT_BIN`, or `apptuit` on PATH. Without it the test is skipped, and
    fails if `CI` is "true".
    """
    from .testing import Server, ServerMissing

    try:
        server = Server()
    except ServerMissing as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    with server:
        yield server
