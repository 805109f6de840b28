"""A sample at one moment."""

from apptuit.metrics import Snapshot

__all__ = ["Snapshot"]
