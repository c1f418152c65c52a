"""The comparison of wanted with found access: nothing is missed, and nothing is said of what is right."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_bus.access import AccessState, FoundQueue, HostState, Rights, UserState
from tierdesk_bus.amqp.access import rules_for
from tierdesk_cli.vendors.wanted import (
    EVERYTHING,
    HOST_LIMITS,
    INBOUND_RULES,
    NO_CONNECTIONS,
    RIGHTS,
    USER_LIMITS,
    Access,
    access_of,
    compare,
    former_vendors,
    wanted_for,
)

PREFIX, DESK = "p-", "desk"
ACME, OTHER = (wanted_for("main", vendor, group="printers", prefix=PREFIX) for vendor in ("acme", "other"))
HOST = HostState(
    exchanges={"": "direct", "offers": "fanout", "inbound": "fanout"},
    queues={
        "work": FoundQueue({"x-single-active-consumer": True}, {"max-length": 10, "overflow": "reject-publish"}),
        "inbound": FoundQueue({}, INBOUND_RULES),
    },
    bindings=frozenset({("", "work"), ("", "inbound"), ("offers", "work"), ("inbound", "inbound")}),
    limits=HOST_LIMITS,
)
USER = UserState(limits=USER_LIMITS, rights={ACME.host: RIGHTS})


def state(*, host: HostState | None = HOST, user: UserState | None = USER, desk: Rights = EVERYTHING) -> AccessState:
    users = {DESK: UserState(("administrator",), {}, {ACME.host: desk, "/": EVERYTHING})}
    return AccessState({} if host is None else {ACME.host: host}, users | ({} if user is None else {ACME.user: user}))


def told(found: AccessState) -> list[str]:
    return [str(one) for one in compare([ACME], [], found, desk_user=DESK)]


def test_access_as_it_is_wanted_differs_in_nothing():
    assert told(state()) == []


def test_an_operator_may_set_other_limits_than_ours():
    host = replace(HOST, limits={"max-connections": 9, "max-queues": 99})
    assert told(state(host=host, user=replace(USER, limits={"max-connections": 3, "max-channels": 5}))) == []


def without(name: str) -> HostState:
    return replace(HOST, queues={known: queue for known, queue in HOST.queues.items() if known != name})


@pytest.mark.parametrize(
    ("found", "differences"),
    [
        (state(host=None), ["no virtual host p-v-main.acme"]),
        (state(user=None), ["no user; give it access with `tierdesk vendor add acme`"]),
        (state(desk=Rights(".*", ".*", "^work$")), ["the desk's own user desk may not do everything in p-v-main.acme"]),
        (state(host=without("work")), ["no queue work"]),
        (state(host=replace(HOST, exchanges={"offers": "fanout"})), ["no exchange inbound"]),
        (state(host=replace(HOST, exchanges=HOST.exchanges | {"inbound": "topic"})), ["the exchange inbound is of kind topic, should be fanout"]),
        (state(host=replace(HOST, bindings=HOST.bindings - {("inbound", "inbound")})), ["the exchange inbound leads to no queue inbound"]),
        (state(host=replace(HOST, bindings=HOST.bindings | {("offers", "inbound")})), ["the exchange offers also leads to the queue inbound; unbind it by hand"]),
        (state(host=replace(HOST, queues=HOST.queues | {"work": replace(HOST.queues["work"], arguments={})})), ["the queue work serves several consumers at once; only deleting it changes that"]),
        (state(host=replace(HOST, queues=HOST.queues | {"inbound": FoundQueue({}, {"max-length": 5})})), ["the queue inbound has no limit max-length-bytes", "the queue inbound drops its oldest messages when it is full, should refuse new ones"]),
        (state(host=replace(HOST, limits={})), ["the virtual host has no limit max-connections", "the virtual host has no limit max-queues"]),
        (state(user=replace(USER, rights={})), ["the user may not enter p-v-main.acme"]),
        (state(user=replace(USER, limits={"max-channels": -1, "max-connections": 5})), ["the user has no limit max-channels"]),
        (state(user=replace(USER, tags=("management",))), ["the user has the tags management, should have none: too wide"]),
        (state(user=replace(USER, limits=NO_CONNECTIONS)), ["disabled, and may still enter p-v-main.acme"]),
    ],
)  # fmt: skip
def test_each_thing_that_is_missing_or_too_much_is_named_and_nothing_else(found, differences):
    assert told(found) == [f"acme: {text}" for text in differences]


names = st.sampled_from(["work", "inbound", "amq.default", "amq.topic", "another"])
patterns = st.one_of(
    st.just(".*"),
    st.just(""),
    st.just("^$"),
    st.just("("),
    names,
    names.map(lambda name: f"^{name}$"),
    st.lists(names, min_size=2, unique=True).map(lambda parts: f"^({'|'.join(parts)})$"),
)


@given(patterns, patterns, patterns, st.lists(st.sampled_from(["/", "p-v-main.other", "desk"]), unique=True))
def test_no_right_beyond_the_three_goes_unnamed(configure, write, read, elsewhere):
    rights = {ACME.host: Rights(configure, write, read)} | dict.fromkeys(elsewhere, Rights("", "", ""))
    found = told(state(user=replace(USER, rights=rights)))
    differing = [
        verb for verb in ("configure", "write", "read") if getattr(rights[ACME.host], verb) != getattr(RIGHTS, verb)
    ]
    assert len(found) == len(differing) + len(elsewhere)
    for verb in differing:
        pattern = getattr(rights[ACME.host], verb)
        (line,) = [line for line in found if f" may {verb} " in line]
        assert repr(pattern) in line
        assert ("too wide" in line) == (pattern not in {"", "^$", getattr(RIGHTS, verb)}), line
    for host in elsewhere:
        assert f"acme: the user may enter {host} too: too wide" in found


def test_a_user_whom_the_policy_does_not_name_differs_until_it_is_disabled():
    found = AccessState({}, {OTHER.user: UserState(rights={OTHER.host: RIGHTS}), "p-v-mainz.x": USER, "v-main.y": USER})
    former = former_vendors("main", [ACME], found, prefix=PREFIX)
    assert [one.vendor for one in former] == ["other"]
    (difference,) = compare([], former, found, desk_user=DESK)
    assert str(difference).startswith("other: the policy does not name this vendor")
    disabled = AccessState({}, {OTHER.user: UserState(limits=NO_CONNECTIONS)})
    assert compare([], former, disabled, desk_user=DESK) == []


@pytest.mark.parametrize(
    ("user", "access"),
    [
        (None, Access.NONE),
        (USER, Access.ENABLED),
        (replace(USER, rights={}), Access.DISABLED),
        (replace(USER, limits=NO_CONNECTIONS), Access.DISABLED),
    ],
)
def test_how_a_vendor_stands(user, access):
    assert access_of(user, ACME.host) is access


def policy(pattern, priority, applied="queues", **definition):
    return {"pattern": pattern, "priority": priority, "apply-to": applied, "definition": definition}


def test_of_the_policies_of_a_queue_the_highest_is_in_effect_and_an_operators_lower_number_wins():
    policies = [
        policy("^q$", 10, a=5, b=1),
        policy("q", 11, a=7),
        policy("^other$", 99, a=0),
        policy(".*", 50, "exchanges", a=0),
    ]
    assert rules_for("q", policies, []) == {"a": 7}
    assert rules_for("q", policies, [policy(".*", 0, a=6, c="x")]) == {"a": 6, "c": "x"}
    assert rules_for("q", policies, [policy(".*", 0, "all", a=8)]) == {"a": 7}
    assert rules_for("none", [], []) == {}
