"""The Python code of READMEs and guides runs as it stands, against a real server."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from apptuit import Apptuit

ROOT = Path(__file__).resolve().parents[2]
LOCAL = "http://127.0.0.1:4242"


def blocks_of(page: Path) -> list[str]:
    """The blocks of Python in it."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def code_of(readme: Path) -> str:
    """The one block of Python in it."""
    (code,) = blocks_of(readme)
    return code


def run(code: str) -> dict[str, object]:
    """Run the code and give the names it defines."""
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    return names


def test_the_tour_of_the_project_prints_a_frame(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = code_of(ROOT / "README.md")
    assert LOCAL in code
    # Only the address differs: the server of the test listens on a free port.
    client = run(code.replace(LOCAL, url))["client"]
    assert "orders_accepted_count" in capsys.readouterr().out
    assert isinstance(client, Apptuit)
    frame = client.query("fetch('orders_latency_count')", start=1)[0].to_df()
    assert isinstance(frame, pd.DataFrame)
    assert frame.iloc[-1, 0] == 3


def test_the_tour_of_the_package_gives_a_frame(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPTUIT_API_TOKEN", "any-token")
    monkeypatch.setenv("APPTUIT_API_ENDPOINT", url)
    frame = run(code_of(ROOT / "python" / "README.md"))["frame"]
    assert isinstance(frame, pd.DataFrame)
    # The server is shared with other tests, and their series have other tags.
    (column,) = [name for name in frame.columns if "service:shop" in name and "host:" in name]
    assert frame[column].dropna().iloc[-1] == 1


def test_programs_for_the_old_package_run(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("APPTUIT_API_ENDPOINT", url)
    reporting, asking = blocks_of(ROOT / "docs" / "guide" / "from-apptuit-py.md")
    run(reporting)
    client = run(asking)["client"]
    assert "did you mean `proc_cpu_percent`?" in capsys.readouterr().out
    assert isinstance(client, Apptuit)
    # The server is shared with other tests, and their series have other tags.
    found = client.query("fetch('orders_count')", start=1)[0].series
    tags = {"city": "Pune", "service": "orders"}
    (series,) = [one for one in found if tags.items() <= (one.tags or {}).items()]
    assert series.values[-1] == 1
