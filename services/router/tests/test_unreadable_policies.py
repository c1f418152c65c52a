"""A stored policy that this release cannot read: what goes by it waits, and everybody else is served."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.names import VENDOR_INBOUND
from tierdesk_router.app import DEFINITION
from tierdesk_router.handlers.desk import Desk, load_tickets
from tierdesk_router.store.policies import PolicyShelf, UnknownPolicyError
from tierdesk_runtime.service import build_parts

DESK_QUEUE = "work.main.l1.service-desk"
UNREADABLE = "sha256:unreadable"


async def store_unreadable(router, tenant):
    await router.fetch(
        "INSERT INTO router.policy (tenant, version, name, document, applied_at) "
        f"VALUES ('{tenant}', '{UNREADABLE}', 'Desk', '{{\"name\": \"Desk\", \"tiers\": 7}}', now() - interval '1 day')"
    )


async def put_unreadable_in_force(router, tenant):
    await store_unreadable(router, tenant)
    await router.fetch(f"UPDATE router.policy_in_force SET version = '{UNREADABLE}' WHERE tenant = '{tenant}'")


async def test_the_shelf_goes_on_with_the_policies_that_it_can_read_and_logs_the_others_once(router):
    await store_unreadable(router, "main")
    await put_unreadable_in_force(router, "other")
    shelf = PolicyShelf()
    with capture_logs() as logs:
        for _ in range(2):
            async with router.service.parts.database.read() as connection:
                assert sorted(tenant for tenant, _ in await shelf.kept(connection)) == ["main", "other"]
                assert set(await shelf.in_force(connection)) == {"main"}
                assert await shelf.in_force(connection, ["other"]) == {}
                assert await shelf.find(connection, "other", UNREADABLE) is None
    told = [(log["event"], log["tenant"], log["version"]) for log in logs]
    assert sorted(told) == [("policy.unreadable", tenant, UNREADABLE) for tenant in ("main", "other")]
    assert any("tiers" in fault for fault in logs[0]["faults"])


async def test_a_router_starts_beside_a_policy_that_it_cannot_read_and_serves_all_others(router, tmp_path):
    """The first policy of the settings does not take the place of one that is in force and cannot be read."""
    await put_unreadable_in_force(router, "other")
    first = tmp_path / "first.yaml"
    first.write_text(
        "name: First\ntiers: [{id: l1}]\ngroups: [{id: desk, tier: l1}]\ncategories: [{id: any, tier: l1, group: desk}]\n"
    )
    settings = router.service.parts.settings.model_copy(update={"first_policy_file": first, "default_tenant": "other"})
    await router.service.drain()
    again = await DEFINITION.build(await build_parts(DEFINITION, settings))
    await again.start()
    try:
        waiting = await router.report(category="usage", tenant="other")
        served = await router.report(category="printer")
        offer = await router.next_work("work", namespace="v-main.printer")
        answer = outcomes.WorkResolved(
            assignment_id=offer.assignment_id, token=offer.token, worker="acme", ordinal=1, how="new drum"
        )
        await router.send(VENDOR_INBOUND, answer, served, namespace="v-main.printer")
        async with asyncio.timeout(20):
            while not await router.fetch("SELECT 1 FROM router.ticket WHERE status = 'resolved'"):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.1)
        assert await router.fetch(f"SELECT 1 FROM router.ticket WHERE id = '{waiting}'") == []
        in_force = await router.fetch("SELECT version FROM router.policy_in_force WHERE tenant = 'other'")
        assert [row["version"] for row in in_force] == [UNREADABLE]
    finally:
        await again.drain()


async def test_a_ticket_under_a_policy_that_cannot_be_read_waits_and_the_next_is_served(router):
    stuck = await router.report(category="usage")
    offer = await router.next_work(DESK_QUEUE)
    await router.story(stuck, until="offered")
    await store_unreadable(router, "main")
    await router.fetch(
        f"UPDATE router.ticket SET policy_version = '{UNREADABLE}',"
        f" record = jsonb_set(record, '{{policy_version}}', '\"{UNREADABLE}\"') WHERE id = '{stuck}'"
    )
    await router.act(outcomes.WorkResolved, offer, stuck, how="told them")
    other = await router.report(category="usage")
    offer = await router.next_work(DESK_QUEUE)
    await router.act(outcomes.WorkResolved, offer, other, how="told them")
    await router.story(other, until="resolved")
    answer = await router.request("GET", f"/v1/tickets/{stuck}")
    assert [event["kind"] for event in answer.json()["log"]][-1] == "offered"
    assert await router.fetch("SELECT 1 FROM router.parked") == []
    merged = await router.request("POST", f"/v1/tickets/{stuck}/merge", json={"into": str(other), "reason": "same"})
    assert (merged.status_code, merged.json()["title"]) == (503, "Policy cannot be read")


async def test_nothing_is_decided_on_a_ticket_whose_policy_cannot_be_read(router):
    ticket_id = await router.report(category="usage")
    await router.story(ticket_id, until="offered")
    await store_unreadable(router, "main")
    await router.fetch(f"UPDATE router.ticket SET record = jsonb_set(record, '{{policy_version}}', '\"{UNREADABLE}\"')")
    parts = router.service.parts
    async with parts.database.transaction() as tx:
        desk = Desk(now=parts.clock.now() + timedelta(days=1), new_id=parts.identifiers.new)
        await load_tickets(desk, tx, {("main", ticket_id)}, PolicyShelf())
    ticket = desk.tickets["main", ticket_id]
    assert not desk.knows_policy_of(ticket)
    with pytest.raises(UnknownPolicyError, match=f"policy {UNREADABLE} of tenant main is not known here"):
        desk.policy_of(ticket)


async def test_a_ticket_whose_policy_cannot_be_read_stays_out_of_the_outage_that_it_is_part_of(router):
    document = (await router.request("GET", "/v1/policy")).json()["document"]
    document["likeness"] = {"outage": [{"count": 3, "within": "15m", "by": ["category"]}]}
    assert (await router.request("PUT", "/v1/policy", json=document)).status_code == 200
    tickets = [await router.report(category="usage") for _ in range(2)]
    for ticket in tickets:
        await router.story(ticket, until="offered")
    await store_unreadable(router, "main")
    await router.fetch(
        f"UPDATE router.ticket SET record = jsonb_set(record, '{{policy_version}}', '\"{UNREADABLE}\"')"
        f" WHERE id = '{tickets[0]}'"
    )
    third = await router.report(category="usage")
    await router.story(third, until="offered")
    links = await router.fetch("SELECT ticket_id FROM router.problem_link")
    assert {row["ticket_id"] for row in links} == {tickets[1], third}
    assert await router.fetch("SELECT reason FROM router.waiting") == []
