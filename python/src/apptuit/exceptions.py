"""What can go wrong, under types that old `except` clauses already catch.

Every class derives from `ApptuitException` and from the built-in class that fits.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Optional

__all__ = [
    "ApptuitConnectionError",
    "ApptuitException",
    "ApptuitSendException",
    "ApptuitTimeoutError",
    "ApptuitTypeError",
    "ApptuitValueError",
]


class ApptuitException(Exception):
    """The root of every error of this package; `msg` says what happened."""

    def __init__(self, msg: Any = "") -> None:
        super().__init__(msg)
        self.msg = msg

    def __str__(self) -> str:
        return str(self.msg)

    def __repr__(self) -> str:
        return str(self)


class ApptuitValueError(ApptuitException, ValueError):
    """An argument, a setting, a name or a point that cannot be used."""


class ApptuitTypeError(ApptuitValueError, TypeError, AttributeError):
    """An argument of a type that cannot be used."""


class ApptuitConnectionError(ApptuitException, ConnectionError):
    """The service could not be reached."""


class ApptuitTimeoutError(ApptuitException, TimeoutError):
    """The service did not answer in time."""


class ApptuitSendException(ApptuitException):
    """Points that were not accepted.

    `status_code` is that of the answer or None, `success` and `failed` are numbers of points, and
    `errors` holds one `{"datapoint": ..., "error": ...}` for each point the service named.
    """

    def __init__(
        self,
        msg: Any = None,
        status_code: Optional[int] = None,
        success: Any = None,
        failed: Any = None,
        errors: Optional[Sequence[Any]] = None,
    ) -> None:
        # Called as (status_code, success, failed, errors), the way error handlers get them.
        if isinstance(msg, int) and errors is None:
            points: Any = failed
            msg, status_code, success, failed, errors = (
                f"{success} points failed with status: {msg}",
                msg,
                status_code,
                success,
                points,
            )
        super().__init__(msg)
        self.status_code = status_code
        self.success = success
        self.failed = failed
        self.errors: list[Any] = [] if errors is None else list(errors)

    def __str__(self) -> str:
        status = f" with status: {self.status_code}" if self.status_code else ""
        return f"{self.failed} points failed{status}\n" + "".join(map(_describe, self.errors))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.__dict__)


def shown(value: object) -> str:
    """Show a value in a message, whatever it is; integers of too many digits have no text."""
    try:
        return str(value)[:100]
    except Exception:
        return f"a value of type {type(value).__name__}"


def _describe(error: Any) -> str:
    """One line of text for an entry of `errors`, whatever its form."""
    if isinstance(error, dict) and "datapoint" in error and "error" in error:
        return f"{error['error']} error occurred in the datapoint {error['datapoint']}\n"
    return f"{error}\n"


def _restore(
    kind: type[ApptuitSendException], args: tuple[Any, ...], state: dict[str, Any]
) -> ApptuitSendException:
    """Unpickle, whatever a subclass's own constructor asks for."""
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class RefusedReport(ApptuitSendException, ApptuitValueError):
    """A report with metrics that could not be named; the others were sent."""


def connection_error(msg: str) -> ApptuitException:
    """Make an `ApptuitConnectionError`, which is also requests' where requests is in use."""
    return _also_of_requests(ApptuitConnectionError, "ConnectionError")(msg)


def timeout_error(msg: str) -> ApptuitException:
    """Make an `ApptuitTimeoutError`, which is also requests' where requests is in use."""
    return _also_of_requests(ApptuitTimeoutError, "ReadTimeout")(msg)


def _also_of_requests(ours: type[ApptuitException], name: str) -> type[ApptuitException]:
    """Join `ours` and requests' class of that name, if the program has imported requests."""
    theirs = getattr(sys.modules.get("requests.exceptions"), name, None)
    if theirs is None:
        return ours
    maker = "connection_error" if ours is ApptuitConnectionError else "timeout_error"

    def reduce(error: ApptuitException) -> tuple[Any, ...]:
        return globals()[maker], (error.msg,)

    return type(ours.__name__, (ours, theirs), {"__module__": __name__, "__reduce__": reduce})
