"""Processes that fork while they report. Each test is a program, and none may hang."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import Recorder
from tests.reporter.programs import run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

# The reporter of a test's program. A process that hangs is killed by its alarm.
BEGIN = """
    import os, signal, sys, threading, time
    signal.alarm(50)
    from apptuit.metrics import CallbackGauge, MetricsRegistry
    from apptuit.pyformance import ApptuitReporter

    def reporter(registry, interval=3600, **settings):
        return ApptuitReporter(registry, interval, "token", {url!r}, tags={{"a": "b"}},
                               disable_host_tag=True, **settings)

    def child(work):
        pid = os.fork()
        if pid:
            return pid
        signal.alarm(30)
        try:
            work()
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)

    def wait(pid):
        status = os.waitpid(pid, 0)[1]
        assert status == 0, f"the child ended with {{status}}"
"""


def run_forking(server: Recorder, program: str, *options: str) -> str:
    # Warns of forks in a process of several threads since Python 3.12.
    quiet = ("-W", "ignore::DeprecationWarning")
    return run(BEGIN.format(url=server.url) + program, 80, *quiet, *options)


def points(server: Recorder, metric: str) -> list[dict[str, object]]:
    return [point for point in server.points if point["metric"] == metric]


def test_150_forks_under_load_hang_nowhere_and_each_child_reports_once(server: Recorder) -> None:
    run_forking(
        server,
        """
    shared, own = MetricsRegistry(), MetricsRegistry()
    busy, once = reporter(shared, 0.02, worker_id=True), reporter(own)
    shared.add("asked", CallbackGauge(lambda: 1.0))
    done = threading.Event()

    def record(n):
        i = 0
        while not done.is_set():
            i += 1
            shared.counter("c").inc()
            shared.meter("m").mark()
            shared.histogram("h").add(i)
            shared.gauge("g").set_value(i)
            shared.counter(f"new {n} {i % 50}").inc(0.5)
            with shared.timer("t").time():
                time.sleep(0.001)

    def begin_and_end():
        while not done.is_set():
            thread = threading.Thread(target=lambda: shared.counter("short").inc())
            thread.start()
            thread.join()
            time.sleep(0.001)

    threads = [threading.Thread(target=record, args=(n,)) for n in range(3)]
    threads.append(threading.Thread(target=begin_and_end))
    for thread in threads:
        thread.start()
    busy.start()

    def work(n):
        own.counter('child{"n": "%d"}' % n).inc()
        for name in ("c", "fresh"):
            shared.counter(name).inc()
        shared.histogram("h").add(1)
        with shared.timer("t").time():
            shared.dump_metrics()
        once.report_now()

    for n in range(150):
        wait(child(lambda: work(n)))
    done.set()
    for thread in threads:
        thread.join()
    busy.stop()
    """,
    )
    children = Counter(point["tags"]["n"] for point in points(server, "child_count"))  # type: ignore[index]
    assert children == {str(n): 1 for n in range(150)}


def test_the_child_of_a_running_reporter_reports_by_itself(server: Recorder) -> None:
    pids = run_forking(
        server,
        """
    registry = MetricsRegistry()
    registry.counter("before").inc()
    running = reporter(registry, 0.1, worker_id=True, collect_process_metrics=True)
    running.start()

    def work():
        registry.counter("of child").inc()
        time.sleep(1)
        running.stop()
        assert running.ledger().queued == 0

    pid = child(work)
    wait(pid)
    running.stop()
    print(os.getpid(), pid)
    """,
    )
    parent, child = pids.split()
    workers = {point["tags"]["worker_id"] for point in points(server, "before_count")}  # type: ignore[index]
    assert workers == {parent, child}
    of_child = {point["tags"]["worker_id"] for point in points(server, "of_child_count")}  # type: ignore[index]
    assert of_child == {child}
    sent = [point["value"] for point in points(server, "apptuit_reporter_send_total_count")]
    # 25 of the process and one counter, or two; both count from the beginning.
    assert sorted(sent)[:2] == [26, 27]
    # The parent's numbers stay the parent's.
    for request in server.requests:
        own = {p["tags"]["worker_id"] for p in request.points if p["metric"].startswith("python_")}
        both = {p["tags"]["worker_id"] for p in request.points}
        assert len(own) < 2
        assert own <= both
        assert len(both) == 1


@pytest.mark.parametrize("spool", [False, True])
def test_what_waits_in_the_parent_is_sent_once_and_by_the_parent(
    server: Recorder, tmp_path: Path, spool: bool
) -> None:
    directory = str(tmp_path) if spool else None
    for _ in range(2):
        server.answer(503)
    run_forking(
        server,
        f"""
    registry = MetricsRegistry()
    registry.counter("c").inc()
    settings = dict(error_handler=None, spool_dir={directory!r})
    reports = reporter(registry, **settings)
    earlier = int(time.time()) - 1000
    try:
        reports.report_now(timestamp=earlier)
        raise AssertionError("the server failed")
    except Exception as error:
        assert error.failed == 1, error
    waiting = reports.ledger()
    assert waiting.queued + waiting.spooled > 0

    def work():
        assert {spool} or reports.ledger().recorded == 0
        flushed = reports.flush(5)
        assert flushed.queued + flushed.spooled == 0, flushed

    for _ in range(3):
        wait(child(work))
    flushed = reports.flush(10)
    assert flushed.queued + flushed.spooled == 0, flushed
    """,
    )
    kept = [request for request in server.requests[2:] if request.points]
    times = Counter(p["timestamp"] for r in kept for p in r.points if p["metric"] == "c_count")
    assert times[min(times)] == 1, "what waited arrives once"


def test_a_child_uses_no_connection_of_its_parent(server: Recorder) -> None:
    run_forking(
        server,
        """
    from apptuit import Apptuit, DataPoint
    client = Apptuit("token", api_endpoint=URL)
    send = lambda value: client.send([DataPoint("m", {"a": "b"}, 60, value)])
    send(0)
    children = [child(lambda: [send(n) for _ in range(10)]) for n in range(1, 5)]
    for _ in range(10):
        send(0)
    for pid in children:
        wait(pid)
    """.replace("URL", repr(server.url)),
    )
    values = Counter(point["value"] for point in points(server, "m"))
    assert values == {0: 11, 1: 10, 2: 10, 3: 10, 4: 10}


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_of_multiprocessing_report_when_they_end(
    server: Recorder, tmp_path: Path, method: str
) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no start method {method}")
    program = tmp_path / "program.py"
    program.write_text(
        f"""
