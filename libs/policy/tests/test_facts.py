"""Files of facts about working time: their form, the verdicts, and broken ones."""

import json
from pathlib import Path

import pytest

from tierdesk_policy.facts import FactFileError, Verdict, verify, verify_facts

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
        "calendars.a.weekly.mon.0",
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
        ({"working_seconds": -5}, "is not a duration"),
        ({"expected": None}, None),
    ],
)
def test_a_fact_that_cannot_be_understood_is_named(change, message, tmp_path, facts):
    facts["vectors"][0] |= change
    path = write(tmp_path, facts)
    if message is None:
        assert next(verify_facts([path])).verdict is Verdict.FAILED
        return
    with pytest.raises(FactFileError, match=message):
        list(verify_facts([path]))


def test_a_fact_without_result_is_named(tmp_path, facts):
    del facts["vectors"][0]["expected"]
    with pytest.raises(FactFileError, match="own-01: 'expected' is missing"):
        list(verify_facts([write(tmp_path, facts)]))


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    told = []
    assert verify([tmp_path / "none.json"], told.append) == 2
    assert "cannot be read: No such file" in told[0]
    assert told[-1] == "0 passed, 0 failed"
