"""Series that are sent, and answers that become data frames."""

from __future__ import annotations

import pandas as pd
import pytest

from apptuit import Apptuit, ApptuitException, ApptuitSendException, DataPoint, TimeSeries
from tests.conftest import CUT
from tests.promises.world import TOKEN, Between, World

NOW = 1_500_000_000 // 60 * 60


@pytest.mark.parametrize("failure", [500, 503, CUT])
def test_f67_send_tries_again_after_a_500_or_a_lost_connection(
    world: World, between: Between, failure: int
) -> None:
    client = Apptuit(token=TOKEN)
    points = [DataPoint("node.load.avg", {"host": "h1"}, NOW, 0.25)]
    between.answer(failure)
    client.send(points, retry_count=3)
    assert len(between.requests) == 2
    assert world.one("node_load_avg")["dps"] == [[NOW, 0.25]]
    between.answer(failure)
    with pytest.raises(ApptuitSendException if failure else ConnectionError):
        client.send(points)
    assert len(between.requests) == 3


def scraped(series: int, points: int) -> list[TimeSeries]:
    """As many series of a scraper, of as many points each."""
    found = []
    for n in range(series):
        one = TimeSeries("node.disk.bytes", {"disk": f"sd{n}", "host": "h1"})
        for minute in range(points):
            one.add_point(NOW + 60 * minute, n * points + minute)
        found.append(one)
    return found


def test_f68_fifty_thousand_points_and_more_are_one_call(world: World) -> None:
    client = Apptuit(token=TOKEN)
    client.send_timeseries(scraped(25, 2001))
    arrived = world.series("node_disk_bytes")
    assert len(arrived) == 25
    by_disk = {one["tags"]["disk"]: one["dps"] for one in arrived}
    for n in (0, 24):
        assert by_disk[f"sd{n}"] == [[NOW + 60 * m, float(n * 2001 + m)] for m in range(2001)]
    # Names and times are not looked at point by point: a series is refused as a whole.
    bad = TimeSeries("node.disk.bytes", {}, [NOW], [1])
    with pytest.raises(ValueError, match=r"node.disk.bytes"):
        client.send_timeseries([bad])


def test_f69_a_series_takes_many_points_and_a_fresh_one_follows_a_send(world: World) -> None:
    client = Apptuit(token=TOKEN)
    name, tags = "node.disk.bytes", {"disk": "sda"}
    series, calls = [TimeSeries(name, tags)], 0
    for second in range(10):
        series[-1].add_point(NOW + second, second)
        if len(series[-1]) == 4:
            client.send_timeseries(series)
            series, calls = [TimeSeries(name, tags)], calls + 1
    client.send_timeseries(series)
    assert (calls, len(series[0])) == (2, 2)
    assert world.one("node_disk_bytes")["dps"] == [[NOW + n, float(n)] for n in range(10)]


QUERY = "fetch('kept.cpu.percent').downsample('1m', 'avg')"


@pytest.fixture
def client(world: World) -> Apptuit:
    """A client that has sent two dotted names, one of them with its dots."""
    client, keeping = Apptuit(token=TOKEN), Apptuit(token=TOKEN, sanitize_mode="apptuit")
    for host, base in (("h1", 10), ("h2", 20)):
        for sender, name in ((client, "proc.cpu.percent"), (keeping, "kept.cpu.percent")):
            sender.send([DataPoint(name, {"host": host}, NOW + 20 * n, base + n) for n in range(6)])
    return client


def by_hand(metric: str) -> pd.DataFrame:
    """The averages of both minutes."""
    return pd.DataFrame(
        {f"{metric}{{host:h1}}": [11.0, 14.0], f"{metric}{{host:h2}}": [21.0, 24.0]},
        index=pd.to_datetime([NOW, NOW + 60], unit="s"),
    )


def same(frame: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(frame, expected, check_index_type=False, check_freq=False)


def test_f70_a_query_is_asked_of_a_start_and_tries_again(client: Apptuit, between: Between) -> None:
    asking = Apptuit(token=TOKEN)
    between.answer(500)
    start = NOW - 3600
    answer = asking.query(QUERY, start=start, retry_count=3)
    assert len(between.requests) == 2
    values = {series.tags["host"]: series.values for series in answer[0].series}
    assert values == {"h1": [11.0, 14.0], "h2": [21.0, 24.0]}
    # Names sent in the default mode have lost their dots: the answer says what was meant.
    with pytest.raises(
        ApptuitException, match=r"proc\.cpu\.percent.*did you mean `proc_cpu_percent`"
    ):
        asking.query("fetch('proc.cpu.percent').downsample('1m', 'avg')", start=start)


def test_f71_an_output_by_its_place_becomes_a_frame(client: Apptuit) -> None:
    answer = client.query(QUERY, start=NOW - 3600, retry_count=3)
    same(answer[0].to_df(), by_hand("kept.cpu.percent"))


def test_f72_an_output_by_the_name_of_its_metric_becomes_a_frame(client: Apptuit) -> None:
    start = NOW - 3600
    answer = client.query(QUERY, start=start)
    same(answer["kept.cpu.percent"].to_df(), by_hand("kept.cpu.percent"))
    answer = client.query("fetch('proc_cpu_percent').downsample('1m', 'avg')", start=start)
    same(answer["proc_cpu_percent"].to_df(), by_hand("proc_cpu_percent"))
