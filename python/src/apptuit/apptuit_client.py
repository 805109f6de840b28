"""The client: sends points and series, and asks queries."""

from __future__ import annotations

import math
import operator
import os
import platform
import random
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Optional, Union

from . import _native
from ._native import DataPoint, TimeSeries, TimeSeriesName
from .exceptions import (
    ApptuitException,
    ApptuitSendException,
    ApptuitTypeError,
    ApptuitValueError,
    shown,
)
from .query import Output, QueryResult
from .utils import (
    APPTUIT_API_ENDPOINT,
    APPTUIT_PY_TOKEN,
    _get_tags_from_environment,
    _get_token_from_environment,
    sanitize_name_apptuit,
    sanitize_name_prometheus,
)

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "BASE_SLEEP_TIME_SECS",
    "DEFAULT_ENDPOINT",
    "MAX_TAGS_LIMIT",
    "Apptuit",
    "ApptuitException",
    "ApptuitSendException",
    "DataPoint",
    "Output",
    "QueryResult",
    "TimeSeries",
    "TimeSeriesName",
]

DEFAULT_ENDPOINT: str = _native.DEFAULT_ENDPOINT
MAX_TAGS_LIMIT = 25
BASE_SLEEP_TIME_SECS = 2

Seconds = Union[int, float]
Timeout = Union[Seconds, tuple[Seconds, Seconds], None]
Row = dict[str, Any]
# method, url, headers, body, timeout -> status, headers, body
Answer = tuple[int, Optional[Mapping[str, str]], bytes]
Transport = Callable[[str, str, dict[str, str], bytes, float], Answer]


class _Default(str):
    """An argument that was not given, so that one of equal text still is."""

    __slots__ = ()


_DEFAULT_ENDPOINT = _Default(DEFAULT_ENDPOINT)

_SANITIZERS: dict[str, Callable[[str], str]] = {
    "prometheus": sanitize_name_prometheus,
    "apptuit": sanitize_name_apptuit,
}


