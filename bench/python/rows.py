"""The rows: what is measured, against what, and the goal."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    id: str
    name: str
    goal: float
    ours: str
    # The same case, but for the libraries that have none of ours.
    peer: str | None = None
    unit: str = "ns"
    # A word for the samples of each side.
    words: tuple[str, str] = ("", "")
    # Both sides are ours, in one process.
    alone: bool = False
    # Memory is that of a process that does nothing else.
    fresh: bool = False
    # What is sent must be the same on both sides: the points (`content`) or the `series`; and our
    # body so many times as large at most.
    sent: str | None = None
    body: float | None = None
    # What is not measured but given, in the unit.
    limit: float | None = None


ROWS = [
    Row("P1", "counter.inc()", 0.20, "counter.inc"),
    Row("P2", "registry.counter(name).inc()", 0.33, "registry.counter.inc"),
    Row("P3", "meter.mark()", 0.125, "meter.mark"),
    Row("P4", "histogram.add(v)", 0.10, "histogram.add"),
    Row("P5", "with timer.time()", 0.125, "timer.time"),
    Row("P6", "gauge.set_value(v)", 1.0, "gauge.set_value"),
    Row("P7", "counter / prometheus_client", 0.11, "counter.inc", "prometheus.counter"),
    Row(
        "P8",
        "histogram / prometheus_client",
        0.13,
        "histogram.add",
        "prometheus.histogram",
    ),
    Row(
        "P9",
        "counter / opentelemetry-sdk",
        0.017,
        "counter.inc",
        "opentelemetry.counter",
    ),
    Row("P10", "dump of 10 000 counters", 0.20, "dump.counters"),
    Row("P11", "dump of 1 000 full timers", 0.20, "dump.timers"),
    Row(
        "P12",
        "memory of 1 000 full timers",
        0.17,
        "memory.timers",
        unit="B",
        fresh=True,
    ),
    Row("P13", "encode_metric, 3 tags", 0.10, "encode"),
    Row("P14", "decode_metric of new names", 0.14, "decode.cold"),
    Row("P15", "decode_metric of names seen", 1.4, "decode.warm"),
    Row("P16", "50 000 DataPoints built", 0.20, "build"),
    Row(
        "P17",
        "50 000 DataPoints sent, body no larger",
        0.20,
        "send",
        sent="content",
        body=1.0,
    ),
    Row(
        "P18",
        "the same fast / default, body ≤ 1.3 times",
        0.10,
        "send.fast",
        "send",
        sent="content",
        body=1.3,
    ),
    Row(
        "P19",
        "50 000 points of 100 series sent, body no larger",
        0.28,
        "send_timeseries",
        sent="content",
        body=1.0,
    ),
    Row(
        "P20",
        "the same fast / default, body ≤ 1.3 times",
        0.15,
        "send_timeseries.fast",
        "send_timeseries",
        sent="content",
        body=1.3,
    ),
    Row("P21", "one point sent", 0.125, "send.one", sent="content"),
    Row("P22", "report_now of 11 000 metrics", 0.10, "report_now", sent="series"),
    Row(
        "P23",
        "a busy thread during report_now / alone",
        1.1,
        "bystander",
        words=("during", "alone"),
        alone=True,
    ),
    Row(
        "P24",
        "its longest pause / 6 ms",
        1.0,
        "bystander",
        words=("pause", ""),
        limit=6e6,
    ),
    Row("P25", "query of 1 M points: parsed", 0.083, "query.parse"),
    Row("P26", "the same over loopback", 0.10, "query"),
    Row("P27", "to_df, equal timestamps", 0.025, "to_df"),
    Row("P28", "to_df, differing timestamps", 0.20, "to_df.differing"),
    Row("P29", "peak memory added by send", 0.10, "memory.send", unit="B", fresh=True),
    Row(
        "P30",
        "peak memory added by query and to_df",
        0.25,
        "memory.query",
        unit="B",
        fresh=True,
    ),
    Row(
        "P31",
        "a pass over all .values, the first",
        3.0,
        "values",
        words=("first", "first"),
    ),
    Row(
        "P31",
        "a pass over all .values, a later one",
        1.0,
        "values",
        words=("later", "later"),
    ),
]
