"""A registry that makes few names of many."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Optional, Union

from .._native import Counter, Gauge, Histogram, Meter, MetricsRegistry, Timer
from ..exceptions import ApptuitTypeError, shown


class RegexRegistry(MetricsRegistry):
    r"""A registry in which the groups of a regular expression make the name of an instrument.

    The name is all groups of all matches that are not empty, joined by `/`; without a match it is
    empty. `add` and `get_metrics` take names as they are.

    With `^/api/(\w+)/\d+$`, the timers of `/api/users/1` and `/api/users/2` are one: `users`.
    """

    def __init__(
        self, pattern: Optional[Union[str, re.Pattern[str]]] = None, clock: Any = None
    ) -> None:
        super().__init__(clock)
        self.pattern: re.Pattern[str] = re.compile(pattern or "^$")

    def _get_key(self, key: str) -> str:
        if not isinstance(key, str):
            raise ApptuitTypeError(f"`{shown(key)}` is no key: expected text")
        groups = (group for match in self.pattern.finditer(key) for group in match.groups())
        return "/".join(group for group in groups if group)

    def counter(self, key: str) -> Counter:
        """Return the counter that `key` leads to, made if need be."""
        return super().counter(self._get_key(key))

    def histogram(self, key: str) -> Histogram:
        """Return the histogram that `key` leads to, made if need be."""
        return super().histogram(self._get_key(key))

    def meter(self, key: str) -> Meter:
        """Return the meter that `key` leads to, made if need be."""
        return super().meter(self._get_key(key))

    def timer(self, key: str) -> Timer:
        """Return the timer that `key` leads to, made if need be."""
        return super().timer(self._get_key(key))

    def gauge(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        key: str,
        gauge: Optional[Union[Gauge, Callable[[], Any]]] = None,
        default: Any = float("nan"),
    ) -> Gauge:
        """Return the gauge that `key` leads to, made of `gauge` or `default` if need be."""
        return super().gauge(self._get_key(key), gauge, default)
