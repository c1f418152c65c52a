"""What reaches a vendor's endpoint, in which order, how often, and what becomes of it where that fails."""

import asyncio
import base64
import hashlib
import hmac
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID

from servers.bridges import VENDOR, declare, offer, publish
from servers.webhooks import Receiver, Reply
from tierdesk_bridge.domain.schedule import MOST_AT_ONCE, MOST_ATTEMPTS
from tierdesk_bus.port import Address, Message
from tierdesk_contracts import parse
from tierdesk_contracts.names import VENDOR_OFFERS, vendor_namespace
from tierdesk_runtime.signatures import verify


def subjects(receiver):
    return [hook.document["subject"] for hook in receiver.hooks]


def failing(number, status=500, **headers):
    """Refuse the first so many requests."""
    left = [None] * number
    lock = threading.Lock()

    def script(_hook):
        with lock:
            if left:
                left.pop()
                return Reply(status, headers)
        return Reply()

    return script


def test_a_message_arrives_to_its_byte_and_signed(bridge, receiver):
    bridge.set_url(receiver.url)
    (message_id,) = bridge.offer("t-1")
    bridge.wait_for_state("delivered", 1)
    (hook,) = receiver.hooks
    (row,) = bridge.query("SELECT body FROM bridge.delivery")
    assert hook.body == row["body"]
    assert UUID(hook.id) == message_id == UUID(hook.document["id"])
    assert hook.headers["content-type"] == "application/cloudevents+json"
    signed = f"{hook.id}.{hook.headers['webhook-timestamp']}.".encode() + hook.body
    key = base64.b64decode(bridge.secret().removeprefix("whsec_"))
    mac = hmac.new(key, signed, hashlib.sha256).digest()
    assert hook.headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
    assert abs(int(hook.headers["webhook-timestamp"]) - time.time()) < 60


def test_while_a_secret_is_rotated_both_sign(bridge, receiver):
    old = bridge.secret()
    new = bridge.secrets.add_webhook_secret("main", "vendor.printers")
    bridge.set_url(receiver.url)

    def both():
        bridge.offer("t-1")
        hook = receiver.wait_for(lambda hooks: hooks and hooks[-1], "a webhook")
        return hook if len(hook.headers["webhook-signature"].split(" ")) == 2 else None

    hook = bridge.wait_until(both, "two signatures")
    for secret in (old, new):
        assert verify(secret, hook.headers, hook.body, datetime.now(UTC)) == hook.id


def test_what_fails_comes_again_with_the_same_identifier_until_it_is_taken(bridge, receiver):
    receiver.script = failing(2)
    bridge.set_url(receiver.url)
    (message_id,) = bridge.offer("t-1")
    bridge.wait_for_state("delivered", 1, hurry=True)
    assert [UUID(hook.id) for hook in receiver.hooks] == [message_id] * 3
    assert len({hook.body for hook in receiver.hooks}) == 1
    (delivery,) = bridge.deliveries()
    assert (delivery["state"], delivery["attempts"], delivery["last_status"]) == ("delivered", 3, 204)
    assert delivery["last_detail"] is None


def test_it_is_tried_again_by_itself(bridge, receiver):
    receiver.script = failing(1)
    bridge.set_url(receiver.url)
    bridge.offer("t-1")
    bridge.wait_for_state("delivered", 1)
    assert receiver.hooks[1].at - receiver.hooks[0].at > 3


def test_of_a_ticket_the_oldest_goes_first_whatever_fails_and_other_tickets_go_on(bridge, receiver):
    refused = set()
    lock = threading.Lock()

    def refuse_each_of_the_first_ticket_once(hook):
        with lock:
            if hook.document["subject"] == "t-1" and hook.id not in refused:
                refused.add(hook.id)
                return Reply(500)
        return Reply()

    receiver.script = refuse_each_of_the_first_ticket_once
    bridge.set_url(receiver.url)
    sent = bridge.offer("t-1", "t-1", "t-2", "t-1", "t-2")
    bridge.wait_for_state("delivered", 2)  # those of t-2: nobody hurries here
    assert [UUID(hook.id) for hook in receiver.hooks if hook.document["subject"] == "t-2"] == [sent[2], sent[4]]
    bridge.wait_for_state("delivered", 5, hurry=True)
    tried = [UUID(hook.id) for hook in receiver.hooks if hook.document["subject"] == "t-1"]
    assert tried == [sent[0], sent[0], sent[1], sent[1], sent[3], sent[3]]


