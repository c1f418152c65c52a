"""Shift-left: which resolved tickets a lower tier could close now, and which open ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from tierdesk_contracts import ticket as events
from tierdesk_contracts.vocabulary import Actor, ActorKind, Status, StepTried
from tierdesk_kb.domain.articles import Article, ArticleState, Content, publish, retire, revise
from tierdesk_kb.domain.shift_left import (
    KEPT_DAYS,
    Candidate,
    Count,
    ResolvedTicket,
    choose_article,
    count_changes,
    tell_shares,
)
from tierdesk_kb.handlers.hindsight import Hindsight
from tierdesk_kb.store.articles import add_article, add_revision, lock_article, save_article
from tierdesk_kb.store.resolution_tables import documented_ticket, hindsight, resolution, shift_left

TITLE, TEXT = "Zebra plotter clogs", "The zebra plotter clogs its nozzle"
CONTENT = Content("Zebra plotter clogs", "Clean the nozzle of the plotter.", keywords=("nozzle",))
OTHER = Content("Yak scanner jams", "Open the lid of the yak scanner.", keywords=("lid",))
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LEA = Actor(kind=ActorKind.WORKER, id="lea")


@pytest.fixture
def look(base):
    """Look at all that is to be looked at; answers how many looks it took."""

    async def look(**options):
        await base.index()
        worker = Hindsight(base.database, base.library, base.shelf, base.publisher, base.follower, **options)
        number = 0
        while await worker.look():
            number += 1
        await expect_true_counts(base)
        return number

    return look


async def expect_true_counts(base):
    """What is counted is what the rows say."""
    counted = Counter(
        (row["resolved_at"].date(), row["tier"], row["category"], row["article_id"] or UUID(int=0))
        for row in await rows(base, resolution)
        if row["counted"]
    )
    told = {
        (one["day"], one["tier"], one["category"], one["article_id"]): one["tickets"]
        for one in await rows(base, shift_left)
    }
    assert {cell: number for cell, number in told.items() if number} == counted


@pytest.fixture
def solved(opened):
    """The messages of a ticket that is opened and resolved."""

    def build(title=TITLE, text=TEXT, *, tier="l2", category="hardware", at=None, opening=None, sequence=2, **left):
        first = opening or opened(title, text)
        told = (first.data.events[0].model_copy(update={"category": category}),)
        first = first.model_copy(update={"data": first.data.model_copy(update={"category": category, "events": told})})
        event = events.Resolved(
            sequence=sequence,
            at=at or first.time,
            actor=LEA,
            assignment_id=UUID(int=7),
            how="Cleaned.",
            tier=tier,
            **left,
        )
        return first, later(first, event, tier=tier, status=Status.RESOLVED, sequence=sequence)

    return build


def later(first, event, *, sequence, **fields):
    told = {"events": (event,), "first_sequence": sequence, "sequence": sequence} | fields
    return first.model_copy(update={"id": uuid4(), "data": first.data.model_copy(update=told)})


@pytest.fixture
def figures(client, key_of):
    async def figures(tenant="main", **window):
        answer = await client.get("/v1/insight/shift-left", params=window, headers=key_of(tenant))
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert told["resolved"] == sum(one["resolved"] for one in told["shares"])
        assert told["documented"] == sum(one["documented"] for one in told["shares"])
        return [tuple(one.values()) for one in told["shares"]]

    return figures


async def write(base, content=CONTENT):
    article = Article("main", base.identifiers.new(), ArticleState.DRAFT, revision=1)
    async with base.database.transaction() as tx:
        await add_article(tx.connection, article, content, "ana", base.publisher.now())
        await save_article(tx.connection, publish(article), base.publisher.now(), visible=True)
    return article.id


async def change(base, article_id, content=None):
    async with base.database.transaction() as tx:
        current = await lock_article(tx.connection, "main", article_id)
        now = base.publisher.now()
        if content is None:
            await save_article(tx.connection, retire(current), now, visible=True)
            return
        current = revise(current, based_on=current.revision)
        await add_revision(tx.connection, current, content, "ana", now)
        await save_article(tx.connection, publish(current), now, visible=True)


async def rows(base, table):
    async with base.database.read() as connection:
        return (await connection.execute(select(table))).mappings().all()


@pytest.fixture(autouse=True)
async def a_moment_later(base):
    base.clock.advance_to(base.clock.now() + timedelta(minutes=1))


async def test_what_is_documented_afterwards_is_told_by_tier_and_category(base, solved, look, figures):
    await base.receive(base.tickets, *solved(), *solved(), *solved("Air conditioning is loud", "Very loud."))
    await base.receive(base.tickets, *solved(tier="l1"), *solved(category="how-to", tier="l1"))
    await look()
    assert await figures() == [("l2", "hardware", 3, 0, 0), ("l1", "hardware", 1, 0, 0), ("l1", "how-to", 1, 0, 0)]
    await write(base)
    await look()
    assert await figures() == [("l2", "hardware", 3, 2, 0), ("l1", "hardware", 1, 1, 0), ("l1", "how-to", 1, 1, 0)]


async def test_what_was_documented_before_counts_at_once(base, solved, look, figures):
    await write(base)
    await base.index()
    await base.receive(base.tickets, *solved())
    await look()
    assert await figures() == [("l2", "hardware", 1, 1, 0)]


@pytest.mark.parametrize(("audience", "below"), [("requester", (1, 1)), ("l1", (1, 0)), ("l2", (0, 0)), ("l9", (0, 0))])
async def test_an_article_counts_for_those_who_stand_above_its_readers(base, solved, look, figures, audience, below):
    await base.receive(base.tickets, *solved(), *solved(tier="l1"))
    await write(base, Content(CONTENT.title, CONTENT.body, audience, CONTENT.keywords))
    await look()
    high, low = below
    assert await figures() == [("l2", "hardware", 1, high, 0), ("l1", "hardware", 1, low, 0)]


async def test_at_the_lowest_tier_there_is_nothing_below(base, solved, look, figures):
    await write(base)
    await base.index()
    await base.receive(base.tickets, *solved(tier="l0"))
    await look()
    assert await figures() == [("l0", "hardware", 1, 0, 0)]


async def test_a_retired_article_counts_no_more_and_another_that_fits_does(base, solved, look, figures):
    await base.receive(base.tickets, *solved())
    first = await write(base)
    await look()
    await change(base, first)
    assert await figures() == [("l2", "hardware", 1, 0, 0)]
    await look()
    assert await figures() == [("l2", "hardware", 1, 0, 0)]
    second = await write(base, Content("Zebra plotter clogs", "It clogs at the nozzle."))
    third = await write(base)
    await look()
    assert await figures() == [("l2", "hardware", 1, 1, 0)]
    await change(base, third)
    await look()
    (row,) = await rows(base, resolution)
    assert row["article_id"] == second


async def test_a_revision_for_other_readers_is_heard_of(base, solved, look, figures):
    await base.receive(base.tickets, *solved())
    article = await write(base)
    await look()
    await change(base, article, Content(CONTENT.title, CONTENT.body, "l2", CONTENT.keywords))
    await look()
    assert await figures() == [("l2", "hardware", 1, 0, 0)]
    await change(base, article, CONTENT)
    await look()
    assert await figures() == [("l2", "hardware", 1, 1, 0)]


async def test_a_named_article_counts_however_little_its_words_fit(base, solved, look, figures):
    article = await write(base, OTHER)
    await base.index()
    await base.receive(base.tickets, *solved(article_id=str(article)), *solved(article_id=str(uuid4())))
    await look()
    assert await figures() == [("l2", "hardware", 2, 1, 0)]
    await change(base, article, Content("Yak scanner jams badly", OTHER.body))
    await look()
    assert await figures() == [("l2", "hardware", 2, 1, 0)]


async def test_an_article_counts_for_the_ticket_that_it_was_drafted_from(base, solved, look, figures, client, key_of):
    draft = {"title": OTHER.title, "body": OTHER.body, "audience": "l1"}
    await base.receive(base.tickets, *solved(draft=draft), *solved())
    await look()
    (proposed,) = (await client.get("/v1/articles/proposed", headers=key_of())).json()["articles"]
    assert (await client.post(f"/v1/articles/{proposed['id']}/publish", headers=key_of())).status_code == 200
    await look()
    assert await figures() == [("l2", "hardware", 2, 1, 0)]


async def test_what_was_drafted_from_a_ticket_documents_it_when_it_is_resolved_again(
    base, solved, look, figures, client, key_of
):
    first, ending = solved(draft={"title": OTHER.title, "body": OTHER.body, "audience": "l1"})
    await base.receive(base.tickets, first, ending)
    (proposed,) = (await client.get("/v1/articles/proposed", headers=key_of())).json()["articles"]
    assert (await client.post(f"/v1/articles/{proposed['id']}/publish", headers=key_of())).status_code == 200
    await look()
    again = events.ReopenedAgain(sequence=3, at=first.time, actor=LEA, reason="It is back.")
    await base.receive(base.tickets, later(first, again, sequence=3), solved(opening=first, sequence=4)[1])
    await look()
    assert await figures() == [("l2", "hardware", 1, 1, 0)]


async def test_of_many_articles_that_change_a_draft_documents_its_ticket(base, solved, look, figures, client, key_of):
    await base.receive(base.tickets, *solved(draft={"title": OTHER.title, "body": OTHER.body, "audience": "l1"}))
    await look()
    (proposed,) = (await client.get("/v1/articles/proposed", headers=key_of())).json()["articles"]
    assert (await client.post(f"/v1/articles/{proposed['id']}/publish", headers=key_of())).status_code == 200
    await write(base, Content("Gnu fax is mute", "Turn it up."))
    await look(most_articles=1)
    assert await figures() == [("l2", "hardware", 1, 1, 0)]


async def test_a_ticket_that_is_open_again_is_not_counted_and_resolved_again_it_is_once(base, solved, look, figures):
    first, ending = solved()
    await base.receive(base.tickets, first, ending)
    await look()
    again = events.ReopenedAgain(sequence=3, at=first.time, actor=LEA, reason="It is back.")
    await base.receive(base.tickets, later(first, again, sequence=3))
    await look()
    assert await figures() == []
    await base.receive(base.tickets, solved(opening=first, tier="l1", sequence=4)[1])
    await base.receive(base.tickets, solved(opening=first, tier="l1", sequence=4)[1])
    await look()
    assert await figures() == [("l1", "hardware", 1, 0, 0)]


async def test_what_is_resolved_reopened_and_resolved_before_anybody_looks_is_counted_once(base, solved, look, figures):
    first, ending = solved()
    again = events.ReopenedAgain(sequence=3, at=first.time, actor=LEA, reason="It is back.")
    later_ending = solved(opening=first, tier="l1", sequence=4)[1]
    both = (again, later_ending.data.events[0])
    told = later(first, again, sequence=4, events=both, tier="l1", status=Status.RESOLVED)
    await base.receive(base.tickets, first, ending)
    await base.receive(base.tickets, told)
    assert len(await rows(base, resolution)) == 2
    await look()
    assert await figures() == [("l1", "hardware", 1, 0, 0)]
    assert len(await rows(base, resolution)) == 1


async def test_the_window_is_of_the_days_on_which_they_were_resolved(base, solved, look, figures):
    now = base.clock.now()
    for days in (0, 1, 10, 40):
        await base.receive(base.tickets, *solved(at=now - timedelta(days=days)))
    await look()
    assert await figures() == [("l2", "hardware", 3, 0, 0)]
    window = {"since": (now - timedelta(days=60)).date(), "until": (now - timedelta(days=10)).date()}
    assert await figures(**window) == [("l2", "hardware", 1, 0, 0)]
    assert await figures("other") == []


@pytest.mark.parametrize(
    "since", ["2999-01-01", "2026-02-30", "0.5", "20260101", "2026-01-01T00:00:00Z", "0001-01-01", ""]
)
async def test_what_is_no_day_or_lies_after_the_end_is_refused_with_its_field(client, key_of, since):
    answer = await client.get("/v1/insight/shift-left", params={"since": since}, headers=key_of())
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].endswith("since")


async def test_open_tickets_that_an_article_documents_are_told_where_they_stand(base, opened, figures, look):
    article = await write(base)
    await base.index()
    first = opened(TITLE, TEXT)
    matched = events.Matched(sequence=2, at=first.time, actor=LEA, article_id=str(article), title=TITLE, score=0.9)
    at_l2 = {"tier": "l2", "category": "hardware", "status": Status.ACCEPTED}
    await base.receive(base.tickets, first, later(first, matched, sequence=2, **at_l2))
    weak = matched.model_copy(update={"score": 0.3})
    await base.receive(base.tickets, later(opened(TITLE), weak, sequence=2, **at_l2))
    assert await figures() == [("l2", "hardware", 0, 0, 1)]
    offer = events.Offered(
        sequence=3,
        at=first.time,
        actor=LEA,
        assignment_id=uuid4(),
        token=2,
        tier="l1",
        group="front",
        reason="knowledge",
    )
    await base.receive(base.tickets, later(first, offer, sequence=3, **(at_l2 | {"tier": "l1"})))
    assert await figures() == [("l1", "hardware", 0, 0, 1)]
    tried = events.Progressed(
        sequence=4, at=first.time, actor=LEA, assignment_id=uuid4(),
        steps_tried=(StepTried(step="Did as it says", article_id=str(article)),),
    )  # fmt: skip
    await base.receive(base.tickets, later(first, tried, sequence=4, **at_l2))
    assert await figures() == []
    await base.receive(base.tickets, later(first, matched, sequence=5, **at_l2))
    closed = events.Closed(sequence=6, at=first.time, actor=LEA)
    await base.receive(base.tickets, later(first, closed, sequence=6, **at_l2))
    assert await rows(base, documented_ticket) == []


async def test_what_is_long_past_is_forgotten(base, solved, look):
    await base.receive(base.tickets, *solved(), *solved(at=base.clock.now() - timedelta(days=KEPT_DAYS + 1)))
    await look()
    assert len(await rows(base, resolution)) == 1
    base.clock.advance_to(base.clock.now() + timedelta(days=KEPT_DAYS + 1))
    await look()
    assert (await rows(base, resolution), await rows(base, shift_left)) == ([], [])


async def test_work_is_done_in_pages_and_goes_on_where_it_was(base, solved, look, figures):
    for _ in range(25):
        await base.receive(base.tickets, *solved())
    await look()
    article = await write(base)
    await base.index()
    halfway = Hindsight(base.database, base.library, base.shelf, base.publisher, base.follower, page=10)
    assert await halfway.look()
    assert await halfway.look()
    (progress,) = await rows(base, hindsight)
    assert progress["target"] is not None
    assert sum(row["article_id"] == article for row in await rows(base, resolution)) == 10
    assert await look(page=10) == 2
    assert await figures() == [("l2", "hardware", 25, 25, 0)]


async def test_when_many_articles_change_each_ticket_is_matched_once(base, solved, look, figures):
    await base.receive(base.tickets, *solved(), *solved("Yak scanner jams", "The lid of the yak scanner jams."))
    await look()
    for content in (CONTENT, OTHER, Content("Gnu fax is mute", "Turn it up.")):
        await write(base, content)
    await look(most_articles=2)
    assert await figures() == [("l2", "hardware", 2, 2, 0)]


GERMAN = Content(
    "Gnudrucker verschluckt Etiketten", "Reinigen Sie die Walze des Gnudruckers.", keywords=("Walze",), language="de"
)


async def test_in_a_tenant_of_several_languages_each_ticket_is_matched_by_the_words_of_one(base, solved, look, figures):
    """The words of a ticket are kept once for each language: those of another are none that no article has."""
    await write(base)
    await write(base, GERMAN)
    await write(base, OTHER)
    await base.index()
    await base.receive(base.tickets, *solved())
    await look()
    await base.receive(
        base.tickets,
        *solved("Plotter is clogging", "Since yesterday the nozzle of the plotter clogs while everybody is printing"),
        *solved(GERMAN.title, "Die Walze verschluckt Etiketten"),
    )
    kept = {one["title_words"][0]: one["title_words"] for one in await rows(base, resolution)}
    assert "de:plott" in kept["plotter"]
    await look()
    await expect_matched_as_opened(base)
    assert await figures() == [("l2", "hardware", 3, 3, 0)]


async def expect_matched_as_opened(base):
    """A resolved ticket has the score of its match of when it was opened."""
    opened = {envelope.subject: envelope.data.score for envelope in await base.sent("knowledge.matched")}
    assert {str(row["ticket"]): pytest.approx(row["score"]) for row in await rows(base, resolution)} == opened


async def test_two_processes_are_not_at_one_tenant_at_a_time(base, solved, look):
    await base.receive(base.tickets, *solved())
    await base.index()
    async with base.database.transaction() as tx:
        await tx.connection.execute(select(hindsight).with_for_update())
        assert await look() == 0
    assert await look() >= 1


async def test_one_whose_index_is_behind_waits_for_it(base, solved, figures):
    await base.receive(base.tickets, *solved())
    await write(base)
    worker = Hindsight(base.database, base.library, base.shelf, base.publisher, base.follower)
    assert not await worker.look()
    await base.index()
    assert await worker.look()
    assert await figures() == [("l2", "hardware", 1, 1, 0)]


def ticket(**fields):
    return ResolvedTicket("main", UUID(int=1), 2, "l2", "hardware", "v", resolved_at=NOON, **fields)


def test_the_best_is_chosen_and_what_did_not_change_stays(policy):
    one, two = (Candidate(UUID(int=number), "l1", number / 10) for number in (7, 8))
    chosen = choose_article(ticket(), [one, two], changed=frozenset(), threshold=0.6, policy=policy)
    assert (chosen.article_id, chosen.score, chosen.fresh) == (UUID(int=8), 0.8, False)
    kept = choose_article(chosen, [one], changed=frozenset({one.article_id}), threshold=0.6, policy=policy)
    assert kept == chosen
    lost = choose_article(chosen, [one], changed=frozenset({two.article_id}), threshold=0.75, policy=policy)
    assert (lost.article_id, lost.score) == (None, 0.0)
    assert choose_article(ticket(), [two], changed=frozenset(), threshold=0.6, policy=None).article_id is None


def test_a_count_changes_by_what_a_ticket_was_and_is():
    new = ticket()
    counted = replace(new, fresh=False, counted=True)
    moved = replace(counted, article_id=UUID(int=7))
    nothing, seven = (date(2026, 3, 2), "l2", "hardware", None), (date(2026, 3, 2), "l2", "hardware", UUID(int=7))
    assert list(count_changes(new, counted)) == [(nothing, 1)]
    assert list(count_changes(counted, moved)) == [(nothing, -1), (seven, 1)]
    assert list(count_changes(moved, None)) == [(seven, -1)]
    assert list(count_changes(new, None)) == []


def test_shares_of_tiers_that_the_policy_lacks_are_told_last_and_count_as_undocumented(policy):
    counts = [Count("l9", "a", "requester", 3), Count("l1", "a", "requester", 2), Count("l1", "a", None, 5)]
    told = [(one.tier, one.resolved, one.documented) for one in tell_shares(counts, [], policy)]
    assert told == [("l1", 7, 2), ("l9", 3, 0)]
    assert [one.documented for one in tell_shares(counts, [], None)] == [0, 0]
