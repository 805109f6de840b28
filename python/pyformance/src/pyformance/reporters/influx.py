"""Metrics for InfluxDB 1, and what takes its line protocol at `/write`."""

from __future__ import annotations

import re
from typing import Any, Optional
from urllib.parse import quote

from . import _http
from .reporter import LOG, Reporter, finite

DEFAULT_INFLUX_SERVER = "127.0.0.1"
DEFAULT_INFLUX_PORT = 8086
DEFAULT_INFLUX_DATABASE = "metrics"
DEFAULT_INFLUX_USERNAME = None
DEFAULT_INFLUX_PASSWORD = None
DEFAULT_INFLUX_PROTOCOL = "http"


class InfluxReporter(Reporter):
    """Writes each metric as a measurement, named `PREFIX.name` if there is a prefix.

    Values that are not finite are left out. A server that cannot be reached, or refuses, is logged.
    """

    def __init__(
        self,
        registry: Any = None,
        reporting_interval: float = 5,
        prefix: str = "",
        database: str = DEFAULT_INFLUX_DATABASE,
        server: str = DEFAULT_INFLUX_SERVER,
        username: Optional[str] = DEFAULT_INFLUX_USERNAME,
        password: Optional[str] = DEFAULT_INFLUX_PASSWORD,
        port: int = DEFAULT_INFLUX_PORT,
        protocol: str = DEFAULT_INFLUX_PROTOCOL,
        autocreate_database: bool = False,
        clock: Any = None,
    ) -> None:
        super().__init__(registry, reporting_interval, clock)
        self.prefix = prefix
        self.database = database
        self.server = server
        self.username = username
        self.password = password
        self.port = port
        self.protocol = protocol
        self.autocreate_database = autocreate_database
        self._did_create_database = False

    def report_now(self, registry: Any = None, timestamp: Optional[float] = None) -> None:
        """Write all metrics in one request, after the database was created if that is asked for."""
        body = "\n".join(self._lines(registry, timestamp))
        try:
            if self.autocreate_database and not self._did_create_database:
                self._create_database()
            if body:
                self._post(f"/write?db={quote(self.database, safe='')}&precision=s", body)
        except OSError as error:
            LOG.warning("cannot write to %s:%s: %s", self.server, self.port, error)

    def _create_database(self) -> None:
        name = self.database
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            name = '"{}"'.format(name.replace("\\", "\\\\").replace('"', '\\"'))
        self._post(f"/query?q={quote(f'CREATE DATABASE {name}')}", "")
        self._did_create_database = True

    def _lines(self, registry: Any, timestamp: Optional[float]) -> list[str]:
        now, prefix = self._seconds(timestamp), f"{self.prefix}." if self.prefix else ""
        fields: dict[str, list[str]] = {}
        for name, field, value in finite(self._dump(registry)):
            fields.setdefault(name, []).append(f"{_escaped(field)}={value}")
        return [
            f"{_escaped(prefix + name)} {','.join(values)} {now}" for name, values in fields.items()
        ]

    def _post(self, path: str, body: str) -> None:
        url = f"{self.protocol}://{self.server}:{self.port}{path}"
        form = "application/x-www-form-urlencoded"
        _http.post(url, body.encode(), form, self.username or None, self.password or "")


def _escaped(name: str) -> str:
    return re.sub(r"([ ,=])", r"\\\1", re.sub(r"\s", " ", name))
