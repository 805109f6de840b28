"""From a counter to a data frame, through a real server."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from apptuit import Apptuit, ApptuitException, DataPoint, TimeSeries
from apptuit.metrics import MetricsRegistry
from apptuit.pyformance import ApptuitReporter

START = 1406831400  # a whole minute


@pytest.fixture
def client(url: str) -> Apptuit:
    """A client of that server."""
    return Apptuit("any-token", url, ignore_environ_tags=True)


def test_a_count_becomes_a_frame(url: str, client: Apptuit) -> None:
    registry = MetricsRegistry()
    orders = registry.counter("orders.accepted")
    reporter = ApptuitReporter(
        registry, 60, "any-token", url, tags={"service": "shop"}, disable_host_tag=True
    )
    expected = {}
    for minute, count in enumerate([3, 0, 5]):
        orders.inc(count)
        expected[START + 60 * minute] = float(orders.get_count())
        reporter.report_now(timestamp=START + 60 * minute)

    query = "orders = fetch('orders_accepted_count'); output(orders)"
    frame = client.query(query, START, START + 600)["orders"].to_df()

    by_hand = pd.DataFrame(
        {"orders_accepted_count{service:shop}": list(expected.values())},
        index=pd.to_datetime(list(expected), unit="s"),
    )
    pd.testing.assert_frame_equal(frame, by_hand, check_index_type=False)


def test_a_mean_by_the_minute_is_the_one_pandas_computes(client: Apptuit) -> None:
    rng = np.random.default_rng(7)
    stamps = START + np.cumsum(rng.integers(1, 20, 300))
    values = rng.normal(20, 5, 300)
    hosts = rng.choice(["a", "b"], 300)
    client.send(
        [
            DataPoint("room.celsius", {"host": host}, stamp, value)
            for stamp, value, host in zip(stamps, values, hosts)
        ]
    )
    end = int(stamps[-1])
    query = "mean = fetch('room_celsius').downsample('1m', 'avg'); output(mean)"
    frame = client.query(query, START, end)["mean"].to_df()

    readings = pd.DataFrame(
        {"minute": pd.to_datetime(stamps // 60 * 60, unit="s"), "host": hosts, "value": values}
    )
    by_hand = readings.groupby(["minute", "host"])["value"].mean().unstack()
    assert list(frame.columns) == ["room_celsius{host:a}", "room_celsius{host:b}"]
    assert list(frame.index) == list(by_hand.index)
    np.testing.assert_allclose(frame.to_numpy(), by_hand.to_numpy(), rtol=1e-12)


def test_series_come_back_bit_for_bit(client: Apptuit) -> None:
    values = [0.1 + 0.2, 1e-300, -0.0, 5e-324, 1.7976931348623157e308]
    stamps = [START, START + 0.25, START + 0.5, START + 1, START + 2]
    client.send_timeseries([TimeSeries("exact", {"city": "zürich"}, stamps, values)])
    result = client.query("exact = fetch('exact'); output(exact)", START, START + 2)
    (series,) = result[0].series
    assert (series.metric, series.tags) == ("exact", {"city": "zürich"})
    assert series.timestamps == stamps
    assert [value.hex() for value in series.values] == [value.hex() for value in values]


def test_a_query_that_cannot_be_read_is_refused_with_the_reason(client: Apptuit) -> None:
    with pytest.raises(ApptuitException, match="400"):
        client.query("fetch('unclosed", START)


def test_a_query_of_a_metric_never_sent_says_so(client: Apptuit) -> None:
    with pytest.raises(ApptuitException, match="never_sent"):
        client.query("x = fetch('never_sent'); output(x)", START)
