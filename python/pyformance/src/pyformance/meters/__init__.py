"""The instruments."""

from apptuit.metrics import CallbackGauge, Counter, Gauge, Histogram, Meter, SimpleGauge, Timer

__all__ = ["CallbackGauge", "Counter", "Gauge", "Histogram", "Meter", "SimpleGauge", "Timer"]
