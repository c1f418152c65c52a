"""Files of facts about working time: their form, the verdicts, and broken ones."""

import json
from pathlib import Path

import pytest

from tierdesk_policy.facts import Verdict, verify, verify_facts

OWN = Path(__file__).with_name("facts.json")
REFERENCE = Path(__file__).parents[4] / "shared" / "conformance" / "business_time"


@pytest.fixture
def facts():
    return json.loads(OWN.read_text())


def write(folder, document):
    path = folder / "facts.json"
    path.write_text(json.dumps(document))
    return path


def test_each_operation_has_a_fact_and_all_hold():
    told = []
    assert verify([OWN], told.append) == 0
    assert told[-1] == "17 passed, 0 failed"
    assert len({result.operation for result in verify_facts([OWN])}) == 11


@pytest.mark.reference
def test_the_reference_facts_hold_where_they_are_at_hand(capsys):
    files = sorted(REFERENCE.glob("*.json")) or [OWN]
    results = list(verify_facts(files))
    with capsys.disabled():
        print(f"\n{len(results)} facts of {len(files)} files")  # noqa: T201  # says how many ran
    assert [str(result) for result in results if result.verdict is Verdict.FAILED] == []
    assert len(results) >= 17


def test_a_mismatch_is_told_with_what_was_expected_and_what_came(tmp_path, facts):
    facts["vectors"][0]["expected"] = "2026-05-02T11:00:01+01:00"
    path = write(tmp_path, facts)
    told = []
    assert verify([path, OWN], told.append) == 1
    assert told[0] == (
        f'mismatch: {path}: own-01: add: expected "2026-05-02T10:00:01+00:00", got "2026-05-02T10:00:00+00:00"'
    )
    assert told[-1] == "33 passed, 1 failed"


def test_a_divergent_fact_passes_as_decided_only_with_the_answer_of_the_wall_clock(tmp_path, facts):
    told = []
    verify([OWN], told.append)
    assert told[0].startswith(f"decided: {OWN}: own-17: is_open: expected true, got false")
    facts["vectors"][-1]["naive_result"] = True
    assert [result.verdict for result in verify_facts([write(tmp_path, facts)])][-1] is Verdict.FAILED


def test_a_fact_that_has_no_answer_is_a_mismatch(tmp_path, facts):
    facts["calendars"]["lisbon"]["weekly"] = {}
    facts["calendars"]["lisbon"]["date_overrides"] = {}
    told = []
    assert verify([write(tmp_path, facts)], told.append) == 1
    assert 'got "no answer: the calendar is not open often enough' in told[0]


BROKEN = {
    "no JSON": ("{", "not JSON in UTF-8"),
    "another document": ('{"tickets": []}', "not a file of facts"),
    "a list": ("[]", "not a file of facts"),
    "depth": ("[" * 100_000, "not JSON in UTF-8"),
    "vectors of words": ('{"calendars": {}, "vectors": ["add"]}', "vectors: each must be a mapping"),
    "calendar that is none": ('{"calendars": {"a": 1}, "vectors": []}', "calendars.a: must be a mapping"),
    "zone": ('{"calendars": {"a": {"tz": "Mars/Base"}}, "vectors": []}', "calendars.a: 'Mars/Base' is not a time zone"),
    "time": (
        '{"calendars": {"a": {"tz": "UTC", "weekly": {"mon": [["9", "10"]]}}}, "vectors": []}',
        "calendars.a: weekly.mon.0: ",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_an_error_of_its_own_and_the_other_files_still_run(case, tmp_path):
    text, message = BROKEN[case]
    path = tmp_path / "broken.json"
    path.write_text(text)
    told = []
    assert verify([path, OWN], told.append) == 2
    assert told[0].startswith(f"error: {path}: ")
    assert message in told[0]
    assert told[-1] == "17 passed, 0 failed"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"op": "guess"}, "'guess' is missing or unknown"),
        ({"calendar": "porto"}, "'porto' is missing or unknown"),
        ({"start": "yesterday"}, "Invalid isoformat string"),
        ({"start": "2026-04-30T17:00:00"}, "has no offset"),
        ({"working_seconds": "an hour"}, "own-01"),
        ({"working_seconds": float("nan")}, "is not a duration"),
        ({"expected": None}, None),
    ],
)
def test_a_fact_that_cannot_be_understood_is_named(change, message, tmp_path, facts):
    facts["vectors"][0] |= change
    path = write(tmp_path, facts)
    if message is None:
        assert next(verify_facts([path])).verdict is Verdict.FAILED
        return
    results = list(verify_facts([path]))
    assert results[0].verdict is Verdict.UNREADABLE
    assert message in str(results[0])
    assert len(results) == 17
    told = []
    assert verify([path], told.append) == 2
    assert told[0] == f"error: {results[0]}"
    assert told[-1] == "16 passed, 0 failed"


