"""How a case is made, and how it takes its time or its memory."""

import gc
import re
import time
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

CASES: dict[str, Callable[[str], "Case"]] = {}


class Case:
    """Something that can be sampled."""

    def __init_subclass__(cls, name: str = "") -> None:
        if name:
            CASES[name] = cls

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def sample(self) -> float:
        """Do it, and tell nanoseconds or bytes of one."""
        raise NotImplementedError

    def facts(self) -> Any:
        """What both sides must agree on."""
        return None


class Loop(Case):
    """A statement of nanoseconds, repeated for eight milliseconds."""

    statement: str

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        # Collection of garbage stays on, as in a program.
        self._timer = timeit.Timer(
            self.statement, setup="gc.enable()", globals={"gc": gc, **self.names()}
        )
        self._count = 1_000
        while (took := self._timer.timeit(self._count)) < 0.004:
            self._count *= 2
        self._count = max(int(self._count * 0.008 / took), 1)

    def names(self) -> dict[str, Any]:
        """What the statement uses."""
        raise NotImplementedError

    def sample(self) -> float:
        return self._timer.timeit(self._count) / self._count * 1e9


def timed(work: Callable[[], Any]) -> float:
    """How many nanoseconds it took; what it made is thrown away afterwards."""
    start = time.perf_counter_ns()
    made = work()
    took = time.perf_counter_ns() - start
    del made
    return float(took)


def resident(field: str) -> int:
    """A field of the process's status in bytes: `VmRSS` or `VmHWM`, its peak."""
    found = re.search(
        rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE
    )
    assert found, field
    return int(found[1]) * 1024


def peak_added(work: Callable[[], Any]) -> float:
    """How many bytes more than before were resident while it worked."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    made = work()
    added = resident("VmHWM") - before
    del made
    return float(added)
