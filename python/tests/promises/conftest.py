"""Each promise has a server of its own, where programs send that name none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import serving
from tests.promises.world import TOKEN, Between, World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An empty server, and the variable that leads unchanged programs to it."""
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{TOKEN} shop\n")
    with serving(tmp_path / "data", "--tokens", str(tokens)) as url:
        monkeypatch.setenv("APPTUIT_API_ENDPOINT", url)
        yield World(url)


@pytest.fixture
def between(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Between]:
    """What stands between a program and that server."""
    with Between(world.url) as between:
        monkeypatch.setenv("APPTUIT_API_ENDPOINT", between.url)
        yield between


@pytest.fixture(autouse=True)
def _settings(_no_settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the machine has set for proxies and spools out, besides settings of the package."""
    for name in ("http_proxy", "HTTP_PROXY", "APPTUIT_SPOOL_DIR"):
        monkeypatch.delenv(name, raising=False)
