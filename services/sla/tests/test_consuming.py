"""Clocks on a real database: what was folded in batches equals what is folded at once."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import ProgrammingError

from tierdesk_contracts import ticket as events
from tierdesk_policy import Policy
from tierdesk_sla.app import DEFINITION
from tierdesk_sla.store.tables import clock as clocks
from tierdesk_sla.store.tables import ticket_change
from tierdesk_sla.store.timelines import load_records
from tierdesk_store import PermanentError, TransientError


async def stored(desk, story, tenant="main"):
    async with desk.database.read() as connection:
        records = await load_records(connection, [(tenant, story.ticket_id)])
    record = records.get((tenant, story.ticket_id))
    return record and record.timeline


async def test_what_is_stored_equals_the_fold(desk, story, timeline_of):
    story.begun().answered(5).paused(10).resumed(20).resolved(30).tell(events.ReopenedAgain, 50)
    await desk.tell(story)
    assert await stored(desk, story) == timeline_of(story)


@pytest.mark.parametrize("sizes", [(1,) * 8, (3, 3), (2, 1, 4), ()])
async def test_any_split_into_messages_gives_the_same_clocks(desk, story, timeline_of, messages_of, sizes):
    story.begun().answered(5).paused(10).reprioritised(12, 3).resumed(20).resolved(30)
    assert await desk.receive(*messages_of(story, sizes=sizes)) == []
    assert await stored(desk, story) == timeline_of(story)


async def test_every_event_is_kept_as_it_came(desk, story):
    story.begun().answered(5)
    await desk.tell(story, sizes=(3,))
    async with desk.database.read() as connection:
        rows = await connection.execute(select(ticket_change).order_by(ticket_change.c.sequence))
        kept = [(row.first_sequence, row.sequence, row.events) for row in rows]
    assert [(first, last, len(events)) for first, last, events in kept] == [(1, 3, 3), (4, 5, 2)]
    events = [event for _, _, part in kept for event in part]
    assert [type(event).model_validate(json) for event, json in zip(story.events, events, strict=True)] == story.events


async def test_a_message_that_names_an_unknown_policy_waits_and_the_others_go_on(
    desk, tell, messages_of, policy, applied_message
):
    known, unknown = tell(ticket_id=uuid4()).begun(), tell(ticket_id=uuid4()).begun()
    other = Policy.from_document(policy.document() | {"name": "Another"})
    (early,) = messages_of(unknown)
    early = early.model_copy(update={"data": early.data.model_copy(update={"policy_version": other.version})})
    raised = await desk.receive(early, *messages_of(known))
    assert [type(error) for error in raised] == [TransientError]
    assert await stored(desk, unknown) is None
    assert await stored(desk, known) is not None
    assert await desk.receive(applied_message(other), early) == []
    assert (await stored(desk, unknown)).policy_version == other.version


async def test_a_policy_of_another_tenant_is_unknown(desk, tell, messages_of):
    raised = await desk.receive(*messages_of(tell().begun(), tenant="other"))
    assert [type(error) for error in raised] == [TransientError]


async def test_a_policy_that_this_release_cannot_read_is_refused_for_good(desk, policy, applied_message):
    message = applied_message(policy)
    broken = message.data.model_copy(update={"version": "sha256:broken", "document": {"name": "no tiers"}})
    raised = await desk.receive(message.model_copy(update={"data": broken}))
    assert [type(error) for error in raised] == [PermanentError]


async def test_a_subject_that_is_no_ticket_is_refused_for_good(desk, story, messages_of):
    (message,) = messages_of(story.begun())
    raised = await desk.receive(message.model_copy(update={"subject": "somebody"}))
    assert [type(error) for error in raised] == [PermanentError]


async def test_a_promise_that_its_calendar_never_reaches_is_refused_for_good(
    desk, tell, messages_of, policy, applied_message
):
    """A minute a week never comes to ten years within a lifetime. Earlier releases took such policies; others are not held up."""
    document = policy.document()
    document["calendars"][0] |= {"weekly": {"mon": ["09:00-09:01"]}}
    document["targets"][3] |= {"within": "3650d"}
    over = Policy.from_document(document)
    await desk.receive(applied_message(over))
    story = tell().begun(priority=2)
    (message,) = messages_of(story)
    data = message.data.model_copy(update={"policy_version": over.version})
    raised = await desk.receive(message.model_copy(update={"data": data}))
    assert [type(error) for error in raised] == [PermanentError]
    assert await stored(desk, story) is None


async def test_the_same_ticket_of_two_tenants_has_two_sets_of_clocks(desk, story, applied_message, policy):
    await desk.receive(applied_message(policy, "other"))
    await desk.tell(story.begun())
    await desk.tell(story, tenant="other")
    own, foreign = await stored(desk, story), await stored(desk, story, "other")
    assert {clock.id for clock in own.clocks}.isdisjoint(clock.id for clock in foreign.clocks)


async def test_only_the_clocks_that_an_event_changes_are_written(desk, story):
    story.begun()
    await desk.tell(story)
    async with desk.database.read() as connection:
        before = dict((await connection.execute(select(clocks.c.kind, text("clock.xmin::text")))).all())
    await desk.tell(story.answered(5), first=4)
    async with desk.database.read() as connection:
        after = dict((await connection.execute(select(clocks.c.kind, text("clock.xmin::text")))).all())
    assert {kind for kind in after if after[kind] != before[kind]} == {"first_response"}


async def test_the_service_cannot_change_what_it_consumed_or_said(desk):
    for table in DEFINITION.schema.log_tables:
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with desk.database.transaction() as tx:
                await tx.execute(text(f"DELETE FROM sla.{table}"))


async def test_the_index_of_what_falls_due_does_not_hold_clocks_that_ended(desk, tell):
    for number in range(3):
        story = tell(ticket_id=uuid4()).begun()
        await desk.tell(story if number == 0 else story.resolved(10))
    async with desk.database.read() as connection:
        due = await connection.execute(select(func.count()).where(clocks.c.next_at.is_not(None)))
        assert due.scalar() == 2


async def test_the_time_that_was_followed_is_that_of_the_latest_event(desk, story):
    await desk.tell(story.begun().answered(5))
    assert desk.followed.until == story.opened_at + timedelta(minutes=5)
