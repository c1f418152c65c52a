"""Documents that mean harm, or are no documents."""

import contextlib
import copy
import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierdesk_policy import Policy, PolicyError, load_policy, load_policy_file
from tierdesk_policy.source import read_source

LEVELS = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12))
HOSTILE = {
    "anchors that multiply": ("a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + LEVELS, ":6: ", "more than 100000 values"),
    "an anchor within itself": (
        "a: &a\n  b: *a\n",
        ":2: ",
        "the alias *a stands for nothing that is complete above it",
    ),
    "an alias of nothing": ("a: *b\n", ":1: ", "the alias *b stands for nothing"),
    "depth": ("[" * 100_000, ":1: ", "nested deeper than 20 levels"),
    "size": ("# " + "x" * 1_048_576, ":1: ", "longer than 1048576 bytes"),
    "a tag that runs code": ("name: !!python/object/apply:os.getcwd []", ":1: ", "has no meaning here"),
    "a tag": ("name: !secret x", ":1: ", "has no meaning here"),
    "two documents": ("name: a\n---\nname: b\n", ":2: ", "a second document"),
    "nothing": ("", ":1: ", "must be a mapping"),
    "a comment": ("# soon\n", ":1: ", "must be a mapping"),
    "a list": ("- name: a\n", ":1: ", "must be a mapping"),
    "a word": ("policy", ":1: ", "must be a mapping"),
    "a key that is a list": ("? [a, b]\n: c\n", ":1: ", "a key must be plain text"),
    "no YAML": ("name: a\ntiers: [\n", ":3: ", "not YAML"),
    "a tab": ("name: a\n\ttiers: b\n", ":2: ", "not YAML"),
    "NUL": ("name: a\nb: \x00\n", ":", "not YAML"),
    "other bytes": (b"\xff\xfen\x00", ":1: ", "not text in UTF-8"),
    "a broken byte": (b"name: caf\xe9\n", ":1: ", "not text in UTF-8"),
    "half a character": ("name: \ud800", ":1: ", "not text in UTF-8"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_document_is_one_fault_and_found_fast(case):
    text, line, message = HOSTILE[case]
    began = time.monotonic()
    with pytest.raises(PolicyError) as raised:
        load_policy(text, source="bad.yaml")
    assert time.monotonic() - began < 2
    [fault] = raised.value.faults
    assert str(fault).startswith(f"bad.yaml{line}")
    assert message in str(fault)


def test_a_key_told_twice_is_told_with_both_lines():
    with pytest.raises(PolicyError) as raised:
        load_policy("name: a\ntiers:\n  - id: l1\n    name: x\n    id: l2\nname: b\n", source="bad.yaml")
    told = [str(fault) for fault in raised.value.faults]
    assert "bad.yaml:5: tiers.0.id: told twice, first in line 3" in told
    assert "bad.yaml:6: name: told twice, first in line 1" in told


def test_an_anchor_may_be_used_again():
    policy = load_policy("""\
name: Desk
tiers: [{id: l1}]
calendars:
  - {id: office, tz: UTC, weekly: {mon: &day [09:00-17:00], tue: *day}}
groups: [{id: help, tier: l1}]
categories: [{id: usage, tier: l1, group: help}]
""")
    assert policy.document()["calendars"][0]["weekly"] == {"mon": ["09:00-17:00"], "tue": ["09:00-17:00"]}


def test_control_characters_in_names_are_refused():
    with pytest.raises(PolicyError, match="holds a character that is not text"):
        load_policy('name: "a\\eb"\n')


WORDS = st.sampled_from(
    ["name", "tiers", "groups", "edges", "id", "tier", "targets", "kind", "l1", "calendars", "weekly", "mon", "covers",
     "09:00-17:00", "matrix", "knowledge", "group", "resolution", "within", "4h", "priorities", "vendors", "breaks",
     "date_overrides", "holidays", "2026-01-01", "tz", "UTC", "categories", "fact_weights", "pauses", "country", "PT"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(WORDS, values, max_size=6),
    max_leaves=30,
)


SAMPLE = load_policy_file(Path(__file__).parents[3] / "deploy" / "policy" / "two-tier.yaml").document()


def places(value, path=()):
    """The way to each value of a document."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(places(SAMPLE))), JSON), min_size=1, max_size=3))
def test_whatever_a_document_holds_the_answer_is_a_policy_or_its_faults(changes):
    document = copy.deepcopy(SAMPLE)
    for path, value in changes:
        with contextlib.suppress(KeyError, IndexError, TypeError):  # the place fell to an earlier change
            inner = document
            for part in path[:-1]:
                inner = inner[part]
            inner[path[-1]] = value
    told = None
    try:
        policy = Policy.from_document(document)
    except PolicyError as error:
        told = error.faults
    assert told or (told is None and policy == Policy.from_document(policy.document()))


@given(st.text(max_size=80) | st.binary(max_size=80))
def test_whatever_a_text_is_the_answer_is_faults_and_no_other_error(text):
    with pytest.raises(PolicyError):
        load_policy(text)


PRINTABLE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20) | st.sampled_from(
    ["\\", "\\ud83d\\ude00", "😀😀", '"😀\\']
)


@given(PRINTABLE, st.booleans())
def test_json_is_read_as_json_means_it_however_it_is_escaped(words, as_ascii):
    document = json.dumps({"description": words, "name": f"n{words}"}, ensure_ascii=as_ascii)
    assert read_source(document, "desk.json").root.values == {"description": words, "name": f"n{words}"}


def test_escapes_that_are_no_pair_are_refused():
    for escaped in ("\\ud83d", "\\ude00\\ud83d", "\\ud83dx\\ude00"):
        with pytest.raises(PolicyError, match="not YAML"):
            load_policy(f'{{"name": "{escaped}"}}')
