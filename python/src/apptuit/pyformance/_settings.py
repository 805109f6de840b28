"""What a reporter is told, checked."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any, Optional, TypeVar, Union

from ..exceptions import ApptuitTypeError, ApptuitValueError, shown
from ..utils import _get_tags_from_environment, strtobool

DISABLE_HOST_TAG = "APPTUIT_DISABLE_HOST_TAG"

_Function = TypeVar("_Function", bound=Callable[..., Any])


def interval(seconds: Union[int, float]) -> Union[int, float]:
    """Return a time between reports that makes sense."""
    known = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not known or not 0 < seconds <= sys.float_info.max:
        raise ApptuitValueError(
            f"`{shown(seconds)}` is no reporting_interval: expected seconds above zero"
        )
    return seconds


def timeout(seconds: Union[int, float]) -> float:
    """Return seconds from zero on."""
    known = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not known or not seconds >= 0:
        raise ApptuitValueError(f"`{seconds}` is no timeout: expected seconds from zero on")
    return float(seconds)


def size(name: str, size: Optional[int]) -> Optional[int]:
    """Return a bound, or None for the default."""
    if size is None:
        return None
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 2**64:
        raise ApptuitValueError(f"`{size}` is no {name}: expected a whole number from zero on")
    return size


def on_full(what: str) -> str:
    """Return what goes when the queue is full."""
    if what not in ("drop_oldest", "drop_newest"):
        raise ApptuitValueError(
            f"`{what}` is no on_queue_full: expected 'drop_oldest' or 'drop_newest'"
        )
    return what


def tags(given: Optional[Mapping[str, Any]], disable_host_tag: Optional[bool]) -> dict[str, Any]:
    """Merge the reporter's tags over the environment's, and add the host."""
    tags = {**_get_tags_from_environment(), **own_tags(given)}
    if disable_host_tag is None:
        disable_host_tag = bool(strtobool(os.environ.get(DISABLE_HOST_TAG) or "false"))
    if not disable_host_tag and tags.get("host") is None:
        tags["host"] = socket.gethostname()
    return tags


def own_tags(given: Optional[Mapping[str, Any]]) -> dict[str, Any]:
    """Copy tags, or none for None."""
    if given is not None and not isinstance(given, Mapping):
        raise ApptuitTypeError(f"tags are `{shown(given)}`: expected a dict of keys and values")
    return dict(given or {})


def prefix(given: Optional[str]) -> str:
    """Return a text, or none for None."""
    if given is not None and not isinstance(given, str):
        raise ApptuitTypeError(f"`{shown(given)}` is no prefix: expected text")
    return given or ""


def folder(given: Union[str, os.PathLike[str]]) -> str:
    """Return a path as text."""
    try:
        return os.fspath(given)
    except TypeError:
        raise ApptuitTypeError(f"`{shown(given)}` is no spool_dir: expected a path") from None


def handler(given: Optional[_Function]) -> Optional[_Function]:
    """Return a function, or None."""
    if given is not None and not callable(given):
        raise ApptuitTypeError(
            f"`{shown(given)}` is no error_handler: expected a function of four arguments, or None"
        )
    return given
