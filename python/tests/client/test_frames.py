"""An answer as data frames of pandas and polars, tables of Arrow, arrays of numpy, and drawings."""

from __future__ import annotations

import builtins
import json
import pickle
import sys
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from apptuit import Apptuit, TimeSeries
from apptuit.apptuit_client import Output, QueryResult

NAN = float("nan")


def answered(*series: list[tuple[float, Any]], hints: tuple[str, ...] = ()) -> QueryResult:
    """What a client makes of an answer with these series, whose columns are native."""
    result = [{"metric": "m", "tags": {"n": str(n)}, "dps": dps} for n, dps in enumerate(series)]
    body = {"outputs": [{"id": "out", "result": result}], "hints": hints}
    encoded = json.dumps(body).encode()
    client = Apptuit("t", "http://nowhere", transport=lambda *_: (200, None, encoded))
    return client.query("q", -(10**9), 10**10)


def made(*series: list[tuple[float, Any]]) -> Output:
    """The same output of series that Python made, whose columns are lists."""
    return Output(
        [
            TimeSeries("m", {"n": str(n)}, [at for at, _ in dps], [value for _, value in dps])
            for n, dps in enumerate(series)
        ]
    )


CASES: list[list[list[tuple[float, Any]]]] = [
    [[(0, 1), (60, 2)], [(0, 3), (60, 4)]],
    [[(0, 1), (60, 2)], [(60, 3), (120, 4)]],
    [[(0, 1), (60, 2)], [(30, 3)], [(0, 4), (30, 5), (60, 6)]],
    [[(-1.5, 1), (0.25, NAN)], [(0.25, -0.0), (3, float("inf"))]],
    [[(0, 1)], []],
    [[], []],
]


def joined(series: list[list[tuple[float, Any]]]) -> pd.DataFrame:
    """The frame as pandas itself joins series: another way to the same end."""
    columns = {
        f"m{{n:{n}}}": pd.Series(
            [float(value) for _, value in dps],
            pd.DatetimeIndex([pd.Timestamp(int(at * 1000), unit="ms") for at, _ in dps]),
            dtype=float,
        )
        for n, dps in enumerate(series)
    }
    return pd.concat(columns, axis=1, sort=True)


@pytest.mark.parametrize("series", CASES)
@pytest.mark.parametrize("native", [True, False])
def test_a_frame_is_what_pandas_joins(series: Any, native: bool) -> None:
    output = answered(*series)["out"] if native else made(*series)
    frame = output.to_df()
    assert isinstance(frame.index, pd.DatetimeIndex)
    pd.testing.assert_frame_equal(
        frame, joined(series), check_index_type=False, check_freq=False, check_column_type=False
    )


def test_of_several_values_at_one_timestamp_the_last_counts() -> None:
    twice = [(60, 1), (0, 2), (60, 3), (0, 4)]
    for output in (answered(twice)["out"], made(twice)):
        assert output.to_df()["m{n:0}"].tolist() == [4, 3]
        assert output.to_arrow().column(1).to_pylist() == [4, 3]


def test_a_frame_can_be_written_to_and_changes_nothing_else() -> None:
    output = answered([(0, 1), (60, 2)], [(0, 3), (60, 4)])["out"]
    frame = output.to_df()
    frame.iloc[0, 0] = 99.0
    assert frame.iloc[0, 0] == 99
    assert output.series[0].values == [1, 2]
    assert output.to_df().iloc[0, 0] == 1


def test_a_list_that_was_changed_is_the_series() -> None:
    series = answered([(0, 1), (60, 2)])["out"].series[0]
    series.values[0] = 7
    series.timestamps[1] = 30
    assert series.to_numpy()[1].tolist() == [7, 2]
    assert Output([series]).to_df().index[1] == pd.Timestamp(30, unit="s")
    series.values.append(3)
    with pytest.raises(ValueError, match="2 timestamps but 3 values"):
        Output([series]).to_df()


def test_an_output_without_series_is_a_frame_without_anything() -> None:
    frame = Output().to_df()
    assert frame.shape == (0, 0)
    assert isinstance(frame.index, pd.DatetimeIndex)
    assert Output().to_df(tz="UTC").index.tz is not None
    assert Output().to_arrow().num_rows == 0
    assert Output().to_polars().shape == (0, 1)


def test_zones_convert_instants_and_the_old_way_calls_them_by_another_name() -> None:
    output = answered([(0, 1)])["out"]
    assert output.to_df(tz="Asia/Kolkata").index[0] == pd.Timestamp(0, unit="s", tz="UTC")
    relabelled = output.to_df("Asia/Kolkata", relabel=True).index[0]
    assert str(relabelled) == "1970-01-01 00:00:00+05:30"
    assert str(output.to_df(relabel=True).index[0]) == "1970-01-01 00:00:00"


def test_arrow_has_times_in_utc_and_nulls_where_nothing_is() -> None:
    table = answered([(0, 1), (60, 2)], [(60, 3)])["out"].to_arrow()
    assert table.schema.field("time").type == pa.timestamp("ms", "UTC")
    assert table.column_names == ["time", "m{n:0}", "m{n:1}"]
    assert table.column("m{n:1}").to_pylist() == [None, 3]
    assert table.column("time").cast(pa.int64()).to_pylist() == [0, 60_000]


