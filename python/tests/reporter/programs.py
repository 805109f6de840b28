"""Programs of their own, for what a test cannot do in its own process."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any


def run(program: str, timeout: float = 60, *options: str, **settings: Any) -> str:
    """Run a program to its end, in time; return what it printed. It must not fail or complain."""
    done = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        **settings,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout
