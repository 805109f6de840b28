"""The public callables of `apptuit.metrics`, and what each of their arguments is."""

from __future__ import annotations

from apptuit import metrics
from apptuit.metrics import (
    CallbackGauge,
    Counter,
    ExpDecayingSample,
    ExpWeightedMovingAvg,
    Histogram,
    Meter,
    MetricsRegistry,
    RegexRegistry,
    SimpleGauge,
    SlidingTimeWindowSample,
    Snapshot,
    Timer,
)
from tests.bad_input.surface import Entry, entry, plain


class Clock:
    """A clock that stands."""

    def time(self) -> float:
        return 1.0


CLOCK = ("clock", Clock())
RESERVOIR = {"size": ("size", 10), "alpha": ("rate", 0.015), "clock": CLOCK}
SAMPLE = ("sample", ExpDecayingSample(5))
KINDS = ("counter", "meter", "timer", "histogram")


def of_a_registry(kind: type[MetricsRegistry]) -> dict[str, Entry]:
    """The methods of a registry."""

    def made() -> MetricsRegistry:
        return kind("^(m)$") if kind is RegexRegistry else kind()

    def getter(name: str) -> Entry:
        return entry(lambda: getattr(made(), name), key=("key", "m"))

    name = kind.__name__
    return {
        **{f"{name}.{one}": getter(one) for one in (*KINDS, "get_metrics")},
        f"{name}.gauge": entry(
            lambda: made().gauge, key=("key", "m"), gauge=("gauge", float), default=("any", 1)
        ),
        f"{name}.add": entry(
            lambda: made().add, key=("key", "m"), metric=("instrument", Counter())
        ),
    }


METRICS: dict[str, Entry] = {
    "Counter.inc": entry(lambda: Counter().inc, val=("amount", 2)),
    "Counter.dec": entry(lambda: Counter().dec, val=("amount", 2)),
    "Meter": plain(Meter, clock=CLOCK),
    "Meter.mark": entry(lambda: Meter().mark, value=("number", 2)),
    "Histogram": plain(Histogram, **RESERVOIR, sample=SAMPLE),
    "Histogram.add": entry(lambda: Histogram().add, value=("number", 2)),
    "Timer": plain(Timer, threshold=("seconds", 1), **RESERVOIR, sink=("any", None), sample=SAMPLE),
    "CallbackGauge": plain(CallbackGauge, callback=("function", float)),
    "SimpleGauge": plain(SimpleGauge, value=("any", 1)),
    "SimpleGauge.set_value": entry(lambda: SimpleGauge().set_value, value=("any", 1)),
    "Snapshot": plain(Snapshot, values=("numbers", [1, 2])),
    "Snapshot.get_percentile": entry(
        lambda: Snapshot([1, 2]).get_percentile, percentile=("fraction", 0.5)
    ),
    "ExpDecayingSample": plain(ExpDecayingSample, **RESERVOIR),
    "ExpDecayingSample.update": entry(lambda: ExpDecayingSample().update, value=("number", 2)),
    "SlidingTimeWindowSample": plain(SlidingTimeWindowSample, window=("rate", 60), clock=CLOCK),
    "SlidingTimeWindowSample.update": entry(
        lambda: SlidingTimeWindowSample().update, value=("number", 2)
    ),
    "ExpWeightedMovingAvg": plain(
        ExpWeightedMovingAvg, period=("rate", 1), interval=("rate", 5), clock=CLOCK
    ),
    "ExpWeightedMovingAvg.add": entry(lambda: ExpWeightedMovingAvg(1).add, value=("number", 2)),
    "MetricsRegistry": plain(MetricsRegistry, clock=CLOCK),
    **of_a_registry(MetricsRegistry),
    "RegexRegistry": plain(RegexRegistry, pattern=("pattern", "^(m)$"), clock=CLOCK),
    **of_a_registry(RegexRegistry),
    **{f"metrics.{one}": plain(getattr(metrics, one), key=("key", "m")) for one in KINDS},
    "metrics.gauge": plain(metrics.gauge, key=("key", "m"), gauge=("gauge", float)),
    "metrics.set_global_registry": plain(
        metrics.set_global_registry, registry=("registry", metrics.global_registry())
    ),
    **{
        f"metrics.{one}": plain(getattr(metrics, one), fn=("function", float))
        for one in ("count_calls", "hist_calls", "meter_calls", "time_calls")
    },
}
