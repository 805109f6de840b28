"""The moving average."""

from apptuit.metrics import ExpWeightedMovingAvg

__all__ = ["ExpWeightedMovingAvg"]
