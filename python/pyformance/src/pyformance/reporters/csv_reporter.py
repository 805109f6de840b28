"""Metrics as files of values separated by tabs, or something else."""

from __future__ import annotations

import os
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional, Union

from .reporter import Reporter


class CsvReporter(Reporter):
    """Adds a line to the file of each metric, `NAME.csv` in the directory `path`, at each report.

    The directory is by default the current one, and is made if need be. The first line of a file
    has the names of the fields. What no name of a file can have, such as `/`, becomes `_`.
    """

    def __init__(
        self,
        registry: Any = None,
        reporting_interval: float = 30,
        path: Optional[Union[str, os.PathLike[str]]] = None,
        separator: str = "\t",
        clock: Any = None,
    ) -> None:
        super().__init__(registry, reporting_interval, clock)
        self.path = str(Path.cwd()) if path is None else os.fspath(path)
        self.separator = separator
        Path(self.path).mkdir(parents=True, exist_ok=True)

    def report_now(self, registry: Any = None, timestamp: Optional[float] = None) -> None:
        """Add a line to each file: the time (UTC), and the fields in the order of their names."""
        now = datetime.fromtimestamp(self._seconds(timestamp), timezone.utc)
        for name, fields in self._dump(registry).items():
            safe = re.sub(r'[/\\:*?"<>|\x00-\x1f]', "_", name)
            names = sorted(fields)
            with (Path(self.path) / f"{safe}.csv").open("a", encoding="utf-8") as file:
                if file.tell() == 0:
                    self._write(file, ["timestamp", *names])
                self._write(file, [f"{now:%Y-%m-%d %H:%M:%S}", *(fields[each] for each in names)])

    def _write(self, file: Any, cells: list[Any]) -> None:
        file.write(self.separator.join(map(str, cells)) + "\n")

    def __enter__(self) -> CsvReporter:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
