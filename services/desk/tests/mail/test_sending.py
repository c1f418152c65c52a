"""Mails by a real server that fails in every way: each arrives, none is sent by two, and what was refused is told."""

import asyncio
import socket
from uuid import uuid4

import pytest
from aiosmtplib import SMTPRecipientRefused
from prometheus_client import CollectorRegistry

from tierdesk_desk.domain.mailing import Kind
from tierdesk_desk.mailing.sender import MailMetrics, Sender
from tierdesk_desk.mailing.settings import MailSettings
from tierdesk_desk.mailing.smtp import SmtpTransport
from tierdesk_desk.store.mails import NewMail, add_mail, verify_address
from tierdesk_desk.store.sending import claim_due, count_mails, forget_ended, write_sent
from tierdesk_policy import Mail

LATER = 4 * 86_400


async def stories(post, *parties):
    return [await post.story(party=party).open() for party in parties]


def results(post):
    found = post.metrics.results.collect()[0].samples
    return {sample.labels["result"]: sample.value for sample in found if sample.name.endswith("_total")}


async def test_several_mails_go_over_one_connection(post):
    await stories(post, "ann", "bob", "cem")
    assert await post.send() == 3
    assert sorted(mail.to for mail in post.server.taken) == ["ann@example.com", "bob@example.com", "cem@example.com"]
    assert post.server.connections == 1
    assert results(post) == {"sent": 3}


@pytest.mark.parametrize("where", ["rcpt", "data"])
async def test_what_is_not_taken_now_is_tried_again_as_the_same_mail(post, where):
    await stories(post, "ann", "bob")
    getattr(post.server.script, where).append("451 4.7.1 Greylisted")
    await post.send()
    assert len(post.server.taken) == 1
    assert sorted(await post.mails("state", "attempts", "detail")) == [
        ("queued", 1, "451 4.7.1 Greylisted"),
        ("sent", 1, None),
    ]
    assert await post.send() == 0  # not before its time
    await post.pass_time(100)
    await post.send()
    assert len({mail.id for mail in post.server.taken}) == len(post.server.taken) == 2
    assert results(post) == {"sent": 2, "put_off": 1}


@pytest.mark.parametrize("where", ["rcpt", "data"])
async def test_what_is_refused_is_given_up_and_told(post, where):
    await stories(post, "ann", "bob")
    getattr(post.server.script, where).append("550 5.1.1 No such user")
    await post.send()
    assert len(post.server.taken) == 1
    assert ("failed", "refused", "550 5.1.1 No such user") in await post.mails("state", "reason", "detail")
    await post.pass_time(LATER)
    assert await post.send() == 0


async def test_a_mail_at_which_the_server_hangs_up_is_not_the_first_again_each_time(post):
    await stories(post, "ann", "bob")
    post.server.script.data.extend(["421 4.7.0 Not this one"] * 2)
    assert await post.send() == 3
    assert [mail.to for mail in post.server.taken] == []
    await post.send()
    assert sorted(await post.mails("state", "attempts")) == [("queued", 1), ("queued", 1)]


async def test_links_and_escalations_leave_before_thousands_of_news(post):
    await stories(post, "ann", "bob")
    link = NewMail("main", uuid4(), Kind.LINK, "cem@example.com", {"url": "https://desk.example.org/l/1"})
    async with post.desk.database.transaction() as tx:
        await add_mail(tx.connection, link)
        claims = await claim_due(tx, limit=2, domain="example.org")
    assert [one.address for one in claims] == ["cem@example.com", "ann@example.com"]


async def test_what_waits_behind_another_is_not_overdue(post):
    (story,) = await stories(post, "ann")
    post.server.script.data.append("451 Busy")
    await post.send()
    await story.resolve()
    await post.sql("UPDATE desk.mail SET due_at = now() - interval '1 hour' WHERE is_open")
    async with post.desk.database.read() as connection:
        assert await count_mails(connection) == (2, 0.0, 0)
    await post.pass_time(3_600)
    async with post.desk.database.read() as connection:
        counts = await count_mails(connection)
    assert 3_500 < counts.overdue_seconds < 3_600  # the first one, which was put off for a minute


