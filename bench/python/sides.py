"""The processes that are measured: one a side, driven over pipes, and the sink they send to."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

HERE = Path(__file__).parent


class Problem(Exception):
    """Why a side could not be measured."""


class _Child:
    """A process that ends when its standard input does."""

    def __init__(self, python: Path, *command: str) -> None:
        environment = {
            k: v for k, v in os.environ.items() if not k.startswith("APPTUIT_")
        }
        environment["PYTHONPATH"] = str(HERE)
        environment["PYTHONWARNINGS"] = "ignore"
        self.process = subprocess.Popen(
            [python, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def line(self) -> str:
        line: str = self.process.stdout.readline()
        if not line:
            raise Problem(f"its process ended with {self.process.wait()}")
        return line

    def close(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Sink(_Child):
    """Takes what both sides send, and answers what they ask."""

    def __init__(self) -> None:
        super().__init__(Path(sys.executable), str(HERE / "sink.py"))
        self.url = self.line().strip()

    def received(self, side: str) -> dict[str, Any]:
        """What a side sent last."""
        with urllib.request.urlopen(
            f"{self.url}/{side}/received", timeout=60
        ) as answer:
            return json.load(answer)


class Side(_Child):
    """A case in one of the two environments."""

    def __init__(self, environment: Path, case: str, endpoint: str) -> None:
        self.name = environment.name
        command = [str(HERE / "worker.py"), case, endpoint]
        super().__init__(environment / "bin" / "python", *command)
        try:
            self._answer()
        except Problem:
            self.close()
            raise

    def sample(self, what: str = "") -> float:
        return self._ask(f"sample {what}")["cost"]

    def facts(self) -> Any:
        return self._ask("facts")["facts"]

    def _ask(self, line: str) -> dict[str, Any]:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        answer = json.loads(self.line())
        if "error" in answer:
            raise Problem(f"{self.name}: {answer['error']}")
        return answer
