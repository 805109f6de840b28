"""Every argument of every public callable, with what it may not be and with what does harm."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from apptuit import metrics
from tests.bad_input.surface import WRONG
from tests.bad_input.table import TABLE

ARGUMENTS = [(name, argument) for name, entry in TABLE.items() for argument in entry.arguments]


@pytest.fixture(autouse=True)
def _global_registry() -> Iterator[None]:
    before = metrics.global_registry()
    metrics.set_global_registry(metrics.MetricsRegistry())
    yield
    metrics.set_global_registry(before)


@pytest.mark.parametrize("name", TABLE)
def test_good_arguments_are_taken(name: str) -> None:
    # There is no server, which is noticed when nothing else is wrong.
    with suppress(ConnectionError):
        TABLE[name].call()


def shown(value: Any) -> list[str]:
    """Ways to name a value: its text, its type, and for a list of one those of what is in it."""
    ways = [repr(value)[:20], type(value).__name__]
    ways.append("no name" if value in (None, "") else str(value)[:20])
    return ways + (shown(value[0]) if isinstance(value, list) and len(value) == 1 else [])


REFUSED = [
    pytest.param(name, argument, value, id=f"{name}-{argument}-{kind} {n}")
    for name, argument in ARGUMENTS
    for kind in [TABLE[name].arguments[argument].kind]
    for n, value in enumerate(WRONG[kind])
]


@pytest.mark.parametrize(("name", "argument", "value"), REFUSED)
def test_a_wrong_argument_is_refused_by_name(name: str, argument: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as raised:
        TABLE[name].call(**{argument: value})
    said = str(raised.value)
    assert any(text in said for text in shown(value)) or argument in said
    assert "secret" not in said


class Boom(Exception):
    """What harmful objects raise."""


def boom(*_: Any, **__: Any) -> Any:
    raise Boom("it does harm")


SPECIAL = [
    f"__{name}__"
    for name in (
        "str",
        "repr",
        "format",
        "bool",
        "len",
        "iter",
        "getitem",
        "contains",
        "float",
        "index",
        "int",
        "eq",
        "hash",
        "call",
        "lt",
        "add",
        "radd",
        "mul",
        "neg",
        "getattr",
    )
]
HARMFUL: dict[str, Any] = {
    "whose methods raise": type("Harmful", (), dict.fromkeys(SPECIAL, boom))(),
    "whose text is broken": "lone \ud800 surrogate",
    "a null character": "a\0b",
    "endless text": "x" * 1_000_000,
    "a huge number": 10**5000,
    "a huge negative number": -(10**5000),
    "not a number": float("nan"),
    "infinite": float("inf"),
    "none": None,
    "complex": 1j,
    "a class": type,
    "itself": [],
    "a generator that raises": (boom() for _ in range(3)),
    "a mapping that raises": type(
        "Harmful", (dict,), {"items": boom, "__iter__": boom, "keys": boom}
    )({"a": "b"}),
    "text that raises": type("Harmful", (str,), dict.fromkeys(("__str__", "lower", "strip"), boom))(
        "m"
    ),
    "a number that raises": type("Harmful", (float,), {"__float__": boom, "__repr__": boom})(1),
}
HARMFUL["itself"].append(HARMFUL["itself"])


@pytest.mark.parametrize("harm", HARMFUL)
@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_a_harmful_argument_does_no_more_than_an_exception(
    name: str, argument: str, harm: str
) -> None:
    try:
        TABLE[name].call(**{argument: HARMFUL[harm]})
    except (SystemError, MemoryError) as error:
        pytest.fail(f"{error!r}")
    except Exception:
        pass  # A panic of the native half is no Exception, and fails the test.
