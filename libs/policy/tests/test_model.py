"""What a loaded policy answers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_contracts.vocabulary import PauseParty
from tierdesk_policy import (
    BusinessCalendar,
    ClockKind,
    Fact,
    OfferRule,
    Policy,
    UnknownNameError,
    WaitsFor,
    load_policy,
)
from tierdesk_policy.units import format_duration, format_time_of_day, parse_duration, parse_hours, parse_time_of_day

DESK = """\
name: Desk
tiers: [{id: l1}, {id: l2}, {id: l4}]
edges: [[l1, l2], [l2, l1], [l1, l4], [l4, l1]]
default_calendar: office
calendars: [{id: office, tz: Europe/London, weekly: {mon: [09:00-17:00], tue: [09:00-17:00]}}]
groups:
  - {id: help, tier: l1, offer: {accept_within: 15m, attempts: 2}}
  - {id: phones, tier: l1, calendar: elapsed}
  - {id: experts, tier: l2}
  - {id: printers, tier: l4, vendor: acme}
vendors: [{id: acme, name: Acme Printers, group: printers, covers: [print]}]
categories:
  - {id: usage, tier: l1, group: help, description_facts: [requester, impact], fact_weights: {impact: 2.5}}
  - {id: database, tier: l2, group: experts, knowledge: false}
  - {id: print, tier: l4, group: printers}
departments: [{id: finance, group: experts, overrides: true}]
knowledge: {group: help, threshold: 0.6}
targets:
  - {kind: resolution, within: 2d, vendors: [acme]}
  - {kind: resolution, within: 4h, priorities: [1], calendar: elapsed, warn_at: [0.5, 0.9]}
  - {kind: resolution, within: 1d, categories: [database], tiers: [l2]}
  - {kind: resolution, within: 5d}
  - {kind: acceptance, within: 15m, tiers: [l1]}
