"""Rows, and how they are printed: as the other benchmarks do."""

import math
import os
import platform
import sys
from pathlib import Path

UNITS = {"ns": ("ns", "µs", "ms", "s"), "B": ("B", "KB", "MB", "GB")}
USAGE = "expected ids of rows, `--quick` or `--markdown`"


def three_digits(number: float) -> str:
    """Three significant digits, and no exponent."""
    exponent = int(f"{number:.2e}".partition("e")[2])
    return f"{number:.{min(max(2 - exponent, 0), 9)}f}"


def cost(number: float, unit: str) -> str:
    """Three digits and the unit that suits them: `1.87 ns`, `12.3 ms`, `40.7 KB`."""
    smallest, *larger = UNITS[unit]
    for suits in larger:
        if number < 999.5:
            break
        number, smallest = number / 1000, suits
    return f"{three_digits(number)} {smallest}"


class Table:
    """Prints a line a row on standard output; talk goes to standard error."""

    def __init__(self, arguments: list[str]) -> None:
        flags = {each for each in arguments if each.startswith("-")}
        if unknown := flags - {"--quick", "--markdown"}:
            raise SystemExit(f"error: unknown `{unknown.pop()}`: {USAGE}")
        self.ids = [each for each in arguments if each not in flags]
        self.quick = "--quick" in flags
        self.markdown = "--markdown" in flags

    def begin(self, known: list[str]) -> None:
        if unknown := [each for each in self.ids if each not in known]:
            raise SystemExit(f"error: unknown row `{unknown[0]}` of `python`: {USAGE}")
        if self.markdown:
            print("| id | row | ours | peer | ours ÷ peer | goal | met |")
            print("| --- | --- | --- | --- | --- | --- | --- |")

    def wants(self, row: str) -> bool:
        return not self.ids or row in self.ids

    def row(
        self,
        id_: str,
        name: str,
        goal: float,
        ours: float,
        peer: float,
        unit: str,
        *,
        fair: bool,
    ) -> None:
        """Print what was measured; what is not `fair` does not meet its goal."""
        ratio = ours / peer if peer else math.inf
        met = "yes" if fair and ratio <= goal else "no"
        self._print(
            id_,
            name,
            cost(ours, unit),
            cost(peer, unit),
            three_digits(ratio),
            goal,
            met,
        )

    def missing(self, id_: str, name: str, goal: float, reason: str) -> None:
        """What could not be measured is a row too, that has not met its goal."""
        say(f"{id_}: not measured: {reason}")
        self._print(id_, name, "n/a", "n/a", "n/a", goal, "no")

    def _print(self, *cells: object) -> None:
        *before, goal, met = cells
        # Three decimals only where they say something: 0.025.
        told = f"{goal:.3f}".removesuffix("0")
        line = [str(each) for each in (*before, told, met)]
        print(
            f"| {' | '.join(line)} |" if self.markdown else "\t".join(line), flush=True
        )

    def finish(self) -> None:
        if not self.markdown:
            return
        ids = "".join(f" {each}" for each in self.ids)
        print(
            f"\nMachine: {machine()}.\nCommand: `scripts/bench python{ids} --markdown`."
        )


def machine() -> str:
    """Processor, number of processors, system and interpreter in a line."""
    told = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(": ")[2] for line in told if line.startswith("model name")]
    count = len(os.sched_getaffinity(0))
    interpreter = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{models[0] if models else platform.machine()}, {count} processors, {sys.platform}, {interpreter}"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
