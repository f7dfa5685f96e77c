"""A snapshot in Prometheus's text format."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from patchbay.lib.metrics.instruments import Counter, Gauge, Histogram, instruments
from patchbay.lib.metrics.snapshots import Snapshot

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


def expose(snapshot: Snapshot) -> bytes:
    """Return what Prometheus reads; an instrument without a value is named all the same."""
    registry = CollectorRegistry()
    registry.register(_Collector(snapshot))
    return generate_latest(registry)


class _Collector(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        for instrument in instruments.values():
            if isinstance(instrument, Counter):
                yield self._counter(instrument)
            elif isinstance(instrument, Histogram):
                yield self._histogram(instrument)
            else:
                yield self._gauge(instrument)

    def _counter(self, counter: Counter) -> Metric:
        family = CounterMetricFamily(counter.name, counter.what, labels=counter.labels)
        for labels, value in self._snapshot.counters.get(counter.name, {}).items():
            family.add_metric(labels, value)
        return family

    def _gauge(self, gauge: Gauge) -> Metric:
        family = GaugeMetricFamily(gauge.name, gauge.what, labels=gauge.labels)
        for labels, value in self._snapshot.gauges.get(gauge.name, {}).items():
            family.add_metric(labels, value)
        return family

    def _histogram(self, histogram: Histogram) -> Metric:
        family = HistogramMetricFamily(histogram.name, histogram.what, labels=histogram.labels)
        for labels, distribution in self._snapshot.histograms.get(histogram.name, {}).items():
            buckets, below = [], 0
            for bound, count in zip((*map(str, histogram.bounds), "+Inf"), distribution.buckets, strict=True):
                below += count
                buckets.append((bound, float(below)))
            family.add_metric(labels, buckets=buckets, sum_value=distribution.total)
        return family
