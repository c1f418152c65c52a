"""Refused outcomes are recorded, and vendors are measured."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from tierdesk_contracts import intake, notice, work
from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.names import EVENTS, VENDOR_INBOUND
from tierdesk_router.domain.scorecard import VendorVisit, measure, score
from tierdesk_router.store import oversight, refusals

DESK_QUEUE = "work.main.l1.service-desk"
VENDOR = "v-main.printer"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
OTHERS = 30_000
ROWS_READ = text(
    "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables "
    "WHERE schemaname = 'router' AND relname IN ('assignment', 'ticket_log')"
)
"""By this transaction."""


async def say(router, kind, offer, ticket, **fields):
    """An outcome of the vendor."""
    told = {"assignment_id": offer.assignment_id, "token": offer.token, "worker": "vic", "ordinal": 1} | fields
    return await router.send(VENDOR_INBOUND, kind.model_validate(told), ticket, namespace=VENDOR)


async def recorded(router, number):
    """The refused outcomes, once there are so many."""
    async with asyncio.timeout(20):
        while True:
            rows = await router.fetch("SELECT * FROM router.refused_outcome ORDER BY position")
            if len(rows) >= number:
                return rows
            await asyncio.sleep(0.05)


async def test_each_refusal_is_recorded_with_who_what_and_why(router):
    ticket = await router.report(category="usage")
    offer = await router.next_work(DESK_QUEUE)
    await router.act(outcomes.WorkAccepted, offer, ticket)
    await router.story(ticket, until="accepted")
    second = await router.act(outcomes.WorkAccepted, offer, ticket, worker="cid")
    await recorded(router, 1)
    foreign = await say(router, outcomes.WorkResolved, offer, ticket, how="mine")
    in_house, vendors = await recorded(router, 2)
    assert (in_house["outcome_id"], in_house["reason"], in_house["worker"]) == (second, "not_owner", "cid")
    assert (in_house["vendor"], in_house["namespace"]) == (None, "")
    assert (vendors["outcome_id"], vendors["reason"], vendors["worker"]) == (foreign, "foreign", "vic")
    assert (vendors["vendor"], vendors["namespace"], vendors["ticket_id"]) == ("printer", VENDOR, ticket)
    assert {row["tenant"] for row in (in_house, vendors)} == {"main"}
    registry = router.service.metrics.registry
    for reason in ("not_owner", "foreign"):
        assert registry.get_sample_value("tierdesk_outcomes_refused_total", {"reason": reason}) == 1


async def test_the_record_can_be_added_to_and_not_changed_by_the_service_itself(router):
    connection = await asyncpg.connect(router.service.parts.database.url)
    try:
        for statement in ("UPDATE router.refused_outcome SET reason = 'x'", "DELETE FROM router.refused_outcome"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_flood_of_a_vendor_is_counted_whole_and_recorded_and_answered_in_part(router, monkeypatch):
    monkeypatch.setattr(refusals, "KEPT_PER_HOUR", 3)
    monkeypatch.setattr(refusals, "hour_of", lambda _at: NOW)  # no test runs into the next hour
    ticket = await router.report(category="usage")
    offer = await router.next_work(DESK_QUEUE)
    sent = [await say(router, outcomes.WorkResolved, offer, ticket, how=f"mine {number}") for number in range(7)]
    async with asyncio.timeout(20):
        tallied = 0
        while tallied < len(sent):
            await asyncio.sleep(0.05)
            tallied = (await router.fetch("SELECT sum(number) AS number FROM router.refusal_tally"))[0]["number"] or 0
    assert tallied == len(sent)
    assert [row["outcome_id"] for row in await recorded(router, 3)] == sent[:3]
    answers = await router.fetch("SELECT count(*) AS number FROM router.outbox WHERE type = 'work.rejected.v1'")
    assert answers[0]["number"] == 3
    in_house = [await router.act(outcomes.WorkAccepted, offer, ticket, worker=f"w-{number}") for number in range(7)]
    rows = await recorded(router, 9)  # one of the seven owns it
    assert {row["outcome_id"] for row in rows[3:]} < set(in_house)
    answered = await router.fetch("SELECT count(*) AS number FROM router.outbox WHERE type = 'work.rejected.v1'")
    assert answered[0]["number"] == 9


async def test_the_refusals_of_a_vendor_are_read_page_by_page_the_newest_first(router):
    ticket = await router.report(category="usage")
    offer = await router.next_work(DESK_QUEUE)
    sent = []
    for number in range(5):
        sent.append(await say(router, outcomes.WorkResolved, offer, ticket, how=f"mine {number}"))
        await recorded(router, number + 1)
    found, after = [], None
    for _ in range(3):
        query = f"?limit=2{f'&after={after}' if after else ''}"
        page = (await router.request("GET", f"/v1/vendors/printer/refusals{query}")).json()
        found += [row["outcome_id"] for row in page["refusals"]]
        after = page["next"]
    assert found == [str(one) for one in reversed(sent)]
    assert after is None
    other = await router.request("GET", "/v1/vendors/printer/refusals", tenant="other")
    assert other.json() == {"refusals": [], "next": None}


async def test_the_scorecard_tells_what_became_of_what_was_offered(router):
    resolved, returned, waiting = [await router.report(category="printer") for _ in range(3)]
    offers = {}
    for _ in range(3):
        offer = await router.next_work("work", namespace=VENDOR)
        rows = await router.fetch(f"SELECT ticket_id FROM router.assignment WHERE id = '{offer.assignment_id}'")
        offers[rows[0]["ticket_id"]] = offer
    await say(router, outcomes.WorkResolved, offers[resolved], resolved, how="new drum")
    await router.story(resolved, until="resolved")
    await router.send(EVENTS, intake.Reopened(reason="no"), resolved, sequence=2)
    await router.story(resolved, until="reopened")
    await say(router, outcomes.WorkResolved, offers[resolved], resolved, how="again")
    await say(router, outcomes.WorkEscalated, offers[returned], returned, reason="beyond_scope", to_tier="l2")
    await router.story(returned, until="escalated")
    await recorded(router, 1)
    card = (await router.request("GET", "/v1/vendors/printer/scorecard")).json()
    figures = card["figures"]
    assert (figures["offered"], figures["accepted"]) == (4, 2)  # reopened work is offered anew
    assert (figures["resolved"], figures["reopened"], figures["handed_back"]) == (1, 1, 1)
    assert figures["not_accepted_in_time"] == 0
    assert figures["time_to_accept"]["count"] == 2
    assert figures["time_to_resolve"]["count"] == 1
    assert card["refused"] == {"stale": 1}
    assert [one["ticket_id"] for one in card["open"]] == [str(waiting), str(resolved)]
    assert card["open"][0]["age_seconds"] >= card["open"][1]["age_seconds"] >= 0
    assert card["vendor"]["contract"] == {"reference": "C-1", "starts": None, "ends": "2099-12-31"}
    (listed,) = (await router.request("GET", "/v1/vendors")).json()
    assert listed == card["vendor"] | {"open_offered": 2, "open_accepted": 0, "covers": ["printer", "trusted"]}


async def test_an_offer_that_nobody_accepted_in_time_counts_as_missed_and_one_that_was_cancelled_does_not(router):
    missed, cancelled, taken = [await router.report(category="printer") for _ in range(3)]
    for ticket in (missed, cancelled, taken):
        await router.story(ticket, until="offered")
    (live,) = await router.fetch(
        f"SELECT id AS assignment_id, token FROM router.assignment WHERE ticket_id = '{taken}'"
    )
    await say(router, outcomes.WorkAccepted, SimpleNamespace(**live), taken)
    await router.story(taken, until="accepted")
    await router.fetch(
        "UPDATE router.ticket SET offer_due_at = now() - interval '1 minute', record = "
        "jsonb_set(record, '{assignment,accept_by}', to_jsonb(now() - interval '1 minute')) "
        f"WHERE id = '{missed}'"
    )
    for ticket in (cancelled, taken):
        await router.send(EVENTS, intake.Cancelled(reason="gone"), ticket, sequence=2)
    for ticket in (missed, cancelled, taken):
        await router.story(ticket, until="withdrawn")
    figures = (await router.request("GET", "/v1/vendors/printer/scorecard")).json()["figures"]
    assert (figures["offered"], figures["not_accepted_in_time"], figures["accepted"]) == (4, 1, 1)
    assert (figures["taken_back"], figures["handed_back"]) == (1, 0)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "from"),
        ("from=2024-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "from"),
        ("from=yesterday", "from"),
        ("to=2026-03-01T00:00:00", "to"),
    ],
)
async def test_a_window_that_is_none_is_refused_by_its_field(router, query, field):
    answer = await router.request("GET", f"/v1/vendors/printer/scorecard?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert field in answer.json()["errors"][0]["field"]


async def test_a_vendor_that_nobody_knows_is_not_found(router):
    for path in ("/v1/vendors/nobody/scorecard", "/v1/vendors/nobody/refusals"):
        assert (await router.request("GET", path)).status_code == 404
    assert (await router.request("GET", "/v1/vendors/No%20body/scorecard")).status_code == 422


async def test_the_work_of_others_is_not_read_for_a_scorecard(router):
    ticket = await router.report(category="printer")
    await router.story(ticket, until="offered")
    for vendor, column in (
        ("NULL", "offered_at"),
        ("'other'", "offered_at"),
        ("vendor", "offered_at - interval '90 d'"),
    ):
        await router.fetch(
            "INSERT INTO router.assignment (tenant, id, ticket_id, token, tier, group_id, vendor, offered_at, ended_at, "
            f"ended_by) SELECT tenant, gen_random_uuid(), gen_random_uuid(), token, tier, group_id, {vendor}, {column}, "
            f"now(), 'resolved' FROM router.assignment, generate_series(1, {OTHERS}) WHERE ticket_id = '{ticket}'"
        )
    await router.fetch("ANALYZE router.assignment")
    now = datetime.now(UTC)
    window = {"since": now - timedelta(days=30), "until": now + timedelta(days=1)}
    async with router.service.parts.database.read() as connection:
        assert len(await oversight.read_visits(connection, "main", "printer", **window)) == 1
        assert len(await oversight.read_open_work(connection, "main", "printer", limit=100)) == 1
        assert await oversight.count_open_work(connection, "main") == {"printer": oversight.OpenCount(offered=1)}
        assert await oversight.was_ever_offered(connection, "main", "printer")
        assert (await connection.execute(ROWS_READ)).scalar_one() < 100


async def test_a_vendor_keeps_its_record_when_the_policy_names_it_no_more(router):
    ticket = await router.report(category="printer")
    await router.story(ticket, until="offered")
    smaller = {
        "name": "smaller",
        "tiers": [{"id": "l1"}],
        "groups": [{"id": "front", "tier": "l1"}],
        "edges": [],
        "categories": [{"id": "other", "tier": "l1", "group": "front"}],
        "default_category": "other",
    }
    assert (await router.request("PUT", "/v1/policy", json=smaller)).status_code == 200
    (listed,) = (await router.request("GET", "/v1/vendors")).json()
    assert (listed["id"], listed["name"], listed["open_offered"]) == ("printer", None, 1)
    assert (await router.request("GET", "/v1/vendors/printer/scorecard")).json()["figures"]["offered"] == 1


async def test_an_article_of_the_desk_and_a_file_of_the_requester_are_not_told_to_a_vendor(router):
    ticket = await router.report(category="printer")
    offer = await router.next_work("work", namespace=VENDOR)
    await say(router, outcomes.WorkAccepted, offer, ticket)
    assert isinstance(await router.next_work("work", namespace=VENDOR), work.WorkAssigned)
    matched = {"article_id": "kb-1", "title": "How we do it here", "score": 0.4, "documented": False}
    await router.send(EVENTS, notice.KnowledgeMatched.model_validate(matched), ticket)
    await router.story(ticket, until="matched")
    photo = intake.AttachedFile(
        id=UUID(int=7), file_name="TD-1.png", name="ann.png", media_type="image/png", size_bytes=9
    )
    await router.send(EVENTS, intake.RequesterReplied(text="any news?", attachments=(photo,)), ticket, sequence=2)
    told = await router.next_work("work", namespace=VENDOR)
    assert told.reply == "any news?"
    assert [one for one in (str(photo.id), photo.file_name, photo.name) if one in told.model_dump_json()] == []
    replied = (await router.story(ticket, until="replied"))[-1]
    assert replied["attachments"] == [photo.model_dump(mode="json")]


visits = st.builds(
    VendorVisit,
    offered_at=st.just(NOW),
    accepted_at=st.none() | st.integers(0, 10_000).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    ended_at=st.integers(10_000, 20_000).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    ended_by=st.sampled_from(["resolved", "returned", "escalated", "transferred", "withdrawn"]),
    ended_why=st.none() | st.sampled_from(["not_accepted", "cancelled", "closed"]),
    by_desk=st.booleans(),
    reopened=st.booleans(),
)


@given(st.lists(visits, max_size=40))
def test_the_figures_of_a_scorecard_never_exceed_what_was_offered(rows):
    card = score(rows)
    assert card.offered == len(rows)
    assert card.reopened <= card.resolved
    assert card.taken_back <= card.accepted
    assert card.resolved + card.handed_back + card.not_accepted_in_time <= card.offered
    assert card.time_to_accept.count == card.accepted
    assert card.time_to_resolve.count == card.resolved
    assert score(rows[::-1]) == card


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=60))
def test_nine_of_ten_did_not_take_longer_than_the_ninetieth_percentile(seconds):
    spans = measure([(NOW, NOW + timedelta(seconds=one)) for one in seconds])
    assert spans.p90_seconds in seconds
    assert sum(one <= spans.p90_seconds for one in seconds) >= 0.9 * len(seconds)
    assert sum(one < spans.p90_seconds for one in seconds) < 0.9 * len(seconds)
    assert min(seconds) <= spans.median_seconds <= spans.worst_seconds == max(seconds)


@pytest.mark.parametrize("ended_by", ["escalated", "withdrawn"])
def test_what_the_desk_takes_back_is_not_handed_back(ended_by):
    taken = VendorVisit(NOW, NOW, NOW, ended_by, "cancelled", by_desk=True)
    card = score([taken, VendorVisit(NOW, NOW, NOW, "escalated", "beyond_scope")])
    assert (card.handed_back, card.taken_back, card.not_accepted_in_time) == (1, 1, 0)


def test_without_a_span_there_is_no_figure():
    assert measure([(NOW, None)]).model_dump() == {
        "count": 0, "median_seconds": None, "p90_seconds": None, "worst_seconds": None,
    }  # fmt: skip
