"""The client: sends points and series, and asks queries."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, Optional, Union

from . import _native
from ._native import DataPoint, TimeSeries, TimeSeriesName
from .exceptions import ApptuitException, ApptuitSendException, ApptuitValueError
from .utils import (
    APPTUIT_API_ENDPOINT,
    APPTUIT_PY_TOKEN,
    _get_tags_from_environment,
    _get_token_from_environment,
    sanitize_name_apptuit,
    sanitize_name_prometheus,
)

if TYPE_CHECKING:
    import pandas
    from typing_extensions import Self

__all__ = [
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

Seconds = Union[int, float]
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
    names as they are. `compression` is "default", "fast" (somewhat larger bodies, sooner made),
    "gzip" or "none".

    `transport` is called instead of using the network, as
    `transport(method, url, headers, body, timeout)`, for a `(status, headers, body)`; the body is
    that of the wire, compressed. What it raises counts as a failure: a ConnectionError or a
    TimeoutError is one that may pass, any other exception is the cause of what the call raises. It
    may be called on any thread.

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
        self.sanitizer = _sanitizer(sanitize_mode)
        self.token = token or _get_token_from_environment()
        if not self.token:
            raise ApptuitValueError(
                f"no token: pass `token` or set the environment variable {APPTUIT_PY_TOKEN}"
            )
        self.endpoint = _endpoint(api_endpoint)
        self._global_tags: dict[str, Any] = dict(global_tags) if global_tags else {}
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
        timeout: Union[Seconds, tuple[Seconds, Seconds]] = 60,
        retry_count: int = 0,
    ) -> None:
        """Send points in one request.

        A point's own tags win over global ones. Up to `retry_count` further tries follow a failure
        that may pass; `timeout` is in seconds, for all tries together.

        Raises `ApptuitSendException`, which names the points that the service refused, and
        ValueError for a point that cannot be sent; then none is.
        """
        if datapoints is None:
            return
        points = list(datapoints)
        if points:
            self._client.send(points, _seconds(timeout), _retries(retry_count))

    def send_timeseries(
        self,
        timeseries_list: Optional[Iterable[TimeSeries]],
        timeout: Union[Seconds, tuple[Seconds, Seconds]] = 60,
        retry_count: int = 0,
    ) -> None:
        """Send series in one request: as `send`, with names handled once a series."""
        if timeseries_list is None:
            return
        series = list(timeseries_list)
        if series:
            self._client.send_series(series, _seconds(timeout), _retries(retry_count))

    def query(
        self,
        query_str: str,
        start: Seconds,
        end: Optional[Seconds] = None,
        retry_count: int = 0,
        timeout: Union[Seconds, tuple[Seconds, Seconds]] = 180,
    ) -> QueryResult:
        """Ask for the series of `query_str` from `start` to `end`, both in, seconds of the epoch.

        Without `end`, up to now. An answer without outputs is an empty, falsy result.

        Raises `ApptuitException` if the query is refused or the service cannot be asked.
        """
        outputs = self._client.query(
            query_str, start, end or None, _seconds(timeout), _retries(retry_count)
        )
        result = QueryResult(start, end)
        for output_id, series in outputs:
            result._add(output_id, series)
        return result


class Output:
    """One output of a query: its series."""

    def __init__(self, series: Optional[Iterable[TimeSeries]] = None) -> None:
        self.series: list[TimeSeries] = list(series or ())

    def to_df(self, tz: Union[str, tzinfo, None] = None) -> pandas.DataFrame:
        """Make a pandas data frame: a column for each series, a row for each timestamp.

        A series without a value at a timestamp has NaN there. Timestamps are UTC without a zone,
        or in the zone `tz`. Needs pandas.
        """
        import numpy as np
        import pandas as pd

        if not self.series:
            raise ApptuitValueError("No objects to concatenate: the output has no series")
        millis, block = _native.frame(self.series)
        instants = np.frombuffer(millis, dtype=np.int64)
        if (instants % 1000).any():
            index = pd.to_datetime(instants, unit="ms")
        else:
            index = pd.to_datetime(instants // 1000, unit="s")
        if tz is not None:
            index = index.tz_localize("UTC").tz_convert(tz)
        columns = np.frombuffer(block, dtype=np.float64).reshape(len(self.series), len(index))
        return pd.DataFrame(columns.T, index=index, columns=[str(series) for series in self.series])


class QueryResult:
    """The outputs of a query, by id and by position: `result["orders"]`, `result[0]`.

    Outputs without series are not in it.
    """

    def __init__(self, start: Seconds, end: Optional[Seconds] = None) -> None:
        self.start = start
        self.end = end
        self._outputs: dict[str, Output] = {}

    def _add(self, output_id: str, series: list[TimeSeries]) -> None:
        if series:
            self._outputs.setdefault(output_id, Output()).series.extend(series)

    def __getitem__(self, key: Union[str, int]) -> Output:
        if isinstance(key, int) and not isinstance(key, bool):
            if 0 <= key < len(self._outputs):
                return list(self._outputs.values())[key]
        elif isinstance(key, str) and key in self._outputs:
            return self._outputs[key]
        raise KeyError(key)

    def __len__(self) -> int:
        return len(self._outputs)

    def __iter__(self) -> Iterator[str]:
        return iter(self._outputs)

    def __contains__(self, key: object) -> bool:
        return key in self._outputs

    def __repr__(self) -> str:
        end = "" if self.end is None else self.end
        return f"{{start: {self.start}, end: {end}, outputs: {', '.join(self._outputs)}}}"


def _sanitizer(mode: Optional[str]) -> Optional[Callable[[str], str]]:
    """Find the function that makes names safe in this mode, None if they are sent as they are."""
    if mode is None or mode == "":
        return None
    sanitizer = _SANITIZERS.get(mode.lower()) if isinstance(mode, str) else None
    if sanitizer is None:
        raise ApptuitValueError(
            f"`{mode}` is no sanitize_mode: expected 'prometheus', 'apptuit' or None"
        )
    return sanitizer


def _endpoint(given: Optional[str]) -> str:
    """Choose the endpoint: the argument, else the environment's, else the default."""
    if not given:
        raise ApptuitValueError("no endpoint: `api_endpoint` must be a URL")
    if isinstance(given, _Default):
        given = os.environ.get(APPTUIT_API_ENDPOINT) or str(given)
    return given.rstrip("/")


def _seconds(timeout: Union[Seconds, tuple[Seconds, Seconds]]) -> float:
    """Turn a timeout into seconds; a pair, to connect and to read, is their sum."""
    parts = timeout if isinstance(timeout, tuple) else (timeout,)
    if not all(isinstance(part, (int, float)) and 0 < part < float("inf") for part in parts):
        raise ApptuitValueError(f"`{timeout}` is no timeout: expected seconds above zero")
    return float(sum(parts))


def _retries(retry_count: int) -> int:
    """Turn a number of retries that may be negative into one that is not."""
    return max(int(retry_count), 0)
