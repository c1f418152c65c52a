"""What happens to a request is told its requester: what the policy says, once, and together what comes together."""

import asyncio
import json
from datetime import timedelta
from uuid import uuid4

import pytest

from tierdesk_contracts import ticket as events
from tierdesk_contracts.vocabulary import Actor, ActorKind, Channel, PauseParty, Status
from tierdesk_desk.domain.accounts import Account, read_grant
from tierdesk_desk.domain.mailing import Kind, Reason
from tierdesk_desk.handlers.reminding import Reminding
from tierdesk_desk.store.accounts import add_account
from tierdesk_desk.store.mails import NewMail, add_mail, lock_boxes, verify_by_link
from tierdesk_desk.store.reminders import lock_due

REQUESTER = Actor(kind=ActorKind.REQUESTER, id="ann")
BY_DESK = Actor(kind=ActorKind.DESK, id="router")


async def occasions(post):
    rows = await post.sql("SELECT \"values\" -> 'news' AS news FROM desk.mail ORDER BY added_at, id")
    return [[one["occasion"] for one in json.loads(row["news"] or "[]")] for row in rows]


async def test_a_receipt_leaves_at_once_and_what_follows_goes_together(post):
    story = await post.story().open()
    await post.send()
    await story.answer()
    await story.resolve()
    assert await post.send() == 0  # it is too soon
    await post.pass_time(600)
    await post.send()
    receipt, digest = post.server.taken
    assert receipt.message["Subject"] == "[TD-TEST-0001] We have received your request: The printer smokes"
    assert digest.message["Subject"] == "[TD-TEST-0001] It should be solved: The printer smokes"
    assert receipt.recipients == digest.recipients == ["ann@example.com"]
    assert receipt.sender == "<>"
    assert digest.text.index("Turn it off.") < digest.text.index("A new fuser.")
    assert await post.mails("state", "is_open") == [("sent", False)] * 2


async def test_what_is_told_in_one_message_is_one_mail(post):
    story = post.story()
    asked = (events.FactsRequested, {"missing_facts": ("location",), "question": "Where are you?", "actor": BY_DESK})
    await story.tell(story.opening(), asked, by=REQUESTER)
    await post.send()
    (mail,) = post.server.taken
    assert "Where are you?" in mail.text
    assert await occasions(post) == [["opened", "asked"]]


async def test_what_comes_again_is_told_once(post):
    story = post.story()
    opened = story.changed(story.opening(), by=REQUESTER)
    for _ in range(2):
        await post.receive(opened)
    assert await occasions(post) == [["opened"]]


async def test_what_requesters_do_themselves_is_no_news_to_them(post):
    story = await post.story().open()
    await story.tell((events.Replied, {"text": "Still smoking"}), by=REQUESTER)
    await story.tell((events.ReopenedAgain, {"reason": "No"}), by=REQUESTER)
    await story.tell((events.Closed, {}), by=REQUESTER, status=Status.CLOSED)
    assert await occasions(post) == [["opened"]]


async def test_what_the_desk_does_is(post):
    story = await post.story().open()
    await story.tell((events.Paused, {"party": PauseParty.REQUESTER}))
    await story.tell((events.ReopenedAgain, {}))
    await story.tell((events.Announced, {"problem_id": uuid4(), "problem_reference": "PR-1", "text": "Mail is down.",
                                         "audience": "all", "by": "lea"}))  # fmt: skip
    await story.tell((events.Accepted, {"worker": "amy"}))  # which is told by no usual policy
    await story.tell((events.Closed, {}), by=BY_DESK, status=Status.CLOSED)
    assert await occasions(post) == [["opened", "waiting", "reopened", "announced", "closed"]]


async def test_the_policy_says_what_is_told_and_where_not(post):
    await post.apply("{tell: [resolved, in_work], trusted_domains: [example.com]}")
    story = await post.story().open()
    await story.answer()
    await story.tell((events.Accepted, {"worker": "amy"}))
    await story.resolve()
    chat = await post.story(party="bob").open(channel=Channel.CHAT)
    await chat.resolve()
    assert await occasions(post) == [["in_work", "resolved"]]


