"""Metrics as text for people."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from typing import Any, Optional, TextIO

from .reporter import Reporter


class ConsoleReporter(Reporter):
    """Writes all metrics to `stream`, by default standard error, as it is at that moment."""

    def __init__(
        self,
        registry: Any = None,
        reporting_interval: float = 30,
        stream: Optional[TextIO] = None,
        clock: Any = None,
    ) -> None:
        super().__init__(registry, reporting_interval, clock)
        self.stream = stream

    def report_now(self, registry: Any = None, timestamp: Optional[float] = None) -> None:
        """Write all metrics, under a line with the time (UTC)."""
        stream = sys.stderr if self.stream is None else self.stream
        for line in self._collect_metrics(registry, timestamp):
            print(line, file=stream)
        stream.flush()

    def _collect_metrics(self, registry: Any, timestamp: Optional[float] = None) -> list[str]:
        now = datetime.fromtimestamp(self._seconds(timestamp), timezone.utc)
        lines = [f"== {now:%Y-%m-%d %H:%M:%S} {'=' * 35}"]
        for name, fields in self._dump(registry).items():
            lines.append(f"{name}:")
            lines += [f"{field:>20} = {value}" for field, value in fields.items()]
        return [*lines, ""]
