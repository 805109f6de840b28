"""A clock for tests."""

from __future__ import annotations


class Manual:
    """Shows the time it is set to."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def add(self, seconds: float) -> None:
        self.now += seconds

    def time(self) -> float:
        return self.now
