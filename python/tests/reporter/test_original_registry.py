"""The registry of pyformance 0.4 as it was released, reported by ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Recorder
from tests.reporter.programs import run
from tests.reporter.test_reporter import data, values


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with that package, and with the old setuptools that it does not work without."""
    folder = tmp_path_factory.mktemp("released")
    packages = ["pyformance==0.4", "setuptools<81"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--target", str(folder), *packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        reason = f"pip does not bring {packages}: {done.stderr}"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return folder


PROGRAM = """
import sys
import pyformance
from pyformance.meters.gauge import CallbackGauge

from apptuit import timeseries
from apptuit.pyformance import ApptuitReporter

assert pyformance.__file__.startswith({folder!r}), pyformance.__file__
registry = pyformance.MetricsRegistry()
registry.counter(timeseries.encode_metric("orders", {{"city": "blr"}})).inc(3)
registry.add("depth", CallbackGauge(lambda: 7))
registry.gauge("never set")
registry.meter("requests").mark(4)
for value in (1, 2, 3, 4, 100):
    registry.histogram("sizes").add(value)
with registry.timer("latency").time():
    pass
pyformance.counter("of everybody").inc()

settings = {{"token": "t", "api_endpoint": {url!r}, "disable_host_tag": True, "tags": {{"a": "b"}}}}
reporter = ApptuitReporter(registry=registry, reporting_interval=60, **settings)
reporter.report_now(timestamp=60)
reporter.report_now(pyformance.global_registry(), timestamp=60)
"""


def test_a_registry_of_the_released_package_is_reported(server: Recorder, released: Path) -> None:
    program = PROGRAM.format(folder=str(released), url=server.url)
    run(program, 60, "-W", "ignore", env={**os.environ, "PYTHONPATH": str(released)})
    arrived = values(server)
    assert (arrived["orders_count"], arrived["depth_value"]) == (3, 7)
    assert (arrived["sizes_max"], arrived["sizes_avg"], arrived["sizes_75_percentile"]) == (
        100,
        22,
        52,
    )
    assert (arrived["latency_count"], arrived["requests_count"]) == (1, 4)
    assert arrived["of_everybody_count"] == 1
    # A counter, a gauge, 5 of the meter, 9 of the histogram, 15 of the timer, and the other's.
    assert len(arrived) == 1 + 1 + 5 + 9 + 15 + 1
    (orders,) = [point for point in data(server) if point["metric"] == "orders_count"]
    assert orders["tags"] == {"a": "b", "city": "blr"}
