"""The policies that the project ships, row by row."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tierdesk_policy import (
    Calendar,
    Category,
    Group,
    Policy,
    Target,
    Vendor,
    VendorContract,
    load_policy,
    load_policy_file,
)
from tierdesk_policy.source import read_source

SAMPLES = Path(__file__).parents[3] / "deploy" / "policy"

ENTRY_TIERS = {
    "l0": ["password-reset", "how-to", "service-order"],
    "l1": ["password-change", "printer-configuration", "usage", "basic-software-and-hardware",
           "network-and-application-performance", "operating-system", "infrastructure-degradation"],
    "l2": ["pc-and-laptop", "software-installation", "configuration-failure", "hardware-repair", "back-end"],
    "l3": ["database", "server-repair", "infrastructure", "data-centre", "code-and-hotfix"],
    "l4": ["printer-and-copier-machine", "machine-maintenance", "vendor-software", "depot", "firmware-and-security"],
}  # fmt: skip
CATEGORIES = {
    "password": "l0",
    "printer-configuration": "l1",
    "printer-and-copier-machine": "l4",
    "pc-and-laptop": "l2",
    "software-installation": "l2",
    "configuration": "l2",
    "hardware-repair": "l2",
    "network": "l1",
    "performance": "l1",
    "operating-system": "l1",
    "server": "l3",
    "database": "l3",
    "data-centre": "l3",
    "code-and-hotfix": "l3",
    "firmware-and-security": "l4",
    "maintenance": "l4",
}
ROWS = sorted({(category, tier) for tier, row in ENTRY_TIERS.items() for category in row} | {*CATEGORIES.items()})


@pytest.fixture(scope="module")
def five():
    return load_policy_file(SAMPLES / "five-tier.yaml")


@pytest.fixture(scope="module")
def two():
    return load_policy_file(SAMPLES / "two-tier.yaml")


@pytest.mark.parametrize(("category", "tier"), ROWS)
def test_each_category_enters_at_its_tier(five, category, tier):
    assert five.category(category).tier == five.entry_group(category).tier == tier


def test_no_other_category_is_shipped_but_the_one_for_everything_else(five):
    assert {category.id for category in five.categories} == {category for category, _ in ROWS} | {"other"}
    assert five.default_category == "other"
    assert five.entry_group("other").id == "service-desk"


def test_the_tiers_are_five(five):
    assert [tier.id for tier in five.tiers] == ["l0", "l1", "l2", "l3", "l4"]


def test_work_goes_up_by_one_to_suppliers_from_people_and_down_to_any_people(five):
    allowed = {(a.id, b.id) for a in five.tiers for b in five.tiers if a != b and five.allows(a.id, b.id)}
    up = {("l0", "l1"), ("l1", "l2"), ("l2", "l3"), ("l3", "l4"), ("l1", "l4"), ("l2", "l4")}
    down = {("l4", "l3"), ("l4", "l2"), ("l4", "l1"), ("l3", "l2"), ("l3", "l1"), ("l2", "l1")}
    assert allowed == up | down


def test_the_office_is_open_on_weekdays_from_nine_to_five(five):
    week = five.calendar("business-hours").intervals(datetime(2026, 1, 4, tzinfo=UTC), 6)
    assert [(opens.strftime("%a %H:%M"), closes.strftime("%H:%M")) for opens, closes in week] == [
        ("Mon 09:00", "17:00"),
        ("Tue 09:00", "17:00"),
        ("Wed 09:00", "17:00"),
        ("Thu 09:00", "17:00"),
        ("Fri 09:00", "17:00"),
        ("Mon 09:00", "17:00"),
    ]


@pytest.mark.parametrize(("calendar", "hours"), [("round-the-clock", 24), ("shifts-8h", 8), ("shifts-12h", 12)])
def test_the_clock_and_the_shifts_never_close(five, calendar, hours):
    start, end = datetime(2026, 1, 4, tzinfo=UTC), datetime(2027, 1, 4, tzinfo=UTC)
    compiled = five.calendar(calendar)
    assert compiled.between(start, end) == (end - start).total_seconds()
    opens, closes = compiled.intervals(start, 2)[1]
    assert (closes - opens).total_seconds() == hours * 3_600


@pytest.mark.parametrize("priority", [1, 2, 3, 4])
def test_the_first_response_takes_six_hours_and_a_callback_four_of_business(five, priority):
    response = five.target("first_response", priority=priority, category="usage")
    callback = five.target("callback", priority=priority, category="usage")
    assert (response.within_seconds, response.calendar) == (6 * 3_600, "elapsed")
    assert (callback.within_seconds, callback.calendar) == (4 * 3_600, "business-hours")


def test_every_priority_has_a_resolution_target_that_grows(five):
    times = [five.target("resolution", priority=p, category="usage").within_seconds for p in (1, 2, 3, 4)]
    assert times == sorted(times)
    assert len(set(times)) == 4


def test_every_tier_and_every_vendor_has_its_promise(five):
    for tier in five.tiers:
        for priority in (1, 2, 3, 4):
            assert five.target("acceptance", priority=priority, category="usage", tier=tier.id)
    assert five.target("acceptance", priority=3, category="usage", tier="l1").within_seconds == 15 * 60
    promised = five.target("resolution", priority=3, category="usage")
    for vendor in five.vendors:
        contract = five.target("resolution", priority=3, category=vendor.covers[0], tier="l4", vendor=vendor.id)
        assert contract is not None
        assert contract != promised


def test_every_group_of_the_suppliers_is_a_vendors_and_no_other(five):
    assert {group.tier for group in five.groups if group.vendor} == {"l4"}
    assert all(group.vendor for group in five.groups_of("l4"))


def test_a_documented_problem_goes_to_the_service_desk(five):
    assert five.knowledge is not None
    assert five.group(five.knowledge.group).tier == "l1"


def test_waiting_for_the_requester_stops_the_resolution_clock_and_waiting_for_a_vendor_does_not(five):
    assert five.stops("requester", "resolution")
    assert not five.stops("requester", "first_response")
    assert not five.stops("vendor", "resolution")


def test_the_priorities_are_those_of_the_usual_matrix(five, two):
    usual = {
        (1, 1): 1, (1, 2): 2, (2, 1): 2, (2, 2): 3, (3, 1): 3, (1, 3): 3, (2, 3): 4, (3, 2): 4, (3, 3): 4,
    }  # fmt: skip
    for policy in (five, two):
        assert {cell: policy.priority(*cell) for cell in usual} == usual


def test_the_small_desk_has_two_tiers_and_portuguese_holidays(two):
    assert [tier.id for tier in two.tiers] == ["front", "back"]
    assert two.allows("front", "back")
    assert two.allows("back", "front")
    assert not two.calendar("office").is_workday(datetime(2026, 6, 10, tzinfo=UTC).date())


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("*.yaml")))
def test_each_sample_survives_the_way_through_a_message(name):
    policy = load_policy_file(SAMPLES / name)
    assert Policy.from_document(policy.document()) == policy


def test_the_examples_of_the_manual_are_readable_and_use_fields_that_exist():
    manual = (SAMPLES.parents[1] / "docs" / "policy.md").read_text(encoding="utf-8")
    blocks = [
        read_source(text, "policy.md").root.values for text in re.findall(r"```yaml\n(.*?)```", manual, re.DOTALL)
    ]
    fields = {field.alias or name for name, field in Policy.model_fields.items()}
    models = {"calendars": Calendar, "categories": Category, "groups": Group, "targets": Target, "vendors": Vendor}
    shown = 0
    for block in blocks:
        assert set(block) <= fields
        for part, model in models.items():
            for item in block.get(part, []):
                assert model.model_validate({"name": "shown"} | item if "name" in model.model_fields else item)
                shown += 1
    assert shown >= 12


def test_the_whole_contract_of_the_manual_is_one_that_the_desk_acts_on():
    manual = (SAMPLES.parents[1] / "docs" / "policy.md").read_text(encoding="utf-8")
    (told,) = re.findall(r"```yaml\n(calendars:\n  - {id: supplier-hours.*?)```", manual, re.DOTALL)
    desk = """
