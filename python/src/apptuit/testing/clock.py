"""A clock that is moved by hand."""

from __future__ import annotations

import threading

from ..exceptions import ApptuitValueError


class ManualClock:
    """A clock that stands still until it is advanced: `MetricsRegistry(clock=ManualClock())`.

    `start` is the time it shows at first, in seconds.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = float(start)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"ManualClock({self.time()})"

    def time(self) -> float:
        """Return the time it shows, in seconds."""
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> float:
        """Move it forward, and return the time it shows then.

        Raises ValueError if `seconds` is below zero: time does not run backwards.
        """
        if not seconds >= 0:
            raise ApptuitValueError(f"a clock cannot advance by `{seconds}`: expected 0 or more")
        with self._lock:
            self._now += seconds
            return self._now
