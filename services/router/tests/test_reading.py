"""What is read of tickets, and what it costs beside many closed ones."""

import asyncio
import json

from sqlalchemy import text

from tierdesk_contracts import outcome as outcomes
from tierdesk_router.store import reading

DESK_QUEUE = "work.main.l1.service-desk"
CLOSED = 30_000
ROWS_READ = text(
    "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE schemaname = 'router' AND relname = 'ticket'"
)
"""By this transaction."""


async def listed(router, query):
    page = (await router.request("GET", f"/v1/tickets?{query}")).json()
    return {ticket["id"] for ticket in page["tickets"]}


async def test_a_tier_lists_its_open_tickets_and_with_a_status_those_that_ended_there(router):
    ended = await router.report(category="usage")
    await router.act(outcomes.WorkResolved, await router.next_work(DESK_QUEUE), ended, how="told them")
    await router.story(ended, until="resolved")
    await router.fetch("UPDATE router.ticket SET status = 'closed'")
    stands = await router.report(category="usage")
    await router.story(stands, until="offered")
    for place in ("tier=l1", "group=service-desk", "tier=l1&group=service-desk", "tier=l1&status=offered"):
        assert await listed(router, place) == {str(stands)}, place
    assert str(ended) in await listed(router, "")
    counts = (await router.request("GET", "/v1/tickets/summary")).json()
    assert counts == [{"status": "offered", "tier": "l1", "number": 1}]


async def test_closed_tickets_are_not_read_for_a_board_or_a_count(router):
    open_ticket = await router.report(category="usage")
    await router.story(open_ticket, until="offered")
    await router.fetch(
        "INSERT INTO router.ticket SELECT tenant, gen_random_uuid(), 'TD-' || n, 'closed', tier, group_id, category, "
        "priority, requester_id, opened_at + n * interval '1 second', sequence, policy_version, NULL, NULL, record "
        f"FROM router.ticket, generate_series(1, {CLOSED}) AS n"
    )
    await router.fetch("ANALYZE router.ticket")
    async with router.service.parts.database.read() as connection:
        for place in ({"tier": "l1"}, {"group": "service-desk"}, {"tier": "l1", "group": "service-desk"}):
            found = await reading.list_tickets(connection, "main", limit=50, **place)
            assert [str(ticket.id) for ticket in found] == [str(open_ticket)]
        assert await reading.count_tickets(connection, "main") == [("offered", "l1", 1)]
        read = (await connection.execute(ROWS_READ)).scalar_one()
    assert read < 100


async def test_others_are_served_while_a_hostile_policy_is_read(router):
    hostile = json.dumps({f"k{number}": 1 for number in range(80_000)}).encode()
    reading_it = asyncio.create_task(router.request("PUT", "/v1/policy", content=hostile))
    served = 0
    while not reading_it.done():
        assert (await router.request("GET", "/v1/tickets")).status_code == 200
        served += 1
    assert (await reading_it).status_code == 422
    assert served > 5
