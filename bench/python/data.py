"""What both sides are given: the same names, tags and numbers, from the same seed."""

import json
import random
from collections.abc import Iterator

START = 1_500_000_000
POINTS = 50_000
SERIES = 500
QUERY = "requests = fetch('app_requests'); output(requests)"
QUERY_SERIES = 100
QUERY_POINTS = 10_000


def tags(series: int) -> dict[str, str]:
    return {
        "host": f"host-{series % 50:03}",
        "service": f"checkout-{series // 50:02}",
        "zone": "ap-south-1a",
    }


def values(count: int, seed: int = 0) -> list[float]:
    """Whole numbers and such with all their digits, in turn."""
    draw = random.Random(seed)
    return [
        float(draw.randrange(10_000)) if number % 2 == 0 else draw.random() * 1_000
        for number in range(count)
    ]


def rows() -> list[tuple[str, dict[str, str], int, float]]:
    """The arguments of 50 000 points: 500 series in turn, three tags each."""
    names = [(f"app_request_latency_{each % 10}", tags(each)) for each in range(SERIES)]
    return [
        (*names[number % SERIES], START + number // SERIES, value)
        for number, value in enumerate(values(POINTS))
    ]


def columns(count: int) -> Iterator[tuple[str, dict[str, str], list[int], list[float]]]:
    """The arguments of so many series, 50 000 points in all."""
    each = POINTS // count
    for series in range(count):
        instants = [START + 10 * number for number in range(each)]
        yield (
            f"app_queue_depth_{series % 10}",
            tags(series),
            instants,
            values(each, series),
        )


def answer(differing: bool) -> bytes:
    """An answer to a query: 100 series of 10 000 points.

    Their timestamps are equal, or those of one series in four are.
    """
    result = []
    for series in range(QUERY_SERIES):
        late = series % 4 if differing else 0
        numbers = values(QUERY_POINTS, series)
        dps = [[START + 10 * at + late, each] for at, each in enumerate(numbers)]
        result.append(
            {
                "metric": "app_requests",
                "tags": tags(series),
                "aggregatedTags": [],
                "dps": dps,
            }
        )
    outputs = [{"id": "requests", "result": result}]
    return json.dumps({"outputs": outputs, "hints": [], "query": {}}).encode()
