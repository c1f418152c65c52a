"""Level 0 waits for a requester as long as the policy says, and no longer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.work import WorkWithdrawn
from tierdesk_kb.domain.self_service import Job, JobState, drop, give_up, hear, wait_until
from tierdesk_kb.handlers.patience import Patience
from tierdesk_kb.store.tables import job as jobs
from tierdesk_policy import Policy, load_policy

DAYS_3 = timedelta(days=3)
FRIDAY = datetime(2026, 3, 6, 16, tzinfo=UTC)
DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
WAITING = Job("main", "ticket-1", UUID(int=7), 3, JobState.WAITING, 3, "article-1", "Reset a password", DUE)
OFFICE = """
name: Office
tiers: [{id: l0}, {id: l1}]
edges: [[l0, l1]]
groups: [{id: self-service, tier: l0, calendar: office}, {id: help, tier: l1}]
categories: [{id: usage, tier: l1, group: help}, {id: how-to, tier: l0, group: self-service}]
calendars: [{id: office, tz: UTC, weekly: {mon: [09:00-17:00], fri: [09:00-17:00]}}]
knowledge: {group: help, wait: 3h}
"""


@pytest.fixture
def patience(base):
    def build(batch=200):
        return Patience(base.database, base.publisher, batch=batch)

    return build


async def said(base):
    return [(envelope.type.split(".")[1], envelope.data.ordinal) for envelope in await base.sent("outcome.")]


async def dues(base):
    async with base.database.read() as connection:
        return list((await connection.execute(select(jobs.c.due_at))).scalars())


async def test_without_a_word_of_the_requester_it_goes_up_with_the_article_tried(base, offered, patience):
    offer = offered("I forgot my password")
    await base.receive(base.worker, offer)
    base.clock.advance_to(base.clock.now() + DAYS_3 - timedelta(seconds=1))
    assert await patience().look() == 0
    base.clock.advance_to(base.clock.now() + timedelta(seconds=1))
    assert await patience().look() == 1
    assert (await said(base))[3:] == [("escalated", 4)]
    escalated = (await base.sent("outcome.escalated"))[0]
    assert (escalated.subject, escalated.data.token, escalated.data.reason) == (offer.subject, 1, "overdue")
    (step,) = escalated.data.steps_tried
    assert step.article_id is not None
    assert step.step.startswith("Article: ")
    assert await dues(base) == [None]
    assert await patience().look() == 0


async def test_the_policy_in_force_says_how_long(base, offered, patience, applied, policy):
    document = policy.document()
    impatient = Policy.from_document(document | {"knowledge": document["knowledge"] | {"wait": "1h"}})
    await base.receive(base.tickets, applied(impatient, at=base.clock.now() + timedelta(seconds=1)))
    await base.receive(base.worker, offered("I forgot my password"))
    base.clock.advance_to(base.clock.now() + timedelta(hours=1))
    assert await patience().look() == 1


@pytest.mark.parametrize(
    ("kind", "fields"), [("reply", {"reply": "yes"}), ("reply", {"reply": "no"}), ("end", {"reason": "cancelled"})]
)
async def test_what_has_ended_is_not_handed_on_when_its_time_has_passed(
    base, offered, follow_up, patience, kind, fields
):
    offer = offered("I forgot my password")
    ending = follow_up(offer, WorkWithdrawn, **fields) if kind == "end" else follow_up(offer, **fields)
    await base.receive(base.worker, offer, ending)
    before = await said(base)
    base.clock.advance_to(base.clock.now() + 2 * DAYS_3)
    assert await patience().look() == 0
    assert await said(base) == before


async def test_a_reply_that_comes_too_late_changes_nothing(base, offered, follow_up, patience):
    offer = offered("I forgot my password")
    await base.receive(base.worker, offer)
    base.clock.advance_to(base.clock.now() + DAYS_3)
    await patience().look()
    await base.receive(base.worker, follow_up(offer, reply="yes, it works"))
    assert [word for word, _ in await said(base)] == ["accepted", "progressed", "paused", "escalated"]


async def test_several_processes_share_what_is_due_and_none_is_handed_on_twice(base, offered, patience):
    offers = [offered("I forgot my password") for _ in range(30)]
    await base.receive(base.worker, *offers)
    base.clock.advance_to(base.clock.now() + DAYS_3)
    workers = [patience(batch=4) for _ in range(4)]
    while any(await asyncio.gather(*(worker.look() for worker in workers))):
        pass
    escalated = await base.sent("outcome.escalated")
    assert sorted(one.subject for one in escalated) == sorted(offer.subject for offer in offers)


async def test_what_fails_before_its_commit_is_handed_on_the_next_time(base, offered, patience, monkeypatch):
    await base.receive(base.worker, offered("I forgot my password"))
    base.clock.advance_to(base.clock.now() + DAYS_3)
    with monkeypatch.context() as broken:

        def fail(*_arguments, **_fields):
            raise RuntimeError("lost")

        broken.setattr(base.publisher, "send", fail)
        with pytest.raises(RuntimeError):
            await patience().look()
    assert await said(base) == [("accepted", 1), ("progressed", 2), ("paused", 3)]
    assert await patience().look() == 1


def test_it_waits_in_the_hours_of_its_group():
    assert wait_until(FRIDAY, load_policy(OFFICE)) == datetime(2026, 3, 9, 11, tzinfo=UTC)
    assert wait_until(FRIDAY, load_policy(OFFICE.replace(", wait: 3h", ""))) > FRIDAY + timedelta(days=30)


def test_without_a_policy_or_a_rule_it_waits_three_days(policy):
    assert wait_until(FRIDAY, None) == FRIDAY + DAYS_3
    assert wait_until(FRIDAY, policy) == FRIDAY + DAYS_3
    document = policy.document()
    del document["knowledge"]
    assert wait_until(FRIDAY, Policy.from_document(document)) == FRIDAY + DAYS_3


def test_hours_that_come_in_a_thousand_years_count_as_every_hour():
    rare = OFFICE.replace("mon: [09:00-17:00], fri: [09:00-17:00]", "mon: [09:00-09:30]").replace("3h", "3650d")
    assert wait_until(FRIDAY, load_policy(rare)) == FRIDAY + timedelta(days=3650)


def test_a_job_without_a_time_waits_for_ever():
    job = replace(WAITING, due_at=None)
    assert give_up(job, DUE + DAYS_3) == (job, ())


@given(
    steps=st.lists(
        st.one_of(
            st.sampled_from(["yes", "no", "drop"]),
            st.timedeltas(min_value=-DAYS_3, max_value=DAYS_3),
        ),
        max_size=6,
    )
)
def test_work_ends_once_whatever_comes_in_whatever_order(steps):
    job, sent, over = WAITING, [], False
    for step in steps:
        before = job
        if step == "drop":
            job, new = drop(job), ()
        elif isinstance(step, str):
            job, new = hear(job, step)
        else:
            job, new = give_up(job, DUE + step)
            assert bool(new) == (not over and step >= timedelta(0))
        if over:
            assert not new
            assert (job.state, job.ordinal) == (JobState.DONE, before.ordinal)
        over = over or step == "drop" or bool(new)
        sent += new
        assert (job.state is JobState.DONE) == over
        assert over == (job.due_at is None)
    assert len(sent) <= 1
    assert [one.ordinal for one in sent] == [4] * len(sent)
    assert all(isinstance(one, outcomes.WorkResolved | outcomes.WorkEscalated) for one in sent)
