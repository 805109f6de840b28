"""The types of the native half are those that the stub file tells."""

from __future__ import annotations

import subprocess
import sys


def test_the_stubs_match_the_built_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "apptuit._native", "--concise"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
