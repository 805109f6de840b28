"""Reports a registry's instruments at a regular interval."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Union

from .. import _native
from .._native import DataPoint
from ..apptuit_client import _DEFAULT_ENDPOINT, Apptuit, _retries
from ..exceptions import ApptuitSendException
from ..metrics import MetricsRegistry, global_registry
from ..timeseries import decode_metric
from ..utils import _get_tags_from_environment  # noqa: F401 # programs look for it here too
from . import _dump, _lifetime, _settings
from ._settings import DISABLE_HOST_TAG
from .process_metrics import ProcessMetrics

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..apptuit_client import Transport

__all__ = [
    "API_CALL_TIMER",
    "BATCH_SIZE",
    "DISABLE_HOST_TAG",
    "NUMBER_OF_FAILED_POINTS",
    "NUMBER_OF_SUCCESSFUL_POINTS",
    "NUMBER_OF_TOTAL_POINTS",
    "ApptuitReporter",
    "ErrorHandler",
    "FlushReport",
    "Ledger",
    "ProcessMetrics",
    "default_error_handler",
]

BATCH_SIZE = 50_000
SPOOL_DIR = "APPTUIT_SPOOL_DIR"

# The reporter's metrics about itself: three counters of points, a timer of requests in seconds.
NUMBER_OF_TOTAL_POINTS = "apptuit.reporter.send.total"
NUMBER_OF_SUCCESSFUL_POINTS = "apptuit.reporter.send.successful"
NUMBER_OF_FAILED_POINTS = "apptuit.reporter.send.failed"
API_CALL_TIMER = "apptuit.reporter.send.time"

ErrorHandler = Callable[[int, int, int, list[Any]], None]


class FlushReport(NamedTuple):
    """What a flush came to, in points."""

    # Acknowledged by the server since the flush began.
    delivered: int
    # Waiting on disk now, and in memory.
    spooled: int
    queued: int
    # Gone since the flush began; the ledger says why.
    dropped: int

    @property
    def is_complete(self) -> bool:
        """Whether nothing waits any more and nothing was dropped."""
        return self.spooled + self.queued + self.dropped == 0


class Ledger(NamedTuple):
    """What became of every point: recorded = delivered + spooled + queued + the sum of dropped."""

    recorded: int
    delivered: int
    spooled: int
    queued: int
    # By reason, as "refused" or "queue_full".
    dropped: dict[str, int]


def default_error_handler(
    status_code: Optional[int], successful: int, failed: int, errors: list[Any]
) -> None:
    """Write to standard error how many points failed, and why."""
    sys.stderr.write(
        f"{failed} points out of {(successful or 0) + (failed or 0)} had errors\n"
        f"HTTP status returned from Apptuit: {status_code}\n"
        f"Detailed error messages: {errors}\n"
    )


class ApptuitReporter:
    """Sends the instruments of a registry every `reporting_interval` seconds.

    `registry` is an `apptuit.metrics.MetricsRegistry`, or any object with a method `dump_metrics`
    that returns fields by name, as the registries of pyformance; by default the global one. `tags`
    go with every point; they win over those of `APPTUIT_TAGS`, and tags encoded in a metric's name
    win over them. A tag `host` is added unless `disable_host_tag`, or, if that is None, the
    variable `APPTUIT_DISABLE_HOST_TAG` says so. Names get `prefix` in front.

    `error_handler(status_code, successful, failed, errors)` is called for each batch that failed,
    with status 0 if there was no answer, on the thread that reports; None tells nobody.
    `retry_count`, or `retry`, is the number of further tries after a failure that may pass.
    `collect_process_metrics` adds what this process takes from its machine. `token`,
    `api_endpoint`, `sanitize_mode`, `compression` and `transport` are as in `Apptuit`.

    What cannot be delivered waits and is sent later, with the time it had: in memory, up to
    `queue_points` points (1 000 000) and `queue_bytes` packed bytes (64 MiB), beyond which
    `on_queue_full`, "drop_oldest" or "drop_newest", says what goes; or on disk, in `spool_dir` or
    the directory that `APPTUIT_SPOOL_DIR` names, over restarts of the program.

    `worker_id` adds a tag of this name that tells the processes of one host apart: True for the
    process id, or a text. `flush_on_sigterm` flushes a running reporter on SIGTERM, before what
    SIGTERM does otherwise; `start` must then be called on the main thread.

    In the child of a fork a running reporter goes on, on a thread, a queue and connections of its
    own, and counts its sending anew. The registry has the counts of the parent at the fork.

    Raises ValueError, which is an `ApptuitException` too, for arguments that make no sense.
    """

    def __init__(
        self,
        registry: Optional[Any] = None,
        reporting_interval: Union[int, float] = 10,
        token: Optional[str] = None,
        api_endpoint: Optional[str] = _DEFAULT_ENDPOINT,
        prefix: Optional[str] = "",
        tags: Optional[Mapping[str, Any]] = None,
        error_handler: Optional[ErrorHandler] = default_error_handler,
        disable_host_tag: Optional[bool] = None,
        collect_process_metrics: bool = False,
        sanitize_mode: Optional[str] = "prometheus",
        retry_count: int = 0,
        *,
        retry: Optional[int] = None,
        compression: str = "default",
        transport: Optional[Transport] = None,
        spool_dir: Union[str, os.PathLike[str], None] = None,
        queue_points: Optional[int] = None,
        queue_bytes: Optional[int] = None,
        on_queue_full: str = "drop_oldest",
        worker_id: Union[bool, str, int] = False,
        flush_on_sigterm: bool = False,
    ) -> None:
        self.registry: Any = global_registry() if registry is None else _dump.checked(registry)
        self._made: Optional[_native.Reporter] = None
        # As the native reporter knows them.
        self._told_tags: dict[str, Any] = {}
        self.reporting_interval = reporting_interval
        self.client: Apptuit = Apptuit(
            token=token,
            api_endpoint=api_endpoint,
            ignore_environ_tags=True,
            sanitize_mode=sanitize_mode,
            compression=compression,
            transport=transport,
        )
        self.token: str = self.client.token
        self.endpoint: str = self.client.endpoint
        self.prefix = prefix
        self._worker_id = worker_id
        self.tags = _settings.tags(tags, disable_host_tag)
        self.error_handler: Optional[ErrorHandler] = _settings.handler(error_handler)
        self.retry_count = _retries(retry_count, retry)
        self.spool_dir = os.environ.get(SPOOL_DIR) or None
        if spool_dir is not None and spool_dir != "":
            self.spool_dir = _settings.folder(spool_dir)
        self.queue_points: Optional[int] = _settings.size("queue_points", queue_points)
        self.queue_bytes: Optional[int] = _settings.size("queue_bytes", queue_bytes)
        self.on_queue_full: str = _settings.on_full(on_queue_full)
        self.flush_on_sigterm = flush_on_sigterm
        self.process_metrics: Optional[ProcessMetrics] = None
        if collect_process_metrics:
            self.process_metrics = ProcessMetrics(self.registry)
        self._clock: Any = time
        self._lock = threading.RLock()
        self._is_running = False
        _lifetime.made(self)

    def __repr__(self) -> str:
        return f"ApptuitReporter(endpoint={self.endpoint!r}, interval={self.reporting_interval})"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def clock(self) -> Any:
        """What has the time of reports: the module `time`, or any object with a method `time`."""
        return self._clock

    @clock.setter
    def clock(self, clock: Any) -> None:
        self._clock = clock
        if self._made is not None:
            self._made.set_clock(None if clock is time else clock)

    @property
    def reporting_interval(self) -> Union[int, float]:
        """Seconds from one report to the next; a change counts after the next report."""
        return self._interval

    @reporting_interval.setter
    def reporting_interval(self, seconds: Union[int, float]) -> None:
        self._interval = _settings.interval(seconds)
        if self._made is not None:
            self._made.set_interval(seconds)

    @property
    def prefix(self) -> str:
        """What is in front of every name; a change counts from the next report on."""
        return self._prefix

    @prefix.setter
    def prefix(self, prefix: Optional[str]) -> None:
        self._prefix = _settings.prefix(prefix)
        if self._made is not None:
            self._made.set_prefix(self._prefix)

    @property
    def tags(self) -> dict[str, Any]:
        """The tags of every point; a change counts from the next report on."""
        return self._tags

    @tags.setter
    def tags(self, tags: Optional[Mapping[str, Any]]) -> None:
        self._tags = _settings.own_tags(tags)
        self._tag_worker()

    @property
    def retry_count(self) -> int:
        """The number of further tries after a failure that may pass; a change counts at once."""
        return self._retry_count

    @retry_count.setter
    def retry_count(self, retry_count: int) -> None:
        self._retry_count = _retries(retry_count, None)
        if self._made is not None:
            self._made.set_retry_count(self._retry_count)

    def start(self) -> bool:
        """Report now and then at every interval, on a thread of its own.

        Returns False if it is running already, or is not done with its last report. It can be
        started again after `stop`.
        """
        with self._lock:
            if self._is_running:
                return False
            if self.flush_on_sigterm:
                _lifetime.flush_on_sigterm()
            self._is_running = self._own().start(0.0)
            if not self._is_running:
                return False
        _lifetime.started(self)
        return True

    def stop(self, timeout: Union[int, float] = _lifetime.STOP_TIMEOUT) -> None:
        """Report one last time and end the thread, within `timeout` seconds; idempotent.

        What could not be delivered is on disk then, if there is a spool.
        """
        timeout = _settings.timeout(timeout)
        stopping = self._take()
        late = None if stopping is None else stopping.stop(timeout)
        if late is not None:
            self._failed(late)

    def report_now(
        self, registry: Optional[Any] = None, timestamp: Union[int, float, None] = None
    ) -> None:
        """Report once, on this thread, whether it was started or not.

        Reports `registry` instead of the reporter's own, if it is given, as of `timestamp`, seconds
        of the epoch, instead of now.

        Raises `ApptuitSendException` if points were not accepted, after trying all of them, and one
        that is a ValueError too if there were metrics that could not be sent.
        """
        self._own().report_now(None if registry is None else _dump.checked(registry), timestamp)

    def flush(self, timeout: Union[int, float] = _lifetime.STOP_TIMEOUT) -> FlushReport:
        """Report, and send what waits, for at most `timeout` seconds.

        What could not be delivered is no error: the answer tells.
        """
        return FlushReport(*self._own().flush(_settings.timeout(timeout)))

    def ledger(self) -> Ledger:
        """Tell what became of every point so far."""
        return Ledger(*self._own().ledger())

    @property
    def _meta_metrics_registry(self) -> MetricsRegistry:
        counters = [NUMBER_OF_TOTAL_POINTS, NUMBER_OF_SUCCESSFUL_POINTS, NUMBER_OF_FAILED_POINTS]
        return self._own().self_metrics(API_CALL_TIMER, counters)

    def _collect_data_points(
        self, registry: Any, timestamp: Union[int, float, None] = None
    ) -> list[DataPoint]:
        """Make points of a registry, with the reporter's tags, as a report does."""
        now = timestamp or round(self._clock.time())
        points = []
        for key, fields in registry.dump_metrics().items():
            name, tags = decode_metric(key)
            for field, value in fields.items():
                merged = {**self.tags, **tags}
                points.append(DataPoint(f"{self.prefix}{name}.{field}", merged, now, value))
        return points

    def _own(self) -> _native.Reporter:
        """Return the native reporter of this process, made at its first use."""
        if self._made is None:
            with self._lock:
                if self._made is None:
                    self._made = self._make()
        return self._made

    def _make(self) -> _native.Reporter:
        weak = weakref.ref(self)

        def prepare(registry: Any) -> tuple[list[Any], _dump.Unread]:
            reporter = weak()
            return ([], []) if reporter is None else reporter._prepare(registry)

        def failed(error: Exception) -> None:
            if (reporter := weak()) is not None:
                reporter._failed(error)

        self._told_tags = dict(self.tags)
        made = _native.Reporter(
            client=self.client._client,
            interval=self.reporting_interval,
            prefix=self.prefix,
            tags=self._told_tags,
            retry_count=self.retry_count,
            spool_dir=self.spool_dir,
            queue_points=self.queue_points,
            queue_bytes=self.queue_bytes,
            drop_newest=self.on_queue_full == "drop_newest",
            prepare=prepare,
            on_error=failed,
        )
        if self._clock is not time:
            made.set_clock(self._clock)
        return made

    def _take(self) -> Optional[_native.Reporter]:
        """Return the native reporter, to be stopped, if it runs."""
        with self._lock:
            was_running, self._is_running = self._is_running, False
        _lifetime.stopped(self)
        return self._made if was_running else None

    def _tag_worker(self) -> None:
        if self._worker_id is not False:
            self.tags["worker_id"] = os.getpid() if self._worker_id is True else self._worker_id

    def _forked(self) -> None:
        """Begin anew in the child of a fork."""
        self._lock = threading.RLock()
        made, self._made = self._made, None
        if made is not None:
            made.abandon()
        self._tag_worker()
        if self.process_metrics is not None:
            self.process_metrics.renew()
        if self._is_running:
            # The parent has just reported these counts. The turn of the child is after an interval,
            # more or less, so that children of one moment do not report at one moment.
            self._own().start(self.reporting_interval * random.uniform(0.5, 1.5))

    def _prepare(self, registry: Optional[Any]) -> tuple[list[Any], _dump.Unread]:
        """Say what there is to report: registries of ours and dumps, and what cannot be read."""
        self._tell_tags()
        unread: _dump.Unread = []
        process: dict[str, Any] = {}
        if self.process_metrics is not None:
            try:
                process = self.process_metrics.collect_process_metrics()
            except Exception as error:
                unread.append(("process metrics", _dump.reason(error)))
        reported = self.registry if registry is None else registry
        parts = [reported if _dump.is_native(reported) else _dump.dump(reported, unread)]
        if reported is not self.registry and process:
            parts.append(process)
        return parts, unread

    def _tell_tags(self) -> None:
        """Have what is reported now carry the tags as they are: the dict may have been changed."""
        if self._made is not None and self._told_tags != self.tags:
            tags = dict(self.tags)
            self._made.set_tags(tags)
            self._told_tags = tags

    def _failed(self, error: Exception) -> None:
        """Tell the handler of a failed batch; called on the thread that reports."""
        status, successful, failed, errors = 0, 0, 0, []
        if isinstance(error, ApptuitSendException):
            status, successful = error.status_code or 0, error.success or 0
            failed, errors = error.failed or 0, error.errors
        if not errors and status < 500:
            # A status of a server that fails says it all; others have a reason.
            errors = [{"error": getattr(error, "msg", str(error))}]
        if self.error_handler is None:
            return
        try:
            self.error_handler(status, successful, failed, errors)
        except BaseException:
            # Nobody waits for it.
            traceback.print_exc()
