"""What a policy may say, and the place and words of each fault."""

import json

import pytest

from tierdesk_policy import Policy, PolicyError, load_policy, load_policy_file

SOUND = """\
name: Desk
tiers:
  - {id: l1, name: First}
  - {id: l2, name: Second}
edges: [[l1, l2], [l2, l1]]
calendars:
  - id: office
    tz: Europe/London
    weekly: {mon: [09:00-17:00]}
groups:
  - {id: help, tier: l1}
  - {id: experts, tier: l2, calendar: office}
categories:
  - {id: usage, tier: l1, group: help}
"""
KINDS = "'first_response', 'resolution', 'acceptance', 'callback', 'update', 'visit' or 'contract'"


def faults(text, source="desk.yaml"):
    with pytest.raises(PolicyError) as raised:
        load_policy(text, source=source)
    return [str(fault) for fault in raised.value.faults]


def mended(old, new):
    assert SOUND.count(old) == 1
    return SOUND.replace(old, new)


def test_a_sound_policy_loads_from_text_bytes_and_json():
    policy = load_policy(SOUND)
    assert policy == load_policy(SOUND.encode()) == load_policy(json.dumps(policy.document()))
    assert policy.version == load_policy(json.dumps(policy.document(), indent=1)).version


# What is wrong: a piece of the sound policy, what stands there instead, and the fault.
WRONG = {
    "unknown field": ("name: Desk", "name: Desk\ncolour: red", "desk.yaml:2: colour: unknown field"),
    "unknown field in a part": (
        "tier: l1, group: help", "tier: l1, group: help, teir: l2", "desk.yaml:14: categories.0.teir: unknown field"),
    "missing field": ("name: Desk\n", "", "desk.yaml:1: name: is required"),
    "bad id": (
        "id: usage", "id: Usage!",
        "desk.yaml:14: categories.0.id: not a valid id: small letters, digits and hyphens, a letter first, at most 40"),
    "unknown tier of a group": ("tier: l2, calendar", "tier: l3, calendar", "desk.yaml:12: groups.1.tier: there is no tier 'l3'"),
    "unknown calendar": (
        "calendar: office", "calendar: ofice", "desk.yaml:12: groups.1.calendar: there is no calendar 'ofice'"),
    "unknown group of a category": (
        "group: help", "group: helpers", "desk.yaml:14: categories.0.group: there is no group 'helpers'"),
    "group of another tier": (
        "tier: l1, group: help", "tier: l1, group: experts",
        "desk.yaml:14: categories.0.group: the group 'experts' is of tier 'l2', not of 'l1'"),
    "unknown tier of an edge": ("[l2, l1]", "[l2, l9]", "desk.yaml:5: edges.1.1: there is no tier 'l9'"),
    "edge to itself": (
        "[l2, l1]", "[l2, l2]",
        "desk.yaml:5: edges.1: leads from a tier to itself; within a tier work may always be transferred"),
    "edge told twice": ("[l2, l1]", "[l1, l2]", "desk.yaml:5: edges.1: told twice, first as edges.0"),
    "edge of three": ("[l2, l1]", "[l2, l1, l2]", "desk.yaml:5: edges.1: tuple should have at most 2 items after validation, not 3"),
    "tier without group": (
        "{id: l2, name: Second}", "{id: l2, name: Second}\n  - {id: l3}", "desk.yaml:5: tiers.2: the tier 'l3' has no group"),
    "unreachable group": (
        "[[l1, l2], [l2, l1]]", "[[l2, l1]]",
        "desk.yaml:12: groups.1: out of reach: no category enters tier 'l2', and no edge leads there"),
    "duplicate tier": ("{id: l2, name: Second}", "{id: l2}\n  - {id: l2}", "desk.yaml:5: tiers.2.id: there is a tier 'l2' already: tiers.1"),
    "duplicate group": ("{id: help, tier: l1}", "{id: help, tier: l1}\n  - {id: help, tier: l1}", "desk.yaml:12: groups.1.id: there is a group 'help' already: groups.0"),
    "calendar named elapsed": (
        "calendars:", "calendars:\n  - {id: elapsed, tz: UTC, weekly: {mon: [09:00-17:00]}}",
        "desk.yaml:7: calendars.0.id: there is a calendar 'elapsed' already: the one that every policy has"),
    "fallback to itself": ("{id: help, tier: l1}", "{id: help, tier: l1, fallback: help}", "desk.yaml:11: groups.0.fallback: a group cannot stand in for itself"),
    "missing row of the matrix": ("name: Desk", "name: Desk\nmatrix: [[1, 2, 3], [2, 3, 4]]", "desk.yaml:2: matrix.2: no priorities for impact 3"),
    "missing cell of the matrix": (
        "name: Desk", "name: Desk\nmatrix:\n  - [1, 2, 3]\n  - [2, 3]\n  - [3, 4, 4]",
        "desk.yaml:4: matrix.1.2: no priority for impact 2 and urgency 3"),
    "priority without a name": ("name: Desk", "name: Desk\npriorities: [high, low, none]", "desk.yaml:1: matrix.1.2: there are only 3 priorities"),
    "target for no priority": (
        "name: Desk", "name: Desk\ntargets: [{kind: resolution, within: 4h, priorities: [5]}]",
        "desk.yaml:2: targets.0.priorities.0: there are only 4 priorities"),
    "default category": ("name: Desk", "name: Desk\ndefault_category: other", "desk.yaml:2: default_category: there is no category 'other'"),
    "default calendar": ("name: Desk", "name: Desk\ndefault_calendar: day", "desk.yaml:2: default_calendar: there is no calendar 'day'"),
    "knowledge group": ("name: Desk", "name: Desk\nknowledge: {group: kb}", "desk.yaml:2: knowledge.group: there is no group 'kb'"),
    "threshold": ("name: Desk", "name: Desk\nknowledge: {group: help, threshold: 70}", "desk.yaml:2: knowledge.threshold: should be less than or equal to 1"),
    "level": ("name: Desk", "name: Desk\ndefault_impact: 4", "desk.yaml:2: default_impact: should be less than or equal to 3"),
    "wrong type": ("name: Desk", "name: Desk\nedges2: 1\ndefault_impact: high", "desk.yaml:3: default_impact: should be a valid integer"),
    "a list that is none": ("edges: [[l1, l2], [l2, l1]]", "edges: l1", "desk.yaml:5: edges: should be a valid tuple"),
    "wrong unit": (
        "{id: help, tier: l1}", "{id: help, tier: l1, offer: {accept_within: 15min}}",
        "desk.yaml:11: groups.0.offer.accept_within: not a duration: write it as 30s, 15m, 4h, 2d or 1h30m, or as whole seconds"),
    "zero duration": ("name: Desk", "name: Desk\nclose_after: 0", "desk.yaml:2: close_after: a duration must be longer than zero"),
    "negative duration": ("name: Desk", "name: Desk\nclose_after: -4h", "desk.yaml:2: close_after: a duration must be longer than zero"),
    "endless duration": ("name: Desk", "name: Desk\nclose_after: 9999d", "desk.yaml:2: close_after: a duration may not be longer than ten years (3650d)"),
    "fraction of seconds": (
        "name: Desk", "name: Desk\nclose_after: 1.5",
        "desk.yaml:2: close_after: not a duration: write it as 30s, 15m, 4h, 2d or 1h30m, or as whole seconds"),
    "field name of the model": ("name: Desk", "name: Desk\nclose_after_seconds: 60", "desk.yaml:2: close_after_seconds: unknown field"),
    "warning at the end": (
        "name: Desk", "name: Desk\ntargets: [{kind: resolution, within: 4h, warn_at: [1.5]}]",
        "desk.yaml:2: targets.0.warn_at.0: should be less than 1"),
    "unknown kind": (
        "name: Desk", "name: Desk\ntargets: [{kind: repair, within: 4h}]",
        "desk.yaml:2: targets.0.kind: should be " + KINDS),
    "target that matches nothing": (
        "name: Desk", "name: Desk\ntargets: [{kind: resolution, within: 4h, categories: []}]",
        "desk.yaml:2: targets.0.categories: tuple should have at least 1 item after validation, not 0"),
    "target that is never reached": (
        "name: Desk",
        "name: Desk\ntargets:\n  - {kind: resolution, within: 4h}\n  - {kind: resolution, within: 2h, priorities: [1]}",
        "desk.yaml:4: targets.1: never reached: targets.0 already matches all that this one does"),
    "target for unknown names": (
        "name: Desk", "name: Desk\ntargets:\n  - {kind: resolution, within: 4h, tiers: [l1, l5]}",
        "desk.yaml:3: targets.0.tiers.1: there is no tier 'l5'"),
    "pause of nobody": (
        "name: Desk", "name: Desk\npauses: {weather: [resolution]}",
        "desk.yaml:2: pauses.weather: should be 'requester', 'vendor', 'visit' or 'change'"),
    "pause of no clock": (
        "name: Desk", "name: Desk\npauses: {vendor: [lunch]}",
        "desk.yaml:2: pauses.vendor.0: should be " + KINDS),
    "unknown vendor": (
        "{id: help, tier: l1}", "{id: help, tier: l1, vendor: acme}", "desk.yaml:11: groups.0.vendor: there is no vendor 'acme'"),
    "vendor whose group is not its own": (
        "name: Desk", "name: Desk\nvendors: [{id: acme, group: experts}]",
        "desk.yaml:2: vendors.0.group: the group 'experts' does not say `vendor: acme`"),
    "unknown fact": (
        "group: help}", "group: help, description_facts: [mood]}",
        "desk.yaml:14: categories.0.description_facts.0: should be 'requester', 'location', 'contact', 'steps_tried', 'impact', 'department' or 'urgency'"),
    "weight of a fact not asked for": (
        "group: help}", "group: help, description_facts: [requester], fact_weights: {impact: 2}}",
        "desk.yaml:14: categories.0.fact_weights.impact: weighs a fact that the category does not ask for"),
    "unknown zone": (
        "Europe/London", "Europe/Camelot",
        "desk.yaml:8: calendars.0.tz: 'Europe/Camelot' is not a time zone of the IANA database, as Europe/London is"),
    "unknown country": ("tz: Europe/London", "tz: Europe/London\n    country: QQ", "desk.yaml:9: calendars.0.country: no holidays are known of 'QQ'; write the ISO 3166 code of a country, as PT"),
    "a country that is a word of the program": (
        "tz: Europe/London", "tz: Europe/London\n    country: utils",
        "desk.yaml:9: calendars.0.country: no holidays are known of 'utils'; write the ISO 3166 code of a country, as PT"),
    "unknown part of a country": (
        "tz: Europe/London", "tz: Europe/London\n    country: GB\n    subdivision: MARS",
        "desk.yaml:10: calendars.0.subdivision: GB has no part 'MARS' with holidays of its own"),
    "part of no country": ("tz: Europe/London", "tz: Europe/London\n    subdivision: ENG", "desk.yaml:9: calendars.0.subdivision: needs a `country`"),
    "unknown day": (
        "weekly: {mon", "weekly: {monday",
        "desk.yaml:9: calendars.0.weekly.monday: should be 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or 'sun'"),
    "a time that does not exist": (
        "[09:00-17:00]", "[09:00-17:00, 18:00-25:00]",
        "desk.yaml:9: calendars.0.weekly.mon.1: 25:00 is not a time of day, which goes from 00:00 to 24:00"),
    "a minute that does not exist": (
        "[09:00-17:00]", "[09:60-17:00]",
        "desk.yaml:9: calendars.0.weekly.mon.0: 09:60 is not a time of day, which goes from 00:00 to 24:00"),
    "no interval": ("[09:00-17:00]", "[nine to five]", 'desk.yaml:9: calendars.0.weekly.mon.0: not an interval: write it as "09:00-17:00"'),
    "empty interval": (
        "[09:00-17:00]", "[09:00-09:00]",
        "desk.yaml:9: calendars.0.weekly.mon.0: opens and closes at the same time; a whole day is 00:00-24:00"),
    "reversed interval": (
        "[09:00-17:00]", "[17:00-09:00]",
        "desk.yaml:9: calendars.0.weekly.mon.0: 17:00-09:00 closes before it opens; an interval over midnight may last 12 hours: for more, write two"),
    "overlapping intervals": (
        "[09:00-17:00]", "[09:00-17:00, 16:00-18:00]",
        "desk.yaml:9: calendars.0.weekly.mon.1: mon 16:00-18:00 overlaps mon 09:00-17:00"),
    "overlap over the end of the week": (
        "mon: [09:00-17:00]", "mon: [05:00-17:00], sun: [22:00-06:00]",
        "desk.yaml:9: calendars.0.weekly.mon.0: mon 05:00-17:00 overlaps sun 22:00-06:00"),
    "overlap on a date": (
        "weekly: {", "date_overrides: {2026-12-24: [09:00-12:00, 11:00-13:00]}\n    weekly: {",
        "desk.yaml:9: calendars.0.date_overrides.2026-12-24.1: 11:00-13:00 overlaps 09:00-12:00"),
    "a date that does not exist": (
        "weekly: {", "holidays: [2026-02-30]\n    weekly: {",
        "desk.yaml:9: calendars.0.holidays.0: '2026-02-30' is not a date: write YYYY-MM-DD, between 1970 and 2199"),
    "a yearly date that does not exist": (
        "weekly: {", "holidays_annual: [02-30]\n    weekly: {",
        "desk.yaml:9: calendars.0.holidays_annual.0: not a date that comes each year: write MM-DD, as 12-25"),
    "a calendar without hours": ("weekly: {mon: [09:00-17:00]}", "weekly: {}", "desk.yaml:7: calendars.0: never opens"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_fault_is_told_with_file_line_and_field(case):
    old, new, expected = WRONG[case]
    assert expected in faults(mended(old, new))


def test_all_faults_are_told_in_the_order_of_their_lines():
    text = """\
name: Desk
tiers: [{id: l1}, {id: l2}]
groups:
  - {id: help, tier: l3}
  - {id: help, tier: l1, offer: {attempts: 0}}
categories:
  - {id: usage, tier: l1, group: nobody, colour: red}
edges: [[l1, l4]]
close_after: soon
"""
    assert [":".join(fault.split(":")[1:4]) for fault in faults(text)] == [
        "2: tiers.1: the tier 'l2' has no group",
        "4: groups.0.tier: there is no tier 'l3'",
        "5: groups.1.offer.attempts: should be greater than or equal to 1",
        "5: groups.1.id: there is a group 'help' already",
        "5: groups.1: out of reach",
        "7: categories.0.colour: unknown field",
        "7: categories.0.group: there is no group 'nobody'",
        "8: edges.0.1: there is no tier 'l4'",
        "9: close_after: not a duration",
    ]


def test_a_category_that_enters_at_a_vendor_is_one_that_the_vendor_covers():
    text = (
        SOUND
        + """\
  - {id: print, tier: l2, group: printers}
vendors: [{id: acme, group: printers, covers: [usage]}]
"""
    )
    text = text.replace("  - {id: experts", "  - {id: printers, tier: l2, vendor: acme}\n  - {id: experts")
    assert faults(text) == ["desk.yaml:16: categories.1.group: the vendor 'acme' does not cover this category"]
    assert load_policy(text.replace("[usage]", "[print]")).vendor("acme").covers_category("print")


def test_a_fallback_may_only_be_a_group_that_an_edge_leads_to():
    text = mended("[[l1, l2], [l2, l1]]", "[[l1, l2]]").replace(
        "tier: l2, calendar", "tier: l2, fallback: help, calendar"
    )
    assert faults(text) == [
        "desk.yaml:12: groups.1.fallback: the group 'help' is of tier 'l1', where no edge leads from 'l2'"
    ]


@pytest.mark.parametrize(
    ("closed", "message"),
    [
        ("holidays_annual: [" + ", ".join(f"{m:02}-{d:02}" for m in range(1, 13) for d in range(1, 32)
                                          if d <= (29 if m == 2 else 30 if m in (4, 6, 9, 11) else 31)) + "]", "never opens"),
        ("date_overrides: {2026-03-02: [09:00-10:00]}\n    weekly: {}", "never opens again after"),
        ("holidays: [" + ", ".join(f"{y}-{m:02}-{d:02}" for y in (2026, 2027) for m in range(1, 13) for d in range(1, 29))
         + "]\n    weekly: {mon: [09:00-09:01]}\n    breaks: {}", None),
    ],
)  # fmt: skip
def test_a_calendar_in_which_a_duration_would_not_end_is_refused(closed, message):
    text = mended(
        "    weekly: {mon: [09:00-17:00]}\n",
        f"    {closed}\n" + ("" if "weekly" in closed else "    weekly: {mon: [09:00-17:00]}\n"),
    )
    if message is None:
        assert load_policy(text).calendar("office")
    else:
        assert any(f"calendars.0: {message}" in fault for fault in faults(text))


def test_a_calendar_closed_for_more_than_a_year_is_refused():
    from datetime import date, timedelta

    days = ", ".join(str(date(2026, 1, 1) + timedelta(days=i)) for i in range(420))
    text = mended("    weekly: {mon", f"    holidays: [{days}]\n    weekly: {{mon")
    assert any("calendars.0: does not open for more than a year from" in fault for fault in faults(text))


def test_unquoted_times_dates_and_words_mean_themselves():
    policy = load_policy(
        mended(
            "weekly: {mon: [09:00-17:00]}",
            "weekly: {mon: [[17:00, 18:00]]}\n    holidays: [2026-12-25]\n    country: NO",
        )
    )
    calendar = policy.document()["calendars"][0]
    assert calendar["weekly"] == {"mon": ["17:00-18:00"]}
    assert calendar["holidays"] == ["2026-12-25"]
    assert calendar["country"] == "NO"


def test_a_file_is_read_and_named(tmp_path):
    path = tmp_path / "desk.yaml"
    path.write_text(SOUND)
    assert load_policy_file(path) == load_policy(SOUND)
    path.write_text(mended("tier: l1, group", "tier: l7, group"))
    with pytest.raises(PolicyError, match=r"desk\.yaml:14: categories\.0\.tier: there is no tier 'l7'"):
        load_policy_file(path)


def test_a_file_that_is_not_there_or_is_a_folder_is_one_fault(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(PolicyError, match="cannot be read") as raised:
            load_policy_file(path)
        assert len(raised.value.faults) == 1


def test_a_document_without_lines_names_source_and_field():
    document = load_policy(SOUND).document() | {"default_impact": 9}
    with pytest.raises(PolicyError) as raised:
        Policy.from_document(document, source="policy.applied.v1")
    assert [str(fault) for fault in raised.value.faults] == [
        "policy.applied.v1: default_impact: should be less than or equal to 3"
    ]