def test_a_fact_without_result_is_named(tmp_path, facts):
    del facts["vectors"][0]["expected"]
    result = next(verify_facts([write(tmp_path, facts)]))
    assert result.verdict is Verdict.UNREADABLE
    assert "own-01: 'expected' is missing" in str(result)


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    told = []
    assert verify([tmp_path / "none.json"], told.append) == 2
    assert "cannot be read: No such file" in told[0]
    assert told[-1] == "0 passed, 0 failed"


def one_fact(folder, calendar, **fact):
    document = {"calendars": {"c": calendar}, "vectors": [{"id": "x", "calendar": "c", **fact}]}
    return next(verify_facts([write(folder, document)]))


def test_a_calendar_that_cannot_be_understood_takes_only_its_own_facts_along(tmp_path, facts):
    facts["calendars"]["broken"] = {"tz": "UTC", "openings": [["09:00", "17:00"]]}
    facts["vectors"].insert(0, facts["vectors"][0] | {"id": "lost", "calendar": "broken"})
    told = []
    assert verify([write(tmp_path, facts)], told.append) == 2
    assert [line.partition(".json: ")[2].partition(":")[0] for line in told[:2]] == ["calendars.broken", "lost"]
    assert told[-1] == "17 passed, 0 failed"


@pytest.mark.parametrize(
    "calendar",
    [
        {"tz": "UTC", "label": "Office", "version": 2, "weekly": {"mon": [["22:00", "06:00"]]}, "breaks": None},
        {"tz": "UTC", "weekly": {"Monday": [["22:00", "30:00"]], "tue": None}, "holidays": []},
        {"tz": "UTC", "weekly": {"MON": [["12:00", "12:00"], ["22:00:00", "24:00:00"]], "tue": [["0:00", "6:00"]]}},
        {"tz": "UTC", "weekly": {"mon": [["22:00", "24:00"], ["23:00", "24:00"]], "tue": [["00:00", "06:00"]]}},
    ],
)
def test_the_same_night_may_be_written_in_several_ways(calendar, tmp_path):
    start = "2026-03-02T00:00:00Z"
    fact = one_fact(tmp_path, calendar, op="add", start=start, working_seconds=28_800, expected="2026-03-03T06:00:00Z")
    assert fact.verdict is Verdict.PASSED
    day = {"op": "between", "start": start, "end": "2026-03-09T00:00:00Z"}
    assert one_fact(tmp_path, calendar, expected_seconds=28_800.0, **day).verdict is Verdict.PASSED


OFFICE = {"tz": "UTC", "weekly": {"mon": [["09:00", "17:00"]]}}


@pytest.mark.parametrize(
    "fact",
    [
        {"op": "add", "start": "2026-03-02T12:00:00Z", "working_seconds": -3_600, "expected": "2026-03-02T11:00:00.000Z"},
        {"op": "subtract", "start": "2026-03-02T12:00:00Z", "working_seconds": -3_600, "expected": "2026-03-02T13:00:00Z"},
        {"op": "subtract", "start": "2026-03-02T20:00:00Z", "working_seconds": 0, "expected": "2026-03-02T17:00:00Z"},
        {"op": "add_workdays", "start": "2026-03-02T12:00:00Z", "days": 1, "roll": None, "expected_date": "2026-03-09"},
        {"op": "between", "start": "2026-03-02T09:00:00Z", "end": "2026-03-02T17:00:00Z", "pauses": None, "tags": None,
         "expected_seconds": 28_800},
        {"op": "subtract", "start": "2026-03-02T12:00:00Z", "working_seconds": 3_600,
         "pauses": [["2026-03-02T10:30:00Z", "2026-03-02T11:30:00Z"]], "expected": "2026-03-02T10:00:00Z"},
    ],
)  # fmt: skip
def test_facts_of_other_desks_are_read(fact, tmp_path):
    assert one_fact(tmp_path, OFFICE, **fact).verdict is Verdict.PASSED


def test_a_fact_may_expect_that_there_is_no_answer(tmp_path):
    ask = {"op": "next_open", "start": "2026-03-02T12:00:00Z", "expected": None}
    assert one_fact(tmp_path, {"tz": "UTC", "weekly": {}}, **ask).verdict is Verdict.PASSED
    assert one_fact(tmp_path, OFFICE, **ask).verdict is Verdict.FAILED
