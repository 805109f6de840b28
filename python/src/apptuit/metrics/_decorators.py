"""Decorators that count, mark and time the calls of a function, or record what it returns.

Each uses an instrument of the registry that is the global one at the time of the call, named after
the function: `K.method` of the class `K` counts in `K.method_calls`. A call of an `async def`
function lasts until it is through, and what counts is its result.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from math import isfinite
from typing import Any, TypeVar, cast

from . import _global

_F = TypeVar("_F", bound=Callable[..., Any])


def _key(fn: Callable[..., Any]) -> str:
    if not callable(fn):
        raise TypeError(f"`{fn!r}` is no function to decorate")
    name = getattr(fn, "__qualname__", None) or getattr(fn, "__name__", type(fn).__qualname__)
    return f"{name}_calls"


def count_calls(fn: _F) -> _F:
    """Count each call of `fn`, before it is made."""
    key = _key(fn)
    if inspect.iscoroutinefunction(fn):

        @functools.wraps(fn)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            _global._registry.counter(key).inc()
            return await fn(*args, **kwargs)

    else:

        @functools.wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            _global._registry.counter(key).inc()
            return fn(*args, **kwargs)

    return cast(_F, wrapper)


def meter_calls(fn: _F) -> _F:
    """Mark each call of `fn` in a meter, before it is made."""
    key = _key(fn)
    if inspect.iscoroutinefunction(fn):

        @functools.wraps(fn)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            _global._registry.meter(key).mark()
            return await fn(*args, **kwargs)

    else:

        @functools.wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            _global._registry.meter(key).mark()
            return fn(*args, **kwargs)

    return cast(_F, wrapper)


def time_calls(fn: _F) -> _F:
    """Time each call of `fn`, in seconds, also one that raises."""
    key = _key(fn)
    if inspect.iscoroutinefunction(fn):

        @functools.wraps(fn)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            with _global._registry.timer(key).time():
                return await fn(*args, **kwargs)

    else:

        @functools.wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with _global._registry.timer(key).time():
                return fn(*args, **kwargs)

    return cast(_F, wrapper)


def hist_calls(fn: _F) -> _F:
    """Add each int or float that `fn` returns to a histogram; other results are only returned."""
    key = _key(fn)
    if inspect.iscoroutinefunction(fn):

        @functools.wraps(fn)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            return _added(key, await fn(*args, **kwargs))

    else:

        @functools.wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return _added(key, fn(*args, **kwargs))

    return cast(_F, wrapper)


def _added(key: str, result: Any) -> Any:
    if isinstance(result, (int, float)) and not isinstance(result, bool):
        try:
            number = float(result)
        except OverflowError:  # an int that no float can hold
            return result
        if isfinite(number):
            _global._registry.histogram(key).add(number)
    return result