def test_a_message_that_is_given_up_is_kept_and_does_not_hold_up_its_ticket(bridge, receiver):
    doomed = []
    receiver.script = lambda hook: Reply(500 if UUID(hook.id) in doomed else 204)
    bridge.set_url(receiver.url)
    doomed += bridge.offer("t-1", "t-2")
    first = doomed[0]
    bridge.wait_for_state("failed", 2, hurry=True)
    assert [UUID(hook.id) for hook in receiver.hooks].count(first) == MOST_ATTEMPTS
    bridge.offer("t-1")
    bridge.wait_for_state("delivered", 1, hurry=True)
    failed = bridge.deliveries(state="failed")
    assert {UUID(one["id"]) for one in failed} == set(doomed)
    assert {(one["attempts"], one["last_status"], one["last_detail"]) for one in failed} == {(10, 500, "answered 500")}
    doomed.clear()
    assert bridge.ask("POST", f"printers/deliveries/{first}/retry").json()["state"] == "pending"
    bridge.wait_for_state("delivered", 2, hurry=True)
    assert bridge.ask("POST", f"printers/deliveries/{first}/retry").status_code == 409


def test_410_disables_the_endpoint_until_somebody_enables_it(bridge, receiver):
    receiver.script = lambda _hook: Reply(410)
    bridge.set_url(receiver.url)
    bridge.offer("t-1", "t-1")
    disabled = bridge.wait_until(lambda: (one := bridge.endpoint()) and not one["enabled"] and one, "it is disabled")
    assert disabled["disabled_reason"] == "410: it wants nothing more"
    assert disabled["disabled_at"]
    assert len(receiver.hooks) == 1
    bridge.hurry()
    bridge.offer("t-2")
    receiver.script = lambda _hook: Reply()
    time.sleep(2.5)  # two looks
    assert len(receiver.hooks) == 1
    enabled = bridge.ask("POST", "printers/enable").json()
    assert (enabled["enabled"], enabled["disabled_reason"]) == (True, None)
    bridge.wait_for_state("delivered", 3)
    assert subjects(receiver)[1:].count("t-1") == 2


def test_a_wish_to_wait_is_heard_for_the_whole_endpoint(bridge, receiver):
    receiver.script = failing(1, 429, **{"Retry-After": "600"})
    bridge.set_url(receiver.url)
    bridge.offer("t-1")
    bridge.wait_until(lambda: bridge.endpoint()["rests_until"], "it rests")
    bridge.offer("t-2")
    time.sleep(2.5)  # two looks
    assert len(receiver.hooks) == 1
    (row,) = bridge.query("SELECT due_at - now() AS wait FROM bridge.delivery WHERE subject = 't-1'")
    assert 500 < row["wait"].total_seconds() <= 600
    bridge.wait_for_state("delivered", 2, hurry=True)


def test_an_endpoint_that_is_down_is_asked_by_one_message_at_a_time(bridge, receiver):
    receiver.script = lambda _hook: Reply(503)
    bridge.set_url(receiver.url)
    bridge.offer(*(f"t-{number}" for number in range(40)))
    bridge.wait_until(lambda: bridge.endpoint()["failures"] >= 3, "it counts as down")
    bridge.wait_until(lambda: not bridge.query("SELECT FROM bridge.delivery WHERE lease IS NOT NULL"), "all came back")
    begun = len(receiver.hooks)
    assert begun <= 2 * MOST_AT_ONCE
    before = bridge.endpoint()
    assert before["rests_until"]
    bridge.query("UPDATE bridge.endpoint SET rests_until = NULL")
    bridge.wait_until(lambda: bridge.endpoint()["failures"] > before["failures"], "one more has failed")
    assert len(receiver.hooks) == begun + 1
    receiver.script = lambda _hook: Reply()
    bridge.wait_for_state("delivered", 40, hurry=True)
    assert bridge.endpoint()["failures"] == 0


