"""Chains of escalation on a real database: each step once, whoever fires it; and the acknowledgement by HTTP."""

import asyncio
from uuid import UUID, uuid4

from tierdesk_contracts import notice, work
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.names import EVENTS
from tierdesk_router.app import DEFINITION
from tierdesk_runtime.service import build_parts

DESK_QUEUE = "work.main.l1.service-desk"
LATE = {
    "id": "late",
    "on": {"clock": ["resolution"]},
    "steps": [{"notify": "lead"}, {"wait": "1s"}, {"repeat": 3}, {"raise_priority": 1}, {"notify": "boss"}],
}
ENDLESS = LATE | {"steps": [{"notify": "lead"}, {"wait": "30d"}, {"next_tier": True}]}
STEPS = [("notified", 1, 1), ("notified", 1, 2), ("notified", 1, 3), ("notified", 1, 4), ("notified", 5, 4)]


async def apply(router, *escalations):
    policy = (await router.request("GET", "/v1/policy")).json()["document"]
    answer = await router.request("PUT", "/v1/policy", json=policy | {"escalations": escalations})
    assert answer.status_code == 200, answer.text


async def breach(router, ticket, *, clock_id=None, kind=notice.ClockBreached):
    shown = (await router.request("GET", f"/v1/tickets/{ticket}")).json()["ticket"]
    told = {"clock_id": clock_id or uuid4(), "cycle": 1, "kind": "resolution", "reference": shown["reference"]}
    at = {"started_at": shown["opened_at"], "due_at": shown["opened_at"]}
    await router.send(EVENTS, kind.model_validate(told | at), ticket)


async def offered(router, number):
    tickets = [await router.report(category="usage", contact="extension 18", location="B") for _ in range(number)]
    for ticket in tickets:
        await router.story(ticket, until="offered")
    return tickets


async def wait_for(router, statement):
    async with asyncio.timeout(30):
        while not await router.fetch(statement):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.05)


async def test_two_routers_take_each_step_once(router):
    await apply(router, LATE)
    other = await DEFINITION.build(await build_parts(DEFINITION, router.service.parts.settings))
    await other.start()
    try:
        tickets = await offered(router, 30)
        for ticket in tickets:
            await breach(router, ticket)
        for ticket in tickets:
            log = await router.story(ticket, until="chain_stopped")
            taken = [(event["kind"], event["step"], event["round"]) for event in log if event["kind"] == "notified"]
            assert taken == STEPS
            assert [event["kind"] for event in log].count("reprioritised") == 1
            assert [event["sequence"] for event in log] == list(range(1, len(log) + 1))
    finally:
        await other.drain()
    assert await router.fetch("SELECT 1 FROM router.ticket WHERE chain_due_at IS NOT NULL") == []


async def test_a_router_that_stops_leaves_the_chain_to_the_next(router):
    await apply(router, LATE | {"steps": [{"notify": "lead"}, {"wait": "3s"}, {"notify": "boss"}]})
    (ticket,) = await offered(router, 1)
    await breach(router, ticket)
    await router.story(ticket, until="chain_waiting")
    await router.service.drain()
    await wait_for(router, "SELECT 1 FROM router.ticket WHERE chain_due_at <= now()")
    again = await DEFINITION.build(await build_parts(DEFINITION, router.service.parts.settings))
    await again.start()
    try:
        await wait_for(router, "SELECT 1 FROM router.ticket_log WHERE kind = 'chain_stopped'")
    finally:
        await again.drain()
    log = await router.fetch("SELECT kind FROM router.ticket_log ORDER BY sequence")
    assert [row["kind"] for row in log][3:] == [
        "alarm", "chain_started", "notified", "chain_waiting", "notified", "chain_stopped",
    ]  # fmt: skip


async def test_a_chain_that_cannot_go_on_is_put_off_and_keeps_no_other_waiting(router):
    await apply(router, ENDLESS)
    tickets = await offered(router, 3)
    for ticket in tickets:
        await breach(router, ticket)
        await router.story(ticket, until="chain_waiting")
    await router.fetch(
        f"UPDATE router.ticket SET record = jsonb_set(record, '{{chains,0,escalation}}', '\"gone\"') "
        f"WHERE id = '{tickets[1]}'"
    )
    due = "jsonb_set(record, '{chains,0,due_at}', to_jsonb(now() - interval '1 minute'))"
    await router.fetch(f"UPDATE router.ticket SET record = {due}, chain_due_at = now() - interval '1 minute'")
    for ticket in (tickets[0], tickets[2]):
        assert (await router.story(ticket, until="chain_stopped"))[-3]["kind"] == "escalated"
    await wait_for(router, f"SELECT 1 FROM router.ticket WHERE id = '{tickets[1]}' AND chain_due_at > now()")
    assert "escalated" not in {event["kind"] for event in await router.story(tickets[1], until="alarm")}


