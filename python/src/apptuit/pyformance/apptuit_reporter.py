"""Reports a registry's instruments at a regular interval."""

from __future__ import annotations

import atexit
import math
import os
import socket
import sys
import threading
import traceback
import warnings
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Optional, Union

from .. import _native
from ..apptuit_client import _DEFAULT_ENDPOINT, Apptuit
from ..exceptions import ApptuitSendException, ApptuitTypeError, ApptuitValueError
from ..metrics import MetricsRegistry, global_registry
from ..utils import _get_tags_from_environment, strtobool

__all__ = [
    "BATCH_SIZE",
    "DISABLE_HOST_TAG",
    "ApptuitReporter",
    "ErrorHandler",
    "default_error_handler",
]

BATCH_SIZE = 50_000
DISABLE_HOST_TAG = "APPTUIT_DISABLE_HOST_TAG"

ErrorHandler = Callable[[int, int, int, list[Any]], None]

_running: set[ApptuitReporter] = set()


def default_error_handler(
    status_code: Optional[int], successful: int, failed: int, errors: list[Any]
) -> None:
    """Write to standard error how many points failed, and why."""
    sys.stderr.write(
        f"{failed} points out of {successful + failed} had errors\n"
        f"HTTP status returned from Apptuit: {status_code}\n"
        f"Detailed error messages: {errors}\n"
    )


class ApptuitReporter:
    """Sends the instruments of a registry every `reporting_interval` seconds.

    `registry` is an `apptuit.metrics.MetricsRegistry`, by default the global one. `tags` go with
    every point; they win over those of `APPTUIT_TAGS`, and tags encoded in a metric's name win over
    them. A tag `host` is added unless `disable_host_tag`. Names get `prefix` in front.

    `error_handler(status_code, successful, failed, errors)` is called for each batch that failed,
    with status 0 if there was no answer. `retry_count`, or `retry`, is the number of further tries
    after a failure that may pass. `token`, `api_endpoint` and `sanitize_mode` are as in `Apptuit`.
    """

    def __init__(
        self,
        registry: Optional[MetricsRegistry] = None,
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
        retry: Optional[int] = None,
    ) -> None:
        if retry is not None and retry_count not in (0, retry):
            raise ApptuitTypeError(f"`retry` is {retry} but `retry_count` is {retry_count}")
        self.registry = _native_registry(global_registry() if registry is None else registry)
        self.reporting_interval = _interval(reporting_interval)
        self.client = Apptuit(
            token=token,
            api_endpoint=api_endpoint,
            ignore_environ_tags=True,
            sanitize_mode=sanitize_mode,
        )
        self.token = self.client.token
        self.endpoint = self.client.endpoint
        self.prefix = prefix or ""
        self.tags = _tags(tags, disable_host_tag)
        self.error_handler = error_handler
        self.retry_count = max(int(retry_count if retry is None else retry), 0)
        self.process_metrics = None
        if collect_process_metrics:
            warnings.warn(
                "process metrics are not available yet: collect_process_metrics is ignored",
                RuntimeWarning,
                stacklevel=2,
            )
        self._lock = threading.Lock()
        self._thread: Optional[_native.Reporter] = None
        self._made: Optional[_native.Reporter] = None

    def __repr__(self) -> str:
        return f"ApptuitReporter(endpoint={self.endpoint!r}, interval={self.reporting_interval})"

    def start(self) -> bool:
        """Report now and then at every interval, on a thread of its own.

        Returns False if it is running already. It can be started again after `stop`.
        """
        with self._lock:
            if self._thread is not None:
                return False
            reporter = self._own()
            reporter.start()
            self._thread = reporter
            _running.add(self)
            return True

    def stop(self) -> None:
        """Report one last time and end the thread; without one, do nothing."""
        with self._lock:
            thread, self._thread = self._thread, None
            _running.discard(self)
        if thread is not None:
            thread.stop()

    def report_now(
        self,
        registry: Optional[MetricsRegistry] = None,
        timestamp: Union[int, float, None] = None,
    ) -> None:
        """Report once, with or without the thread.

        Raises `ApptuitSendException` if points were not accepted, after trying all of them.
        """
        if registry is None:
            self._own().report_now(timestamp)
            return
        self._reporter(_native_registry(registry)).report_now(timestamp)

    def _own(self) -> _native.Reporter:
        """Return the native reporter, made at its first use: it counts across reports."""
        if self._made is None:
            self._made = self._reporter(self.registry)
        return self._made

    def _reporter(self, registry: MetricsRegistry) -> _native.Reporter:
        weak = weakref.ref(self)

        def failed(error: Exception) -> None:
            if (reporter := weak()) is not None:
                reporter._failed(error)

        def unreadable(name: str, error: BaseException) -> None:
            if (reporter := weak()) is not None:
                reporter._unreadable(name, error)

        return _native.Reporter(
            registry=registry,
            client=self.client._client,
            interval=self.reporting_interval,
            prefix=self.prefix,
            tags=self.tags or {},
            retry_count=self.retry_count,
            on_error=failed,
            on_unreadable=unreadable,
        )

    def _failed(self, error: Exception) -> None:
        """Tell the handler of a failed batch; called on the thread that reports."""
        if isinstance(error, ApptuitSendException):
            status, successful = error.status_code or 0, error.success or 0
            failed, errors = error.failed or 0, error.errors
        else:
            status, successful, failed, errors = 0, 0, 0, []
        self._tell(
            status, successful, failed, errors or [{"error": getattr(error, "msg", str(error))}]
        )

    def _unreadable(self, name: str, error: BaseException) -> None:
        """Tell the handler of a gauge that raised; called on the thread that reports."""
        reason = f"{type(error).__name__}: {error}"
        self._tell(0, 0, 1, [{"datapoint": {"metric": name}, "error": reason}])

    def _tell(self, status: int, successful: int, failed: int, errors: list[Any]) -> None:
        """Call the handler; what it raises is printed, since nobody waits for it."""
        if self.error_handler is None:
            return
        try:
            self.error_handler(status, successful, failed, errors)
        except BaseException:
            traceback.print_exc()


def _native_registry(registry: object) -> MetricsRegistry:
    if not isinstance(registry, MetricsRegistry):
        raise ApptuitTypeError(
            f"`{type(registry).__name__}` is no registry that can be reported: "
            "expected an apptuit.metrics.MetricsRegistry"
        )
    return registry


def _interval(seconds: Union[int, float]) -> Union[int, float]:
    known = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not known or not math.isfinite(seconds) or seconds <= 0:
        raise ApptuitValueError(
            f"`{seconds}` is no reporting_interval: expected seconds above zero"
        )
    return seconds


def _tags(given: Optional[Mapping[str, Any]], disable_host_tag: Optional[bool]) -> dict[str, Any]:
    """Merge the reporter's tags over the environment's, and add the host."""
    tags = {**_get_tags_from_environment(), **(given or {})}
    if disable_host_tag is None:
        disable_host_tag = bool(strtobool(os.environ.get(DISABLE_HOST_TAG) or "false"))
    if not disable_host_tag and tags.get("host") is None:
        tags["host"] = socket.gethostname()
    return tags


@atexit.register
def _stop_running() -> None:
    """Send what running reporters still hold when the program ends."""
    for reporter in list(_running):
        reporter.stop()
