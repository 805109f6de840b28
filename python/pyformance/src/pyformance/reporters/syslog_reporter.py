"""Metrics as one message to the system's log."""

from __future__ import annotations

import json
import logging
import socket
from logging.handlers import SysLogHandler
from typing import Any, Optional, Union

from .reporter import LOG, Reporter, finite

DEFAULT_SYSLOG_ADDRESS = "/dev/log"
DEFAULT_SYSLOG_SOCKTYPE = socket.SOCK_DGRAM
DEFAULT_SYSLOG_FACILITY = SysLogHandler.LOG_USER


class SysLogReporter(Reporter):
    """Sends `TAG: {"name.field": value, ..., "timestamp": seconds}` at each report.

    `address` is a path or host and port. Values that are not finite are left out. A log that cannot
    be reached is logged, elsewhere.
    """

    def __init__(
        self,
        registry: Any = None,
        reporting_interval: float = 5,
        tag: str = "pyformance",
        clock: Any = None,
        address: Union[str, tuple[str, int]] = DEFAULT_SYSLOG_ADDRESS,
        socktype: socket.SocketKind = DEFAULT_SYSLOG_SOCKTYPE,
        facility: int = DEFAULT_SYSLOG_FACILITY,
    ) -> None:
        super().__init__(registry, reporting_interval, clock)
        self.tag = tag
        self.address = address
        self.socktype = socktype
        self.facility = facility

    def report_now(self, registry: Any = None, timestamp: Optional[float] = None) -> None:
        """Send all metrics in one message."""
        text = f"{self.tag}: {self._collect_metrics(registry, timestamp)}"
        record = logging.LogRecord(self.tag, logging.INFO, "", 0, text, None, None)
        try:
            handler = _Handler(self.address, self.facility, self.socktype)
            try:
                handler.emit(record)
            finally:
                handler.close()
        except OSError as error:
            LOG.warning("cannot write to %s: %s", self.address, error)

    def _collect_metrics(self, registry: Any, timestamp: Optional[float] = None) -> str:
        values = {f"{name}.{field}": value for name, field, value in finite(self._dump(registry))}
        values["timestamp"] = self._seconds(timestamp)
        return json.dumps(values, sort_keys=True, default=float)


class _Handler(SysLogHandler):
    append_nul = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        # Told to the caller, who is handling it right now.
        raise
