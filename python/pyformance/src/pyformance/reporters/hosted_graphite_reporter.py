"""A reporter whose system's interface is gone."""

from __future__ import annotations

from typing import Any


class HostedGraphiteReporter:
    """Says what takes its place: NotImplementedError."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        raise NotImplementedError(
            "HostedGraphiteReporter is no more: use CarbonReporter, with the key and a dot as its "
            "prefix, or apptuit.pyformance.ApptuitReporter"
        )
