"""The histogram."""

from apptuit.metrics import ExpDecayingSample, Histogram

from ..stats.samples import DEFAULT_ALPHA, DEFAULT_SIZE

__all__ = ["DEFAULT_ALPHA", "DEFAULT_SIZE", "ExpDecayingSample", "Histogram"]
