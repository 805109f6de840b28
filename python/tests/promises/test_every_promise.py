"""Each row of what the README of the service's client promises has a test here, `f01` to `f76`."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROWS = 76


def test_every_promise_has_one_test() -> None:
    tests = re.compile(r"^def test_(f\d\d)_", re.MULTILINE)
    files = Path(__file__).parent.glob("test_*.py")
    found = Counter(row for file in files for row in tests.findall(file.read_text("utf-8")))
    assert found == Counter(f"f{row:02}" for row in range(1, ROWS + 1))
