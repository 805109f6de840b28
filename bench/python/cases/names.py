"""Names with tags in them: writing and reading."""

import json
from typing import Any

import data
from apptuit import timeseries

from .case import Case, Loop, timed

COUNT = 5_000


def pairs(start: int) -> list[tuple[str, dict[str, str]]]:
    return [
        (f"node.requests.{number}", data.tags(number))
        for number in range(start, start + COUNT)
    ]


class Encode(Case, name="encode"):
    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self.pairs = pairs(0)

    def sample(self) -> float:
        encode = timeseries.encode_metric

        def work() -> None:
            for name, tags in self.pairs:
                encode(name, tags)

        return timed(work) / COUNT

    def facts(self) -> Any:
        return [timeseries.encode_metric(name, tags) for name, tags in self.pairs[:50]]


class DecodeCold(Case, name="decode.cold"):
    """Each name is decoded once, so no cache helps."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self.next = 0

    def sample(self) -> float:
        names = [
            name + json.dumps(tags, sort_keys=True) for name, tags in pairs(self.next)
        ]
        self.next += COUNT
        decode = timeseries.decode_metric

        def work() -> None:
            for name in names:
                decode(name)

        return timed(work) / COUNT

    def facts(self) -> Any:
        name, tags = pairs(7)[0]
        return timeseries.decode_metric(name + json.dumps(tags, sort_keys=True))


class DecodeWarm(Loop, name="decode.warm"):
    """A thousand names that recur, which fit into the other side's cache."""

    statement = "for name in names: decode(name)"

    def names(self) -> dict[str, Any]:
        names = [
            name + json.dumps(tags, sort_keys=True) for name, tags in pairs(0)[:1_000]
        ]
        return {"names": names, "decode": timeseries.decode_metric}

    def sample(self) -> float:
        return super().sample() / 1_000
