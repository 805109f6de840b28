"""Programs whose workers are forked for them: gunicorn and Celery."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Recorder

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

REPORTER = """
from apptuit.metrics import MetricsRegistry
from apptuit.pyformance import ApptuitReporter

registry = MetricsRegistry()
running = ApptuitReporter(registry, 0.5, "token", {url!r}, tags={{"a": "b"}},
                          disable_host_tag=True, worker_id=True)
running.start()
"""


def needs(package: str) -> None:
    if importlib.util.find_spec(package) is not None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{package} is missing")
    pytest.skip(f"{package} is missing")


@contextmanager
def program(directory: Path, *command: str) -> Iterator[Path]:
    """Run a program, end it with SIGTERM, and give what it printed as a file."""
    said = directory / "said"
    with said.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=directory,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield said
            process.send_signal(signal.SIGTERM)
            assert process.wait(40) in (0, -signal.SIGTERM), said.read_text()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)


def eventually(what: str, said: Path, check: object) -> object:
    deadline = time.monotonic() + 40
    while not (found := check()):  # type: ignore[operator]
        assert time.monotonic() < deadline, f"{what}: {said.read_text()}"
        time.sleep(0.1)
    return found


def counted(server: Recorder, metric: str) -> dict[str, float]:
    """The last value of each worker."""
    points = [point for point in server.points if point["metric"] == metric]
    return {point["tags"]["worker_id"]: point["value"] for point in points}


@pytest.mark.parametrize("preload", [True, False])
def test_each_worker_of_gunicorn_reports(server: Recorder, tmp_path: Path, preload: bool) -> None:
    needs("gunicorn")
    (tmp_path / "shop.py").write_text(
        REPORTER.format(url=server.url)
        + """
import os

def app(environ, start_response):
    registry.counter("requests").inc()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""
    )
    # As a file, since older versions refuse a flag they do not know.
    (tmp_path / "gunicorn.conf.py").write_text("control_socket_disable = True\n")
    options = ["--workers", "2", "--bind", "127.0.0.1:0"]
    options += ["--preload"] if preload else []
    with program(tmp_path, "gunicorn", *options, "shop:app") as said:
        at = re.compile(r"Listening at: (http://127\.0\.0\.1:\d+)")
        found = eventually("it listens", said, lambda: at.search(said.read_text()))
        address, answers = found.group(1), {}  # type: ignore[attr-defined]

        def both() -> bool:
            with urllib.request.urlopen(address, timeout=10) as answer:
                worker = answer.read().decode()
            answers[worker] = answers.get(worker, 0) + 1
            return len(answers) == 2

        eventually("both workers answer", said, both)
    assert counted(server, "requests_count") == answers


def test_each_worker_of_celery_reports(server: Recorder, tmp_path: Path) -> None:
    needs("celery")
    for folder in ("in", "done"):
        (tmp_path / folder).mkdir()
    (tmp_path / "shop.py").write_text(
        REPORTER.format(url=server.url)
        + """
import time
from celery import Celery

app = Celery("shop", broker="filesystem://")
folders = {"data_folder_in": "in", "data_folder_out": "in", "processed_folder": "done"}
app.conf.broker_transport_options = folders
app.conf.worker_prefetch_multiplier = 1

@app.task
def order():
    registry.counter("orders").inc()
    time.sleep(0.05)
"""
    )
    send = "import shop; [shop.order.delay() for _ in range(20)]; shop.running.stop()"
    done = subprocess.run(
        [sys.executable, "-c", send], cwd=tmp_path, timeout=60, check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    options = ["--concurrency", "2", "--pool", "prefork", "--loglevel", "info"]
    with program(tmp_path, "celery", "-A", "shop", "worker", *options) as said:
        eventually("all is done", said, lambda: said.read_text().count("succeeded in") == 20)
    orders = counted(server, "orders_count")
    assert sum(orders.values()) == 20
    assert len(orders) == 2
