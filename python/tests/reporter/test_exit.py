"""The end of a program: by itself, by a signal, and in the middle of a report."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.conftest import Recorder
from tests.reporter.programs import run

BEGIN = """
    import atexit, concurrent.futures, os, signal, sys, threading, time
    from apptuit.metrics import CallbackGauge, MetricsRegistry
    from apptuit.pyformance import ApptuitReporter

    registry = MetricsRegistry()

    def reporter(**settings):
        return ApptuitReporter(registry, 3600, "token", {url!r}, tags={{"a": "b"}},
                               disable_host_tag=True, **settings)
"""


def last(server: Recorder, metric: str) -> float:
    values = [point["value"] for point in server.points if point["metric"] == metric]
    assert values, f"{metric} has not arrived"
    return float(values[-1])


def test_what_pools_and_threads_do_to_their_end_is_reported(server: Recorder) -> None:
    program = """
    reporter().start()
    pool = concurrent.futures.ThreadPoolExecutor(2)

    def work():
        time.sleep(0.3)
        registry.counter("done").inc()

    for _ in range(4):
        pool.submit(work)
    threading.Thread(target=work).start()
    """
    run(BEGIN.format(url=server.url) + program, 60, "-W", "error")
    assert last(server, "done_count") == 5


def test_several_reporters_stop_at_the_same_time_and_in_bounded_time(server: Recorder) -> None:
    program = """
    registry.counter("c").inc()
    hanging = {}
    for _ in range(3):
        reporter(transport=lambda *_: time.sleep(60), error_handler=None).start()
    reporter().start()
    time.sleep(0.3)
    print(time.time())
    """
    begun = float(run(BEGIN.format(url=server.url) + program))
    assert time.time() - begun < 9
    assert last(server, "c_count") == 1


@pytest.mark.parametrize("ending", ["sys.exit(0)", "raise SystemExit", "pass"])
def test_a_callback_that_ends_the_program_does_not(server: Recorder, ending: str) -> None:
    program = f"""
    def ends():
        {ending}
        return 1.0

    registry.gauge("ends", ends)
    registry.counter("c").inc()
    told = []
    running = reporter(error_handler=lambda *failure: told.append(failure) or sys.exit(3))
    running.start()
    time.sleep(0.3)
    running.stop()
    print(len(told))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2) if told else None
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(BEGIN.format(url=server.url) + program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (int(done.stdout) > 0) == (ending != "pass")
    assert last(server, "c_count") == 1


def test_the_interpreter_ends_in_the_middle_of_everything(server: Recorder) -> None:
    program = """
    def slow():
        for _ in range(600):
            time.sleep(0.01)
        return 1.0

    def record():
        while True:
            registry.counter("c").inc()
            registry.histogram("h").add(1)

    registry.gauge("slow", slow)
    for _ in range(2):
        threading.Thread(target=record, daemon=True).start()
    ApptuitReporter(registry, 0.01, "token", URL, tags={"a": "b"}).start()
    reporter(transport=lambda *_: time.sleep(0.01) or (204, {}, b"")).start()
    time.sleep(0.5)
    """.replace("URL", repr(server.url))
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(BEGIN.format(url=server.url) + program)],
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def begun(program: str, tmp_path: Path) -> subprocess.Popen[str]:
    """Begin a program, and wait until it makes the file `ready`."""
    ready = tmp_path / "ready"
    text = textwrap.dedent(program) + f"\nopen({str(ready)!r}, 'w').close()\n"
    text += "while True:\n    time.sleep(0.05)\n"
    process = subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    deadline = time.monotonic() + 30
    while not ready.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to handle")
class TestSigterm:
    def test_flushes_and_ends_the_process_as_before(self, server: Recorder, tmp_path: Path) -> None:
        program = """
    reporter(flush_on_sigterm=True).start()
    registry.counter("c").inc(3)
    """
        with begun(BEGIN.format(url=server.url) + program, tmp_path) as process:
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=30)
        assert process.returncode == -signal.SIGTERM, said
        assert last(server, "c_count") == 3

    def test_calls_the_programs_own_handler_afterwards(
        self, server: Recorder, tmp_path: Path
    ) -> None:
        program = """
    def own(number, frame):
        print("own", number == signal.SIGTERM, running.ledger().delivered > 0, flush=True)
        sys.exit(5)

    signal.signal(signal.SIGTERM, own)
    running = reporter(flush_on_sigterm=True)
    running.start()
    registry.counter("c").inc(3)
    """
        with begun(BEGIN.format(url=server.url) + program, tmp_path) as process:
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=30)
        assert (process.returncode, said) == (5, "own True True\n")
        assert last(server, "c_count") == 3

    def test_is_not_touched_unless_that_is_asked_for(
        self, server: Recorder, tmp_path: Path
    ) -> None:
        program = """
    reporter().start()
    time.sleep(0.5)
    registry.counter("c").inc(3)
    """
        with begun(BEGIN.format(url=server.url) + program, tmp_path) as process:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
        assert process.returncode == -signal.SIGTERM
        assert not server.points

    def test_is_ignored_where_it_was(self, server: Recorder) -> None:
        program = """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    running = reporter(flush_on_sigterm=True)
    running.start()
    registry.counter("c").inc(3)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.1)
    """
        run(BEGIN.format(url=server.url) + program)
        assert last(server, "c_count") == 3

    def test_needs_the_main_thread(self, server: Recorder) -> None:
        program = """
    running, told = reporter(flush_on_sigterm=True), []

    def start():
        try:
            running.start()
        except ValueError as error:
            told.append(str(error))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in told[0], told
    assert running.start()
    """
        run(BEGIN.format(url=server.url) + program)


def test_ctrl_c_ends_a_report_at_once(server: Recorder) -> None:
    program = """
    registry.counter("c").inc()
    server_hangs = lambda *_: time.sleep(20)
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    reports = reporter(transport=server_hangs, error_handler=None)
    begun = time.monotonic()
    try:
        reports.report_now()
        print("done")
    except KeyboardInterrupt:
        print("interrupted", time.monotonic() - begun < 5)
    sys.stdout.flush()
    os._exit(0)
    """
    assert run(BEGIN.format(url=server.url) + program) == "interrupted True\n"


def test_ctrl_c_in_a_callback_ends_the_report_that_waits_for_it(server: Recorder) -> None:
    program = """
    def interrupted():
        raise KeyboardInterrupt

    registry.gauge("g", interrupted)
    registry.counter("c").inc()
    try:
        reporter(error_handler=None).report_now()
    except KeyboardInterrupt:
        print("interrupted")
    """
    assert run(BEGIN.format(url=server.url) + program) == "interrupted\n"