pauses: {requester: [resolution, callback], visit: [resolution]}
"""


@pytest.fixture(scope="module")
def desk():
    return load_policy(DESK)


def test_tiers_stand_in_the_order_of_the_document(desk):
    assert [desk.height(tier.id) for tier in desk.tiers] == [0, 1, 2]
    assert [group.id for group in desk.groups_of("l1")] == ["help", "phones"]


def test_work_goes_along_edges_and_freely_within_a_tier(desk):
    assert desk.allows("l1", "l4")
    assert desk.allows("l2", "l2")
    assert not desk.allows("l2", "l4")


def test_a_category_enters_at_its_group(desk):
    assert desk.entry_group("database").id == "experts"
    assert desk.category("usage").description_facts == (Fact.REQUESTER, Fact.IMPACT)
    assert desk.category("usage").weight(Fact.IMPACT) == 2.5
    assert desk.category("usage").weight(Fact.REQUESTER) == 1
    assert desk.category("usage").knowledge
    assert not desk.category("database").knowledge
    assert desk.default_category == "usage"


def test_the_first_target_that_matches_counts(desk):
    def within(priority, category, tier=None, vendor=None):
        return desk.target("resolution", priority=priority, category=category, tier=tier, vendor=vendor).within_seconds

    assert within(1, "print", vendor="acme") == 2 * 86_400
    assert within(1, "database", "l2") == 4 * 3_600
    assert within(2, "database", "l2") == 86_400
    assert within(2, "database") == 5 * 86_400
    assert desk.target("acceptance", priority=1, category="usage", tier="l4") is None


def test_a_desk_that_says_nothing_promises_a_response_in_six_hours_and_a_callback_in_four_of_its_own(desk):
    response = desk.target("first_response", priority=3, category="usage")
    callback = desk.target("callback", priority=3, category="usage")
    assert (response.within_seconds, response.calendar, response.warn_at) == (6 * 3_600, "elapsed", (0.8,))
    assert (callback.within_seconds, callback.calendar) == (4 * 3_600, "office")


def test_a_promise_to_resolve_that_names_vendors_is_a_contract_with_them(desk):
    contract = desk.target("contract", priority=1, category="print", vendor="acme")
    assert contract == desk.target("resolution", priority=1, category="print", vendor="acme")
    assert desk.target("contract", priority=1, category="print", vendor="other") is None
    assert (desk.promises("contract"), desk.promises("visit")) == (True, False)


def test_a_reopened_ticket_goes_on_unless_the_policy_says_that_it_starts_anew(desk):
    text = DESK + "reopen: restart\n"
    assert desk.reopen == "continue"
    assert "reopen" not in desk.document()
    assert load_policy(text).reopen == "restart"
    assert load_policy(DESK + "reopen: continue\n").version == desk.version


def test_what_a_part_leaves_out_comes_from_the_policy(desk):
    assert desk.group("experts").calendar == "office"
    assert desk.group("phones").calendar == "elapsed"
    assert desk.group("experts").name == "experts"
    assert desk.offer_rule("help").accept_within_seconds == 900
    assert desk.offer_rule("experts") == desk.offer == OfferRule()
    assert desk.close_after_seconds == 5 * 86_400
    assert desk.reopen_within_seconds == 14 * 86_400


def test_clocks_stand_still_for_whom_the_policy_says(desk):
    assert desk.stops("requester", "resolution")
    assert desk.stops(WaitsFor.REQUESTER, ClockKind.CALLBACK)
    assert desk.stops(PauseParty.VISIT, "resolution")
    assert not desk.stops("vendor", "resolution")
    assert not desk.stops("requester", "first_response")
    assert load_policy(DESK[: DESK.index("pauses:")]).stops("requester", "resolution")


def test_the_words_of_the_policy_are_those_of_the_protocol():
    assert {party.value for party in WaitsFor} == {party.value for party in PauseParty} - {"unknown"}


def test_a_vendor_meets_each_tenant_in_a_namespace_of_their_own(desk):
    assert desk.vendor("acme").namespace("contoso") == "v-contoso.acme"
    assert desk.vendor("acme").covers_category("print")
    assert not desk.vendor("acme").covers_category("usage")
    assert desk.department("finance").overrides


def test_the_matrix_gives_a_priority_for_each_impact_and_urgency(desk):
    assert [[desk.priority(impact, urgency) for urgency in (1, 2, 3)] for impact in (1, 2, 3)] == [
        [1, 2, 3],
        [2, 3, 4],
        [3, 4, 4],
    ]
    assert desk.priority_name(desk.priority(desk.default_impact, desk.default_urgency)) == "moderate"
    for impact, urgency in ((0, 1), (1, 4)):
        with pytest.raises(ValueError, match="must each be 1, 2 or 3"):
            desk.priority(impact, urgency)
    for priority in (0, 5):
        with pytest.raises(ValueError, match="must be 1 to 4"):
            desk.priority_name(priority)


def test_calendars_are_compiled_once(desk):
    assert isinstance(desk.calendar("office"), BusinessCalendar)
    assert desk.calendar("office") is desk.calendar("office")
    assert desk.calendar("elapsed").is_open(desk.calendar("office").next_open(load_time()))


def load_time():
    from datetime import UTC, datetime

    return datetime(2026, 3, 7, tzinfo=UTC)


def test_a_name_that_the_policy_lacks_is_named_in_the_error(desk):
    for ask in (desk.tier, desk.group, desk.category, desk.department, desk.vendor, desk.calendar, desk.height):
        with pytest.raises(UnknownNameError, match="'nobody'"):
            ask("nobody")
    with pytest.raises(UnknownNameError):
        desk.groups_of("nobody")
    with pytest.raises(UnknownNameError):
        desk.entry_group("nobody")


def test_a_policy_cannot_be_changed(desk):
    with pytest.raises(ValueError, match="frozen"):
        desk.name = "other"


def test_the_document_of_a_policy_loads_back_to_an_equal_one_under_the_same_version(desk):
    desk.calendar("office")
    document = desk.document()
    again = Policy.from_document(json.loads(json.dumps(document)))
    assert again == desk
    assert again.version == desk.version == f"sha256:{desk.document_hash}"
    assert again.document() == document


def test_the_version_does_not_depend_on_the_way_it_is_written(desk):
    otherwise = (
        DESK.replace("15m", "900").replace("[09:00-17:00]", '[["9:00", "17:00"]]').replace("within: 2d", "within: 48h")
    )
    assert load_policy("# a remark\n" + otherwise).version == desk.version


@pytest.mark.parametrize(
    ("old", "new"), [("15m", "16m"), ("name: Desk", "name: Desks"), ("threshold: 0.6", "threshold: 0.61")]
)
def test_any_change_of_content_changes_the_version(desk, old, new):
    assert load_policy(DESK.replace(old, new)).version != desk.version


@given(st.integers(1, 3_650 * 86_400))
def test_a_duration_means_the_same_in_all_units(seconds):
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    assert parse_duration(f"{days}d{hours}h{minutes}m{rest}s") == parse_duration(f"{seconds}s") == seconds
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.integers(0, 86_400))
def test_a_time_of_day_is_written_as_it_is_read(second):
    assert parse_time_of_day(format_time_of_day(second)) == second


@given(st.integers(0, 86_399), st.integers(0, 86_400))
def test_hours_are_written_as_they_are_read(opens, closes):
    if opens == closes:
        return
    hours = parse_hours([format_time_of_day(opens), format_time_of_day(closes)])
    assert parse_hours(str(hours)) == hours
    assert 0 < hours.closes - hours.opens <= 86_400
