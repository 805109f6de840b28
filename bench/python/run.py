"""Measures the Python package against others: see `bench/README.md`.

`scripts/bench python` calls it, with an environment for each side.
"""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from rows import ROWS, Row
from sides import Problem, Side, Sink
from table import Table, say

# Fewer samples than these have no median worth its name.
FEWEST = 3


@dataclass(frozen=True)
class Effort:
    rounds: int
    # After so many seconds a row has to do with the samples it has.
    patience: float


FULL = Effort(rounds=15, patience=8.0)
QUICK = Effort(rounds=FEWEST, patience=0.5)


@dataclass(frozen=True)
class Bench:
    """Two environments, and the sink between them."""

    ours: Path
    peer: Path
    sink: Sink
    effort: Effort

    def side(self, environment: Path, case: str) -> Side:
        return Side(environment, case, f"{self.sink.url}/{environment.name}")

    def turns(
        self, ours: Callable[[], float], peer: Callable[[], float]
    ) -> tuple[float, float]:
        """Medians of what both give in turn."""
        start, samples = time.monotonic(), []
        for number in range(self.effort.rounds):
            if number >= FEWEST and time.monotonic() - start > self.effort.patience:
                break
            samples.append((ours(), peer()))
        return median(each for each, _ in samples), median(each for _, each in samples)

    def measure(self, row: Row) -> tuple[float, float, bool]:
        """What both cost, and whether they did the same."""
        if row.fresh:
            return *self.turns(
                self._fresh(self.ours, row), self._fresh(self.peer, row)
            ), True
        with ExitStack() as stack:
            ours = stack.enter_context(self.side(self.ours, row.ours))
            ours.sample(row.words[0])  # the first of each warms up
            if row.limit is not None:
                sample = partial(ours.sample, row.words[0])
                return *self.turns(sample, lambda: row.limit), True
            if row.alone:
                peer = ours
            else:
                peer = stack.enter_context(self.side(self.peer, row.peer or row.ours))
            peer.sample(row.words[1])
            costs = self.turns(
                lambda: ours.sample(row.words[0]), lambda: peer.sample(row.words[1])
            )
            return *costs, self._same(row, ours, peer)

    def _fresh(self, environment: Path, row: Row) -> Callable[[], float]:
        def sample() -> float:
            with self.side(environment, row.ours) as side:
                return side.sample()

        return sample

    def _same(self, row: Row, ours: Side, peer: Side) -> bool:
        """Whether both sides did the same, for what that can be said of."""
        if row.sent is not None:
            mine, theirs = (self.sink.received(each.name) for each in (ours, peer))
            if mine[row.sent] != theirs[row.sent]:
                say(f"{row.id}: what was sent differs: {mine} and {theirs}")
                return False
            part = mine["packed"] / theirs["packed"]
            say(
                f"{row.id}: the body is {part:.3f} times as large, {mine['packed']} bytes"
            )
            return row.body is None or part <= row.body
        if row.peer is None and (mine := ours.facts()) != (theirs := peer.facts()):
            say(f"{row.id}: what came of it differs: {mine} and {theirs}")
            return False
        return True


def main() -> None:
    ours, peer, *arguments = sys.argv[1:]
    table = Table(arguments)
    table.begin([row.id for row in ROWS])
    effort = QUICK if table.quick else FULL
    with Sink() as sink:
        bench = Bench(Path(ours), Path(peer), sink, effort)
        for row in ROWS:
            if not table.wants(row.id):
                continue
            try:
                mine, theirs, fair = bench.measure(row)
            except Problem as problem:
                table.missing(row.id, row.name, row.goal, str(problem))
            else:
                table.row(row.id, row.name, row.goal, mine, theirs, row.unit, fair=fair)
    table.finish()


if __name__ == "__main__":
    main()
