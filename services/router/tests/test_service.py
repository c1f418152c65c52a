"""The router on a real PostgreSQL and its bus: what comes in, what goes out, and who may."""

import asyncio
from uuid import UUID, uuid4

from tierdesk_contracts import intake, notice, work
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.names import EVENTS, VENDOR_INBOUND
from tierdesk_router.app import DEFINITION
from tierdesk_runtime.service import build_parts

DESK_QUEUE = "work.main.l1.service-desk"


def kinds(log):
    return [event["kind"] for event in log]


async def test_a_report_is_triaged_offered_accepted_and_resolved_and_the_log_tells_it(router):
    ticket = await router.report(category="usage")
    offer = await router.next_work(DESK_QUEUE)
    assert isinstance(offer, work.WorkOffered)
    await router.act(outcomes.WorkAccepted, offer, ticket)
    assigned = await router.next_work(DESK_QUEUE)
    assert (assigned.worker, assigned.last_ordinal) == ("bob", 1)
    await router.act(outcomes.WorkResolved, offer, ticket, ordinal=2, how="told them")
    log = await router.story(ticket, until="resolved")
    assert kinds(log) == ["opened", "triaged", "facts_requested", "offered", "accepted", "resolved"]
    await router.send(EVENTS, intake.Confirmed(), ticket, sequence=2)
    assert kinds(await router.story(ticket, until="closed"))[-1] == "closed"
    registry = router.service.metrics.registry
    assert registry.get_sample_value("tierdesk_tickets_created_total", {"channel": "portal"}) == 1


async def test_outcomes_that_come_in_any_order_and_twice_are_applied_once_in_their_order(router):
    ticket = await router.report(category="usage")
    offer = await router.next_work(DESK_QUEUE)
    resolved, noted = uuid4(), uuid4()
    for _ in range(2):
        await router.act(outcomes.WorkResolved, offer, ticket, ordinal=3, how="done", message_id=resolved)
        await router.act(outcomes.WorkProgressed, offer, ticket, ordinal=2, note="looked", message_id=noted)
    await asyncio.sleep(0.3)
    await router.act(outcomes.WorkAccepted, offer, ticket)
    log = await router.story(ticket, until="resolved")
    assert kinds(log)[4:] == ["accepted", "progressed", "resolved"]


async def test_the_second_worker_is_told_who_owns_it(router):
    ticket = await router.report(category="usage")
    offer = await router.next_work(DESK_QUEUE)
    for worker in ("bob", "cid"):
        await router.act(outcomes.WorkAccepted, offer, ticket, worker=worker)
    answers = [await router.next_work(DESK_QUEUE), await router.next_work(DESK_QUEUE)]
    rejected = next(answer for answer in answers if isinstance(answer, work.OutcomeRejected))
    assigned = next(answer for answer in answers if isinstance(answer, work.WorkAssigned))
    assert rejected.reason == "not_owner"
    assert {rejected.worker, assigned.worker} == {"bob", "cid"}


async def test_an_owner_who_accepts_again_after_a_crash_is_told_where_to_go_on(router):
    ticket = await router.report(category="usage")
    offer = await router.next_work(DESK_QUEUE)
    await router.act(outcomes.WorkAccepted, offer, ticket)
    await router.next_work(DESK_QUEUE)
    await router.act(outcomes.WorkProgressed, offer, ticket, ordinal=2, note="half way")
    await router.story(ticket, until="progressed")
    await router.act(outcomes.WorkAccepted, offer, ticket)
    assert (await router.next_work(DESK_QUEUE)).last_ordinal == 2


async def test_a_vendor_works_in_its_own_namespace_and_nobody_else_can_answer_for_it(router):
    ticket = await router.report(category="printer")
    offer = await router.next_work("work", namespace="v-main.printer")
    assert offer.internal is None
    await router.act(outcomes.WorkResolved, offer, ticket, how="forged")
    answer = outcomes.WorkResolved(
        assignment_id=offer.assignment_id, token=offer.token, worker="acme", ordinal=1, how="new drum"
    )
    await router.send(VENDOR_INBOUND, answer, ticket, namespace="v-main.printer")
    log = await router.story(ticket, until="resolved")
    assert log[-1]["how"] == "new drum"
    assert log[-1]["actor"] == {"kind": "vendor", "id": "acme"}
    parked = await router.fetch("SELECT reason FROM router.parked")
    assert ["foreign" in row["reason"] for row in parked] == [True]


async def test_a_vendor_that_answers_for_foreign_work_is_told_so_and_changes_nothing(router):
    ticket = await router.report(category="usage")
    offer = await router.next_work(DESK_QUEUE)
    answer = outcomes.WorkResolved(
        assignment_id=offer.assignment_id, token=offer.token, worker="acme", ordinal=1, how="mine"
    )
    await router.send(VENDOR_INBOUND, answer, ticket, namespace="v-main.printer")
    refused = await router.next_work("work", namespace="v-main.printer")
    assert (refused.reason, refused.assignment_id) == ("foreign", offer.assignment_id)
    assert "resolved" not in kinds(await router.story(ticket, until="offered"))


