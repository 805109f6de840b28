"""A reporter whose system's interface is gone."""

from __future__ import annotations

from typing import Any


class NewRelicReporter:
    """Says what takes its place: NotImplementedError."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        raise NotImplementedError(
            "NewRelicReporter is no more, as is the API for plugins it used: use "
            "apptuit.pyformance.ApptuitReporter, or New Relic's own agent"
        )
