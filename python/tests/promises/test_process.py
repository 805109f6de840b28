"""What a reporter tells about its process, compared with what Python says of it."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from apptuit.metrics import MetricsRegistry
from apptuit.pyformance import ApptuitReporter
from tests.promises.world import TOKEN, World

resource = pytest.importorskip("resource")


def report(**settings: Any) -> None:
    registry = MetricsRegistry()
    registry.counter("orders").inc()
    settings.setdefault("collect_process_metrics", True)
    ApptuitReporter(registry=registry, token=TOKEN, **settings).report_now()


def usage(field: str) -> float:
    # Seconds and microseconds, added as floats, may be a last bit away from what the system told.
    return round(float(getattr(resource.getrusage(resource.RUSAGE_SELF), field)), 6)


def told(world: World, metric: str, **fields: str) -> None:
    """Check that each type has a series, with a value between what is so before and after."""
    for _ in range(3):
        before = {kind: usage(field) for kind, field in fields.items()}
        report()
        for kind, field in fields.items():
            series = world.one(metric, type=kind)
            assert series["tags"]["worker_id"] == str(os.getpid())
            assert before[kind] <= round(series["dps"][-1][1], 6) <= usage(field), (metric, kind)
    assert {series["tags"]["type"] for series in world.series(metric)} == set(fields)


def test_f53_the_process_is_told_of_only_if_asked(world: World) -> None:
    report(collect_process_metrics=False)
    assert not [metric for metric in world.metrics() if metric.startswith("python")]
    report(collect_process_metrics=True)
    assert len([metric for metric in world.metrics() if metric.startswith("python")]) == 11


def test_f54_cpu_time_of_user_and_system(world: World) -> None:
    told(world, "python_cpu_time_used_seconds_count", user="ru_utime", system="ru_stime")


def test_f55_memory_in_bytes(world: World) -> None:
    report()
    arrived = world.value("python_memory_usage_bytes_count", type="main")
    # The system counts the highest in steps, so it may lag behind.
    assert 10_000_000 < arrived <= 1.1 * 1024 * usage("ru_maxrss")
    kinds = ("shared", "unshared", "unshared_stack_size")
    parts = [world.value("python_memory_usage_bytes_count", type=kind) for kind in kinds]
    assert min(parts) >= 0
    assert sum(parts[:2]) == pytest.approx(arrived, rel=0.2)


def test_f56_page_faults(world: World) -> None:
    told(world, "python_page_faults_count", major="ru_majflt", minor="ru_minflt")
    assert world.value("python_page_faults_count", type="minor") > 1000


def test_f57_swaps_which_are_zero_on_linux(world: World) -> None:
    report()
    assert world.value("python_process_swaps_count") == usage("ru_nswap") == 0.0


def test_f58_operations_on_blocks(world: World) -> None:
    told(world, "python_block_operations_count", input="ru_inblock", output="ru_oublock")


def test_f59_messages_between_processes(world: World) -> None:
    told(world, "python_ipc_messages_count", sent="ru_msgsnd", received="ru_msgrcv")


def test_f60_signals_which_are_zero_on_linux(world: World) -> None:
    report()
    assert world.value("python_system_signals_count") == usage("ru_nsignals") == 0.0


def test_f61_context_switches(world: World) -> None:
    fields = {"voluntary": "ru_nvcsw", "involuntary": "ru_nivcsw"}
    told(world, "python_context_switches_count", **fields)
    assert world.value("python_context_switches_count", type="voluntary") > 0


@contextmanager
def waiting(daemons: int, others: int) -> Iterator[None]:
    """That many threads more."""
    over = threading.Event()
    threads = [
        threading.Thread(target=over.wait, args=(30,), daemon=n < daemons)
        for n in range(daemons + others)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_f62_threads(world: World) -> None:
    report()
    kinds = ("alive", "demon", "dummy")
    before = {kind: world.value("python_thread_value", type=kind) for kind in kinds}
    with waiting(daemons=2, others=3):
        report()
    after = {kind: world.value("python_thread_value", type=kind) for kind in kinds}
    more = {kind: after[kind] - before[kind] for kind in kinds}
    assert more == {"alive": 3, "demon": 2, "dummy": 0}
    assert before["alive"] >= 1


def test_f63_objects_that_were_collected_by_generation(world: World) -> None:
    def told() -> list[float]:
        report()
        name = "python_gc_collection_count"
        return [world.value(name, type=f"collection_{generation}") for generation in (0, 1, 2)]

    before = told()
    for _ in range(1000):
        ring: list[Any] = []
        ring.append(ring)
    del ring
    gc.collect()
    after = told()
    assert sum(after) >= sum(before) + 1000
    for reported, stats in zip(after, gc.get_stats()):
        assert 0 <= reported <= stats["collected"]


def test_f64_thresholds_of_the_collector(world: World) -> None:
    old = gc.get_threshold()
    gc.set_threshold(701, 11, 12)
    try:
        report()
    finally:
        gc.set_threshold(*old)
    for generation, threshold in enumerate((701, 11, 12)):
        name = "python_gc_threshold_count"
        assert world.value(name, type=f"threshold_{generation}") == threshold
