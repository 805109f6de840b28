"""Samples, snapshots and moving averages."""

from apptuit.metrics import ExpDecayingSample, ExpWeightedMovingAvg, Snapshot

__all__ = ["ExpDecayingSample", "ExpWeightedMovingAvg", "Snapshot"]
