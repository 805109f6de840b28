"""Samples of bounded size."""

from apptuit.metrics import ExpDecayingSample, SlidingTimeWindowSample, Snapshot

DEFAULT_SIZE = 1028
DEFAULT_ALPHA = 0.015

__all__ = [
    "DEFAULT_ALPHA",
    "DEFAULT_SIZE",
    "ExpDecayingSample",
    "SlidingTimeWindowSample",
    "Snapshot",
]
