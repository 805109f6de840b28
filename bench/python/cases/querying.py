"""Answers of a million points: reading them, making frames of them, going over them."""

import time
from typing import Any

import data
from apptuit import Apptuit, apptuit_client

from .case import Case, peak_added, timed


class Answers(Case):
    """Asks for an answer; all its series have equal timestamps, unless they are to differ."""

    # The sink tells by it which answer is wanted.
    start = 1

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self.client = Apptuit("token", endpoint)
        self.seen: Any = None

    def ask(self) -> Any:
        return self.client.query(data.QUERY, start=self.start)

    def facts(self) -> Any:
        return self.seen


def count(result: Any) -> Any:
    series = result["requests"].series
    total = sum(sum(each.values) for each in series)
    return [len(series), sum(len(each.timestamps) for each in series), total]


class Parse(Answers, name="query.parse"):
    """From the bytes of the answer to the result, without a network on either side."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        body = data.answer(differing=False)
        if hasattr(apptuit_client, "_parse_response"):
            self.parse = lambda: apptuit_client._parse_response(body, self.start, None)
            return
        client = Apptuit("token", endpoint, transport=lambda *_: (200, {}, body))
        self.parse = lambda: client.query(data.QUERY, start=self.start)

    def sample(self) -> float:
        start = time.perf_counter_ns()
        result = self.parse()
        took = time.perf_counter_ns() - start
        self.seen = self.seen or count(result)
        return float(took)


class Query(Answers, name="query"):
    def sample(self) -> float:
        start = time.perf_counter_ns()
        result = self.ask()
        took = time.perf_counter_ns() - start
        self.seen = self.seen or count(result)
        return float(took)


class ToFrame(Answers, name="to_df"):
    """Of a result that nobody has looked at."""

    def sample(self) -> float:
        output = self.ask()["requests"]
        start = time.perf_counter_ns()
        frame = output.to_df()
        took = time.perf_counter_ns() - start
        if self.seen is None:
            instants = frame.index.to_numpy().astype("datetime64[ms]").astype("int64")
            holes = int(frame.isna().to_numpy().sum())
            # By column and in the order of rows, so that both add in the same order.
            total = sum(sum(frame[name].dropna().tolist()) for name in frame.columns)
            self.seen = [
                frame.shape,
                int(instants.sum()),
                holes,
                total,
                list(frame.columns)[:3],
            ]
        return float(took)


class ToFrameDiffering(ToFrame, name="to_df.differing"):
    start = 2


class Values(Answers, name="values"):
    """One pass over all values: the first over a result, or one after it."""

    def sample(self, what: str) -> float:
        series = self.ask()["requests"].series

        def work() -> float:
            return sum(sum(each.values) for each in series)

        if what == "later":
            work()
        took = timed(work)
        self.seen = self.seen or work()
        return took


class QueryMemory(Answers, name="memory.query"):
    """In a fresh process that has asked nothing yet, but has pandas."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        import pandas  # noqa: F401

    def sample(self) -> float:
        def work() -> Any:
            result = self.ask()
            return result, result["requests"].to_df()

        return peak_added(work)
