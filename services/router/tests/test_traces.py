"""Each message of the router goes on from the message that caused it, also where one batch decides several."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts import seal
from tierdesk_router.handlers.outcomes import QUEUE, OutcomeHandler
from tierdesk_router.store.policies import PolicyShelf
from tierdesk_store import Received


async def decide_together(router: Any, ticket: UUID, *said: tuple[outcomes.Outcome, str | None]) -> None:
    """One batch of outcomes, each with what its span hands on."""
    parts = router.service.parts
    handler = OutcomeHandler(parts.clock, parts.identifiers, PolicyShelf(), lambda _reason, _number: None)
    now = datetime.now(UTC)
    messages = []
    for outcome, traceparent in said:
        envelope = seal(
            outcome, message_id=parts.identifiers.new(), source="/test", subject=str(ticket), time=now, tenant="main"
        )
        messages.append(Received(envelope, "", QUEUE, 0.0, 0, traceparent))
    async with parts.database.transaction() as tx:
        desk = await handler.load(tx, messages)
        for message in messages:
            handler.decide(desk, message)
        await handler.save(tx, desk)


async def offered(router: Any) -> tuple[UUID, dict[str, Any]]:
    """A ticket that is on offer, and the fence of its outcomes."""
    ticket = await router.report(category="usage")
    offer = await router.next_work("work.main.l1.service-desk")
    return ticket, {"assignment_id": offer.assignment_id, "token": offer.token, "worker": "bob"}


async def traces(router: Any, ticket: UUID) -> list[tuple[str, str | None]]:
    rows = await router.fetch("SELECT body FROM router.outbox ORDER BY position")
    sent = [json.loads(row["body"]) for row in rows]
    return [(one["type"], one.get("traceparent")) for one in sent if one["subject"] == str(ticket)]


async def test_each_message_has_the_trace_of_its_cause_and_a_change_of_several_that_of_the_last(router):
    ticket, fence = await offered(router)
    await decide_together(
        router,
        ticket,
        (outcomes.WorkAccepted(**fence, ordinal=1), "of-acceptance"),
        (outcomes.WorkPaused(**fence, ordinal=1, party="visit"), "of-repetition"),
        (outcomes.WorkProgressed(**fence, ordinal=2, note="On it"), "of-progress"),
    )
    told = await traces(router, ticket)
    assert told[:2] == [("ticket.changed.v1", None), ("work.offered.v1", None)]
    assert sorted(told[2:]) == [
        ("ticket.changed.v1", "of-progress"),
        ("work.assigned.v1", "of-acceptance"),
        ("work.rejected.v1", "of-repetition"),
    ]


async def test_a_message_without_a_trace_does_not_inherit_that_of_the_one_before(router):
    ticket, fence = await offered(router)
    await decide_together(
        router,
        ticket,
        (outcomes.WorkAccepted(**fence, ordinal=1), "of-acceptance"),
        (outcomes.WorkProgressed(**fence, ordinal=2, note="On it"), None),
    )
    assert sorted((await traces(router, ticket))[2:], key=str) == [
        ("ticket.changed.v1", None),
        ("work.assigned.v1", "of-acceptance"),
    ]
