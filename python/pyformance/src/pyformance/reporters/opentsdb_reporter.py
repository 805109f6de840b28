"""Metrics for OpenTSDB, and what takes its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Optional

from . import _http
from .reporter import LOG, Reporter, finite


class OpenTSDBReporter(Reporter):
    """Sends each value as a point `PREFIXname.field` with `tags`.

    The name of the application and the key are user and password. Values that are not finite are
    left out. A server that cannot be reached, or refuses, is logged.
    """

    def __init__(
        self,
        application_name: str,
        write_key: str,
        url: str,
        registry: Any = None,
        reporting_interval: float = 10,
        clock: Any = None,
        prefix: str = "",
        tags: Optional[Mapping[str, str]] = None,
    ) -> None:
        super().__init__(registry, reporting_interval, clock)
        self.application_name = application_name
        self.write_key = write_key
        self.url = url
        self.prefix = prefix
        self.tags = dict(tags or {})

    def report_now(self, registry: Any = None, timestamp: Optional[float] = None) -> None:
        """Send all metrics in one request."""
        points = self._collect_metrics(registry, timestamp)
        if not points:
            return
        body = json.dumps(points, default=float).encode()
        try:
            _http.post(self.url, body, "application/json", self.application_name, self.write_key)
        except OSError as error:
            LOG.warning("cannot write to %s: %s", self.url, error)

    def _collect_metrics(
        self, registry: Any, timestamp: Optional[float] = None
    ) -> list[dict[str, Any]]:
        now = self._seconds(timestamp)
        return [
            {
                "metric": f"{self.prefix}{name}.{field}",
                "value": value,
                "timestamp": now,
                "tags": self.tags,
            }
            for name, field, value in finite(self._dump(registry))
        ]