async def test_notes_among_colleagues_and_old_news_reach_nobody(post):
    story = await post.story().open()
    await story.tell((events.Progressed, {"note": "He is angry"}))
    await story.tell((events.Resolved, {"how": "Long ago", "at": post.now - timedelta(days=8)}))
    assert await occasions(post) == [["opened"]]


@pytest.mark.parametrize("requester", [{"email": None}, {"email": "a,b@example.com"}, {"email": "noreply@example.com"}])
async def test_who_cannot_be_written_to_is_not(post, requester):
    story = await post.story().open(requester=requester)
    await story.resolve()
    await post.send()
    assert post.server.taken == []
    reasons = {None: [], "a,b@example.com": ["bad-address"] * 2, "noreply@example.com": ["machine"] * 2}
    assert [reason for (reason,) in await post.mails("reason")] == reasons[requester["email"]]
    assert "printer" not in str(await post.mails('"values"::text'))


async def test_a_name_in_the_directory_that_is_an_address_is_written_to(post):
    await post.story(party="zoe@example.com").open(requester={"email": None})
    await post.send()
    assert [mail.to for mail in post.server.taken] == ["zoe@example.com"]


async def test_relay_spam_gets_three_mails_a_day_and_shows_nothing_of_its_own(post):
    """Somebody opens tickets with the address of another."""
    for number in range(10):
        await post.story(party=f"spammer-{number}").open(
            requester={"email": "Victim@Elsewhere.example"}, title="Buy pills", text="https://evil.example"
        )
        await post.send()
        await post.pass_time(900)
    assert len(post.server.taken) == 3
    assert {mail.to for mail in post.server.taken} == {"victim@elsewhere.example"}
    assert not any("pills" in mail.text or "evil" in mail.text for mail in post.server.taken)
    await post.pass_time(86_400)
    await post.send()
    assert len(post.server.taken) == 4
    assert await post.mails("state") == [("sent",)] * 4
    told = await post.sql(
        "SELECT jsonb_array_length(\"values\" -> 'news') + (\"values\" ->> 'left_out')::int FROM desk.mail"
    )
    assert sum(row[0] for row in told) == 10


async def test_an_address_is_known_once_a_link_that_was_sent_there_was_used(post):
    story = await post.story().open(requester={"email": "ann@elsewhere.example"})
    link = NewMail(
        "main", uuid4(), Kind.LINK, "ann@elsewhere.example", {"url": "https://desk.example.org/l/1"},
        ticket=story.ticket, reference="TD-TEST-0001", digest="d1",
    )  # fmt: skip
    async with post.desk.database.transaction() as tx:
        assert await add_mail(tx.connection, link) is None
        assert not await verify_by_link(tx.connection, "main", "d1")  # it was not sent yet
    await post.send()
    assert post.server.taken[0].message["Subject"] == "[TD-TEST-0001] Your link"
    assert (await post.mails('"values"::text', "kind"))[1] == ("{}", "link")
    async with post.desk.database.transaction() as tx:
        assert not await verify_by_link(tx.connection, "other", "d1")
        assert await verify_by_link(tx.connection, "main", "d1")
    await post.pass_time(900)
    await story.resolve()
    await post.send()
    assert post.server.taken[-1].message["Subject"].endswith("It should be solved: The printer smokes")


async def test_nobody_gets_more_than_ten_links_a_day(post):
    answers = []
    for number in range(12):
        link = NewMail("main", uuid4(), Kind.LINK, "ann@example.com", {"url": f"https://desk/{number}"})
        async with post.desk.database.transaction() as tx:
            answers.append(await add_mail(tx.connection, link))
    assert answers == [None] * 10 + [Reason.CAP] * 2
    await post.send()
    assert len(post.server.taken) == 10


async def add_colleague(post, name, *grants, email=""):
    account = Account(
        "main", uuid4(), name, name, post.now, post.now, email=email or f"{name}@work.example",
        grants=tuple(read_grant(one) for one in grants),
    )  # fmt: skip
    async with post.desk.database.transaction() as tx:
        await add_account(tx.connection, account)


