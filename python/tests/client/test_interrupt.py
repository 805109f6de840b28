"""Ctrl-C while a call waits: it comes out at once, whatever the call waits for."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from apptuit import Apptuit, DataPoint, TimeSeries
from tests.conftest import Recorder

POINT = DataPoint("m", {"a": "b"}, 1, 1)
CALLS: dict[str, Callable[[Apptuit], Any]] = {
    "send": lambda client: client.send([POINT]),
    "send_timeseries": lambda client: client.send_timeseries(
        [TimeSeries("m", {"a": "b"}, [1], [1])]
    ),
    "query": lambda client: client.query("q", 0),
}


@contextmanager
def interrupted(after: float = 0.3) -> Iterator[None]:
    """Send this process a SIGINT, and see that it ends the block within a tenth of a second.

    A second, since machines that test are busy; what it interrupts takes longer.
    """
    sent: list[float] = []

    def interrupt() -> None:
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(after, interrupt)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
        assert time.monotonic() - sent[0] < 1
    finally:
        timer.cancel()
        timer.join()


@pytest.mark.parametrize("call", CALLS)
def test_a_slow_server_is_not_waited_for(server: Recorder, call: str) -> None:
    server.answer(204, delay=2)
    with interrupted():
        CALLS[call](Apptuit("t", server.url))


@pytest.mark.parametrize("call", CALLS)
def test_an_answer_on_a_kept_connection_is_not_waited_for(server: Recorder, call: str) -> None:
    client = Apptuit("t", server.url)
    for _ in range(3):
        client.send([POINT])
    server.answer(204, delay=2)
    with interrupted():
        CALLS[call](client)


def test_a_call_goes_on_after_handlers_that_raise_nothing(server: Recorder) -> None:
    client = Apptuit("t", server.url)
    client.send([POINT])
    server.answer(204, delay=0.5)
    handled = []
    before = signal.signal(signal.SIGALRM, lambda *_: handled.append(time.monotonic()))
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    try:
        client.send([POINT])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(handled) >= 3
    assert len(server.requests) == 2


def test_a_handler_may_send_while_a_call_waits(server: Recorder) -> None:
    client = Apptuit("t", server.url)
    client.send([POINT])
    server.answer(204, delay=0.5)
    before = signal.signal(signal.SIGALRM, lambda *_: client.send([POINT]))
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        client.send([POINT])
    finally:
        signal.signal(signal.SIGALRM, before)
    assert len(server.requests) == 3


@pytest.mark.parametrize("call", ["send", "query"])
def test_a_pause_between_tries_is_not_waited_for(call: str) -> None:
    asked = []

    def busy(*request: Any) -> Any:
        asked.append(request)
        return 503, {"Retry-After": "5"}, b""

    client = Apptuit("t", "http://somewhere", transport=busy)
    with interrupted():
        if call == "send":
            client.send([POINT], retry_count=9)
        else:
            client.query("q", 0, retry_count=9)
    time.sleep(0.2)
    assert len(asked) == 1, "a call that was interrupted begins no further try"


def test_a_transport_that_blocks_is_not_waited_for() -> None:
    free = threading.Event()

    def blocked(*_: Any) -> Any:
        free.wait(20)
        return 204, None, b""

    client = Apptuit("t", "http://somewhere", transport=blocked)
    with interrupted():
        client.send([POINT])
    free.set()
    client.send([POINT])


def test_what_any_signal_handler_raises_comes_out(server: Recorder) -> None:
    def handler(*_: Any) -> None:
        raise LookupError("alarm")

    server.answer(204, delay=2)
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(LookupError, match="alarm"):
            Apptuit("t", server.url).send([POINT])
    finally:
        signal.signal(signal.SIGALRM, before)


def test_the_client_is_as_good_as_before_after_an_interrupt(server: Recorder) -> None:
    client = Apptuit("t", server.url)
    server.answer(204, delay=2)
    with interrupted():
        client.send([POINT])
    for _ in range(3):
        client.send([POINT])
    assert len(server.requests) == 4


@pytest.mark.parametrize("how", ["hook", "server"])
def test_a_program_that_is_interrupted_ends(server: Recorder, how: str) -> None:
    server.answer(204, delay=3)
    script = (
        "import os, signal, threading, time\n"
        "from apptuit import Apptuit, DataPoint\n"
        "hook = lambda *_: time.sleep(60)\n"
        f"client = Apptuit('t', {server.url!r}, transport=hook if {how == 'hook'} else None)\n"
        "threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "client.send([DataPoint('m', {'a': 'b'}, 1, 1)])\n"
    )
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=20
    )
    assert time.monotonic() - start < 2.5
    assert done.returncode == -signal.SIGINT
    assert done.stderr.endswith("KeyboardInterrupt\n")


def test_logging_by_one_thread_while_others_make_clients_stops_nobody(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two global tags that become one are told by Python's logging, which lets others run."""
    monkeypatch.setattr(logging.getLogger("apptuit"), "warning", lambda *_: time.sleep(0.002))
    shared = Apptuit("t", server.url, {"a.b": "1", "a-b": "2"})
    done = []

    def send(first: int) -> None:
        for n in range(20):
            # Each timeout needs a native client of its own, which tells it anew.
            shared.send([POINT], timeout=first + n)
        done.append(first)

    threads = [threading.Thread(target=send, args=(first,), daemon=True) for first in (10, 40, 70)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(done) == [10, 40, 70]
