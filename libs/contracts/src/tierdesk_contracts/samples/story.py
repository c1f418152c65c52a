"""The people, the ticket and the times that all samples share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from tierdesk_contracts.knowledge import ArticleDraft, Dossier
from tierdesk_contracts.vocabulary import Actor, ActorKind, StepTried
from tierdesk_contracts.work import Case, Deadline, Internal

TENANT: Final = "main"
REFERENCE: Final = "TD-7K3M-Q9XP"
TRACE: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
POLICY: Final = "sha256:5d41402abc4b2a76b9719d911017c592ae6c3d8d0b7e0f7d6f6f2f1a3f2c9a10"
TITLE: Final = "Printer on floor 3 smears every page"


def identifier(number: int) -> UUID:
    """A fixed identifier of the form that the services mint (version 7)."""
    return UUID(f"01936f3a-5c00-7000-8000-{number:012x}")


def moment(minute: int) -> datetime:
    """This many minutes after the story began."""
    return datetime(2026, 11, 20, 9, 0, tzinfo=UTC) + timedelta(minutes=minute)


TICKET: Final = identifier(1)
ASSIGNMENT: Final = identifier(2)
PARTY: Final = identifier(3)
CLOCK: Final = identifier(4)

DESK: Final = Actor(kind=ActorKind.DESK, id="router")
REQUESTER: Final = Actor(kind=ActorKind.REQUESTER, id=str(PARTY))
WORKER: Final = Actor(kind=ActorKind.WORKER, id="l1-ann")
VENDOR: Final = Actor(kind=ActorKind.VENDOR, id="acme-1")

STEPS: Final = (
    StepTried(step="Turned it off and on", result="Same streaks"),
    StepTried(step="Replaced the toner", result="Better for ten pages", article_id="KB-12"),
)
CASE: Final = Case(
    reference=REFERENCE,
    title=TITLE,
    text="Every page has grey streaks since Monday — “Größe A4”, both trays.",
    category="printer-machine",
    priority=2,
    asset="PRN-0311",
)
DRAFT: Final = ArticleDraft(
    title="Streaks after the toner was replaced",
    body="1. Print the drum's test page.\n2. Replace the drum when the streaks stand at the same place.",
    keywords=("smears", "drum"),
    kind="how-to",
    audience="l1",
)
DOSSIER: Final = Dossier(
    title=TITLE, text=CASE.text, asset=CASE.asset, affected="Accounts, 14 people", steps_tried=STEPS
)
INTERNAL: Final = Internal(
    requester_name="Zoë Müller",
    contact="+44 20 7946 0018",
    location="Building B, floor 3",
    affected="Accounts, 14 people, cannot print invoices",
    completeness=0.857,
    missing_facts=("department",),
    explanation=("category printer-machine enters at l4", "impact 2 and urgency 1 give priority 2"),
    findings="The drum is worn, not the toner.",
    article_id="KB-12",
    article_title="Streaks on paper",
)
DEADLINES: Final = (
    Deadline(kind="acceptance", due_at=moment(30)),
    Deadline(kind="resolution", due_at=moment(480)),
)