def test_a_ticket_that_is_never_taken_does_not_make_the_endpoint_count_as_down(bridge, receiver):
    receiver.script = lambda hook: Reply(500 if hook.document["subject"] == "t-1" else 204)
    bridge.set_url(receiver.url)
    bridge.offer("t-1")
    bridge.wait_for_state("failed", 1, hurry=True)
    assert len(receiver.hooks) == MOST_ATTEMPTS
    told = bridge.endpoint()
    assert (told["failures"], told["rests_until"]) == (1, None)


def test_an_endpoint_gets_a_few_requests_at_once_and_one_that_hangs_holds_up_no_other(ground, bridge, receiver):
    other = "phones"
    ground.secrets.add_webhook_secret("main", f"vendor.{other}")
    asyncio.run(declare(ground.database_url, vendor_namespace("main", other)))
    with Receiver(lambda _hook: Reply(hangs=True)) as hanging:
        bridge.set_url(hanging.url)
        bridge.set_url(receiver.url, vendor=other)
        bridge.offer(*(f"t-{number}" for number in range(3 * MOST_AT_ONCE)))
        hanging.wait_for(lambda hooks: len(hooks) == MOST_AT_ONCE, "as many as may be")
        bridge.offer(*(f"t-{number}" for number in range(20)), vendor=other)
        receiver.wait_for(lambda hooks: len(hooks) == 20, "the other vendor has all")
        assert hanging.most_at_once == MOST_AT_ONCE
        assert len(hanging.hooks) == MOST_AT_ONCE


def test_two_replicas_deliver_each_message_once_and_in_order(ground, receiver):
    tickets = [f"t-{number % 20}" for number in range(200)]
    with ground.running() as one, ground.running() as two:
        one.set_url(receiver.url)
        sent = one.offer(*tickets)
        two.wait_for_state("delivered", 200)
    came = [UUID(hook.id) for hook in receiver.hooks]
    assert sorted(came) == sorted(sent)
    for ticket in set(tickets):
        mine = [one for one, subject in zip(sent, tickets, strict=True) if subject == ticket]
        assert [one for one in came if one in mine] == mine


def test_a_replica_that_is_killed_amid_its_work_loses_nothing(ground, receiver):
    """Killed with requests in flight, deliveries that wait, and messages in the queue that it reads."""
    receiver.script = lambda _hook: Reply(hangs=True)
    tickets = [f"t-{number % 12}" for number in range(60)]
    with ground.running() as bridge:
        bridge.set_url(receiver.url)
        bridge.query("UPDATE bridge.endpoint SET rests_until = now() + interval '1 hour'")
    with ground.process() as doomed:
        bridge.query("UPDATE bridge.endpoint SET rests_until = NULL")
        sent = offer(ground.database_url, *tickets)
        receiver.wait_for(lambda hooks: len(hooks) == MOST_AT_ONCE, "requests are in flight")
        doomed.kill()
        doomed.wait()
        sent += offer(ground.database_url, *tickets)
    with Receiver() as other, ground.running() as heir:
        heir.set_url(other.url)
        heir.query("UPDATE bridge.delivery SET leased_until = now() WHERE state = 'pending'")
        heir.wait_for_state("delivered", 120, hurry=True)
        came = [UUID(hook.id) for hook in other.hooks]
    assert sorted(came) == sorted(sent)
    for ticket in set(tickets):
        mine = [one for one, subject in zip(sent, tickets + tickets, strict=True) if subject == ticket]
        assert [one for one in came if one in mine] == mine


