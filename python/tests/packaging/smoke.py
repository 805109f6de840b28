"""What an installed wheel must do, with nothing around it: `python -W error -I smoke.py TAG`.

It needs no more than the wheels, and the command that `APPTUIT_BIN` names for a server.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import pickle
import sys
import threading
import time

from pyformance.meters.gauge import CallbackGauge

from apptuit import Apptuit, ApptuitSendException, DataPoint, TimeSeries, timeseries
from apptuit.pyformance import ApptuitReporter
from apptuit.testing import Recorder, Server
from pyformance import MetricsRegistry, count_calls

QUERY = "out = fetch('{}'); output(out)"


def check_installation(tag: str) -> None:
    wheel = importlib.metadata.distribution("apptuit").read_text("WHEEL") or ""
    assert f"Tag: {tag}-" in wheel, wheel
    names = {each.metadata["Name"] for each in importlib.metadata.distributions()}
    assert names - {"pip"} == {"apptuit", "pyformance"}, names
    for missing in ("setuptools", "pkg_resources", "pandas", "numpy", "requests"):
        assert importlib.util.find_spec(missing) is None, missing


def check_sending(server: Server) -> None:
    client = server.client()
    start = int(time.time()) - 60
    client.send([DataPoint("smoke.level", {"room": "lab"}, start + at, at / 4) for at in range(4)])
    series = TimeSeries("smoke_series", {"room": "lab"})
    series.add_point(start, 1.5)
    client.send_timeseries([series])
    (found,) = client.query(QUERY.format("smoke_level"), start=start)["out"].series
    assert (found.timestamps, found.values) == (
        [start + at for at in range(4)],
        [0, 0.25, 0.5, 0.75],
    )
    assert client.query(QUERY.format("smoke_series"), start=start)[0].series[0].values == [1.5]


def check_reporting(server: Server) -> None:
    registry = MetricsRegistry()
    reporter = ApptuitReporter(
        registry=registry,
        reporting_interval=60,
        token="any",
        api_endpoint=server.url,
        tags={"service": "smoke"},
    )
    assert reporter.start()
    registry.counter(timeseries.encode_metric("smoke.orders", {"city": "blr"})).inc(3)
    registry.add("smoke.threads", CallbackGauge(threading.active_count))
    with registry.timer("smoke.latency").time():
        pass
    registry.histogram("smoke.bytes").add(5)
    registry.meter("smoke.calls").mark()
    reporter.stop()
    client = server.client()
    for metric, value in [
        ("smoke_orders_count", 3),
        ("smoke_bytes_max", 5),
        ("smoke_calls_count", 1),
    ]:
        (found,) = client.query(QUERY.format(metric), start=1)["out"].series
        assert found.values[-1] == value, (metric, found.values)
        assert found.tags["service"] == "smoke"


def check_pickling() -> None:
    point = pickle.loads(pickle.dumps(DataPoint("m", {"a": 1}, 60, 1.5)))
    assert (point.metric, point.tags, point.timestamp, point.value) == ("m", {"a": 1}, 60, 1.5)
    error = pickle.loads(pickle.dumps(ApptuitSendException("no", 400, 1, 2, [])))
    assert (error.status_code, error.success, error.failed) == (400, 1, 2)


def check_pyformance() -> None:
    import pyformance

    @count_calls
    def called() -> int:
        return 7

    assert called() == 7
    (counted,) = pyformance.dump_metrics().values()
    assert counted == {"count": 1}


def main() -> None:
    (tag,) = sys.argv[1:]
    check_installation(tag)
    with Server() as server:
        check_sending(server)
        check_reporting(server)
    check_pickling()
    check_pyformance()
    recorder = Recorder()
    assert isinstance(recorder.client(), Apptuit)
    version = importlib.metadata.version("apptuit")
    print(f"apptuit {version}, {tag}: works with CPython {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
