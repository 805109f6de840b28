"""What others charge for a counter and for a distribution. Only the peer's environment has them."""

from typing import Any

from .case import Loop


class PrometheusCounter(Loop, name="prometheus.counter"):
    statement = "counter.inc()"

    def names(self) -> dict[str, Any]:
        import prometheus_client

        return {"counter": prometheus_client.Counter("orders", "Orders")}


class PrometheusHistogram(Loop, name="prometheus.histogram"):
    statement = "histogram.observe(12.5)"

    def names(self) -> dict[str, Any]:
        import prometheus_client

        return {"histogram": prometheus_client.Histogram("bytes", "Bytes")}


class OpenTelemetryCounter(Loop, name="opentelemetry.counter"):
    statement = "counter.add(1)"

    def names(self) -> dict[str, Any]:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader

        provider = MeterProvider(metric_readers=[InMemoryMetricReader()])
        return {"counter": provider.get_meter("bench").create_counter("orders")}
