"""Programs that are interrupted, that end, or whose callbacks do not return: nothing hangs."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from apptuit import Apptuit, ApptuitSendException
from apptuit.metrics import MetricsRegistry
from apptuit.pyformance import ApptuitReporter
from tests.conftest import Recorder


def program(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A program under way; faulthandler ends it with a trace if it hangs."""
    watched = f"import faulthandler; faulthandler.dump_traceback_later(40, exit=True)\n{code}"
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", watched, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """How a program ended, and what it said: never in the middle of the native half."""
    out, err = process.communicate(timeout=50)
    for sign in ("panicked", "Fatal Python error", "Segmentation"):
        assert sign not in err, err
    return process.returncode, out, err


CALLS = {
    "send": "client.send([DataPoint('m', {'a': 'b'}, 1, 1)], retry_count=5)",
    "send_timeseries": "client.send_timeseries([TimeSeries('m', {'a': 'b'}, [1], [1])])",
    "query": "client.query(\"fetch('m')\", start=1, retry_count=5)",
    "report_now": "reporter.report_now()",
}
INTERRUPTED = """
import sys
from apptuit import Apptuit, DataPoint, TimeSeries
from apptuit.metrics import MetricsRegistry
from apptuit.pyformance import ApptuitReporter

client = Apptuit("secret", sys.argv[1])
registry = MetricsRegistry()
registry.counter("orders").inc()
reporter = ApptuitReporter(registry, 60, "secret", sys.argv[1], error_handler=None)
try:
    {call}
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize("call", CALLS)
def test_an_interrupt_ends_a_call_that_waits_for_its_answer(server: Recorder, call: str) -> None:
    server.answer(204, delay=8)
    process = program(INTERRUPTED.format(call=CALLS[call]), server.url)
    server.wait_for(1)
    time.sleep(0.2)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == "interrupted\n"
    assert time.monotonic() - started < 2
    assert ended(process)[0] == 0


ENDING = """
import sys, threading, time
from apptuit.metrics import MetricsRegistry
from apptuit.pyformance import ApptuitReporter

registry = MetricsRegistry()
registry.counter("orders").inc()
{prelude}
reporter = ApptuitReporter(registry, 0.05, "secret", sys.argv[1], error_handler=None)
reporter.start()
time.sleep(0.5)
"""
PRELUDES = {
    "in the middle of a report": "",
    "in a gauge that waits": "registry.gauge('slow', lambda: time.sleep(0.3) or 1.0)",
    "in a gauge that never returns": "registry.gauge('stuck', lambda: threading.Event().wait())",
    "with a daemon that counts": (
        "threading.Thread(\n"
        "    target=lambda: [registry.counter(f'c{n % 100}').inc() for n in iter(int, 1)],\n"
        "    daemon=True,\n"
        ").start()"
    ),
}


@pytest.mark.parametrize("prelude", PRELUDES)
def test_a_program_that_ends_while_it_reports_ends(server: Recorder, prelude: str) -> None:
    for _ in range(3):
        server.answer(204, delay=0.2)
    started = time.monotonic()
    code, _, err = ended(program(ENDING.format(prelude=PRELUDES[prelude]), server.url))
    assert (code, err) == (0, "")
    assert time.monotonic() - started < 20


SUBINTERPRETER = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
import apptuit

code = '''
try:
    import apptuit
except ImportError as error:
    print("refused:", error, flush=True)
'''
run = getattr(interpreters, "run_string", None) or interpreters.exec
print(run(interpreters.create(), code))
"""


def test_another_interpreter_of_the_process_is_refused_clearly() -> None:
    code, out, err = ended(program(SUBINTERPRETER))
    assert code == 0, err
    assert "refused:" in out
    assert "interpreter" in out


def test_a_gauge_that_blocks_keeps_no_other_thread(server: Recorder) -> None:
    free, entered = threading.Event(), threading.Event()

    def blocking() -> float:
        entered.set()
        free.wait(30)
        return 1.0

    registry = MetricsRegistry()
    registry.gauge("blocking", blocking)
    reporter = ApptuitReporter(registry, 60, "secret", server.url, error_handler=None)
    reporter.start()
    try:
        assert entered.wait(10)
        # While it waits, everything else goes on: old instruments, new ones, dumps of others.
        registry.counter("new").inc()
        registry.histogram("h").add(1)
        Apptuit("secret", server.url).send([])
        other = MetricsRegistry()
        other.counter("c").inc()
        assert other.dump_metrics() == {"c": {"count": 1}}
    finally:
        free.set()
        reporter.stop()
    assert "new_count" in {point["metric"] for point in server.points}


def test_callbacks_may_call_back(server: Recorder) -> None:
    """Into the registry, into another reporter, and into a client, from gauges and handlers."""
    registry, told = MetricsRegistry(), []

    def gauge() -> float:
        registry.counter("asked").inc()
        registry.gauge("from_a_gauge").set_value(2)
        assert registry.get_metrics("asked")["count"] >= 1
        other = MetricsRegistry()
        other.counter("of_the_other").inc()
        ApptuitReporter(other, 60, "secret", server.url, error_handler=None).report_now()
        return 1.0

    def handler(*call: Any) -> None:
        told.append(call)
        registry.counter("failures").inc(call[2])

    registry.gauge("gauge", gauge)
    reporter = ApptuitReporter(registry, 60, "secret", server.url, error_handler=handler)
    reporter.report_now()
    # Two requests of the reporter in the gauge come first.
    for status in (204, 204, 500):
        server.answer(status)
    with pytest.raises(ApptuitSendException):
        reporter.report_now()
    reporter.report_now()
    newest = {point["metric"]: point["value"] for point in server.points}
    assert newest["gauge_value"] == newest["of_the_other_count"] == 1
    assert newest["from_a_gauge_value"] == 2
    assert newest["asked_count"] >= 2
    assert newest["failures_count"] == sum(call[2] for call in told) > 0
