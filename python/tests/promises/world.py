"""A real server, asked without the package under test, and something unreliable in front of it."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Answer, Recorder, Request

TOKEN = "my_apptuit_token"
Series = dict[str, Any]


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until it holds, twenty seconds at most."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


class World:
    """A server that accepts one token, asked in plain HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url

    def series(self, metric: str, **tags: str) -> list[Series]:
        """The series of a metric that have these tags: each has `tags` and `dps`."""
        arguments = urllib.parse.urlencode({"start": 1, "q": f"fetch('{metric}')"})
        answer = self.get(f"/api/query?{arguments}")
        found = [series for output in answer["outputs"] for series in output["result"]]
        return [series for series in found if tags.items() <= series["tags"].items()]

    def one(self, metric: str, **tags: str) -> Series:
        """The only such series."""
        found = self.series(metric, **tags)
        assert len(found) == 1, f"series of {metric} with {tags}: {found}"
        return found[0]

    def value(self, metric: str, **tags: str) -> Any:
        """The newest value of the only such series."""
        return self.one(metric, **tags)["dps"][-1][1]

    def tags(self, metric: str, **tags: str) -> dict[str, str]:
        """The tags of the only such series."""
        found: dict[str, str] = self.one(metric, **tags)["tags"]
        return found

    def metrics(self) -> set[str]:
        """The names of all metrics."""
        return set(self.get("/api/suggest?type=metrics&max=10000"))

    def wait_for(self, metric: str) -> None:
        """Wait until there is such a metric."""
        wait_for(lambda: metric in self.metrics())

    def get(self, path: str) -> Any:
        """The JSON at a path of the server."""
        request = urllib.request.Request(self.url + path)
        request.add_header("Authorization", f"Bearer {TOKEN}")
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            pytest.fail(f"{path}: {error.code} {error.read().decode()}")

    def run(self, program: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a program that does not name this server; `variables` are its only settings."""
        env = {name: text for name, text in os.environ.items() if not name.startswith("APPTUIT_")}
        env |= {"APPTUIT_API_ENDPOINT": self.url, **variables}
        command = [sys.executable, "-W", "error", "-c", program]
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done


class Between(Recorder):
    """Answers in place of a server as it is told to, then lets requests through to it."""

    def __init__(self, url: str) -> None:
        upstream = urllib.parse.urlsplit(url).netloc

        def forward(request: Request) -> Answer:
            connection = http.client.HTTPConnection(upstream, timeout=20)
            connection.request(request.method, request.path, request.raw or None, request.headers)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            return Answer(answer.status, content)

        super().__init__(forward)

    def __enter__(self) -> Between:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
