"""What the router tells beside the events of a ticket, and does not keep in its log."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

from tierdesk_contracts import intake
from tierdesk_contracts.names import EVENTS

NUMBER = "+442079460018"


async def changes(router: Any, ticket: UUID) -> list[dict[str, Any]]:
    rows = await router.fetch("SELECT body FROM router.outbox ORDER BY position")
    sent = [json.loads(row["body"]) for row in rows]
    return [one["data"] for one in sent if one["type"] == "ticket.changed.v1" and one["subject"] == str(ticket)]


async def test_each_change_tells_who_asks_as_they_are_known_then_and_the_log_does_not(router):
    who = {"party": "ann", "name": "Ann Archer", "email": "ann@mail.example", "phone": NUMBER}
    ticket = await router.report(requester=who, category="usage", location="B3")
    await router.story(ticket, until="opened")
    await router.send(EVENTS, intake.FactsTold(contact="desk 4711"), ticket, sequence=2)
    log = await router.story(ticket, until="described")
    first, *_, last = await changes(router, ticket)
    assert {name: first["requester"][name] for name in who} == who
    assert last["requester"]["contact"] == "desk 4711"
    written = json.dumps([first["events"], last["events"], log])
    assert not any(word in written for word in ("Archer", "ann@mail.example", NUMBER, "4711"))


async def test_a_call_is_told_as_the_telephone_told_of_it_and_the_log_has_no_number(router):
    ticket = uuid4()
    told: dict[str, Any] = {
        "reference": "TD-1",
        "provider": "pbx",
        "call_id": "c-1",
        "direction": "in",
        "caller": NUMBER,
    }
    for sequence, outcome in enumerate((intake.CallOutcome.RINGING, intake.CallOutcome.MISSED), start=1):
        await router.send(EVENTS, intake.Called(**told, outcome=outcome), ticket, sequence=sequence)
    log = await router.story(ticket, until="called")
    while [event["kind"] for event in log].count("called") < 2:
        log = await router.story(ticket, until="called")
    heard = [call for change in await changes(router, ticket) for call in change["calls"]]
    assert [(call["outcome"], call["caller"]) for call in heard] == [("ringing", NUMBER), ("missed", NUMBER)]
    assert NUMBER not in json.dumps([log, [change["events"] for change in await changes(router, ticket)]])
