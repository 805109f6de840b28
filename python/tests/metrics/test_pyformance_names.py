"""The distribution pyformance: the names of 0.4 lead to our instruments."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from apptuit import metrics

SOURCE = Path(__file__).resolve().parents[2] / "pyformance" / "src"

INSTRUMENTS = ["CallbackGauge", "Counter", "Gauge", "Histogram", "Meter", "SimpleGauge", "Timer"]
FUNCTIONS = [
    *["clear", "count_calls", "counter", "dump_metrics", "gauge", "global_registry", "hist_calls"],
    *["histogram", "meter", "meter_calls", "set_global_registry", "time_calls", "timer"],
]
SAMPLES = ["ExpDecayingSample", "SlidingTimeWindowSample", "Snapshot"]
HOMES = {
    "pyformance": ["MetricsRegistry", *FUNCTIONS],
    "pyformance.registry": ["MetricsRegistry", "RegexRegistry", *FUNCTIONS, *INSTRUMENTS],
    "pyformance.meters": INSTRUMENTS,
    "pyformance.meters.counter": ["Counter"],
    "pyformance.meters.gauge": ["CallbackGauge", "Gauge", "SimpleGauge"],
    "pyformance.meters.histogram": ["ExpDecayingSample", "Histogram"],
    "pyformance.meters.meter": ["ExpWeightedMovingAvg", "Meter"],
    "pyformance.meters.timer": ["Histogram", "Meter", "Timer", "TimerContext"],
    "pyformance.stats": ["ExpDecayingSample", "ExpWeightedMovingAvg", "Snapshot"],
    "pyformance.stats.moving_average": ["ExpWeightedMovingAvg"],
    "pyformance.stats.samples": SAMPLES,
    "pyformance.stats.snapshot": ["Snapshot"],
}


@pytest.mark.parametrize("home", HOMES)
def test_each_name_is_ours(home: str) -> None:
    module = importlib.import_module(home)
    for name in HOMES[home]:
        assert getattr(module, name) is getattr(metrics, name)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = module.nonsense
    if hasattr(module, "__all__"):
        assert set(HOMES[home]) <= set(module.__all__) <= set(dir(module))


def test_what_is_no_instrument_is_there_too() -> None:
    from pyformance.meters import timer
    from pyformance.registry import get_qualname
    from pyformance.stats.samples import DEFAULT_ALPHA, DEFAULT_SIZE

    import pyformance

    assert timer.call_too_long is metrics.call_too_long is pyformance.call_too_long
    assert (
        (DEFAULT_SIZE, DEFAULT_ALPHA) == (timer.DEFAULT_SIZE, timer.DEFAULT_ALPHA) == (1028, 0.015)
    )
    assert get_qualname(metrics.Counter) == "Counter"
    assert pyformance.__version__ == "1.0.0"
    for part in ("meters", "registry", "reporters", "stats"):
        assert getattr(pyformance, part).__name__ == f"pyformance.{part}"


def run(program: str) -> None:
    """Run a program of its own, in which warnings are errors."""
    command = [sys.executable, "-W", "error", "-c", program]
    subprocess.run(command, check=True, timeout=60, env={"PYTHONPATH": str(SOURCE)})


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import pyformance", ["apptuit", "pyformance.reporters", "json"]),
        ("import pyformance.reporters", ["apptuit", "urllib.request", "pickle", "logging"]),
        ("from pyformance import counter", ["pyformance.reporters", "blinker", "pyformance.stats"]),
        ("from pyformance.reporters import ConsoleReporter", ["urllib.request", "pickle"]),
    ],
)
def test_one_part_loads_no_other(statement: str, absent: list[Any]) -> None:
    loaded = f"found = set({absent}) & set(sys.modules); assert not found, found"
    run(f"import sys; {statement}; {loaded}")


def test_readme_imports_work_as_written() -> None:
    run(
        "from pyformance import MetricsRegistry\n"
        "from pyformance.meters.gauge import CallbackGauge\n"
        "registry = MetricsRegistry()\n"
        "gauge = registry.add('g', CallbackGauge(lambda: 3))\n"
        "registry.counter('c').inc()\n"
        "assert registry.dump_metrics() == {'c': {'count': 1}, 'g': {'value': 3}}\n"
    )


@pytest.mark.parametrize("name", ["HostedGraphiteReporter", "NewRelicReporter"])
def test_a_reporter_of_what_is_gone_names_what_takes_its_place(name: str) -> None:
    import pyformance.reporters

    with pytest.raises(NotImplementedError, match="ApptuitReporter"):
        getattr(pyformance.reporters, name)("key", registry=None)
