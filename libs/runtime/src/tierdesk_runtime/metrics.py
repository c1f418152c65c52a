"""Metrics: a registry for each service, so that several live in one process; rendered together with a label `service`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """What every service tells of itself. Its own metrics go into the same `registry`, named `tierdesk_…`.

    A label never names a ticket, a person or a raw path: their number would have no end.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.http_requests = Counter(
            "tierdesk_http_requests_total", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self.http_seconds = Histogram(
            "tierdesk_http_request_seconds",
            "From a request's head to the end of its answer.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.outbox_pending = self._gauge("tierdesk_outbox_pending", "Messages not yet published.")
        self.outbox_oldest_seconds = self._gauge(
            "tierdesk_outbox_oldest_seconds", "Age of the oldest message that is not yet published."
        )
        self.waiting_messages = self._gauge(
            "tierdesk_waiting_messages", "Messages that wait for a predecessor or a retry."
        )
        self.waiting_oldest_seconds = self._gauge("tierdesk_waiting_oldest_seconds", "Age of the oldest of those.")
        self.parked_messages = self._gauge("tierdesk_parked_messages", "Messages set aside, and not resolved.")
        self.queue_messages = Gauge(
            "tierdesk_queue_messages", "Messages ready in a consumed queue.", ("queue",), registry=self.registry
        )
        self.consumer_silent_seconds = Gauge(
            "tierdesk_consumer_silent_seconds",
            "Since the last delivery from a consumed queue; of meaning only while messages are ready in it.",
            ("queue",),
            registry=self.registry,
        )
        self.consumer_lag_seconds = Gauge(
            "tierdesk_consumer_lag_seconds",
            "Age of the oldest message of the last delivery from a consumed queue; 0 when nothing waits.",
            ("queue",),
            registry=self.registry,
        )
        self.task_failures = Counter(
            "tierdesk_task_failures_total",
            "Background tasks that raised and were begun anew.",
            ("task",),
            registry=self.registry,
        )
        self.reconciler_findings = Gauge(
            "tierdesk_reconciler_findings",
            "What the last reconciliation found amiss; each above 0 is a defect or an outage.",
            ("kind",),
            registry=self.registry,
        )

    def _gauge(self, name: str, documentation: str) -> Gauge:
        return Gauge(name, documentation, registry=self.registry)


class _Together(Collector):
    """Several registries as one: families of one name are one family, each sample labelled with its service."""

    def __init__(self, registries: Mapping[str, CollectorRegistry]) -> None:
        self._registries = registries

    def collect(self) -> Iterator[Metric]:
        """The merged families."""
        families: dict[str, Metric] = {}
        for service, registry in self._registries.items():
            for family in registry.collect():
                merged = families.get(family.name)
                if merged is None:
                    merged = families[family.name] = Metric(family.name, family.documentation, family.type, family.unit)
                merged.samples.extend(
                    sample._replace(labels={"service": service, **sample.labels})
                    for sample in family.samples
                    if not sample.name.endswith("_created")  # doubles the number of series, and tells nothing here
                )
        yield from families.values()


def render(registries: Mapping[str, CollectorRegistry]) -> bytes:
    """The text that Prometheus reads, of these services."""
    together = CollectorRegistry(auto_describe=False)
    together.register(_Together(registries))
    return generate_latest(together)