class Apptuit:
    """Sends points and series to the service, and asks it queries.

    `token` is looked up in `APPTUIT_API_TOKEN` if it is not given, and `api_endpoint` in
    `APPTUIT_API_ENDPOINT`. `global_tags` go with every point; without any, those of `APPTUIT_TAGS`
    do, unless `ignore_environ_tags`. `sanitize_mode` is "prometheus", "apptuit", or None to send
    names as they are: those of points are checked then, those of series are not.

    `compression` is "default", "fast" (somewhat larger bodies of points, sooner made; series are
    packed as by default), "gzip" or "none".

    `transport` is called instead of using the network, as
    `transport(method, url, headers, body, timeout)`, for a `(status, headers, body)`; the body is
    that of the wire, compressed. What it raises counts as a failure: a ConnectionError or a
    TimeoutError is one that may pass, any other exception is the cause of what the call raises. It
    may be called on any thread.

    Failed tries and names that collide are told to the logger `apptuit`.

    Calls do their work without the interpreter's lock, so other threads go on running. From
    asyncio, use `asyncio.to_thread(client.send, points)`.
    """

    def __init__(
        self,
        token: Optional[str] = None,
        api_endpoint: Optional[str] = _DEFAULT_ENDPOINT,
        global_tags: Optional[Mapping[str, Any]] = None,
        ignore_environ_tags: bool = False,
        sanitize_mode: Optional[str] = "prometheus",
        *,
        compression: str = "default",
        transport: Optional[Transport] = None,
    ) -> None:
        self.sanitizer: Optional[Callable[[str], str]] = _sanitizer(sanitize_mode)
        found = token or _get_token_from_environment()
        if found and not isinstance(found, str):
            raise ApptuitTypeError("the token is not text")
        if not found:
            raise ApptuitValueError(
                f"no token: pass `token` or set the environment variable {APPTUIT_PY_TOKEN}"
            )
        self.token: str = found
        self.endpoint: str = _endpoint(api_endpoint)
        self._global_tags = _tags(global_tags)
        if not self._global_tags and not ignore_environ_tags:
            self._global_tags = dict(_get_tags_from_environment())
        self._client = _native.Client(
            token=self.token,
            endpoint=self.endpoint,
            global_tags=self._global_tags,
            sanitize_mode=sanitize_mode or None,
            user_agent=f"apptuit-py-{_native.__version__}, Py-{platform.python_version()}",
            compression=compression,
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"Apptuit(endpoint={self.endpoint!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections; a later call makes new ones."""
        self._client.close()

    @property
    def put_apiurl(self) -> str:
        """Where points are sent."""
        return f"{self.endpoint}/api/put?details"

    def send(
        self,
        datapoints: Optional[Iterable[DataPoint]],
        timeout: Timeout = 60,
        retry_count: int = 0,
        *,
        retry: Optional[int] = None,
    ) -> None:
        """Send points, in one request for each 50 000 of them.

        A point's own tags win over global ones. Up to `retry_count` further tries (or `retry`,
        which is another name for it) follow a failure that may pass; `timeout` is in seconds, for
        all tries together. More than a thousand points are sent series by series, those of one
        series in their order.

        Raises `ApptuitSendException`, which names the points that the service refused, and
        ValueError for a point that cannot be sent; then none is.
        """
        if datapoints is None:
            return
        points = datapoints if type(datapoints) is list else list(datapoints)
        if points:
            self._client.send(points, _seconds(timeout), _retries(retry_count, retry))

    def send_timeseries(
        self,
        timeseries_list: Optional[Iterable[TimeSeries]],
        timeout: Timeout = 60,
        retry_count: int = 0,
        *,
        retry: Optional[int] = None,
    ) -> None:
        """Send series: as `send`, with names handled once a series."""
        if timeseries_list is None:
            return
        series = timeseries_list if type(timeseries_list) is list else list(timeseries_list)
        if series:
            self._client.send_series(series, _seconds(timeout), _retries(retry_count, retry))

    def query(
        self,
        query_str: str,
        start: Seconds,
        end: Optional[Seconds] = None,
        retry_count: int = 0,
        timeout: Timeout = 180,
        *,
        retry: Optional[int] = None,
    ) -> QueryResult:
        """Ask for the series of `query_str` from `start` to `end`, both in, seconds of the epoch.

        Without `end`, up to now. An answer without outputs is an empty, falsy result.

        Raises `ApptuitException` if the query is refused or the service cannot be asked.
        """
        if not isinstance(query_str, str):
            raise ApptuitTypeError(f"`{shown(query_str)}` is no query: expected text")
        until = None if end == 0 else end
        outputs, hints = self._client.query(
            query_str, start, until, _seconds(timeout), _retries(retry_count, retry)
        )
        result = QueryResult(start, end, hints)
        for output_id, series in outputs:
            result._add(output_id, series)
        return result

    @staticmethod
    def backoff_with_jitter(try_number: int) -> float:
        """Draw the seconds to wait before retry `try_number`, which counts from 1."""
        longest = min(30.0, BASE_SLEEP_TIME_SECS * 2.0 ** min(try_number, 5))
        return random.uniform(0, longest)

    def _create_payload_from_datapoints(self, datapoints: Iterable[DataPoint]) -> list[Row]:
        """Make what is sent of points, before tags become text."""
        points = list(datapoints)
        self._client.check(points)
        return [self._row(point, point.timestamp, point.value) for point in points]

    def _create_payload_from_timeseries(
        self, timeseries_list: Iterable[TimeSeries]
    ) -> tuple[list[Row], int]:
        """Make what is sent of series, and the number of points."""
        all_series = list(timeseries_list)
        self._client.check_series(all_series)
        rows = [
            self._row(series, timestamp, value)
            for series in all_series
            for timestamp, value in zip(series.timestamps, series.values)
        ]
        return rows, len(rows)

    def _row(self, named: Union[DataPoint, TimeSeries], timestamp: Any, value: Any) -> Row:
        clean = self.sanitizer or str
        tags = {**self._global_tags, **(named.tags or {})}
        return {
            "metric": clean(named.metric),
            "tags": {clean(key): tag for key, tag in tags.items()},
            "timestamp": timestamp,
            "value": value,
        }


def _sanitizer(mode: Optional[str]) -> Optional[Callable[[str], str]]:
    """Find the function that makes names safe in this mode, None if they are sent as they are."""
    if mode is None or mode == "":
        return None
    sanitizer = _SANITIZERS.get(mode.lower()) if isinstance(mode, str) else None
    if sanitizer is None:
        raise ApptuitValueError(
            f"`{shown(mode)}` is no sanitize_mode: expected 'prometheus', 'apptuit' or None"
        )
    return sanitizer


def _endpoint(given: Optional[str]) -> str:
    """Choose the endpoint: the argument, else the environment's, else the default."""
    if not given:
        raise ApptuitValueError("no endpoint: `api_endpoint` must be a URL")
    if not isinstance(given, str):
        raise ApptuitTypeError(f"`{shown(given)}` is no endpoint: `api_endpoint` must be a URL")
    if isinstance(given, _Default):
        given = os.environ.get(APPTUIT_API_ENDPOINT) or str(given)
    return given.rstrip("/")


def _tags(given: Optional[Mapping[str, Any]]) -> dict[str, Any]:
    """Copy global tags."""
    if not given:
        return {}
    if not isinstance(given, Mapping):
        raise ApptuitTypeError(
            f"global_tags are `{shown(given)}`: expected a dict of keys and values"
        )
    return dict(given)


def _seconds(timeout: Timeout) -> float:
    """Turn a timeout into seconds; a pair, to connect and to read, is their sum."""
    if timeout is None:
        return float("inf")
    parts = timeout if isinstance(timeout, tuple) else (timeout,)
    try:
        seconds = [math.nan if isinstance(part, (str, bytes)) else float(part) for part in parts]
    except (TypeError, ValueError, OverflowError):
        seconds = [math.nan]
    if not seconds or not all(0 < part < math.inf for part in seconds):
        raise ApptuitValueError(f"`{shown(timeout)}` is no timeout: expected seconds above zero")
    return sum(seconds)


def _retries(retry_count: int, retry: Optional[int]) -> int:
    """Turn a number of retries, by either name, into one that is not negative."""
    if retry is not None and retry_count not in (0, retry):
        raise ApptuitTypeError(
            f"`retry` is {shown(retry)} but `retry_count` is {shown(retry_count)}"
        )
    given = retry_count if retry is None else retry
    try:
        return min(max(operator.index(given), 0), 2**32 - 1)
    except TypeError:
        raise ApptuitTypeError(
            f"`{shown(given)}` is no number of retries: expected an int"
        ) from None