def test_any_reader_of_arrow_streams_reads_an_output() -> None:
    output = answered([(0, 1), (60, 2)])["out"]
    reader = pa.RecordBatchReader.from_stream(output)
    assert reader.read_all().num_rows == 2
    # A stream nobody reads gives its memory back.
    output.__arrow_c_stream__()
    output.__arrow_c_stream__(requested_schema=None)


def test_polars_gets_the_same_columns() -> None:
    frame = answered([(0, 1), (60, 2)], [(60, 3)])["out"].to_polars()
    assert frame.columns == ["time", "m{n:0}", "m{n:1}"]
    assert frame.schema["time"] == pl.Datetime("ms", "UTC")
    assert frame["m{n:1}"].to_list() == [None, 3]


def test_arrays_are_views_that_cannot_be_written_to() -> None:
    series = answered([(0, 1), (60.25, 2)])["out"].series[0]
    instants, values = series.to_numpy()
    assert instants.dtype == "datetime64[ms]"
    assert instants.astype(int).tolist() == [0, 60_250]
    assert values.tolist() == [1, 2]
    assert np.shares_memory(values, series.to_numpy()[1])
    assert np.shares_memory(instants, series.to_numpy()[0])
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 5


def test_arrays_of_a_series_that_python_made_are_its_numbers() -> None:
    instants, values = TimeSeries("m", {}, [1, 2.5], ["3", 4]).to_numpy()
    assert instants.astype(int).tolist() == [1000, 2500]
    assert values.tolist() == [3, 4]


def test_lists_are_made_once_and_kept() -> None:
    series = answered([(0, 1), (60.5, 2.5)])["out"].series[0]
    assert type(series.values) is list
    assert (series.timestamps, series.values) == ([0, 60.5], [1, 2.5])
    assert [type(at) for at in series.timestamps] == [int, float]
    assert series.values is series.values
    assert series.timestamps is series.timestamps


def test_a_result_can_be_pickled() -> None:
    result = answered([(0, 1), (60, 2)], hints=("look there",))
    again = pickle.loads(pickle.dumps(result))
    assert repr(again) == repr(result)
    assert again.hints == ["look there"]
    assert again["out"].series[0].values == [1, 2]


@pytest.mark.parametrize(
    ("module", "call"),
    [
        ("pandas", lambda output: output.to_df()),
        ("numpy", lambda output: output.to_df()),
        ("pyarrow", lambda output: output.to_arrow()),
        ("polars", lambda output: output.to_polars()),
        ("numpy", lambda output: output.series[0].to_numpy()),
    ],
)
def test_a_package_that_is_missing_is_named(
    module: str, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **more: Any) -> Any:
        if name.partition(".")[0] == module:
            raise ModuleNotFoundError(name)
        return real(name, *arguments, **more)

    output = answered([(0, 1)])["out"]
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=f"pip install {module}"):
        call(output)


# Drawings


def paths(html: str) -> list[list[tuple[float, float]]]:
    """The points of each path of the drawing, read by an XML parser."""
    svg = ElementTree.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])
    found = []
    for path in svg.iter("{http://www.w3.org/2000/svg}path"):
        pairs = path.attrib["d"].replace("M", "L").split("L")[1:]
        found.append([(float(x), float(y)) for x, y in (pair.split() for pair in pairs)])
    return found


def test_a_drawing_goes_from_edge_to_edge() -> None:
    html = answered([(0, 0), (50, 5), (100, 10)], [(0, 10), (100, 0)])["out"]._repr_html_()
    rising, falling = paths(html)
    assert (rising[0], rising[-1]) == ((0, 119), (479, 0))
    assert (falling[0], falling[-1]) == ((0, 0), (479, 119))
    assert "1970-01-01 00:00:00 to 1970-01-01 00:01:40 UTC, 0 to 10" in html
    assert "m{n:0} (3 points)" in html


def test_a_drawing_of_many_points_is_small_and_keeps_their_extremes() -> None:
    values = [float(n % 7) for n in range(100_000)]
    values[54_321], values[77_777] = 1000.0, -1000.0
    html = made([(float(n), value) for n, value in enumerate(values)])._repr_html_()
    (path,) = paths(html)
    assert len(html) < 50_000
    assert {min(y for _, y in path), max(y for _, y in path)} == {0, 119}


@pytest.mark.parametrize(
    "series",
    [
        [],
        [[]],
        [[(0, NAN)]],
        [[(0, 1)]],
        [[(0, 1), (1, NAN), (2, 3)]],
        [[(0, 1e308), (1, -1e308), (2, float("inf"))]],
        [[(-9e15, 1), (9e15, 2)]],
        [[(0, 1)]] * 20,
    ],
)
def test_anything_can_be_drawn(series: Any) -> None:
    html = made(*series)._repr_html_()
    drawn = paths(html) if "<svg" in html else []
    assert all(-1 <= x <= 480 and -1 <= y <= 120 for path in drawn for x, y in path)
    ElementTree.fromstring(html)


def test_names_are_no_markup() -> None:
    series = TimeSeries("<b>", {"&": "<script>"}, [1], [1])
    result = QueryResult(0, 1, ["use <b>"])
    result["<i>"] = Output([series])
    ElementTree.fromstring(f"<div>{result._repr_html_()}</div>")
    assert "<script>" not in result._repr_html_()
    assert QueryResult(0)._repr_html_() == "<p>no outputs</p>"
