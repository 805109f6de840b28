"""Send, report and query time series.

from apptuit import Apptuit

client = Apptuit(token="my-token", global_tags={"service": "orders"})
query = "orders = fetch('orders_accepted_count'); output(orders)"
answer = client.query(query, start=1406831400)
frame = answer["orders"].to_df()
"""

from . import pyformance, timeseries
from ._native import DataPoint, TimeSeries, TimeSeriesName, __version__
from .apptuit_client import Apptuit
from .exceptions import ApptuitException, ApptuitSendException
from .utils import (
    APPTUIT_PY_TAGS,
    APPTUIT_PY_TOKEN,
    DEPRECATED_APPTUIT_PY_TAGS,
    DEPRECATED_APPTUIT_PY_TOKEN,
)

__all__ = [
    "APPTUIT_PY_TAGS",
    "APPTUIT_PY_TOKEN",
    "DEPRECATED_APPTUIT_PY_TAGS",
    "DEPRECATED_APPTUIT_PY_TOKEN",
    "Apptuit",
    "ApptuitException",
    "ApptuitSendException",
    "DataPoint",
    "TimeSeries",
    "TimeSeriesName",
    "__version__",
    "pyformance",
    "timeseries",
]
