"""Names of series, and tags inside a plain name: `node.cpu{"type": "idle"}`."""

from ._native import TimeSeries, TimeSeriesName, decode_metric, encode_metric

__all__ = ["TimeSeries", "TimeSeriesName", "decode_metric", "encode_metric"]
