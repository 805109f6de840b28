"""A client that is used on both sides of a fork, and from many threads."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import pytest

from apptuit import Apptuit, DataPoint
from tests.conftest import Recorder

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


def in_child(work: Callable[[], None], within: float = 20) -> int:
    """Run `work` in a child, and return what it exits with; one that hangs is killed."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    pytest.fail("the child hangs")


def point(value: float) -> DataPoint:
    return DataPoint("m", {"a": "b"}, 1, value)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_parent_and_child_send_by_connections_of_their_own(server: Recorder) -> None:
    client = Apptuit("t", server.url)
    client.send([point(0)])
    for n in range(1, 6):
        assert in_child(lambda value=n: client.send([point(value)])) == 0  # type: ignore[misc]
        client.send([point(-n)])
    values = sorted(each["value"] for each in server.points)
    assert values == list(range(-5, 6))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_sends_although_other_threads_were_sending_when_it_was_made(
    server: Recorder,
) -> None:
    client = Apptuit("t", server.url)
    many = [DataPoint("m", {"n": str(n % 300)}, n, n) for n in range(3000)]
    stop = threading.Event()

    def send() -> None:
        while not stop.is_set():
            client.send(many)

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(15):
            assert in_child(lambda: client.send([point(1)])) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
