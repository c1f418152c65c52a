from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families

from tierdesk_runtime.metrics import Metrics, render


def families(text: bytes) -> dict[str, list[tuple[dict[str, str], float]]]:
    return {
        family.name: [(sample.labels, sample.value) for sample in family.samples]
        for family in text_string_to_metric_families(text.decode())
    }


def test_services_of_one_process_are_one_family_told_apart_by_their_label() -> None:
    router, sla = Metrics(), Metrics()
    router.outbox_pending.set(7)
    sla.outbox_pending.set(0)
    text = render({"router": router.registry, "sla": sla.registry})
    assert text.count(b"# TYPE tierdesk_outbox_pending gauge") == 1
    assert families(text)["tierdesk_outbox_pending"] == [({"service": "router"}, 7.0), ({"service": "sla"}, 0.0)]


def test_a_services_own_metric_gets_the_label_too() -> None:
    metrics = Metrics()
    opened = Counter("tierdesk_tickets_opened_total", "Opened.", ("channel",), registry=metrics.registry)
    opened.labels("portal").inc()
    found = families(render({"router": metrics.registry}))
    assert found["tierdesk_tickets_opened"] == [({"service": "router", "channel": "portal"}, 1.0)]


def test_a_label_cannot_break_the_text() -> None:
    registry = CollectorRegistry()
    counter = Counter("tierdesk_x_total", "X.", ("kind",), registry=registry)
    counter.labels('a"} 1\n# HELP evil "\\').inc()
    found = families(render({"router": registry}))
    assert found == {"tierdesk_x": [({"service": "router", "kind": 'a"} 1\n# HELP evil "\\'}, 1.0)]}


def test_no_service_means_no_text_that_a_reader_could_not_read() -> None:
    assert families(render({})) == {}
