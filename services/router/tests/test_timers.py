"""What happens by itself goes on when one ticket cannot be decided; and offers are made anew on demand."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts import work
from tierdesk_router.handlers.renewing import count_offers, renew_offers
from tierdesk_router.handlers.timers import PUT_OFF_SECONDS
from tierdesk_runtime.identifiers import Identifiers

DESK_QUEUE = "work.main.l1.service-desk"
BROKEN = {
    "its record cannot be read": "jsonb_set(record, '{title}', '7')",
    "its group is gone": "jsonb_set(record, '{assignment,group}', '\"nobody\"')",
    "its log is ahead": "jsonb_set(record, '{sequence}', '1')",
}
"""Each makes load, decide or save raise."""


def put_off_count(router):
    return router.service.metrics.registry.get_sample_value("tierdesk_timers_put_off_total")


async def one_is_put_off(router):
    async with asyncio.timeout(20):
        while True:
            if put_off_count(router):
                return
            await asyncio.sleep(0.05)


async def offered(router, number):
    tickets = [await router.report(category="usage") for _ in range(number)]
    for ticket in tickets:
        await router.story(ticket, until="offered")
    return tickets


async def make_due(router, tickets):
    ids = ", ".join(f"'{ticket}'" for ticket in tickets)
    await router.fetch(
        "UPDATE router.ticket SET offer_due_at = now() - interval '1 minute',"
        " record = jsonb_set(record, '{assignment,accept_by}', to_jsonb(now() - interval '1 minute'))"
        f" WHERE id IN ({ids})"
    )


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN.keys())
async def test_one_ticket_that_cannot_be_decided_is_put_off_and_the_others_fire(router, change):
    tickets = await offered(router, 7)
    await router.fetch(f"UPDATE router.ticket SET record = {change} WHERE id = '{tickets[3]}'")
    before = datetime.now(UTC)
    await make_due(router, tickets)
    others = [ticket for ticket in tickets if ticket != tickets[3]]
    for ticket in others:
        log = await router.story(ticket, until="withdrawn")
        assert [event["kind"] for event in log][3:] == ["offered", "withdrawn", "offered"]
    await one_is_put_off(router)
    (row,) = await router.fetch(f"SELECT offer_due_at FROM router.ticket WHERE id = '{tickets[3]}'")
    assert row["offer_due_at"] >= before + timedelta(seconds=PUT_OFF_SECONDS)
    assert put_off_count(router) == 1
    kinds = await router.fetch(f"SELECT kind FROM router.ticket_log WHERE ticket_id = '{tickets[3]}'")
    assert "withdrawn" not in {row["kind"] for row in kinds}


async def test_a_ticket_that_was_put_off_fires_once_it_can_be_decided(router):
    (ticket,) = await offered(router, 1)
    await router.fetch(f"UPDATE router.ticket SET record = jsonb_set(record, '{{title}}', '7') WHERE id = '{ticket}'")
    await make_due(router, [ticket])
    await one_is_put_off(router)
    await router.fetch(
        f"UPDATE router.ticket SET record = jsonb_set(record, '{{title}}', '\"x\"') WHERE id = '{ticket}'"
    )
    await make_due(router, [ticket])
    await router.story(ticket, until="withdrawn")


async def test_offers_that_nobody_accepted_are_made_anew_and_the_old_ones_are_void(router):
    mine, open_one = await offered(router, 2)
    offers = {}
    for _ in range(2):
        offer = await router.next_work(DESK_QUEUE)
        offers[offer.case.reference] = offer
    stories = {ticket: (await router.request("GET", f"/v1/tickets/{ticket}")).json() for ticket in (mine, open_one)}
    mine_offer, old = (offers[stories[ticket]["ticket"]["reference"]] for ticket in (mine, open_one))
    await router.act(outcomes.WorkAccepted, mine_offer, mine)
    await router.story(mine, until="accepted")
    assert isinstance(await router.next_work(DESK_QUEUE), work.WorkAssigned)

    parts = router.service.parts
    assert await count_offers(parts.database) == 1
    assert await renew_offers(parts.database, parts.clock, Identifiers()) == 1
    withdrawn, new = await router.next_work(DESK_QUEUE), await router.next_work(DESK_QUEUE)
    assert isinstance(withdrawn, work.WorkWithdrawn)
    assert (withdrawn.token, new.attempt, new.group) == (old.token, 2, old.group)
    assert new.token > old.token
    await router.act(outcomes.WorkAccepted, old, open_one)
    assert (await router.next_work(DESK_QUEUE)).reason == "stale"
    await router.act(outcomes.WorkResolved, new, open_one, how="done")
    await router.story(open_one, until="resolved")
    assert "withdrawn" not in [event["kind"] for event in await router.story(mine, until="accepted")]


async def test_a_ticket_that_cannot_be_decided_keeps_no_other_from_its_new_offer(router):
    tickets = await offered(router, 3)
    await router.fetch(f"UPDATE router.ticket SET record = {BROKEN['its group is gone']} WHERE id = '{tickets[1]}'")
    parts = router.service.parts
    assert await renew_offers(parts.database, parts.clock, Identifiers()) == 2
