"""What an argument may be, by kind, and a callable with the kinds of its arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apptuit import DataPoint, TimeSeries
from apptuit.metrics import Counter

NAN = float("nan")


class Anything:
    """Of no type that anything takes."""


WRONG: dict[str, list[Any]] = {
    "any": [],
    "key": [None, 5, b"name", ["name"], Anything()],
    "text": [5, b"name", ["name"], Anything()],
    "name": [None, "", 5, b"name", ["name"], Anything()],
    "tags": ["a: b", 5, [1], Anything()],
    "needed tags": [None, "a: b", 5, [1], Anything()],
    "points": [5, "text", [1], [None], DataPoint("m", {"a": "b"}, 1, 1), Anything()],
    "series": [5, "text", [1], [None], TimeSeries("m", {"a": "b"}), Anything()],
    "column": [5, Anything()],
    "numbers": [5, ["x"], [None], [10**400], Anything()],
    "value": [None, "x", [], {}, 1j, Anything(), 10**400],
    "timestamp": [None, "now", True, NAN, [], 10**400, Anything()],
    "moment": ["1h-ago", [], NAN, 10**400, Anything()],
    "amount": [None, "a", [], Anything()],
    "number": [None, "a", [], NAN, 10**400, Anything()],
    "fraction": [None, "a", -0.1, 1.5, NAN, [], 10**400, Anything()],
    "timeout": ["60", 0, -1, NAN, [], (), 10**400, Anything()],
    "retries": [None, "3", 1.5, [], Anything()],
    "try": [None, "3", [], Anything()],
    "more retries": ["3", 1.5, [], Anything()],
    "patience": ["5", -1, NAN, [], Anything()],
    "bound": ["5", -1, 1.5, [], Anything()],
    "policy": [None, 5, "other", Anything()],
    "packing": [None, 5, "other", Anything()],
    "transport": [5, "text", Anything()],
    "folder": [5, [], Anything()],
    "mode": [5, "other", b"apptuit", Anything()],
    "function": [5, "text", None, Anything()],
    "gauge": [5, "text", Anything()],
    "instrument": [None, 5, "text", Counter, Anything()],
    "registry": [5, "text", {}, Anything()],
    "interval": [None, "60", 0, -1, NAN, True, [], 10**400, Anything()],
    "handler": [5, "text", Anything()],
    "clock": [5, "text", Anything()],
    "sample": [5, "text", Anything()],
    "size": ["5", -1, 1.5, [], 10**400, Anything()],
    "rate": ["x", [], NAN, 10**400, Anything()],
    "seconds": ["x", [], 10**400, Anything()],
    "pattern": [5, Anything()],
}
"""By kind, what is refused with a TypeError or a ValueError that names it."""


@dataclass(frozen=True)
class Argument:
    """An argument: its kind, a row of `WRONG`, and one that is taken."""

    kind: str
    good: Any


@dataclass(frozen=True)
class Entry:
    """A callable, found anew for each call, and its arguments."""

    make: Callable[[], Callable[..., Any]]
    arguments: dict[str, Argument]

    def call(self, **others: Any) -> Any:
        """Call it with good arguments but for these."""
        good = {name: argument.good for name, argument in self.arguments.items()}
        return self.make()(**{**good, **others})


def entry(make: Callable[[], Callable[..., Any]], **arguments: tuple[str, Any]) -> Entry:
    return Entry(make, {name: Argument(*argument) for name, argument in arguments.items()})


def plain(function: Callable[..., Any], **arguments: tuple[str, Any]) -> Entry:
    return entry(lambda: function, **arguments)
