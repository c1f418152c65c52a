"""Where a caller goes who waits: the rules alone, and the answers of the running service."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_contracts.callback import CallbackNoted
from tierdesk_contracts.envelope import seal
from tierdesk_contracts.intake import CallOutcome
from tierdesk_intake.domain.calls import CallState
from tierdesk_intake.domain.phone_routes import Lines, Route, choose_route, sent
from tierdesk_policy import Phone
from tierdesk_runtime.identifiers import Identifiers

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CALL = ("main", "pbx", "c-1")


def rings(since_seconds=0.0, *, caller="+442079460018", **fields):
    return CallState(
        direction="in",
        caller=caller,
        outcome=CallOutcome.RINGING,
        started_at=NOW - timedelta(seconds=since_seconds),
        **fields,
    )


def phone_of(*rules):
    return Phone.model_validate({"overflow": list(rules)})


def test_without_rules_everybody_waits():
    assert choose_route(Phone(), CALL, rings(10_000), Lines(), NOW) is Route.QUEUE


@pytest.mark.parametrize("target", ["l2", "voicemail", "callback"])
def test_who_has_waited_for_long_is_sent_on(target):
    phone = phone_of({"to": target, "waiting": 60})
    assert choose_route(phone, CALL, rings(59), Lines(), NOW) is Route.QUEUE
    assert choose_route(phone, CALL, rings(60), Lines(), NOW) is Route(target)


def test_callers_of_the_same_queue_are_counted_and_this_one_once():
    phone = phone_of({"to": "voicemail", "callers": 3})
    lines = Lines()
    for number, queue in enumerate(["a", "a", "b"]):
        lines.note(("main", "pbx", f"other-{number}"), rings(queue=queue))
    lines.note(CALL, rings(queue="a"))
    assert choose_route(phone, CALL, rings(queue="a"), lines, NOW) is Route.VOICEMAIL
    assert choose_route(phone, CALL, rings(queue="b"), lines, NOW) is Route.QUEUE
    answered = rings(queue="a").model_copy(update={"outcome": CallOutcome.ANSWERED, "answered_at": NOW})
    lines.note(("main", "pbx", "other-0"), answered)
    assert choose_route(phone, CALL, rings(queue="a"), lines, NOW) is Route.QUEUE
    assert lines.talking == {("main", "pbx", "other-0")}


def test_who_withholds_the_number_is_sent_to_the_next_rule():
    phone = phone_of({"to": "callback", "callers": 1}, {"to": "voicemail", "callers": 1})
    assert choose_route(phone, CALL, rings(), Lines(), NOW) is Route.CALLBACK
    assert choose_route(phone, CALL, rings(caller=None), Lines(), NOW) is Route.VOICEMAIL


def test_a_promise_is_kept_whatever_happens_in_line():
    promised = sent(rings(), Route.CALLBACK)
    assert promised.outcome is CallOutcome.PROMISED
    again = rings(route=promised.route)
    assert choose_route(Phone(), CALL, again, Lines(), NOW) is Route.CALLBACK
    missed = again.model_copy(update={"outcome": CallOutcome.MISSED})
    assert sent(missed, Route.CALLBACK).outcome is CallOutcome.PROMISED
    answered = again.model_copy(update={"outcome": CallOutcome.ENDED})
    assert choose_route(Phone(), CALL, answered, Lines(), NOW) is None
    assert sent(answered, Route.CALLBACK).outcome is CallOutcome.ENDED


@given(
    outcome=st.sampled_from(list(CallOutcome)),
    direction=st.sampled_from(["in", "out"]),
    waited=st.floats(0, 1e6),
    caller=st.sampled_from([None, "+442079460018"]),
    targets=st.lists(st.sampled_from(["l2", "voicemail", "callback"]), max_size=3),
)
def test_only_who_waits_is_sent_anywhere_and_nobody_without_a_number_to_a_callback(
    outcome, direction, waited, caller, targets
):
    phone = phone_of(*({"to": target, "waiting": 60} for target in targets))
    state = rings(waited, caller=caller).model_copy(update={"outcome": outcome, "direction": direction})
    route = choose_route(phone, CALL, state, Lines(), NOW)
    waits = direction == "in" and outcome is CallOutcome.RINGING
    assert (route is None) is not waits
    assert not (route is Route.CALLBACK and caller is None)
    if waited < 60:
        assert route in {None, Route.QUEUE}


def call(event, **more):
    values = {"event": event, "direction": "in", "callId": "c-1", "from": "442079460018", "to": "4930600000000"}
    return json.dumps(values | more).encode()


RULES = [{"to": "voicemail", "callers": 3}, {"to": "callback", "callers": 2}]
"""The company calls back as soon as two wait, and sends the third to its voicemail."""


class Line:
    """The telephones of a tenant, of which each test has its own calls."""

    def __init__(self, intake, name):
        self.intake = intake
        self.name = name

    def post(self, event, number=1, *, key=None, tenant="main", **more):
        call_id = f"{self.name}-{number}"
        body = call(event, callId=call_id, **more)
        answer = self.intake.post_call(body, tenant=tenant, webhook_id=key or f"{call_id}-{event}-{len(body)}")
        assert answer.status_code == 200, answer.text
        return answer

    def route(self, event, number=1, **more):
        return self.post(event, number, **more).json()["route"]


@pytest.fixture(scope="module")
def overflowing(shared_intake):
    shared_intake.apply_policy(document={"categories": [{"id": "usage"}], "phone": {"overflow": RULES}})
    shared_intake.wait_for_terms(1)
    return shared_intake


@pytest.fixture
def line(overflowing, request):
    overflowing.query("UPDATE intake.call SET waits_since = NULL, talks_since = NULL")
    return Line(overflowing, request.node.name[:100])


def test_the_answer_says_what_to_do_and_a_promise_is_a_ticket_at_once(line):
    assert line.route("newCall") == "queue"
    second = line.post("newCall", 2).json()
    assert second["route"] == "callback"
    assert second["ticket"]
    # Whoever was promised a callback waits no more, and who withholds the number can be promised none.
    assert line.route("newCall", 3) == "callback"
    assert line.route("newCall", 4, **{"from": "anonymous"}) == "queue"
    assert line.route("newCall", 5, **{"from": ""}) == "voicemail"
    # It keeps its promise, and hanging up is no other call that was missed.
    assert line.route("queue", 2) == "callback"
    assert line.route("hangup", 2) is None
    told = [one for one in line.intake.messages(3) if one.subject == second["ticket"]]
    assert [(one.data.outcome, one.data.route) for one in told] == [(CallOutcome.PROMISED, "callback")] * 2


def test_how_often_a_telephone_system_asks_is_no_event_of_the_call(line):
    for number in range(5):
        at = {"occurred_at": (NOW + timedelta(seconds=number)).isoformat()}
        assert line.route("queue", queue="a", key=f"asked-{number}", **at) == "queue"
    line.route("queue", queue="b")
    (row,) = line.intake.query("SELECT count(*) AS events FROM intake.call_event WHERE call_id = $1", f"{line.name}-1")
    assert row["events"] == 2


def test_the_same_webhook_is_answered_as_before_though_others_wait_now(line):
    first = line.post("newCall")
    line.post("newCall", 2)
    assert line.post("newCall").content == first.content


def test_who_hangs_up_or_is_answered_waits_no_more(line):
    line.post("newCall")
    line.post("hangup")
    assert line.route("newCall", 2) == "queue"
    line.post("answer", 2, user="ann")
    assert line.route("newCall", 3) == "queue"
    rows = line.intake.query("SELECT call_id FROM intake.call WHERE waits_since IS NOT NULL OR talks_since IS NOT NULL")
    assert {row["call_id"] for row in rows} == {f"{line.name}-2", f"{line.name}-3"}


def test_other_tenants_do_not_wait_in_this_line(line):
    assert line.route("newCall", tenant="other") == "queue"
    assert line.route("newCall", 2) == "queue"


def test_a_policy_whose_telephone_this_release_does_not_know_is_set_aside(overflowing):
    intake = overflowing
    intake.apply_policy(tenant="other", document={"categories": [], "phone": {"teleport": True}})
    deadline = time.monotonic() + 20
    while not intake.query("SELECT 1 FROM intake.parked"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert intake.count("policy_terms") == 1


def test_what_the_desk_says_of_a_callback_is_told_of_the_ticket_as_one_call(line):
    intake = line.intake
    posted = line.post("hangup").json()
    callback = Identifiers().new()
    for outcome in (CallOutcome.UNREACHED, CallOutcome.ENDED):
        noted = CallbackNoted(callback_id=callback, number="+442079460018", outcome=outcome, worker="ann", at=NOW)
        intake.publish(
            seal(
                noted,
                message_id=Identifiers().new(),
                source="/tierdesk/desk",
                subject=posted["ticket"],
                time=NOW,
                tenant="main",
            )
        )
    told = []
    while len(told) < 3:
        told += [one for one in intake.messages(1) if one.subject == posted["ticket"]]
    _, tried, reached = told
    assert [one.position for one in (tried, reached)] == [2, 3]
    assert tried.data.call_id == reached.data.call_id == f"callback/{callback}"
    assert (tried.data.direction, tried.data.outcome, tried.data.answered_at) == ("out", CallOutcome.UNREACHED, None)
    assert (reached.data.outcome, reached.data.answered_at, reached.data.answered_by) == (CallOutcome.ENDED, NOW, "ann")