async def test_a_documented_problem_is_offered_below_and_the_old_offer_is_void(router):
    ticket = await router.report(category="laptop")
    old = await router.next_work("work.main.l2.workplace")
    match = notice.KnowledgeMatched(article_id="kb-1", title="Dock fix", score=0.9, documented=True)
    await router.send(EVENTS, match, ticket)
    assert isinstance(await router.next_work("work.main.l2.workplace"), work.WorkWithdrawn)
    offer = await router.next_work(DESK_QUEUE)
    assert offer.internal.article_title == "Dock fix"
    await router.act(outcomes.WorkResolved, old, ticket, how="too late")
    assert (await router.next_work("work.main.l2.workplace")).reason == "stale"


async def test_no_tenant_reaches_anothers_ticket_at_any_endpoint(router):
    mine = await router.report(tenant="main", title="secret of main")
    await router.story(mine, until="offered")
    reference = (await router.request("GET", f"/v1/tickets/{mine}")).json()["ticket"]["reference"]
    for name in (str(mine), reference, reference.lower()):
        assert (await router.request("GET", f"/v1/tickets/{name}", tenant="other")).status_code == 404
    listed = await router.request("GET", "/v1/tickets", tenant="other")
    assert listed.json() == {"tickets": [], "next": None}
    assert (await router.request("GET", "/v1/tickets/summary", tenant="other")).json() == []
    assert "secret" not in (await router.request("GET", "/v1/policy", tenant="other")).text


async def test_another_tenants_outcome_for_my_work_changes_nothing(router):
    ticket = await router.report(category="usage")
    offer = await router.next_work(DESK_QUEUE)
    await router.act(outcomes.WorkResolved, offer, ticket, how="theirs", tenant="other")
    await router.act(outcomes.WorkResolved, offer, ticket, how="ours")
    assert (await router.story(ticket, until="resolved"))[-1]["how"] == "ours"


async def test_a_ticket_waits_for_its_tenants_policy(router):
    ticket = UUID(int=7)
    await router.fetch("DELETE FROM router.policy_in_force WHERE tenant = 'other'")
    await router.report(ticket=ticket, tenant="other")
    await asyncio.sleep(0.5)
    assert (await router.request("GET", f"/v1/tickets/{ticket}", tenant="other")).status_code == 404
    policy = (await router.request("GET", "/v1/policy")).json()["document"]
    assert (await router.request("PUT", "/v1/policy", tenant="other", json=policy)).json()["changed"]
    await router.story(ticket, until="offered", tenant="other")


async def test_a_policy_with_faults_is_refused_with_each_fault_and_the_old_one_stays(router):
    before = (await router.request("GET", "/v1/policy")).json()["version"]
    broken = "name: x\ntiers: [{id: l1, name: One}]\ngroups: [{id: a, tier: l9, name: A}]\n"
    answer = await router.request("PUT", "/v1/policy", content=broken)
    assert answer.status_code == 422
    assert any("l9" in fault["message"] for fault in answer.json()["errors"])
    assert (await router.request("GET", "/v1/policy")).json()["version"] == before


async def test_pages_hold_every_ticket_once(router):
    tickets = {str(await router.report(title=f"number {number}")) for number in range(7)}
    for ticket in tickets:
        await router.story(UUID(ticket), until="offered")
    seen, after = [], None
    while True:
        page = (
            await router.request("GET", "/v1/tickets", params={"limit": 3} | ({"after": after} if after else {}))
        ).json()
        seen += [ticket["id"] for ticket in page["tickets"]]
        after = page["next"]
        if after is None:
            break
    assert sorted(seen) == sorted(tickets)


async def test_bad_questions_get_clear_answers(router):
    for path in ("/v1/tickets?limit=0", "/v1/tickets?limit=501", "/v1/tickets?status=lost", "/v1/tickets?after=%00"):
        answer = await router.request("GET", path)
        assert answer.status_code == 422, path
        assert answer.json()["errors"]
    for name in ("TD-0000-0000", "%00", "a" * 300, str(UUID(int=1))):
        assert (await router.request("GET", f"/v1/tickets/{name}")).status_code == 404


async def test_a_vendor_that_a_newer_policy_lacks_is_still_heard_after_a_restart(router):
    ticket = await router.report(category="printer")
    offer = await router.next_work("work", namespace="v-main.printer")
    without = (await router.request("GET", "/v1/policy")).json()["document"]
    without["vendors"] = []
    without["groups"] = [group for group in without["groups"] if group["tier"] != "l4"]
    without["tiers"] = [tier for tier in without["tiers"] if tier["id"] != "l4"]
    without["edges"] = [edge for edge in without["edges"] if "l4" not in edge]
    without["categories"] = [category for category in without["categories"] if category["tier"] != "l4"]
    assert (await router.request("PUT", "/v1/policy", json=without)).json()["changed"]
    settings = router.service.parts.settings
    await router.service.drain()
    again = await DEFINITION.build(await build_parts(DEFINITION, settings))
    await again.start()
    try:
        answer = outcomes.WorkResolved(
            assignment_id=offer.assignment_id, token=offer.token, worker="acme", ordinal=1, how="new drum"
        )
        await router.send(VENDOR_INBOUND, answer, ticket, namespace="v-main.printer")
        async with asyncio.timeout(20):
            while not await router.fetch("SELECT 1 FROM router.ticket WHERE status = 'resolved'"):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.1)
    finally:
        await again.drain()
