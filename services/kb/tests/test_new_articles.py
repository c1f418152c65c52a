"""An article that is published finds the open tickets that it fits, and each of them once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from tierdesk_contracts import ticket as events
from tierdesk_contracts.vocabulary import Actor, ActorKind, Channel, Status, StepTried
from tierdesk_kb.domain.articles import Article, ArticleState, Content, publish, retire, revise
from tierdesk_kb.handlers.index_follower import IndexFollower
from tierdesk_kb.handlers.new_articles import Forgetting, NewArticles
from tierdesk_kb.search.library import Library, TicketText
from tierdesk_kb.store.articles import add_article, add_revision, lock_article, save_article
from tierdesk_kb.store.tables import open_ticket, publication
from tierdesk_policy import Policy

TITLE, TEXT = "Zebra plotter clogs", "The zebra plotter clogs its nozzle"
CONTENT = Content("Zebra plotter clogs", "Clean the nozzle of the plotter.", keywords=("nozzle",))
WEAKER = Content("Zebra plotter", "At the nozzle it clogs.")
ANN = Actor(kind=ActorKind.WORKER, id="ann")


@pytest.fixture
def new_articles(base):
    def build(page=500, library=None, follower=None):
        return NewArticles(
            base.database, library or base.library, base.shelf, base.publisher, follower or base.follower, page=page
        )

    return build


@pytest.fixture(autouse=True)
async def samples_are_done(base, new_articles):
    """The sample articles were published before any ticket was opened."""
    while await new_articles().look():
        pass
    assert await rows(base, publication) == []


@pytest.fixture
def look(base, new_articles):
    """Look at all that is to be looked at; answers whom it told of what."""

    async def look(page=500):
        before = len(await base.sent("knowledge.matched"))
        await base.index()
        worker = new_articles(page)
        while await worker.look():
            pass
        assert await rows(base, publication) == []
        return [(match.subject, match.data) for match in (await base.sent("knowledge.matched"))[before:]]

    return look


@pytest.fixture
def report(opened):
    """The message of a ticket that is opened under a category of the policy."""

    def build(title=TITLE, text=TEXT, *, category="hardware", **fields):
        message = opened(title, text, **fields)
        (event,) = message.data.events
        told = (event.model_copy(update={"category": category}),)
        data = message.data.model_copy(update={"category": category, "status": Status.OFFERED, "events": told})
        return message.model_copy(update={"data": data})

    return build


async def rows(base, table):
    async with base.database.read() as connection:
        return (await connection.execute(select(table))).mappings().all()


async def told_of_new(base):
    return [match for match in await base.sent("knowledge.matched") if match.data.new_article]


async def write(base, content=CONTENT, tenant="main"):
    """Publish a new article, in a transaction of its own."""
    article = Article(tenant, base.identifiers.new(), ArticleState.DRAFT, revision=1)
    async with base.database.transaction() as tx:
        await add_article(tx.connection, article, content, "ana", base.publisher.now())
        await save_article(tx.connection, publish(article), base.publisher.now(), visible=True)
    return article


async def change(base, article, content=None):
    """Publish the next revision, or retire it."""
    async with base.database.transaction() as tx:
        current = await lock_article(tx.connection, article.tenant, article.id)
        now = base.publisher.now()
        if content is None:
            await save_article(tx.connection, retire(current), now, visible=True)
        else:
            current = revise(current, based_on=current.revision)
            await add_revision(tx.connection, current, content, "ana", now)
            await save_article(tx.connection, publish(current), now, visible=True)


def later(message, *told, status=Status.OFFERED, sequence=2):
    """What happens to the ticket after it was opened."""
    first = message.envelope if hasattr(message, "envelope") else message
    data = first.data.model_copy(
        update={"events": told, "status": status, "first_sequence": sequence, "sequence": sequence}
    )
    return first.model_copy(update={"id": UUID(int=first.id.int + sequence), "data": data})


def event(kind, message, **fields):
    return kind(sequence=2, at=message.time, actor=ANN, **fields)


async def test_an_open_ticket_hears_of_an_article_that_is_published_later_once(base, report, look):
    ticket = report()
    await base.receive(base.tickets, ticket, report("Air conditioning is too loud", "Very loud."))
    assert not any(match.data.documented for match in await base.sent("knowledge.matched"))
    article = await write(base)
    ((subject, told),) = await look()
    assert (subject, told.article_id, told.title) == (ticket.subject, str(article.id), CONTENT.title)
    assert (told.documented, told.new_article) == (True, True)
    assert told.score >= 0.7
    assert await look() == []


@pytest.mark.parametrize(("audience", "is_told"), [("requester", True), ("l1", True), ("l2", False), ("l9", False)])
async def test_tickets_hear_of_what_those_may_read_who_take_documented_problems(base, report, look, audience, is_told):
    await base.receive(base.tickets, report())
    await write(base, replace(CONTENT, audience=audience))
    assert [(told.documented, told.new_article) for _, told in await look()] == [(True, True)] * is_told


async def test_a_revision_is_told_where_it_fits_better_than_what_was_told_before(base, report, look):
    await base.receive(base.tickets, report())
    article = await write(base, WEAKER)
    ((_, first),) = await look()
    await change(base, article, Content(WEAKER.title, f"{WEAKER.body} Indeed."))
    assert await look() == []
    await change(base, article, CONTENT)
    ((_, second),) = await look()
    assert second.score > first.score


async def test_a_better_article_is_told_and_a_worse_one_is_not(base, report, look):
    await base.receive(base.tickets, report("I forgot my password", "The giraffe knows it."))
    (first,) = await base.sent("knowledge.matched")
    assert not first.data.new_article
    await write(base, Content("Telephone", "Have you forgot the password?"))
    assert await look() == []
    await write(base, Content("The giraffe knows that I forgot my password", "Ask."))
    ((_, best),) = await look()
    assert best.score > max(0.9, first.data.score)


async def test_the_threshold_is_that_of_the_policy_that_the_ticket_names(base, report, look, applied, policy):
    document = policy.document()
    document["knowledge"]["threshold"] = 1
    strict = Policy.from_document(document)
    await base.receive(base.tickets, applied(strict))
    await base.receive(base.tickets, report(version=strict.version), report())
    await write(base, WEAKER)
    ((_, told),) = await look()
    assert told.score < 1


async def test_an_article_for_a_higher_tier_moves_no_ticket_down(base, report, look):
    ticket = report()
    await base.receive(base.tickets, ticket)
    await write(base, replace(CONTENT, audience="l2"))
    assert await look() == []
    mine = await write(base, replace(CONTENT, audience="l1"))
    assert [(subject, told.article_id) for subject, told in await look()] == [(ticket.subject, str(mine.id))]


async def test_no_ticket_is_kept_that_knowledge_does_not_move(base, report, applied, policy):
    document = policy.document()
    document["categories"][1]["knowledge"] = False
    unmoved = Policy.from_document(document)
    without = Policy.from_document({name: part for name, part in document.items() if name != "knowledge"})
    await base.receive(base.tickets, applied(unmoved), applied(without))
    await base.receive(
        base.tickets, report(version=unmoved.version), report(version=without.version), report(category=None),
        report(channel=Channel.PHONE),
    )  # fmt: skip
    assert await rows(base, open_ticket) == []


async def test_a_ticket_that_comes_in_one_batch_with_its_policy_is_kept_as_that_says(base, report, applied, policy):
    document = policy.document() | {"name": "Another"}
    known = Policy.from_document(document)
    document["categories"][1]["knowledge"] = False
    unmoved = Policy.from_document(document)
    kept = report(version=known.version)
    await base.receive(base.tickets, applied(known), applied(unmoved), kept, report(version=unmoved.version))
    assert [str(row["id"]) for row in await rows(base, open_ticket)] == [kept.subject]


async def test_a_part_of_a_phone_call_is_kept_since_a_person_has_worded_it(base, report, look):
    call = report(channel=Channel.PHONE)
    whole = event(events.SplitOff, call, ticket=UUID(int=5), reference="TD-TEST-0009")
    part = call.model_copy(update={"data": call.data.model_copy(update={"events": (*call.data.events, whole)})})
    await base.receive(base.tickets, part)
    await write(base)
    assert [subject for subject, _ in await look()] == [part.subject]


@pytest.mark.parametrize(
    ("ends", "fields"),
    [
        (events.Resolved, {"assignment_id": UUID(int=7), "how": "cleaned"}),
        (events.Closed, {}),
        (events.CancelledByRequester, {}),
        (events.Merged, {"into": UUID(int=8), "reference": "TD-TEST-0002"}),
    ],
)
async def test_a_ticket_that_is_over_hears_of_nothing(base, report, look, ends, fields):
    ticket, other = report(), report()
    await base.receive(base.tickets, ticket)
    await base.receive(base.tickets, later(ticket, event(ends, ticket, **fields)))
    await base.receive(base.tickets, other, later(other, event(ends, other, **fields)))
    await write(base)
    assert await look() == []


async def test_a_ticket_that_is_reopened_hears_again(base, report, look):
    ticket = report()
    await base.receive(base.tickets, ticket)
    solved = event(events.Resolved, ticket, assignment_id=UUID(int=7), how="cleaned")
    await base.receive(base.tickets, later(ticket, solved), later(ticket, event(events.Closed, ticket), sequence=3))
    await base.receive(base.tickets, later(ticket, event(events.ReopenedAgain, ticket, reason="no"), sequence=4))
    await write(base)
    assert [subject for subject, _ in await look()] == [ticket.subject]


async def test_an_article_that_was_tried_is_not_told_again(base, report, look):
    ticket, other, known = report(), report(), await write(base, WEAKER)
    await base.receive(base.tickets, ticket, other)
    await look()
    tried = (StepTried(step="Cleaned it", article_id=str(known.id)), StepTried(step="Hit it", article_id="KB-12"))
    progress = event(events.Progressed, ticket, assignment_id=UUID(int=7), steps_tried=tried)
    await base.receive(base.tickets, later(ticket, progress))
    await base.receive(base.tickets, later(ticket, progress, sequence=3))
    await change(base, known, CONTENT)
    assert [subject for subject, _ in await look()] == [other.subject]


async def test_where_an_article_did_not_help_one_that_fits_less_well_is_still_told(base, report, look):
    ticket, other, known = report(), report(), await write(base)
    await base.receive(base.tickets, ticket, other)
    await look()
    tried = (StepTried(step="Cleaned it", article_id=str(known.id)),)
    progress = event(events.Progressed, ticket, assignment_id=UUID(int=7), steps_tried=tried)
    await base.receive(base.tickets, later(ticket, progress))
    await write(base, Content("Zebra plotter clogs", "It clogs."))
    assert [subject for subject, _ in await look()] == [ticket.subject]


async def test_an_article_that_is_retired_before_its_page_matches_nothing(base, report, look, new_articles):
    await base.receive(base.tickets, report(), report(), report())
    article = await write(base)
    await base.index()
    assert await new_articles(page=1).look()
    assert len(await told_of_new(base)) == 1
    await change(base, article)
    assert await look() == []


async def test_what_was_left_when_a_process_died_is_looked_at_by_the_next(base, report, look, new_articles):
    tickets = [report() for _ in range(5)]
    await base.receive(base.tickets, *tickets)
    await write(base)
    await base.index()
    assert await new_articles(page=2).look()
    with pytest.raises(RuntimeError):
        await die_in_the_middle(base, new_articles)
    assert len(await told_of_new(base)) == 2
    assert len(await look(page=2)) == 3
    told = [match.subject for match in await told_of_new(base)]
    assert sorted(told) == sorted(ticket.subject for ticket in tickets)


async def die_in_the_middle(base, new_articles):
    """A page whose transaction never commits."""
    worker = new_articles(page=2)

    def die(*args, **kwargs):
        raise RuntimeError("killed")

    publisher, worker._publisher = worker._publisher, type("Dying", (), {"send": die})()
    try:
        await worker.look()
    finally:
        worker._publisher = publisher


async def test_several_replicas_tell_each_ticket_once(base, report, new_articles):
    tickets = [report() for _ in range(40)]
    await base.receive(base.tickets, *tickets)
    await write(base)
    await write(base, Content(TITLE, TEXT))
    await base.index()

    async def work():
        worker = new_articles(page=3)
        while await rows(base, publication):
            await worker.look()

    await asyncio.gather(*(work() for _ in range(4)))
    sent = [(match.subject, match.data.article_id) for match in await told_of_new(base)]
    assert len(sent) == len(set(sent))
    assert {subject for subject, _ in sent} == {ticket.subject for ticket in tickets}
    assert len({round(row["told_score"], 6) for row in await rows(base, open_ticket)}) == 1


async def test_a_replica_whose_index_is_behind_waits_for_it(base, report, new_articles):
    await base.receive(base.tickets, report())
    library = Library()
    behind = IndexFollower(base.database, library)
    await behind.catch_up()
    library.ready.set()
    await write(base)
    worker = new_articles(library=library, follower=behind)
    assert not await worker.look()
    assert await told_of_new(base) == []
    await behind.catch_up()
    while await worker.look():
        pass
    assert len(await told_of_new(base)) == 1


async def test_what_is_published_while_a_ticket_is_matched_is_looked_at_for_it(base, report, look):
    """The index that was searched did not have it, and whoever looked at the open tickets did not see this one."""
    ticket = report()
    handler, message = base.tickets, (await received(base, ticket))
    async with base.database.transaction() as tx:
        state = await handler.load(tx, [message])
        handler.decide(state, message)
        await write(base)
        assert await look() == []
        await handler.save(tx, state)
    assert [subject for subject, _ in await look()] == [ticket.subject]


async def test_what_is_published_while_tickets_are_written_waits_for_them(base, report, look):
    ticket = report()
    handler, message = base.tickets, (await received(base, ticket))
    async with base.database.transaction() as tx:
        state = await handler.load(tx, [message])
        handler.decide(state, message)
        await handler.save(tx, state)
        publishing = asyncio.create_task(write(base))
        await asyncio.sleep(0.2)
        assert not publishing.done()
    await publishing
    assert [subject for subject, _ in await look()] == [ticket.subject]


async def received(base, envelope):
    """As the library hands it in."""
    kept = []

    class Keeping:
        async def load(self, tx, messages):
            kept.extend(messages)

        def decide(self, state, message):
            del state, message

        async def save(self, tx, state):
            del tx, state

    await base.receive(Keeping(), envelope)
    return kept[0]


async def test_the_first_article_of_a_tenant_is_told_too(base, report, look, applied, policy):
    await base.receive(base.tickets, applied(policy, tenant="other"))
    ticket = report(tenant="other")
    await base.receive(base.tickets, ticket, report())
    await write(base, tenant="other")
    assert [subject for subject, _ in await look()] == [ticket.subject]


async def test_pages_are_small_however_many_tickets_fit(base, report, look, monkeypatch):
    tickets = [report() for _ in range(120)]
    await base.receive(base.tickets, *tickets)
    await write(base)
    sizes = []
    commit = type(base.database)._commit

    async def note(database, tx):
        sizes.append(len(tx.outgoing))
        await commit(database, tx)

    monkeypatch.setattr(type(base.database), "_commit", note)
    assert len(await look(page=50)) == 120
    assert [size for size in sizes if size] == [50, 50, 20]


async def test_a_ticket_is_forgotten_when_it_can_be_reopened_no_more(base, report, policy):
    ticket, other = report(), report()
    await base.receive(base.tickets, ticket, other)
    await base.receive(base.tickets, later(ticket, event(events.Closed, ticket)))
    forgetting = Forgetting(base.database, base.publisher)
    base.clock.advance_to(ticket.time + timedelta(seconds=policy.reopen_within_seconds - 1))
    assert await forgetting.forget() == 0
    base.clock.advance_to(ticket.time + timedelta(seconds=policy.reopen_within_seconds + 1))
    assert await forgetting.forget() == 1
    assert [str(row["id"]) for row in await rows(base, open_ticket)] == [other.subject]


async def test_a_ticket_whose_policy_cannot_be_read_any_more_hears_of_nothing(base, report, look):
    await base.receive(base.tickets, report())
    async with base.database.transaction() as tx:
        await tx.execute(update(open_ticket).values(policy_version="sha256:gone"))
    await write(base)
    assert await look() == []


async def test_a_ticket_hears_of_an_article_in_another_language(base, report, look):
    await write(base, Content("Monitore anschließen", "Das Kabel einstecken.", language="de"))
    await base.index()
    ticket = report("Tastaturen klemmen", "Die Tastatur klemmt immer.")
    await base.receive(base.tickets, ticket, report())
    await write(base, Content("Klemmende Tastatur", "Wenn sie klemmt: reinigen.", language="de"))
    ((subject, told),) = await look()
    assert (subject, told.title) == (ticket.subject, "Klemmende Tastatur")
    assert (await base.library.match([TicketText("main", "Tastaturen klemmen", "Die Tastatur klemmt immer.")]))[
        0
    ].score == (pytest.approx(told.score))
