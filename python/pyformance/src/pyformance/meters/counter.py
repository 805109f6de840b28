"""The counter."""

from apptuit.metrics import Counter

__all__ = ["Counter"]