async def test_a_row_that_is_due_for_nothing_is_not_looked_at_again_and_again(router):
    (ticket,) = await offered(router, 1)
    await router.fetch("UPDATE router.ticket SET chain_due_at = now() - interval '1 minute'")
    await wait_for(router, "SELECT 1 FROM router.ticket WHERE chain_due_at > now()")
    assert [event["kind"] for event in await router.story(ticket, until="offered")] == ["opened", "triaged", "offered"]


async def test_a_breach_that_is_taken_back_stops_what_it_began(router):
    await apply(router, ENDLESS)
    (ticket,) = await offered(router, 1)
    clock = UUID(int=7)
    await breach(router, ticket, clock_id=clock)
    await router.story(ticket, until="chain_waiting")
    await breach(router, ticket, clock_id=clock, kind=notice.ClockRetracted)
    log = await router.story(ticket, until="chain_stopped")
    assert (log[-1]["why"], log[-2]["word"]) == ("retracted", "retracted")
    assert await router.fetch("SELECT 1 FROM router.ticket WHERE chain_due_at IS NOT NULL") == []


async def test_an_acknowledgement_stops_it_and_said_again_answers_the_same(router):
    await apply(router, ENDLESS)
    (ticket,) = await offered(router, 1)
    shown = (await router.request("GET", f"/v1/tickets/{ticket}")).json()["ticket"]
    path = f"/v1/tickets/{shown['reference']}/acknowledgement"

    early = await router.request("POST", path, json={})
    assert (early.status_code, early.json()["title"]) == (409, "Nothing to acknowledge")
    await breach(router, ticket)
    await router.story(ticket, until="chain_waiting")
    answers = [await router.request("POST", path, json={"note": "I call them."}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    told = answers[0].json()
    assert answers[1].json() == told
    assert (told["by"], told["note"], told["escalations"]) == ("test", "I call them.", ["late"])
    later = await router.request("POST", path, json={"note": "me too"})
    assert later.status_code == 409
    log = await router.story(ticket, until="acknowledged")
    assert [(event["kind"], event["actor"]["id"]) for event in log][-2:] == [
        ("acknowledged", "test"), ("chain_stopped", "test"),
    ]  # fmt: skip
    assert await router.fetch("SELECT 1 FROM router.ticket WHERE chain_due_at IS NOT NULL") == []


async def test_who_acknowledges_what_is_anothers_or_writes_nonsense_is_told_so(router):
    (ticket,) = await offered(router, 1)
    path = f"/v1/tickets/{ticket}/acknowledgement"
    assert (await router.request("POST", path, tenant="other", json={})).status_code == 404
    assert (await router.request("POST", "/v1/tickets/TD-NONE/acknowledgement", json={})).status_code == 404
    wrong = await router.request("POST", path, json={"note": "x", "by": "somebody else"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "by")


async def test_a_worker_hears_that_its_ticket_is_more_pressing_and_then_that_it_is_taken_away(router):
    steps = [{"raise_priority": 2}, {"wait": "1s"}, {"next_tier": True}]
    await apply(router, LATE | {"steps": steps})
    (ticket,) = await offered(router, 1)
    offer = await router.next_work(DESK_QUEUE)
    await router.act(outcomes.WorkAccepted, offer, ticket)
    assert isinstance(await router.next_work(DESK_QUEUE), work.WorkAssigned)
    await breach(router, ticket)
    updated, withdrawn = [await router.next_work(DESK_QUEUE) for _ in range(2)]
    assert (updated.assignment_id, updated.priority) == (offer.assignment_id, 1)
    assert (withdrawn.assignment_id, withdrawn.reason) == (offer.assignment_id, "escalated")
    await router.act(outcomes.WorkResolved, offer, ticket, ordinal=2, how="too late")
    assert (await router.next_work(DESK_QUEUE)).reason == "stale"
    (row,) = await router.fetch(f"SELECT ended_by FROM router.assignment WHERE id = '{offer.assignment_id}'")
    assert row["ended_by"] == "escalated"