async def test_what_was_given_up_long_ago_is_tried_as_often_as_any_other(post):
    await stories(post, "ann")
    await post.sql("UPDATE desk.mail SET added_at = added_at - interval '8 days'")
    post.server.script.data.append("451 Greylisted")
    await post.send()
    assert await post.mails("state", "attempts") == [("queued", 1)]


async def test_what_a_server_says_in_no_known_letters_is_kept_as_far_as_it_can_be(post, monkeypatch):
    async def refuse(*_, **__):
        raise SMTPRecipientRefused(550, "Empf\udce4nger\0 unbekannt", "ann@example.com")

    await stories(post, "ann")
    monkeypatch.setattr("aiosmtplib.SMTP.rcpt", refuse)
    await post.send()
    assert await post.mails("state", "detail") == [("failed", "550 Empf?nger? unbekannt")]


async def test_addresses_are_forgotten_with_their_last_mail_unless_they_are_known(post):
    await stories(post, "ann", "bob", "cem")
    await post.send()
    async with post.desk.database.transaction() as tx:
        await verify_address(tx.connection, "main", "bob@example.com")
    await post.pass_time(31 * 86_400)
    await post.sql("UPDATE desk.mail SET ended_at = ended_at - interval '31 days' WHERE address NOT LIKE 'cem%'")
    async with post.desk.database.transaction() as tx:
        assert await forget_ended(tx, limit=100) == 2
    kept = await post.sql("SELECT address FROM desk.mail_box ORDER BY address")
    assert [row["address"] for row in kept] == ["bob@example.com", "cem@example.com"]


async def test_what_arrives_in_order_waits_for_what_was_before(post):
    (story,) = await stories(post, "ann")
    post.server.script.data.append("451 Busy")
    await post.send()
    await story.resolve()
    await post.send()
    assert post.server.taken == []
    await post.pass_time(100)
    await post.send()
    await post.pass_time(700)
    await post.send()
    assert ["received" in mail.message["Subject"] for mail in post.server.taken] == [True, False]


async def test_a_connection_lost_behind_the_mail_sends_it_again_under_the_same_name(post):
    await stories(post, "ann")
    post.server.script.data.append("drop")
    await post.send()
    assert await post.mails("state", "attempts") == [("queued", 1)]
    await post.pass_time(100)
    await post.send()
    first, second = post.server.taken
    assert first.id == second.id
    assert first.raw.split(b"\r\n\r\n")[1] == second.raw.split(b"\r\n\r\n")[1]


async def test_a_server_that_stalls_holds_nobody_up_for_long(post):
    await stories(post, "ann")
    post.server.script.data.append("stall")
    impatient = SmtpTransport(post.settings.model_copy(update={"timeout_seconds": 0.3}))
    begun_at = asyncio.get_running_loop().time()
    await post.sender.send_some(impatient, post.stop)
    assert asyncio.get_running_loop().time() - begun_at < 30
    assert [state for (state,) in await post.mails("state")] == ["queued"]


async def test_a_slow_server_gets_its_time(post):
    await stories(post, "ann")
    post.server.script.data.append("slow")
    await post.send()
    assert results(post) == {"sent": 1}


async def test_a_server_that_is_away_costs_no_mail_an_attempt(post):
    await stories(post, "ann", "bob")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    away = SmtpTransport(MailSettings(url=f"smtp://127.0.0.1:{port}", sender="desk@example.org"))
    assert await post.sender.send_some(away, post.stop) == 2
    assert await post.mails("state", "attempts", "lease") == [("queued", 0, None)] * 2
    await post.send()
    assert len(post.server.taken) == 2


