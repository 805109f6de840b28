"""One request, for the reporters whose systems speak HTTP."""

from __future__ import annotations

from base64 import b64encode
from typing import Optional
from urllib.request import Request, urlopen

from .reporter import TIMEOUT


def post(
    url: str, body: bytes, content_type: str, user: Optional[str] = None, password: str = ""
) -> None:
    """Send `body`; OSError if that fails, or is refused."""
    request = Request(url, data=body, headers={"Content-Type": content_type})
    if user is not None:
        word = b64encode(f"{user}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {word}")
    with urlopen(request, timeout=TIMEOUT):
        pass
