"""What the first of two tenants has, and how the other asks for it.

The first tenant writes a canary into every text that it posts.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from e2e.whole_desk import OWN, WholeDesk

CANARY = f"canary{secrets.token_hex(6)}"
VENDOR = f"vendor-{secrets.token_hex(6)}"
"""Without the canary: queues are named after it, and so are metrics of theirs."""
COUNTER = "counter"
"""A category, and the group that people work. Both tenants have one, without the canary: a queue is named after it."""
CALL_ID = f"call-{secrets.token_hex(6)}"
NDJSON = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}
POLICY = {
    "name": f"Desk {CANARY}",
    "tiers": [{"id": "l0"}, {"id": "l1", "name": CANARY}, {"id": "l4"}],
    "groups": [
        {"id": "self-service", "tier": "l0"},
        {"id": f"front-{CANARY}", "tier": "l1"},
        {"id": COUNTER, "tier": "l1"},
        {"id": "vendor", "tier": "l4", "vendor": VENDOR},
    ],
    "edges": [["l0", "l1"], ["l1", "l4"]],
    "categories": [
        {"id": "other", "tier": "l1", "group": f"front-{CANARY}"},
        {"id": f"cat-{CANARY}", "tier": "l0", "group": "self-service"},
        {"id": "printer", "tier": "l4", "group": "vendor"},
        {"id": COUNTER, "tier": "l1", "group": COUNTER},
    ],
    "default_category": "other",
    "vendors": [{"id": VENDOR, "name": f"Vendor {CANARY}", "group": "vendor", "covers": ["printer"]}],
    "targets": [{"kind": "first_response", "within": "6h"}, {"kind": "resolution", "within": "2d"}],
    "vips": [f"boss-{CANARY}"],
    "rules": [{"id": "boss", "vip": True, "priority": 1, "because": f"Because of {CANARY}"}],
}
MINE = json.dumps(POLICY).replace(CANARY, "mine").replace(VENDOR, "mine").encode()
"""The other tenant's policy: the same, in its own words."""
OPENED = {"title": f"Jams {CANARY}", "why": f"Seen by {CANARY}", "environment": CANARY}
SOLVED_ID = "01890000-0000-7000-8000-0000000000a1"
SYNONYMS = {"based_on": 0, "languages": {"en": [[CANARY, "lever"]]}}
ARTICLE = {
    "title": f"Unjam {CANARY}",
    "body": f"Open the {CANARY} lid",
    "keywords": [CANARY],
    "audience": "requester",
    "kind": "how-to",
    "steps": [f"Lift the {CANARY}"],
    "attachments": [{"name": f"Picture {CANARY}", "url": f"https://files.example/{CANARY}"}],
    "video": f"https://films.example/{CANARY}",
    "owner": CANARY,
    "review_at": "2026-01-02T09:00:00Z",
}
PROBLEM = {
    "type": "problem_reported",
    "requester": {
        "party": f"ann-{CANARY}",
        "name": f"Ann {CANARY}",
        "email": f"ann@{CANARY}.example",
        "phone": f"+44 {CANARY}",
    },
    "title": f"Jam {CANARY}",
    "text": f"Text {CANARY}",
    "location": f"Room {CANARY}",
    "contact": f"Desk {CANARY}",
    "affected": f"All of {CANARY}",
    "asset": f"P-{CANARY}",
    "steps_tried": [{"step": f"Pulled {CANARY}", "result": CANARY}],
}


@dataclass
class First:
    """What the first tenant has."""

    tickets: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    articles: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    attachments: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """A problem's identifier, and its reference."""
    deliveries: list[str] = field(default_factory=list)
    """What waits for its vendor."""
    works: list[str] = field(default_factory=list)
    """At the counter: what somebody has, what somebody has resolved, what is free."""
    callbacks: list[str] = field(default_factory=list)
    """Promised on a ticket of which somebody has work."""
    visits: list[str] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)
    """Of a ticket that somebody has."""
    accounts: list[str] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)
    shifts: list[str] = field(default_factory=list)
    parked: list[str] = field(default_factory=list)
    """A message that each service has set aside, under one identifier."""
    audit_hash: str = ""
    cursor: str = ""
    policy_version: str = ""

    @property
    def names(self) -> list[str]:
        """Every way to write the identifiers of its tickets."""
        ticket = self.tickets[0]
        spelled = [ticket.upper(), ticket.replace("-", ""), f"urn:uuid:{ticket}", f"{{{ticket}}}"]
        return [*self.tickets, *self.references, self.references[0].lower(), *spelled]

    @property
    def canaries(self) -> list[str]:
        """What must not come back to anybody else."""
        return [
            CANARY,
            *self.tickets,
            *self.references,
            *self.articles,
            *self.services,
            *self.orders,
            *self.attachments,
            *self.questions,
            *self.answers,
            *self.problems,
            *self.deliveries,
            *self.works,
            *self.visits,
            *self.repairs,
            *self.accounts,
            *self.mails,
            *self.shifts,
            *self.parked,
            self.audit_hash,
            self.policy_version,
        ]


@dataclass(frozen=True)
class Call:
    """One request."""

    path: str
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    refused: bool = False
    """Whether it names what is another's, and so must be answered as what does not exist."""


Plan = Callable[[First, WholeDesk], Iterator[Call]]


def plain(path: str) -> Plan:
    """A request that names nothing."""

    def plan(_first: First, _desk: WholeDesk) -> Iterator[Call]:
        yield Call(path)

    return plan


def on_one(path: str, names: str, **body: Any) -> Plan:
    """Something of what the first tenant has of this name; `{}` in the path stands for each."""

    def plan(first: First, _desk: WholeDesk) -> Iterator[Call]:
        content = json.dumps(body).encode() if body else b""
        for name in getattr(first, names):
            yield Call(path.replace("{}", name), content, JSON, refused=True)
            yield Call(path.replace("{}", name.upper()), content, JSON | {"X-Tenant": OWN}, refused=True)

    return plan


def own(path: str, **body: Any) -> Plan:
    """A request of the other tenant's own, which may be taken."""

    def plan(_first: First, _desk: WholeDesk) -> Iterator[Call]:
        yield Call(path, json.dumps(body).encode(), JSON)

    return plan


def pages(path: str, names: str) -> Plan:
    """Lists, from their beginning and from what the first tenant has."""

    def plan(first: First, _desk: WholeDesk) -> Iterator[Call]:
        for query in ("", "?limit=200", f"?after={getattr(first, names)[0]}", f"?tenant={OWN}"):
            yield Call(f"{path}{query}")

    return plan
