"""What pip installs: both distributions and nothing else, in an environment with nothing in it."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.promises.world import TOKEN, World

Python = Callable[..., str]

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def run(*command: object, **variables: str) -> str:
    """What a command says, which must succeed; it inherits no variables."""
    text = [str(part) for part in command]
    done = subprocess.run(
        text, capture_output=True, text=True, check=False, env=variables or None, timeout=300
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `APPTUIT_WHEELS` names, or one with wheels built for this interpreter."""
    if built := os.environ.get("APPTUIT_WHEELS"):
        return Path(built)
    wheels = tmp_path_factory.mktemp("wheels")
    manifest = ROOT / "python" / "Cargo.toml"
    run("maturin", "build", "-q", "-m", manifest, "-i", sys.executable, "-o", wheels)
    sources = ROOT / "python" / "pyformance"
    run(*PIP, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", wheels, sources)
    return wheels


@pytest.fixture(scope="module")
def interpreter(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment into which `pip install apptuit` was all that was put."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    run(*PIP, "--python", python, "install", "-q", "--no-index", "--find-links", wheels, "apptuit")
    return python


@pytest.fixture
def program(interpreter: Path) -> Python:
    """Runs a program there, with warnings as errors and these variables only."""

    def execute(code: str, **variables: str) -> str:
        return (
            run(interpreter, "-I", "-W", "error", "-c", code)
            if not variables
            else run(interpreter, "-W", "error", "-c", code, **variables)
        )

    return execute


def test_f01_pip_installs_apptuit_which_is_imported_under_that_name(program: Python) -> None:
    version = program("import apptuit; print(apptuit.__version__)")
    by_metadata = program("from importlib.metadata import version; print(version('apptuit'))")
    assert version == by_metadata != ""


def test_f02_what_is_needed_comes_along_and_pandas_is_not_needed(
    interpreter: Path, program: Python
) -> None:
    listed = run(*PIP, "--python", interpreter, "list", "--format", "freeze").split()
    assert {line.split("==")[0] for line in listed} == {"apptuit", "pyformance"}
    assert run(*PIP, "--python", interpreter, "check").startswith("No broken requirements")
    program("from pyformance import MetricsRegistry, timer; MetricsRegistry().counter('c').inc()")
    program("from pyformance.meters.gauge import CallbackGauge; CallbackGauge(int).get_value()")


WITHOUT_PANDAS = f"""
from apptuit import Apptuit, DataPoint, TimeSeries
from apptuit.pyformance import ApptuitReporter
from pyformance import MetricsRegistry

client = Apptuit(token="{TOKEN}")
client.send([DataPoint("points", {{"a": "b"}}, 1500000000, 1)])
client.send_timeseries([TimeSeries("series", {{"a": "b"}}, [1500000000], [2])])
registry = MetricsRegistry()
registry.counter("orders").inc(3)
ApptuitReporter(registry=registry, token="{TOKEN}").report_now()
output = client.query("fetch('series')", start=1)[0]
print(output.series[0].values)
try:
    output.to_df()
except ImportError as error:
    print(error)
"""


def test_f73_only_frames_need_pandas(program: Python, world: World) -> None:
    values, error = program(WITHOUT_PANDAS, APPTUIT_API_ENDPOINT=world.url).splitlines()
    assert values == "[2.0]"
    assert "pandas" in error
    assert [world.value(name) for name in ("points", "series", "orders_count")] == [1.0, 2.0, 3.0]


BY_THE_ENVIRONMENT = """
from apptuit import Apptuit, DataPoint
from apptuit.pyformance import ApptuitReporter
from pyformance import MetricsRegistry

Apptuit().send([DataPoint("sent", {"a": "b"}, 1500000000, 1)])
registry = MetricsRegistry()
registry.counter("reported").inc(4)
ApptuitReporter(registry=registry).report_now()
"""


def test_f74_variables_of_the_environment_are_supported(program: Python, world: World) -> None:
    program(
        BY_THE_ENVIRONMENT,
        APPTUIT_API_ENDPOINT=world.url,
        APPTUIT_API_TOKEN=TOKEN,
        APPTUIT_TAGS="zone: eu",
        APPTUIT_DISABLE_HOST_TAG="True",
    )
    assert (world.value("sent"), world.tags("sent")) == (1.0, {"a": "b", "zone": "eu"})
    assert world.value("reported_count") == 4.0
    assert world.tags("reported_count") == {"zone": "eu"}


NAMES = "Apptuit, ApptuitSendException, DataPoint, TimeSeries, timeseries"


def test_f75_the_package_has_the_names_that_programs_import(program: Python) -> None:
    shown = program(f"from apptuit import {NAMES}\nfor one in ({NAMES}): print(one.__name__)")
    assert shown.split() == NAMES.replace("timeseries", "apptuit.timeseries").split(", ")
