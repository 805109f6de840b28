"""Metrics for Carbon, the part of Graphite that takes them in."""

from __future__ import annotations

import contextlib
import pickle
import re
import socket
import struct
from collections.abc import Iterator
from typing import Any, Callable, Optional

from .reporter import TIMEOUT, Reporter, finite

# To connect to, it is this machine.
DEFAULT_CARBON_SERVER = "0.0.0.0"
DEFAULT_CARBON_PORT = 2003

#: Bytes of a datagram that travels over an Ethernet in one piece.
DATAGRAM = 1432


class CarbonReporter(Reporter):
    """Sends `PREFIXname.field value timestamp` lines, or pickles of them, over TCP.

    Blanks in names become `_`, and values that are not finite are left out. A server that cannot be
    reached raises OSError.
    """

    def __init__(
        self,
        registry: Any = None,
        reporting_interval: float = 5,
        prefix: str = "",
        server: str = DEFAULT_CARBON_SERVER,
        port: int = DEFAULT_CARBON_PORT,
        socket_factory: Callable[..., Any] = socket.socket,
        clock: Any = None,
        pickle_protocol: bool = False,
    ) -> None:
        super().__init__(registry, reporting_interval, clock)
        self.prefix = prefix
        self.server = server
        self.port = port
        self.socket_factory = socket_factory
        self.pickle_protocol = pickle_protocol

    def report_now(self, registry: Any = None, timestamp: Optional[float] = None) -> None:
        """Send all metrics through one connection."""
        body = self._collect_metrics(registry, timestamp)
        if not body:
            return
        with contextlib.closing(self.socket_factory()) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect((self.server, self.port))
            connection.sendall(body)

    def _points(self, registry: Any) -> Iterator[tuple[str, Any]]:
        for name, field, value in finite(self._dump(registry)):
            yield re.sub(r"\s", "_", f"{self.prefix}{name}.{field}"), value

    def _collect_metrics(self, registry: Any, timestamp: Optional[float] = None) -> bytes:
        now = self._seconds(timestamp)
        if self.pickle_protocol:
            points = [(path, (now, value)) for path, value in self._points(registry)]
            payload = pickle.dumps(points, protocol=2)
            return struct.pack("!L", len(payload)) + payload if points else b""
        lines = (f"{path} {value} {now}\n" for path, value in self._points(registry))
        return "".join(lines).encode()


class UdpCarbonReporter(CarbonReporter):
    """Sends the same lines over UDP, as many at once as travel in one piece."""

    def report_now(self, registry: Any = None, timestamp: Optional[float] = None) -> None:
        """Send all metrics; nobody says whether they arrived."""
        factory = self.socket_factory
        with contextlib.closing(factory(socket.AF_INET, socket.SOCK_DGRAM)) as connection:
            for datagram in self._datagrams(registry, timestamp):
                connection.sendto(datagram, (self.server, self.port))

    def _datagrams(self, registry: Any, timestamp: Optional[float]) -> Iterator[bytes]:
        body = self._collect_metrics(registry, timestamp)
        if self.pickle_protocol:
            yield from [body] if body else []
            return
        datagram = b""
        for line in body.splitlines(keepends=True):
            if datagram and len(datagram) + len(line) > DATAGRAM:
                yield datagram
                datagram = b""
            datagram += line
        if datagram:
            yield datagram
