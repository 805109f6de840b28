"""How the benchmark of the package prints: as those in Rust do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="the benchmark, as all scripts, needs Python 3.11"
)

BENCH = Path(__file__).resolve().parents[3] / "bench" / "python"


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code beside the modules of the benchmark."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=BENCH, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("number", "unit", "told"),
    [
        (0.56, "ns", "0.560 ns"),
        (1.873, "ns", "1.87 ns"),
        (999.4, "ns", "999 ns"),
        (999.6, "ns", "1.00 µs"),
        (12_345_678.0, "ns", "12.3 ms"),
        (4e12, "ns", "4000 s"),
        (0.0, "B", "0.00 B"),
        (40_654.0, "B", "40.7 KB"),
    ],
)
def test_a_cost_has_three_digits_and_the_unit_that_suits(
    number: float, unit: str, told: str
) -> None:
    assert run(f"import table; print(table.cost({number}, {unit!r}))").stdout.strip() == told


def test_a_row_has_the_seven_columns_and_what_is_unfair_is_not_met() -> None:
    code = """
import table
t = table.Table([])
t.row("P1", "fast", 0.025, 1.0, 100.0, "ns", fair=True)
t.row("P2", "slow", 0.2, 30.0, 100.0, "ns", fair=True)
t.row("P3", "unfair", 1.0, 1.0, 100.0, "ns", fair=False)
t.missing("P4", "gone", 1.0, "a test")
"""
    done = run(code)
    assert done.stdout.splitlines() == [
        "P1\tfast\t1.00 ns\t100 ns\t0.0100\t0.025\tyes",
        "P2\tslow\t30.0 ns\t100 ns\t0.300\t0.20\tno",
        "P3\tunfair\t1.00 ns\t100 ns\t0.0100\t1.00\tno",
        "P4\tgone\tn/a\tn/a\tn/a\t1.00\tno",
    ]
    assert done.stderr == "P4: not measured: a test\n"


def test_every_row_is_there() -> None:
    done = run("import rows; print(*dict.fromkeys(row.id for row in rows.ROWS))")
    assert done.stdout.split() == [f"P{number}" for number in range(1, 32)]


@pytest.mark.parametrize("argument", ["P99", "--fast"])
def test_what_is_not_there_is_named(argument: str) -> None:
    done = run(f"import table; table.Table([{argument!r}]).begin(['P1'])")
    assert done.returncode == 1
    assert f"`{argument}`" in done.stderr
