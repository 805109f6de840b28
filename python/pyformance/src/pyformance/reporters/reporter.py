"""What all reporters do: report at intervals, on a thread of their own."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from threading import Event, Lock, Thread
from typing import Any, Optional

LOG = logging.getLogger("pyformance")

#: Seconds after which a system that does not answer is given up for this report.
TIMEOUT = 10.0


class Reporter:
    """Reports a registry every `reporting_interval` seconds; a subclass says how, in `report_now`.

    `registry` is any object with a method `dump_metrics`, by default the global registry; `clock`
    any with a method `time`, by default that of the system. An interval that is no time above zero
    raises ValueError.
    """

    def __init__(
        self, registry: Any = None, reporting_interval: float = 30, clock: Any = None
    ) -> None:
        if registry is None:
            from apptuit.metrics import global_registry

            registry = global_registry()
        self.registry: Any = registry
        self.reporting_interval = _checked(reporting_interval)
        self.clock: Any = time if clock is None else clock
        self._stopped = Event()
        self._loop_thread: Optional[Thread] = None
        self._lock = Lock()

    def create_thread(self) -> Thread:
        """Make the thread that reports, which ends with the program."""
        name = f"pyformance reporter {type(self).__qualname__}"
        return Thread(target=self._loop, args=(self._stopped,), name=name, daemon=True)

    def start(self) -> bool:
        """Report now and at every interval from now on; False if that is being done already."""
        with self._lock:
            is_alive = self._loop_thread is not None and self._loop_thread.is_alive()
            if is_alive and not self._stopped.is_set():
                return False
            self._stopped = Event()
            self._loop_thread = self.create_thread()
            self._loop_thread.start()
            return True

    def stop(self) -> None:
        """Report no more; a report that is under way ends by itself."""
        with self._lock:
            self._stopped.set()

    def report_now(self, registry: Any = None, timestamp: Optional[float] = None) -> None:
        """Report once: `registry` or the reporter's own, as of `timestamp` (seconds) or now."""
        raise NotImplementedError(f"{type(self).__qualname__} has no method `report_now`")

    def _loop(self, stopped: Event) -> None:
        due = time.monotonic()
        while not stopped.is_set():
            try:
                self.report_now(self.registry)
            except Exception:
                LOG.exception("%s could not report", type(self).__qualname__)
            # Reports that were missed, while the machine slept, are not made up for.
            due = max(due + self.reporting_interval, time.monotonic())
            stopped.wait(due - time.monotonic())

    def _dump(self, registry: Any) -> dict[str, dict[str, Any]]:
        dump: dict[str, dict[str, Any]] = (
            self.registry if registry is None else registry
        ).dump_metrics()
        return dump

    def _seconds(self, timestamp: Optional[float]) -> int:
        now: float = self.clock.time() if timestamp is None else timestamp
        return round(now)


def _checked(interval: float) -> float:
    try:
        usable = not isinstance(interval, str) and 0 < float(interval) < math.inf
    except (TypeError, ValueError):
        usable = False
    if not usable:
        raise ValueError(f"`reporting_interval` is `{interval!r}`: expected seconds above zero")
    return interval


def finite(dump: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str, Any]]:
    """Yield name, field and value of all that is a finite number: what other systems can take."""
    for name, fields in dump.items():
        for field, value in fields.items():
            try:
                usable = not isinstance(value, (str, bytes)) and math.isfinite(value)
            except (TypeError, ValueError, OverflowError):
                usable = False
            if usable:
                yield name, field, value
