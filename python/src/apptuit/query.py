"""What a query answered: outputs of series, for Python and for its data frames."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone, tzinfo
from html import escape
from typing import TYPE_CHECKING, Any, Optional, Union

from . import _native
from ._native import TimeSeries

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow as _pyarrow  # type: ignore[import-untyped, unused-ignore] # it has no types

__all__ = ["Output", "QueryResult"]

_COLOURS = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5")
_WIDTH, _HEIGHT = 480, 120
_SHOWN = len(_COLOURS)


class Output:
    """One output of a query: its `series`, in the order of the answer."""

    def __init__(self, series: Optional[Iterable[TimeSeries]] = None) -> None:
        self.series: list[TimeSeries] = list(series or ())

    def __repr__(self) -> str:
        return f"Output({', '.join(map(str, self.series))})"

    def to_df(
        self, tz: Union[str, tzinfo, None] = None, *, relabel: bool = False
    ) -> pandas.DataFrame:
        """Make a pandas data frame: a column for each series, a row for each timestamp.

        A series without a value at a timestamp has NaN there; of several values at one timestamp
        the last counts. An output without series is a frame without columns and rows. Timestamps
        are UTC without a zone, or in the zone `tz`: the same instants. With `relabel`, as apptuit
        2 did, they are the hours of UTC called hours of `tz`, which are other instants.

        Raises ImportError without pandas.
        """
        pd = _needed("pandas", "to_df")
        np = _needed("numpy", "to_df")
        millis, block = _native.frame(self.series)
        instants = np.frombuffer(millis, dtype=np.int64)
        if (instants % 1000).any():
            index = pd.to_datetime(instants, unit="ms")
        else:
            index = pd.to_datetime(instants // 1000, unit="s")
        if tz is not None:
            index = index.tz_localize(tz) if relabel else index.tz_localize("UTC").tz_convert(tz)
        columns = np.frombuffer(block, dtype=np.float64).reshape(len(self.series), len(index))
        names = [str(series) for series in self.series]
        frame: pandas.DataFrame = pd.DataFrame(columns.T, index, names, copy=False)
        return frame

    def to_arrow(self) -> _pyarrow.Table:
        """Make a table of pyarrow: a column `time`, in UTC, and one for each series.

        A series without a value at a timestamp has null there. Raises ImportError without pyarrow.
        """
        table: _pyarrow.Table = _needed("pyarrow", "to_arrow").table(self)
        return table

    def to_polars(self) -> polars.DataFrame:
        """Make a data frame of polars, of the columns that `to_arrow` has.

        Raises ImportError without polars.
        """
        frame: polars.DataFrame = _needed("polars", "to_polars").DataFrame(self)
        return frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        # The schema is a wish that need not be granted.
        return _native.arrow_stream(self.series)

    def _repr_html_(self) -> str:
        """Draw the series for a notebook."""
        shown = self.series[:_SHOWN]
        paths, edges = _native.sketch(shown, _WIDTH, _HEIGHT)
        drawing = "<p>no values</p>" if edges is None else _drawing(paths, edges)
        items = [
            f'<li><span style="color:{colour}">&#9632;</span> {escape(str(series))}'
            f" ({len(series)} points)</li>"
            for colour, series in zip(_COLOURS, shown)
        ]
        if len(self.series) > _SHOWN:
            items.append(f"<li>and {len(self.series) - _SHOWN} more series</li>")
        return f'<div>{drawing}<ul style="list-style:none">{"".join(items)}</ul></div>'


class QueryResult:
    """The outputs of a query, by id and by position: `result["orders"]`, `result[0]`.

    Outputs without series are not in it. An id or a position that is not there is a KeyError.
    `start` and `end` are those of the query, in seconds. `hints` is what the server advises, a
    clause each: on names that no series has, for one.
    """

    def __init__(
        self,
        start: Union[int, float],
        end: Union[int, float, None] = None,
        hints: Iterable[str] = (),
    ) -> None:
        self.start = start
        self.end = end
        self.hints: list[str] = list(hints)
        self._outputs: dict[str, Output] = {}

    def _add(self, output_id: str, series: list[TimeSeries]) -> None:
        if series:
            self._outputs.setdefault(output_id, Output()).series.extend(series)

    def __getitem__(self, key: Union[str, int]) -> Output:
        if isinstance(key, int) and not isinstance(key, bool):
            if 0 <= key < len(self._outputs):
                return list(self._outputs.values())[key]
        elif isinstance(key, str) and key in self._outputs:
            return self._outputs[key]
        raise KeyError(key)

    def __setitem__(self, key: str, output: Output) -> None:
        self._outputs[key] = output

    def __len__(self) -> int:
        return len(self._outputs)

    def __iter__(self) -> Iterator[str]:
        return iter(self._outputs)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key in self._outputs

    def __repr__(self) -> str:
        end = "" if self.end is None else self.end
        return f"{{start: {self.start}, end: {end}, outputs: {', '.join(self._outputs)}}}"

    def _repr_html_(self) -> str:
        """Draw each output for a notebook."""
        parts = [
            f"<h4>{escape(output_id)}</h4>{output._repr_html_()}"
            for output_id, output in self._outputs.items()
        ]
        parts += [f"<p>hint: {escape(hint)}</p>" for hint in self.hints]
        return "".join(parts) or "<p>no outputs</p>"


def _needed(module: str, purpose: str) -> Any:
    """Import an optional package, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{purpose} needs {module}: `pip install {module}`") from error


def _drawing(paths: list[str], edges: tuple[float, float, float, float]) -> str:
    """Make the SVG of these lines, with what its edges stand for."""
    first, last, least, greatest = edges
    lines = "".join(
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        for colour, path in zip(_COLOURS, paths)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="-2 -2 {_WIDTH + 4} {_HEIGHT + 4}">{lines}</svg>'
        f"<p>{_instant(first)} to {_instant(last)} UTC, {least:g} to {greatest:g}</p>"
    )


def _instant(seconds: float) -> str:
    """Show an instant as a date, or as seconds if no date is that far away."""
    try:
        return str(datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None))
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s"
