"""Reporters, each loaded when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .carbon_reporter import CarbonReporter, UdpCarbonReporter
    from .console_reporter import ConsoleReporter
    from .csv_reporter import CsvReporter
    from .hosted_graphite_reporter import HostedGraphiteReporter
    from .influx import InfluxReporter
    from .newrelic_reporter import NewRelicReporter
    from .opentsdb_reporter import OpenTSDBReporter
    from .reporter import Reporter
    from .syslog_reporter import SysLogReporter

__all__ = [
    "CarbonReporter",
    "ConsoleReporter",
    "CsvReporter",
    "HostedGraphiteReporter",
    "InfluxReporter",
    "NewRelicReporter",
    "OpenTSDBReporter",
    "Reporter",
    "SysLogReporter",
    "UdpCarbonReporter",
]

_HOMES = {
    "CarbonReporter": "carbon_reporter",
    "ConsoleReporter": "console_reporter",
    "CsvReporter": "csv_reporter",
    "HostedGraphiteReporter": "hosted_graphite_reporter",
    "InfluxReporter": "influx",
    "NewRelicReporter": "newrelic_reporter",
    "OpenTSDBReporter": "opentsdb_reporter",
    "Reporter": "reporter",
    "SysLogReporter": "syslog_reporter",
    "UdpCarbonReporter": "carbon_reporter",
}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        import importlib

        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
