"""One side of a row, in a process of its own: `worker.py CASE ENDPOINT`.

The case prepares itself, and then does one sample for each line of its standard input: `sample`,
with a word that chooses where a case knows several. `facts` asks for what must be equal on both
sides. Each line is answered by one of JSON.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from cases import CASES


def main() -> None:
    # Whatever is measured may print; the answers have a way of their own.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    name, endpoint = sys.argv[1:]

    def answer(work: Callable[[], dict[str, Any]]) -> None:
        try:
            told = work()
        except Exception as error:  # noqa: BLE001
            traceback.print_exc()
            told = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(told) + "\n")

    case: Any = None

    def make() -> dict[str, Any]:
        nonlocal case
        case = CASES[name](endpoint)
        return {}

    # The first answer is whether the case is ready.
    answer(make)
    for line in sys.stdin:
        what, *words = line.split()
        if what == "facts":
            answer(lambda: {"facts": case.facts()})
        else:
            answer(lambda words=words: {"cost": case.sample(*words)})


if __name__ == "__main__":
    main()
