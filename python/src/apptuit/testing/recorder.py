"""A stand-in for the service, that keeps what it is sent."""

from __future__ import annotations

import json
import threading
import zlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, Union

from ..apptuit_client import Apptuit
from ..exceptions import ApptuitValueError
from ..pyformance import ApptuitReporter

_ENDPOINT = "http://recorder.invalid"
_TOKEN = "token-of-a-test"
_Answer = Union[tuple[int, dict[str, str], bytes], BaseException]


@dataclass(frozen=True)
class Request:
    """A request as it would travel; `body` is what is in it, unpacked."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Point:
    """A point as it would reach the service: names are sanitised, `timestamp` is in seconds."""

    metric: str
    tags: Mapping[str, str]
    timestamp: Union[int, float]
    value: float

    def __str__(self) -> str:
        tags = ", ".join(f"{key}={value}" for key, value in sorted(self.tags.items()))
        return f"{self.metric}{{{tags}}} {self.value:g}"


class Recorder:
    """Takes the place of the network, and keeps the points that are sent.

    It is a transport: `Apptuit(transport=recorder)` and `ApptuitReporter(transport=recorder)` send
    to it, and so do the clients and reporters it makes itself. It may be used by several threads.
    """

    def __init__(self) -> None:
        self._requests: list[Request] = []
        self._points: list[Point] = []
        self._answers: deque[_Answer] = deque()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        with self._lock:
            return f"<Recorder: {len(self._points)} points of {len(self._requests)} requests>"

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout: float
    ) -> tuple[int, dict[str, str], bytes]:
        """Take a request, and answer it; the points of one that is refused are not kept."""
        request = Request(method, url, dict(headers), _unpacked(headers, body))
        with self._lock:
            self._requests.append(request)
            answer = self._answers.popleft() if self._answers else _success(method)
            if isinstance(answer, BaseException):
                raise answer
            if method == "POST" and answer[0] < 300:
                self._points += [Point(**point) for point in json.loads(request.body)]
            return answer

    def client(self, **settings: Any) -> Apptuit:
        """Make a client that sends to this recorder; `settings` are those of `Apptuit`.

        The environment's tags are ignored unless `ignore_environ_tags=False`.
        """
        settings.setdefault("ignore_environ_tags", True)
        return Apptuit(**{"token": _TOKEN, "api_endpoint": _ENDPOINT, **settings}, transport=self)

    def reporter(self, registry: Any = None, **settings: Any) -> ApptuitReporter:
        """Make a reporter that sends to this recorder; `settings` are those of `ApptuitReporter`.

        Call its `report_now`, or start it. It adds no tag `host` unless `disable_host_tag=False`.
        """
        settings.setdefault("disable_host_tag", True)
        settings = {"token": _TOKEN, "api_endpoint": _ENDPOINT, **settings, "transport": self}
        return ApptuitReporter(registry=registry, **settings)

    def answer(
        self, status: int, body: bytes = b"", headers: Optional[Mapping[str, str]] = None
    ) -> None:
        """Answer the next request that has no answer yet so, instead of with success."""
        with self._lock:
            self._answers.append((status, dict(headers or {}), body))

    def fail(self, error: BaseException) -> None:
        """Let the next request that has no answer yet fail: `fail(ConnectionError("down"))`."""
        with self._lock:
            self._answers.append(error)

    @property
    def requests(self) -> list[Request]:
        """All requests, in order."""
        with self._lock:
            return list(self._requests)

    @property
    def points(self) -> list[Point]:
        """All points that were accepted, in order."""
        with self._lock:
            return list(self._points)

    def clear(self) -> None:
        """Forget requests and points, so that what comes next stands alone."""
        with self._lock:
            self._requests.clear()
            self._points.clear()

    def sent(self, metric: str, /, **tags: object) -> list[Point]:
        """Return the points of this metric that have these tags, and maybe others, in order."""
        wanted = {key: str(value) for key, value in tags.items()}.items()
        return [
            each for each in self.points if each.metric == metric and wanted <= each.tags.items()
        ]

    def value(self, metric: str, /, **tags: object) -> float:
        """Return the latest value of the one series of this metric with these tags.

        Raises AssertionError if there is none, or more than one.
        """
        found = self.sent(metric, **tags)
        series = {tuple(sorted(each.tags.items())) for each in found}
        if len(series) != 1:
            raise AssertionError(
                f"{len(series)} series of {_described(metric, tags)} were sent, expected one\n"
                f"{self._told()}"
            )
        return found[-1].value

    def assert_sent(self, metric: str, /, *values: float, **tags: object) -> None:
        """Assert that this metric was sent with these tags; with values: with these, in order."""
        found = [each.value for each in self.sent(metric, **tags)]
        if not found or (values and found != list(values)):
            wanted = f" with {_numbers(values)}" if values else ""
            seen = f"was sent with {_numbers(found)}" if found else "was not sent"
            raise AssertionError(
                f"{_described(metric, tags)} {seen}, expected it{wanted}\n{self._told()}"
            )

    def assert_not_sent(self, metric: str, /, **tags: object) -> None:
        """Assert that no point of this metric with these tags was sent."""
        if found := self.sent(metric, **tags):
            values = _numbers([each.value for each in found])
            raise AssertionError(f"{_described(metric, tags)} was sent with {values}")

    def _told(self) -> str:
        points = self.points
        lines = [f"  {point}" for point in points[:20]]
        if len(points) > 20:
            lines.append(f"  … and {len(points) - 20} more")
        return "\n".join(
            [f"{len(points)} points were sent:", *lines] if lines else ["nothing was sent"]
        )


def _success(method: str) -> tuple[int, dict[str, str], bytes]:
    """Answer a put as the service does, and a query with no outputs."""
    return (200, {}, b'{"outputs": []}') if method == "GET" else (204, {}, b"")


def _unpacked(headers: Mapping[str, str], body: bytes) -> bytes:
    encodings = [value for name, value in headers.items() if name.lower() == "content-encoding"]
    encoding = encodings[0] if encodings else "identity"
    if encoding in ("deflate", "gzip"):
        return zlib.decompress(body, wbits=47)  # of both, the header tells which
    if encoding == "identity":
        return body
    raise ApptuitValueError(f"`{encoding}` is no encoding: expected deflate, gzip or identity")


def _described(metric: str, tags: Mapping[str, object]) -> str:
    told = ", ".join(f"{key}={value}" for key, value in sorted(tags.items()))
    return f"`{metric}{{{told}}}`" if told else f"`{metric}`"


def _numbers(values: Any) -> str:
    return ", ".join(f"{value:g}" for value in values)
