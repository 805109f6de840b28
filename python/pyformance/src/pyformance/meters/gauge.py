"""The gauges."""

from apptuit.metrics import CallbackGauge, Gauge, SimpleGauge

__all__ = ["CallbackGauge", "Gauge", "SimpleGauge"]
