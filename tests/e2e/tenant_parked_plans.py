"""How the messages that services have set aside are asked for by a tenant whose they are not."""

from __future__ import annotations

from uuid import uuid4

from e2e.tenants import CANARY, First, Plan, on_one, plain
from e2e.whole_desk import OWN, WholeDesk
from tierdesk_cli.services import DEFINITIONS


def park(desk: WholeDesk, first: First) -> None:
    """Each service has set a message of the first tenant aside."""
    parked = uuid4()
    for service in DEFINITIONS:
        desk.query(
            f"INSERT INTO {service}.parked (id, consumer, tenant, subject, message_id, type, namespace, queue, body, reason)"
            " VALUES ($1, 'test', $2, $3, $3, 'test.v1', '', 'test', $4, $3)",
            parked,
            OWN,
            CANARY,
            CANARY.encode(),
        )
    first.parked.append(str(parked))


PARKED_PLANS: dict[tuple[str, str], Plan] = {}
for _service in DEFINITIONS:
    _path = f"/v1/parked/{_service}"
    PARKED_PLANS |= {
        ("GET", _path): plain(f"{_path}?limit=200&tenant={OWN}"),
        ("GET", f"{_path}/{{parked_id}}"): on_one(f"{_path}/{{}}", "parked"),
        ("POST", f"{_path}/{{parked_id}}/replay"): on_one(f"{_path}/{{}}/replay", "parked"),
        ("POST", f"{_path}/{{parked_id}}/discard"): on_one(f"{_path}/{{}}/discard", "parked", reason="mine"),
    }
