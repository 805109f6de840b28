"""Every public callable, and what each of its arguments is."""

from __future__ import annotations

from apptuit import (
    Apptuit,
    DataPoint,
    TimeSeries,
    TimeSeriesName,
    metrics,
    timeseries,
    utils,
)
from apptuit.apptuit_client import Output, QueryResult
from apptuit.pyformance import ApptuitReporter
from apptuit.pyformance.apptuit_reporter import default_error_handler
from apptuit.pyformance.process_metrics import ProcessMetrics
from tests.bad_input.surface import Entry, entry, plain
from tests.bad_input.table_of_metrics import METRICS

URL = "http://127.0.0.1:1"
TAGS = {"a": "b"}
POINT = DataPoint("m", TAGS, 1, 1)
SERIES = TimeSeries("m", TAGS, [1], [1])
ENCODE = {
    "metric_name": ("name", "m"),
    "metric_tags": ("needed tags", TAGS),
    "tags": ("any", None),
}
DECODE = {"encoded_metric_name": ("name", "m{}")}
SEND = {
    "timeout": ("timeout", 1),
    "retry_count": ("retries", 0),
    "retry": ("more retries", None),
}

MODEL: dict[str, Entry] = {
    "DataPoint": plain(
        DataPoint,
        metric=("name", "m"),
        tags=("tags", TAGS),
        timestamp=("any", 1),
        value=("value", 1),
    ),
    "TimeSeries": plain(
        TimeSeries,
        metric=("name", "m"),
        tags=("tags", TAGS),
        index=("column", [1]),
        values=("column", [1]),
    ),
    "TimeSeries.add_point": entry(
        lambda: TimeSeries("m", TAGS).add_point, timestamp=("any", 1), value=("value", 1)
    ),
    "TimeSeriesName": plain(TimeSeriesName, metric=("name", "m"), tags=("tags", TAGS)),
    "TimeSeriesName.encode_metric": plain(TimeSeriesName.encode_metric, **ENCODE),
    "TimeSeriesName.decode_metric": plain(TimeSeriesName.decode_metric, **DECODE),
    "timeseries.encode_metric": plain(timeseries.encode_metric, **ENCODE),
    "timeseries.decode_metric": plain(timeseries.decode_metric, **DECODE),
    "utils.sanitize_name_prometheus": plain(utils.sanitize_name_prometheus, name=("text", "m")),
    "utils.sanitize_name_apptuit": plain(utils.sanitize_name_apptuit, name=("text", "m")),
    "utils.strtobool": plain(utils.strtobool, text=("text", "yes")),
}


def client() -> Apptuit:
    return Apptuit("secret", URL)


def reporter() -> ApptuitReporter:
    return ApptuitReporter(metrics.MetricsRegistry(), 60, "secret", URL, error_handler=None)


CLIENT: dict[str, Entry] = {
    "Apptuit": plain(
        Apptuit,
        token=("text", "secret"),
        api_endpoint=("name", URL),
        global_tags=("tags", TAGS),
        ignore_environ_tags=("any", False),
        sanitize_mode=("mode", "apptuit"),
        compression=("packing", "fast"),
        transport=("transport", None),
    ),
    "Apptuit.backoff_with_jitter": plain(Apptuit.backoff_with_jitter, try_number=("try", 1)),
    "Apptuit.send": entry(lambda: client().send, datapoints=("points", [POINT]), **SEND),
    "Apptuit.send_timeseries": entry(
        lambda: client().send_timeseries, timeseries_list=("series", [SERIES]), **SEND
    ),
    "Apptuit.query": entry(
        lambda: client().query,
        query_str=("key", "fetch('m')"),
        start=("moment", 1),
        end=("moment", 2),
        **SEND,
    ),
    "Output": plain(Output, series=("any", [])),
    "Output.to_df": entry(
        lambda: Output([SERIES]).to_df, tz=("any", "Asia/Kolkata"), relabel=("any", False)
    ),
    "QueryResult": plain(QueryResult, start=("any", 1), end=("any", 2), hints=("any", [])),
    "ApptuitReporter": plain(
        ApptuitReporter,
        registry=("registry", metrics.MetricsRegistry()),
        reporting_interval=("interval", 60),
        token=("text", "secret"),
        api_endpoint=("name", URL),
        prefix=("text", "p."),
        tags=("tags", TAGS),
        error_handler=("handler", None),
        disable_host_tag=("any", True),
        collect_process_metrics=("any", False),
        sanitize_mode=("mode", "apptuit"),
        retry_count=("retries", 0),
        retry=("more retries", None),
        compression=("packing", "fast"),
        transport=("transport", None),
        spool_dir=("folder", None),
        queue_points=("bound", 10),
        queue_bytes=("bound", 1000),
        on_queue_full=("policy", "drop_newest"),
        worker_id=("any", False),
        flush_on_sigterm=("any", False),
    ),
    "ApptuitReporter.stop": entry(lambda: reporter().stop, timeout=("patience", 1)),
    "ApptuitReporter.flush": entry(lambda: reporter().flush, timeout=("patience", 1)),
    "ProcessMetrics": plain(ProcessMetrics, registry=("any", metrics.MetricsRegistry())),
    "ApptuitReporter.report_now": entry(
        lambda: reporter().report_now,
        registry=("registry", metrics.MetricsRegistry()),
        timestamp=("moment", 1),
    ),
    "apptuit_reporter.default_error_handler": plain(
        default_error_handler,
        status_code=("any", 500),
        successful=("any", 0),
        failed=("any", 1),
        errors=("any", []),
    ),
}

TABLE: dict[str, Entry] = {**MODEL, **CLIENT, **METRICS}