def test_what_a_replica_was_sending_when_it_died_is_sent_by_another(ground, receiver):
    """Its lease stands, as after a SIGKILL; when it is over, somebody else sends."""
    with ground.running() as bridge:
        bridge.set_url(receiver.url)
        bridge.query("UPDATE bridge.endpoint SET rests_until = now() + interval '1 hour'")
        bridge.offer("t-1", "t-1", "t-2")
        bridge.wait_for_state("pending", 3)
    bridge.query(
        "UPDATE bridge.delivery SET lease = gen_random_uuid(), leased_until = now() + interval '4 seconds'"
        " WHERE id IN (SELECT DISTINCT ON (subject) id FROM bridge.delivery ORDER BY subject, position)"
    )
    bridge.query("UPDATE bridge.endpoint SET rests_until = NULL")
    with ground.running() as heir:
        heir.wait_for_state("delivered", 3)
    assert subjects(receiver).count("t-1") == 2
    assert len(receiver.hooks) == 3
    (first, second) = [hook.id for hook in receiver.hooks if hook.document["subject"] == "t-1"]
    order = heir.query("SELECT id FROM bridge.delivery WHERE subject = 't-1' ORDER BY position")
    assert [UUID(first), UUID(second)] == [row["id"] for row in order]


def test_who_has_lost_the_lease_writes_nothing(bridge, receiver):
    lost = threading.Event()

    def lose(_hook):
        if not lost.is_set():
            bridge.query("UPDATE bridge.delivery SET lease = NULL, leased_until = NULL")
            lost.set()
            return Reply(500)
        return Reply()

    receiver.script = lose
    bridge.set_url(receiver.url)
    bridge.offer("t-1")
    bridge.wait_for_state("delivered", 1, hurry=True)
    (delivery,) = bridge.deliveries()
    assert delivery["attempts"] == 1


def test_without_a_secret_nothing_goes_out_unsigned(bridge, receiver):
    bridge.set_url(receiver.url)
    assert bridge.secrets.drop_webhook_secrets("main", "vendor.printers") == 1
    time.sleep(1.5)  # the bridge looks at the file each second
    bridge.offer("t-1")
    detail = bridge.wait_until(lambda: (bridge.deliveries() or [{}])[0].get("last_detail"), "it was not sent")
    assert "no secret" in detail
    assert receiver.hooks == []


def test_the_queue_is_read_from_when_an_endpoint_is_set_until_it_is_removed(bridge, receiver):
    bridge.offer("t-1")
    time.sleep(1.5)
    assert bridge.query("SELECT FROM bridge.delivery") == []
    bridge.set_url(receiver.url)
    bridge.wait_for_state("delivered", 1)
    assert bridge.ask("DELETE", "printers").status_code == 204
    bridge.wait_until(lambda: not bridge.consumes(), "the queue is read no more")
    bridge.offer("t-2")
    time.sleep(1.5)
    assert len(bridge.query("SELECT FROM bridge.delivery")) == 1
    bridge.set_url(receiver.url)
    bridge.wait_for_state("delivered", 2)
    assert subjects(receiver) == ["t-1", "t-2"]


def test_what_was_taken_waits_for_the_next_endpoint(bridge, receiver):
    receiver.script = lambda _hook: Reply(500)
    bridge.set_url(receiver.url)
    bridge.offer("t-1")
    bridge.wait_until(lambda: receiver.hooks, "it was tried")
    assert bridge.ask("DELETE", "printers").status_code == 204
    with Receiver() as elsewhere:
        bridge.set_url(elsewhere.url)
        bridge.wait_for_state("delivered", 1)
        assert subjects(elsewhere) == ["t-1"]


def test_what_the_former_endpoint_answers_late_is_not_held_against_the_next(bridge, receiver):
    go_on = threading.Event()

    def refuse_late(_hook):
        go_on.wait(20)
        return Reply(503, {"Retry-After": "3600"})

    receiver.script = refuse_late
    bridge.set_url(receiver.url)
    bridge.offer("t-1")
    receiver.wait_for(lambda hooks: hooks, "it is in flight")
    with Receiver() as elsewhere:
        bridge.set_url(elsewhere.url)
        go_on.set()
        bridge.wait_for_state("delivered", 1)
        assert subjects(elsewhere) == ["t-1"]
    endpoint = bridge.endpoint()
    assert (endpoint["failures"], endpoint["rests_until"]) == (0, None)


