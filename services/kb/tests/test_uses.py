"""How articles were used on tickets: told by events, counted once for each ticket and article."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from tierdesk_contracts import seal
from tierdesk_contracts import ticket as events
from tierdesk_contracts.vocabulary import Actor, ActorKind, EscalationReason, Status, StepTried
from tierdesk_kb.domain.uses import UseCounts, Verdict, count_use, follow_uses
from tierdesk_kb.samples import _NAMES
from tierdesk_store.arrival import read_arrival
from tierdesk_store.batch import Batch

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DESK = Actor(kind=ActorKind.DESK, id="desk")
FIRST, SECOND = UUID(int=1), UUID(int=2)
WORK = UUID(int=9)


def event(kind, **fields):
    return kind(sequence=1, at=NOW, actor=DESK, **fields)


def tried(*articles):
    steps = tuple(StepTried(step="Read it", article_id=str(one)) for one in articles)
    return event(events.Progressed, assignment_id=WORK, steps_tried=steps)


def resolved(article=None, work=WORK):
    return event(events.Resolved, assignment_id=work, how="Done", article_id=None if article is None else str(article))


REOPENED = event(events.ReopenedAgain, reason="Again")
ANSWERED = event(events.Progressed, assignment_id=WORK, answer="Read this")


def verdicts(*told, sent=None):
    return {article: use.verdict for article, use in follow_uses({}, told, sent or {}).items()}


def test_an_article_that_solved_a_ticket_worked_though_it_stands_among_the_steps():
    assert verdicts(tried(FIRST), resolved(FIRST)) == {FIRST: Verdict.WORKED}


def test_an_article_that_was_tried_failed_where_another_solved_it():
    assert verdicts(tried(FIRST), resolved(SECOND)) == {FIRST: Verdict.FAILED, SECOND: Verdict.WORKED}


def test_an_article_failed_when_the_ticket_is_reopened_and_works_when_it_solves_it_in_the_end():
    assert verdicts(resolved(FIRST), REOPENED) == {FIRST: Verdict.FAILED}
    assert verdicts(resolved(FIRST), REOPENED, resolved(SECOND)) == {FIRST: Verdict.FAILED, SECOND: Verdict.WORKED}
    assert verdicts(resolved(FIRST), REOPENED, resolved(FIRST)) == {FIRST: Verdict.WORKED}


def test_what_a_ticket_was_resolved_with_that_is_no_article_counts_nowhere():
    assert verdicts(resolved("KB-12"), resolved()) == {}


def test_steps_that_a_part_of_a_ticket_brings_along_count_for_the_ticket_that_they_were_tried_on():
    steps = (StepTried(step="Read it", article_id=str(FIRST)),)
    opened = event(
        events.Opened, channel="portal", requester_id=uuid4(), title="Jam", text="", steps_tried=steps,
    )  # fmt: skip
    split_off = event(events.SplitOff, ticket=uuid4(), reference="TD-0000-0000")
    assert verdicts(opened) == {FIRST: Verdict.FAILED}
    assert verdicts(opened, split_off) == {}


def test_level_0_answers_and_is_confirmed_until_the_ticket_is_reopened():
    sent = {WORK: FIRST}
    answered = follow_uses({}, [ANSWERED], sent)
    assert count_use(answered[FIRST]) == UseCounts(answered=1)
    confirmed = follow_uses(answered, [tried(FIRST), resolved(FIRST)], sent)
    assert count_use(confirmed[FIRST]) == UseCounts(worked=1, answered=1, confirmed=1)
    reopened = follow_uses(confirmed, [REOPENED], sent)
    assert count_use(reopened[FIRST]) == UseCounts(failed=1, answered=1)


def test_another_tier_that_resolves_with_the_article_is_no_confirmation_of_level_0():
    told = follow_uses({}, [ANSWERED, resolved(FIRST, work=uuid4())], {WORK: FIRST})
    assert count_use(told[FIRST]) == UseCounts(worked=1, answered=1)


_EVENTS = st.sampled_from(
    [tried(FIRST), tried(SECOND), resolved(FIRST), resolved(SECOND), resolved(), REOPENED, ANSWERED]
)


@given(st.lists(_EVENTS, max_size=12), st.integers(0, 12))
def test_events_tell_the_same_in_however_many_messages_they_come(told, cut):
    sent = {WORK: FIRST}
    parts = follow_uses(follow_uses({}, told[:cut], sent), told[cut:], sent)
    assert parts == follow_uses({}, told, sent)
    worked = [article for article, use in parts.items() if use.verdict is Verdict.WORKED]
    assert not worked or told[-1] is not REOPENED


def changed(ticket, sequence, *told, status=Status.ACCEPTED, tenant="main", version="v"):
    numbered = tuple(
        one.model_copy(update={"sequence": sequence + offset, "at": NOW + timedelta(seconds=sequence)})
        for offset, one in enumerate(told)
    )
    last = sequence + len(told) - 1
    data = events.TicketChanged(
        reference="TD-TEST-0001", policy_version=version, status=status, first_sequence=sequence, sequence=last,
        events=numbered,
    )  # fmt: skip
    return seal(data, message_id=uuid4(), source="/test", subject=str(ticket), time=NOW, tenant=tenant, sequence=last)


async def counts(base, article, tenant="main"):
    async with base.database.read() as connection:
        rows = await connection.execute(
            text(
                "SELECT worked, failed, answered, confirmed FROM kb.article_record WHERE tenant = :t AND article_id = :a"
            ),
            {"t": tenant, "a": article},
        )
        return tuple(rows.one_or_none() or (0, 0, 0, 0))


async def sums(base):
    """The counts as the uses themselves tell them, by article; those that are noughts left out."""
    async with base.database.read() as connection:
        rows = await connection.execute(
            text("""
            SELECT article_id, count(*) FILTER (WHERE verdict = 'worked'), count(*) FILTER (WHERE verdict = 'failed'),
                count(*) FILTER (WHERE answered), count(*) FILTER (WHERE confirmed)
            FROM kb.article_use GROUP BY 1
        """)
        )
        return {row[0]: tuple(row[1:]) for row in rows}


async def deliver(base, *envelopes):
    """As the library does: deliveries in one transaction, with inbox, streams and waiting messages."""
    arrivals = [
        read_arrival(
            envelope.to_bytes(), order=(1, place), namespace="", queue="kb.events", accepts=base.tickets.accepts
        )
        for place, envelope in enumerate(envelopes)
    ]
    return await Batch(base.database, base.tickets, arrivals, draw=lambda: 0.5, doomed={}).apply()


@pytest.fixture
def article():
    return uuid5(_NAMES, "main/reset-a-forgotten-password")


async def test_a_use_counts_once_though_messages_come_again_and_out_of_order(base, article):
    ticket = uuid4()
    first = changed(ticket, 1, tried(article))
    second = changed(ticket, 2, resolved(article), status=Status.RESOLVED)
    third = changed(ticket, 3, REOPENED, status=Status.TRIAGED)
    await deliver(base, second)
    assert await counts(base, article) == (0, 0, 0, 0)
    await deliver(base, first, second)
    assert await counts(base, article) == (1, 0, 0, 0)
    await deliver(base, second, first)
    await deliver(base, third, second)
    await deliver(base, third)
    assert await counts(base, article) == (0, 1, 0, 0)
    assert await sums(base) == {article: (0, 1, 0, 0)}


async def test_tickets_count_each_for_itself_in_one_batch(base, article):
    tickets = [uuid4() for _ in range(5)]
    await deliver(base, *(changed(ticket, 1, resolved(article)) for ticket in tickets))
    await deliver(base, *(changed(ticket, 2, REOPENED) for ticket in tickets[:2]))
    assert await counts(base, article) == (3, 2, 0, 0)
    assert await sums(base) == {article: (3, 2, 0, 0)}


async def test_an_article_of_another_tenant_or_of_none_counts_nowhere(base, article):
    await deliver(base, changed(uuid4(), 1, resolved(article), tenant="other"), changed(uuid4(), 1, resolved(uuid4())))
    assert await sums(base) == {}


async def test_level_0_is_counted_by_what_the_desk_tells_of_it(base, offered, follow_up, article):
    offer = offered("I forgot my password")
    await base.receive(base.worker, offer)
    work, ticket = offer.data.assignment_id, UUID(offer.subject)
    answered = event(events.Progressed, assignment_id=work, answer="Reset it")
    await deliver(base, changed(ticket, 1, answered))
    assert await counts(base, article) == (0, 0, 1, 0)
    await deliver(base, changed(ticket, 2, resolved(article, work)))
    assert await counts(base, article) == (1, 0, 1, 1)

    other = offered("I forgot my password")
    await base.receive(base.worker, other)
    work, ticket = other.data.assignment_id, UUID(other.subject)
    answered = event(events.Progressed, assignment_id=work, answer="Reset it")
    escalated = event(
        events.Escalated, assignment_id=work, reason=EscalationReason.FIRST_FIX_FAILED, to_tier="l1", to_group="front",
        steps_tried=(StepTried(step="Article", article_id=str(article)),),
    )  # fmt: skip
    await deliver(base, changed(ticket, 1, answered), changed(ticket, 2, escalated))
    assert await counts(base, article) == (1, 1, 2, 1)
    assert await sums(base) == {article: (1, 1, 2, 1)}
