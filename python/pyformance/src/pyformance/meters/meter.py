"""The meter."""

from apptuit.metrics import ExpWeightedMovingAvg, Meter

__all__ = ["ExpWeightedMovingAvg", "Meter"]
