"""Names made safe to send, and settings read from the environment."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Optional

from . import _native
from .exceptions import ApptuitValueError

APPTUIT_PY_TOKEN = "APPTUIT_API_TOKEN"
APPTUIT_PY_TAGS = "APPTUIT_TAGS"
APPTUIT_API_ENDPOINT = "APPTUIT_API_ENDPOINT"
DEPRECATED_APPTUIT_PY_TOKEN = "APPTUIT_PY_TOKEN"
DEPRECATED_APPTUIT_PY_TAGS = "APPTUIT_PY_TAGS"

_TRUE = frozenset(("y", "yes", "t", "true", "on", "1"))
_FALSE = frozenset(("n", "no", "f", "false", "off", "0"))


def sanitize_name_prometheus(name: str) -> str:
    """Turn `name` into ASCII letters, digits and `_`, with no digit first and no `__`."""
    return _native.sanitize("prometheus", name)


def sanitize_name_apptuit(name: str) -> str:
    """Turn `name` into letters and numbers of any script and `- _ . /`, with no `__`."""
    return _native.sanitize("apptuit", name)


def strtobool(text: str) -> int:
    """Return 1 for a word that means yes and 0 for one that means no, in any case."""
    word = text.lower() if isinstance(text, str) else None
    if word in _TRUE:
        return 1
    if word in _FALSE:
        return 0
    raise ApptuitValueError(f"`{text}` is neither true nor false: expected a word such as `yes`")


def _contains_valid_chars(name: str) -> bool:
    """Whether a metric or a tag key can be sent as it is."""
    return _native.is_valid_name(name)


def _validate_tags(tags: Mapping[str, object]) -> None:
    """Refuse tag keys that cannot be sent as they are."""
    for key in tags:
        if not _contains_valid_chars(key):
            raise ApptuitValueError(
                f"tag key `{key}` has an invalid character: "
                "allowed are letters, digits and `-`, `_`, `.`, `/`"
            )


def _get_tags_from_environment() -> dict[str, str]:
    """Read the tags of `APPTUIT_TAGS`, such as `service: orders, zone: a`."""
    _setting(APPTUIT_PY_TAGS, DEPRECATED_APPTUIT_PY_TAGS)  # warns of the old name
    return _native.environment_tags()


def _get_token_from_environment() -> Optional[str]:
    """Read the token of `APPTUIT_API_TOKEN`."""
    return _setting(APPTUIT_PY_TOKEN, DEPRECATED_APPTUIT_PY_TOKEN)


def _setting(name: str, deprecated: str) -> Optional[str]:
    """Read an environment variable, or else the one that was its name before."""
    value = os.environ.get(name)
    if value:
        return value
    old = os.environ.get(deprecated)
    if old:
        warnings.warn(
            f"the environment variable {deprecated} is deprecated: use {name}",
            DeprecationWarning,
            stacklevel=4,
        )
    return old or None