async def test_a_sender_that_the_server_refuses_fails_no_mail(post):
    await stories(post, "ann")
    post.server.script.mail.append("550 5.7.1 Null sender is not wanted here")
    await post.sender.send_some(post.transport, post.stop)
    assert await post.mails("state", "attempts") == [("queued", 0)]


async def test_two_replicas_never_send_the_same_mail(post):
    await stories(post, *(f"p{number}" for number in range(16)))
    others = [SmtpTransport(post.settings) for _ in range(2)]

    async def work(transport):
        sender = post.new_sender()
        while await sender.send_some(transport, post.stop):
            pass

    await asyncio.gather(*(work(transport) for transport in (post.transport, *others)))
    for transport in others:
        await transport.close()
    assert len(post.server.taken) == len({mail.to for mail in post.server.taken}) == 16


async def test_who_lost_the_lease_writes_nothing(post):
    await stories(post, "ann")
    async with post.desk.database.transaction() as tx:
        (late,) = await claim_due(tx, limit=5, domain="example.org")
    async with post.desk.database.transaction() as tx:
        assert await claim_due(tx, limit=5, domain="example.org") == []
    await post.pass_time(400)
    async with post.desk.database.transaction() as tx:
        (second,) = await claim_due(tx, limit=5, domain="example.org")
    assert (second.id, second.message_id) == (late.id, late.message_id)
    async with post.desk.database.transaction() as tx:
        assert not await write_sent(tx, late, Mail())
        assert await write_sent(tx, second, Mail())
    assert await post.mails("state", "attempts") == [("sent", 1)]


async def test_a_sender_that_dies_loses_no_mail(post, monkeypatch):
    """At least once: what the server had taken before comes a second time, under the same name."""

    def die(where):
        if where == "mail.after_send":
            raise SystemExit(137)

    await stories(post, "ann", "bob")
    with monkeypatch.context() as patch:
        patch.setattr("tierdesk_desk.mailing.sender.failpoint", die)
        dying = SmtpTransport(post.settings)
        with pytest.raises(SystemExit):
            await post.new_sender().send_some(dying, post.stop)
        await dying.close()
    await post.send()
    assert len(post.server.taken) == 1  # they are leased still
    await post.pass_time(400)
    await post.send()
    assert {state for (state,) in await post.mails("state")} == {"sent"}
    by_name = [mail.id for mail in post.server.taken]
    assert (len(by_name), len(set(by_name))) == (3, 2)


async def test_without_a_server_nothing_is_sent_and_it_is_said(post):
    await stories(post, "ann")
    sender = Sender(
        post.desk.database, post.desk.shelf, post.sender._writer, None, MailMetrics(CollectorRegistry()),
        domain="example.org", per_minute=60, draw=lambda: 0.5,
    )  # fmt: skip
    stop = asyncio.Event()
    running = asyncio.create_task(sender.run(stop))
    while await post.mails("state", "reason") != [("suppressed", "no-server")]:
        await asyncio.wait([running], timeout=0.02)
    stop.set()
    await running


async def test_stopping_finishes_the_mail_on_its_way_and_leaves_the_others(post):
    await stories(post, "ann", "bob")
    post.server.script.data.append("slow")
    stop = asyncio.Event()
    running = asyncio.create_task(post.new_sender().run(stop))
    while not await post.sql("SELECT FROM desk.mail WHERE lease IS NOT NULL"):
        await asyncio.wait([running], timeout=0.02)
    stop.set()
    await running
    assert sorted(await post.mails("state", "lease")) == [("queued", None), ("sent", None)]


async def test_a_mail_that_cannot_be_written_holds_up_no_other(post):
    await stories(post, "ann", "bob")
    await post.sql("UPDATE desk.mail SET \"values\" = '{}' WHERE address LIKE 'ann%'")
    await post.send()
    assert sorted(await post.mails("state", "reason")) == [("failed", "unreadable"), ("sent", None)]