name: A desk with a supplier
tiers: [{id: l1}, {id: l4}]
edges: [[l1, l4], [l4, l1]]
categories:
  - {id: other, tier: l1, group: service-desk}
  - {id: printer-and-copier-machine, tier: l4, group: printer-repair}
"""
    policy = load_policy(desk + told.replace("groups:\n", "groups:\n  - {id: service-desk, tier: l1}\n", 1))
    vendor, group = policy.vendor("copiers-ltd"), policy.group("printer-repair")
    assert vendor.contract == VendorContract(reference="C-2031", starts=date(2026, 1, 1), ends=date(2027, 12, 31))
    assert vendor.covers_category("printer-and-copier-machine")
    assert not vendor.covers_category("other")
    assert policy.offer_rule(group.id).accept_within_seconds == 2 * 3_600
    saturday, friday = datetime(2026, 3, 7, 9, tzinfo=UTC), datetime(2026, 3, 6, 17, tzinfo=UTC)
    assert not policy.calendar(group.calendar).is_open(saturday)
    assert policy.calendar(group.calendar).add(friday, 2 * 3_600) == datetime(2026, 3, 9, 9, tzinfo=UTC)
    ticket = {"priority": 3, "category": "printer-and-copier-machine", "tier": "l4", "vendor": "copiers-ltd"}
    within = {kind: policy.target(kind, **ticket).within_seconds for kind in ("acceptance", "resolution")}
    assert within == {"acceptance": 2 * 3_600, "resolution": 16 * 3_600}
    (silent,) = policy.silences
    assert silent.on.silent_seconds == 8 * 3_600
    assert silent.matches(**ticket)
    assert [step.notify or step.wait_seconds or step.send_back for step in silent.steps] == [
        "contact-owner",
        14_400,
        True,
    ]
