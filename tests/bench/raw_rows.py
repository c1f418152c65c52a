"""The rows and messages of the raw pipeline: those of the desk, as plain dictionaries and tuples, without any model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zlib import crc32

import orjson
from uuid_utils.compat import uuid7

TENANT = "main"
POLICY = "sha256:" + "0" * 64
ROADS = {"usage": ("l1", "desk"), "laptop": ("l2", "pc"), "network": ("l3", "net"), "printer": ("l4", "print")}
Row = tuple[Any, ...]


def envelope(kind: str, source: str, subject: str, data: dict[str, Any], sequence: int | None) -> tuple[UUID, bytes]:
    """A message of the desk: its identifier and its bytes."""
    message_id = uuid7()
    head: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(message_id),
        "source": source,
        "type": kind,
        "subject": subject,
        "time": datetime.now(UTC),
        "datacontenttype": "application/json",
        "tenant": TENANT,
    }
    if sequence is not None:
        head["sequence"] = f"{sequence:020d}"
    return message_id, orjson.dumps({**head, "data": data}, option=orjson.OPT_UTC_Z)


def outbox_row(message_id: UUID, subject: str, exchange: str, key: str, kind: str, body: bytes) -> Row:
    """A row of an outbox, without its position."""
    return (crc32(subject.encode()) % 16, message_id, TENANT, subject, "", exchange, key, kind, body)


def opening(event: dict[str, Any], ticket: str, reference: str) -> Row:
    """The outbox row of a posted problem."""
    data = {"channel": "portal", **event, "steps_tried": [], "reference": reference}
    data.pop("type")
    kind = "intake.problem_reported.v1"
    message_id, body = envelope(kind, "/tierdesk/intake", ticket, data, 1)
    return outbox_row(message_id, ticket, "tierdesk.events", f"{TENANT}.{kind}", kind, body)


class Routed:
    """All that the routing of one message writes."""

    def __init__(self, message: dict[str, Any]) -> None:
        data, ticket = message["data"], message["subject"]
        now = datetime.now(UTC)
        tier, group = ROADS[data["category"]]
        party, assignment, accept_by = uuid7(), uuid7(), now + timedelta(hours=8)
        desk = {"kind": "desk", "id": "router"}
        because = [
            f"The category is {data['category']}, which enters at tier {tier}.",
            "Impact 2 and urgency 2 make 3.",
        ]
        told = {
            name: data[name] for name in ("title", "text", "category", "location", "department", "impact", "urgency")
        }
        offer = {
            "assignment_id": str(assignment),
            "token": 1,
            "tier": tier,
            "group": group,
            "reason": "triage",
            "attempt": 1,
            "accept_by": accept_by,
        }
        place = {"tier": tier, "group": group, "category": data["category"], "priority": 3}
        opened = {"kind": "opened", "channel": "portal", "requester_id": str(party), **told, "steps_tried": []}
        triaged = {
            "kind": "triaged",
            **place,
            "impact": 2,
            "urgency": 2,
            "completeness": 1.0,
            "missing_facts": [],
            "explanation": {"rule": "category", "because": because, "policy_version": POLICY},
        }
        actors = ({"kind": "requester", "id": str(party)}, desk, desk)
        events = [
            {"sequence": number, "at": now, "actor": actor, **event}
            for number, (actor, event) in enumerate(
                zip(actors, (opened, triaged, {"kind": "offered", **offer}), strict=True), start=1
            )
        ]
        record = {
            "id": ticket,
            "tenant": TENANT,
            "reference": data["reference"],
            "status": "offered",
            **place,
            **told,
            "requester_id": str(party),
            "opened_at": now,
            "last_at": now,
            "sequence": 3,
            "token": 1,
            "policy_version": POLICY,
            "explanation": because,
            "assignment": {**offer, "offered_at": now},
        }
        changed = {
            "reference": data["reference"],
            "policy_version": POLICY,
            "status": "offered",
            **place,
            "first_sequence": 1,
            "sequence": 3,
            "events": events,
            "requester": data["requester"],
            "calls": [],
        }
        offered = {
            **offer,
            "deadlines": [
                {"kind": "first_response", "due_at": now + timedelta(hours=6)},
                {"kind": "resolution", "due_at": now + timedelta(days=2)},
            ],
            "steps_tried": [],
            "case": {"reference": data["reference"], "title": data["title"], "text": data["text"], **place},
            "internal": {
                "requester_name": data["requester"]["name"],
                "contact": data["requester"]["phone"],
                "location": data["location"],
                "completeness": 1.0,
                "missing_facts": [],
                "explanation": because,
                "findings": "",
            },
        }
        ticket_id = UUID(ticket)
        who = data["requester"]
        self.party: Row = (TENANT, party, who["party"], who["name"], None, who["phone"], None)
        self.ticket: Row = (
            TENANT, ticket_id, data["reference"], "offered", tier, group, data["category"], 3, party, now, 3, POLICY,
            accept_by, None, _json(record),
        )  # fmt: skip
        self.log = [(TENANT, ticket_id, event["sequence"], event["kind"], now, _json(event)) for event in events]
        self.assignment: Row = (TENANT, assignment, ticket_id, 1, tier, group, None, None, now, None, None, None)
        self.applied: Row = ("router.intake", TENANT, ticket, "intake", 1)
        self.outbox = []
        for kind, body, exchange, key, sequence in (
            ("ticket.changed.v1", changed, "tierdesk.events", f"{TENANT}.ticket.changed.v1", 3),
            ("work.offered.v1", offered, "tierdesk.work", f"{TENANT}.{tier}.{group}", None),
        ):
            message_id, raw = envelope(kind, "/tierdesk/router", ticket, body, sequence)
            self.outbox.append(outbox_row(message_id, ticket, exchange, key, kind, raw))


class Clocked:
    """All that a change of a ticket writes at the watcher."""

    def __init__(self, message: dict[str, Any]) -> None:
        data, ticket = message["data"], message["subject"]
        ticket_id = UUID(ticket)
        now = datetime.now(UTC)
        tier, group = data["tier"], data["group"]
        self.ticket: Row = (TENANT, ticket_id, data["reference"], POLICY, 3, data["category"], 3, None)
        self.change: Row = (TENANT, ticket_id, 1, 3, POLICY, orjson.dumps(data["events"]).decode())
        self.applied: Row = ("sla", TENANT, ticket, "ticket", 3)
        self.clocks: list[Row] = [
            (
                TENANT, uuid7(), ticket_id, place, kind, tier, group, now, within, "always" if within else None, POLICY,
                "[]", _json([[0.75, now]]) if within else "[]", "running", now + timedelta(seconds=within or 0), 1,
                now + timedelta(seconds=within) if within else None,
            )
            for place, kind, within in ((1, "first_response", 21600), (2, "resolution", 172800), (3, "acceptance", None))
        ]  # fmt: skip


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z).decode()