import multiprocessing
from apptuit.metrics import MetricsRegistry
from apptuit.pyformance import ApptuitReporter

registry = MetricsRegistry()
settings = dict(tags={{"a": "b"}}, disable_host_tag=True, worker_id=True)
running = ApptuitReporter(registry, 3600, "token", {server.url!r}, **settings)
running.start()

def work(n):
    registry.counter(f"worked {{n}}").inc()

if __name__ == "__main__":
    multiprocessing.set_start_method({method!r})
    workers = [multiprocessing.Process(target=work, args=(n,)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0, worker.exitcode
"""
    )
    run(f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')", 80,
        "-W", "ignore::DeprecationWarning")  # fmt: skip
    for n in range(3):
        assert {point["value"] for point in points(server, f"worked_{n}_count")} == {1}
    workers = {
        p["tags"]["worker_id"] for n in range(3) for p in points(server, f"worked_{n}_count")
    }  # type: ignore[index]
    assert len(workers) == 3


def test_children_of_one_moment_report_at_moments_of_their_own(server: Recorder) -> None:
    run_forking(
        server,
        """
    heard, say = os.pipe()

    def sent(*request):
        os.write(say, f"{os.getpid()} {time.monotonic()}\\n".encode())
        return 204, {}, b""

    registry = MetricsRegistry()
    registry.counter("orders").inc()
    running = reporter(registry, 1, transport=sent)
    running.start()
    begun = time.monotonic()
    pids = [child(lambda: time.sleep(2)) for _ in range(8)]
    for pid in pids:
        wait(pid)
    running.stop()
    os.close(say)
    firsts = {}
    with open(heard) as lines:
        for line in lines:
            pid, at = line.split()
            firsts.setdefault(int(pid), float(at) - begun)
    moments = [firsts[pid] for pid in pids]
    assert min(moments) >= 0.5 and max(moments) - min(moments) > 0.1, moments
    """,
    )


@pytest.mark.parametrize("attempt", range(3))
def test_a_fork_leaves_nothing_half_made_and_stops_nobody(server: Recorder, attempt: int) -> None:
    """Many things are made at their first use: here one thread uses all, while another forks."""
    run_forking(
        server,
        """
    import pickle
    from apptuit import Apptuit, ApptuitException, DataPoint, TimeSeriesName
    from apptuit.metrics import Timer
    sys.setswitchinterval(1e-6)

    def refuses(kind, call, *given):
        try:
            call(*given)
        except kind:
            return
        raise AssertionError(f"{call} took {given}")

    def broken(*request):
        raise OSError("broken")

    def everything():
        name = TimeSeriesName("m", {"a": 1})
        TimeSeriesName.decode_metric(str(name))
        refuses(TypeError, TimeSeriesName.decode_metric, 1)
        refuses(ValueError, TimeSeriesName.decode_metric, "")
        pickle.loads(pickle.dumps(name))
        point = DataPoint("m", {"a": "b"}, 60, 1)
        repr(point)
        refuses(ApptuitException, Apptuit("token", transport=broken).send, [point])
        registry = MetricsRegistry()
        registry.counter("c").inc()
        registry.histogram("h").add(1)
        registry.meter("m").mark()
        with Timer(threshold=1e-9).time():
            registry.dump_metrics()
        reporter(registry, transport=lambda *request: (204, {}, b"")).report_now()

    thread = threading.Thread(target=everything)
    thread.start()
    children = [child(everything)]
    while thread.is_alive() and len(children) < 100:
        children.append(child(everything))
    thread.join()
    for pid in children:
        wait(pid)
    """,
    )


def test_a_gauge_may_fork(server: Recorder) -> None:
    run_forking(
        server,
        """
    registry = MetricsRegistry()
    pids = []

    def forking():
        pid = os.fork()
        if not pid:
            os._exit(7)
        pids.append(pid)
        return 1.0

    registry.add("forking", CallbackGauge(forking))
    reports = reporter(registry)
    reports.report_now()
    reports.start()
    reports.stop()
    assert len(pids) >= 2
    for pid in pids:
        assert os.waitpid(pid, 0)[1] == 7 << 8
    """,
    )
    assert len(points(server, "forking_value")) >= 2


def test_a_report_under_way_stays_the_parents(server: Recorder) -> None:
    run_forking(
        server,
        """
    registry = MetricsRegistry()
    told, children = [], []

    def forking():
        children.append(os.fork())
        return 1.0

    registry.add("forking", CallbackGauge(forking))
    reports = reporter(registry, error_handler=lambda *failure: told.append(failure))
    try:
        reports.report_now()
        failed = False
    except Exception:
        failed = True
    if children[0]:
        assert not failed
        wait(children[0])
    else:
        assert failed and "forked" in str(told), told
        os._exit(0)
    """,
    )
    assert len(points(server, "forking_value")) == 1
