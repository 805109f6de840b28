"""The timer, and the signal of measurements that took too long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apptuit.metrics import Histogram, Meter, Timer, TimerContext

from ..stats.samples import DEFAULT_ALPHA, DEFAULT_SIZE

__all__ = ["DEFAULT_ALPHA", "DEFAULT_SIZE", "Histogram", "Meter", "Timer", "TimerContext"]


if TYPE_CHECKING:
    call_too_long: Any
else:

    def __getattr__(name: str) -> Any:
        # The library of signals is loaded if somebody asks for the signal.
        if name == "call_too_long":
            from apptuit import metrics

            return metrics.call_too_long
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