def test_a_message_sent_again_by_hand_goes_before_what_waits_of_its_ticket(bridge, receiver):
    receiver.script = lambda _hook: Reply(500)
    bridge.set_url(receiver.url)
    sent = bridge.offer("t-1", "t-1")
    bridge.wait_for_state("failed", 1, hurry=True)
    bridge.wait_until(lambda: str(sent[1]) in {hook.id for hook in receiver.hooks}, "the second is tried", hurry=True)
    bridge.wait_until(lambda: not bridge.query("SELECT FROM bridge.delivery WHERE lease IS NOT NULL"), "it is back")
    before = len(receiver.hooks)
    assert bridge.ask("POST", f"printers/deliveries/{sent[0]}/retry").status_code == 200
    receiver.script = lambda _hook: Reply()
    bridge.wait_for_state("delivered", 2, hurry=True)
    assert [UUID(hook.id) for hook in receiver.hooks[before:]][-2:] == sent


def test_what_was_delivered_long_ago_is_forgotten_and_what_failed_is_not(bridge, receiver):
    bridge.set_url(receiver.url)
    bridge.offer("t-1", "t-2", "t-3")
    bridge.wait_for_state("delivered", 3)
    ago = "UPDATE bridge.delivery SET ended_at = now() - interval '{}' {} WHERE subject = '{}'"
    bridge.query(ago.format("31 days", "", "t-1"))
    bridge.query(ago.format("31 days", ", state = 'failed'", "t-2"))
    bridge.query(ago.format("29 days", "", "t-3"))
    left = "SELECT subject FROM bridge.delivery ORDER BY 1"
    bridge.wait_until(lambda: [row["subject"] for row in bridge.query(left)] == ["t-2", "t-3"], "one is forgotten")


def test_the_same_message_twice_is_one_delivery(bridge, receiver):
    bridge.set_url(receiver.url)
    bridge.offer("t-1")
    bridge.wait_for_state("delivered", 1)
    body = receiver.hooks[0].body
    envelope = parse(body)
    address = Address(vendor_namespace("main", VENDOR), VENDOR_OFFERS, "")
    message = Message(str(envelope.id), envelope.type, address, body)
    asyncio.run(publish(bridge.database_url, [message, message]))
    bridge.offer("t-2")
    bridge.wait_for_state("delivered", 2)
    assert subjects(receiver) == ["t-1", "t-2"]


def test_enabling_and_setting_while_it_delivers_loses_and_doubles_nothing(bridge, receiver):
    number = 30
    bridge.set_url(receiver.url)
    with ThreadPoolExecutor(2) as threads:
        changes = [
            threads.submit(lambda: [bridge.ask("POST", "printers/enable").status_code for _ in range(10)]),
            threads.submit(lambda: [bridge.set_url(receiver.url).status_code for _ in range(10)]),
        ]
        sent = bridge.offer(*(f"t-{index % 5}" for index in range(number)))
        assert {status for change in changes for status in change.result()} == {200}
    bridge.wait_for_state("delivered", number)
    assert sorted(UUID(hook.id) for hook in receiver.hooks) == sorted(sent)


def test_metrics_tell_of_deliveries(bridge, receiver):
    receiver.script = failing(1)
    bridge.set_url(receiver.url)
    bridge.offer("t-1")
    bridge.wait_for_state("delivered", 1, hurry=True)
    bridge.offer("t-2")
    bridge.wait_for_state("delivered", 2)
    told = bridge.metrics()
    assert told["tierdesk_bridge_deliveries_total", "delivered"] == 2
    assert told["tierdesk_bridge_deliveries_total", "refused"] == 1
    receiver.script = lambda _hook: Reply(500)
    bridge.offer("t-3")
    bridge.wait_until(lambda: bridge.metrics()["tierdesk_bridge_pending", ""] == 1, "one waits")
    bridge.wait_until(lambda: bridge.metrics()["tierdesk_bridge_oldest_pending_seconds", ""] > 0, "for some time")