async def test_an_escalation_tells_who_has_the_role_for_the_group(post):
    await add_colleague(post, "lea", "lead:l1")
    await add_colleague(post, "leo", "lead:l2")
    await add_colleague(post, "lou", "lead")
    await add_colleague(post, "amy", "agent")
    story = await post.story().open()
    notified = {"escalation": "late", "step": 1, "round": 1, "reason": "Nobody has taken it"}
    await story.tell((events.Notified, notified | {"role": "team-lead"}), by=BY_DESK)
    await post.send()
    alarms = [mail for mail in post.server.taken if "It takes too long" in mail.message["Subject"]]
    assert sorted(mail.to for mail in alarms) == ["lea@work.example", "lou@work.example"]
    assert "Nobody has taken it" in alarms[0].text
    await story.tell((events.Notified, notified | {"role": "contact-owner", "to": "amy"}), by=BY_DESK)
    await post.send()
    assert post.server.taken[-1].to == "amy@work.example"


async def test_no_requester_reads_of_an_escalation_whatever_role_the_policy_names(post):
    await add_colleague(post, "lea", "lead")
    await add_colleague(post, "rex", "requester")
    story = await post.story().open()
    notified = {"escalation": "late", "step": 1, "round": 1, "reason": "Nobody has taken it", "role": "requester"}
    await story.tell((events.Notified, notified), by=BY_DESK)
    assert await post.sql("SELECT address FROM desk.mail WHERE kind = 'alarm'") == [("lea@work.example",)]


@pytest.fixture
def reminding(post):
    return Reminding(post.desk.database, post.desk.shelf, post.desk.mailroom, lambda: post.now)


async def test_who_is_asked_and_silent_is_reminded_on_working_days_and_not_for_ever(post, reminding):
    story = await post.story().open()  # on a Monday, at nine
    await story.tell((events.FactsRequested, {"missing_facts": (), "question": "Which printer?"}), by=BY_DESK)
    start = post.now
    told = []
    for day in range(1, 16):
        post.desk.clock.advance_to(start + timedelta(days=day))
        before = len([one for mail in await occasions(post) for one in mail])
        await reminding.look()
        if len([one for mail in await occasions(post) for one in mail]) > before:
            told.append(f"{post.now:%a}")
    assert told == ["Thu", "Tue"]
    assert (await occasions(post))[0] == ["opened", "asked", "reminder", "reminder"]
    assert await post.sql("SELECT FROM desk.mail_reminder") == []


async def test_who_reminds_and_who_hears_of_it_lock_in_the_same_order(post):
    """Whoever hears of a ticket waits for its reminder before it holds the address: else the two would wait for each other."""
    story = await post.story().open()
    await story.tell((events.FactsRequested, {"missing_facts": (), "question": "Which printer?"}), by=BY_DESK)
    async with post.desk.database.transaction() as tx:
        assert await lock_due(tx.connection, post.now + timedelta(days=30), limit=10)
        asked = (events.FactsRequested, {"missing_facts": (), "question": "And where?"})
        hearing = asyncio.create_task(story.tell(asked, by=BY_DESK))
        while not await post.sql(
            "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ):
            await asyncio.wait([hearing], timeout=0.01)
        await lock_boxes(tx.connection, [("main", "ann@example.com", "news")])
    await hearing


async def test_who_has_answered_is_not_reminded(post, reminding):
    story = await post.story().open()
    await story.tell((events.FactsRequested, {"missing_facts": (), "question": "Which printer?"}), by=BY_DESK)
    await story.tell((events.Replied, {"text": "The red one"}), by=REQUESTER)
    post.desk.clock.advance_to(post.now + timedelta(days=10))
    await reminding.look()
    assert "reminder" not in str(await occasions(post))
    assert await post.sql("SELECT FROM desk.mail_reminder") == []


async def test_who_hears_nothing_for_long_is_told_that_it_is_not_forgotten(post, reminding):
    await post.apply("{reassure_after_days: 2, reassurances: 1}")
    await post.story().open()
    for days in (2, 2, 2):
        post.desk.clock.advance_to(post.now + timedelta(days=days))
        await reminding.look()
    assert str(await occasions(post)).count("reassurance") == 1
