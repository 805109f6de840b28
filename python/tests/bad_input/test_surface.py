"""The table of public callables is whole: nothing public escapes what is done to its arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import apptuit
from apptuit import apptuit_client, metrics, timeseries, utils
from apptuit.pyformance import apptuit_reporter
from tests.bad_input.table import TABLE

MODULES = (apptuit, apptuit_client, timeseries, utils, metrics, apptuit_reporter)
KNOWN = {name: entry.arguments for name, entry in TABLE.items() if "." not in name}
"""Classes that take anything when they are made, so that subclasses may, and look at it later."""


def public() -> Iterator[tuple[str, Callable[..., Any]]]:
    """All public callables that take arguments, by the names they have in the table."""
    for module in MODULES:
        for name in getattr(module, "__all__", vars(module)):
            found = getattr(module, name)
            if name.startswith("_") or not getattr(found, "__module__", "").startswith("apptuit"):
                continue
            if not inspect.isclass(found):
                yield f"{module.__name__.rpartition('.')[2]}.{name}", found
            elif not issubclass(found, (Exception, tuple)):
                yield found.__name__, found
                for method in dir(found):
                    if not method.startswith("_") and callable(getattr(found, method)):
                        yield f"{found.__name__}.{method}", getattr(found, method)


def arguments(name: str, function: Callable[..., Any]) -> set[str]:
    """The names of what it takes: those of the table where Python cannot say."""
    try:
        names = set(inspect.signature(function).parameters)
    except ValueError:
        return set(TABLE[name].arguments) if name in TABLE else set()
    return names - {"self", "args", "kwargs", "_args", "_kwargs"} or set(KNOWN.get(name, ()))


def test_the_table_has_every_public_callable_and_every_argument() -> None:
    taken = {name: arguments(name, function) for name, function in public()}
    told = {name: set(entry.arguments) for name, entry in TABLE.items()}
    assert told == {name: names for name, names in taken.items() if names}
