"""The signal of timers with a threshold, if there is somebody who can listen.

`call_too_long` is a signal of the library blinker, or None where that is not installed. Receivers
are called with the timer, `elapsed` in seconds, and the named arguments that were given to
`Timer.time`; those given by position are `args`, if there are any.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Optional

from .._native import Timer

try:
    _blinker: Any = importlib.import_module("blinker")
except ImportError:
    _blinker = None

call_too_long: Any = _blinker and _blinker.Namespace().signal("call_too_long")


def send(
    timer: Timer, elapsed: float, args: tuple[Any, ...], kwargs: Optional[Mapping[str, Any]]
) -> None:
    """Tell the receivers of `call_too_long` of a measurement above its timer's threshold."""
    if call_too_long is None:
        return
    said = dict(kwargs or {})
    if args:
        said.setdefault("args", args)
    said["elapsed"] = elapsed
    call_too_long.send(timer, **said)
