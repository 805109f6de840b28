"""Each defect that was found in the old package has a test here, `h01` to `h38`, or elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

ROWS = 38
ELSEWHERE = {
    3: "reporter/test_fork.py::test_150_forks_under_load_hang_nowhere_and_each_child_reports_once",
    5: "reporter/test_process_metrics.py::test_counters_say_what_is_there_each_time_and_not_more",
    6: "promises/test_process.py::test_f56_page_faults",
    25: "client/test_client.py::test_other_threads_run_while_points_are_sent",
    26: "client/test_client.py::test_the_package_needs_nothing_but_the_standard_library",
    27: "client/test_client.py::test_a_failure_that_may_pass_is_tried_again",
    32: "reporter/test_waiting.py::test_workers_of_one_host_can_be_told_apart",
    33: "reporter/test_process_metrics.py::test_they_are_in_the_registry_and_go_with_any_other",
    37: "reporter/test_reporter.py::test_a_thread_reports_at_once_and_at_every_interval",
}


def test_every_defect_has_a_test() -> None:
    tests = Path(__file__).parents[1]
    here = "".join(file.read_text("utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    found = {int(row) for row in re.findall(r"^def test_h(\d\d)_", here, re.MULTILINE)}
    for row, test in ELSEWHERE.items():
        file, _, name = test.partition("::")
        assert f"def {name}(" in (tests / file).read_text("utf-8"), f"row {row}"
    assert sorted([*found, *ELSEWHERE]) == list(range(1, ROWS + 1))
