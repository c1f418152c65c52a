"""Forms that strangers write, and answers that strangers give: judged as the standard says, in bounded time."""

import json
import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tierdesk_kb.domain import forms
from tierdesk_kb.domain.forms import FormError, find_faults, read_form

LAPTOP = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["size", "why"],
    "additionalProperties": False,
    "properties": {
        "size": {"title": "Screen", "enum": ["13", "15"]},
        "why": {"type": "string", "minLength": 3, "maxLength": 200},
        "cost centre": {"type": "string", "pattern": "^[0-9]{4}$"},
        "from": {"type": "string", "format": "date"},
        "extras": {"type": "array", "maxItems": 3, "uniqueItems": True, "items": {"$ref": "#/$defs/extra"}},
        "for": {"type": "object", "properties": {"mail": {"type": "string", "format": "email"}}, "required": ["mail"]},
    },
    "$defs": {"extra": {"enum": ["dock", "mouse", "bag"]}},
}
GOOD = {"size": "13", "why": "The old one is broken", "cost centre": "4711", "from": "2026-03-02", "extras": ["dock"]}


def faults(form, answers):
    return dict(find_faults(read_form(form), answers))


def refusal(form):
    with pytest.raises(FormError) as told:
        read_form(form)
    return told.value.pointer, told.value.reason


def field(schema):
    return {"type": "object", "properties": {"a": schema}}


def test_good_answers_have_no_faults():
    assert faults(LAPTOP, GOOD) == {}


def test_each_fault_is_told_with_its_place_and_without_what_was_answered():
    answers = {
        "size": "secret", "cost centre": "12a4", "from": "yesterday", "extras": ["dock", "secret"], "for": {}, "colour": "red",
    }  # fmt: skip
    assert faults(LAPTOP, answers) == {
        "/size": 'must be one of ["13", "15"]',
        "/why": "required, and missing",
        "/cost centre": "must match ^[0-9]{4}$",
        "/from": "is no date",
        "/extras/1": 'must be one of ["dock", "mouse", "bag"]',
        "/for/mail": "required, and missing",
        "/colour": "not asked for",
    }
    assert "secret" not in str(faults(LAPTOP, answers))


def test_names_are_escaped_in_pointers():
    form = {"type": "object", "properties": {"a/b~c": {"type": "integer"}}}
    assert faults(form, {"a/b~c": "x"}) == {"/a~1b~0c": "must be of the type integer"}


def test_numbers_are_exact():
    form = {"type": "object", "properties": {"a": {"multipleOf": 0.1, "minimum": -1.5}, "b": {"multipleOf": 3}}}
    assert faults(form, {"a": 0.3, "b": 3 * 10**4_000}) == {}
    assert faults(form, {"a": 10**4_000, "b": 10**4_000}) == {"/b": "must be a multiple of 3"}
    assert faults(form, {"a": 0.35}) == {"/a": "must be a multiple of 0.1"}


def test_a_condition_counts():
    form = {
        "type": "object",
        "properties": {"kind": {"enum": ["new", "old"]}, "serial": {"type": "string"}},
        "if": {"properties": {"kind": {"const": "old"}}, "required": ["kind"]},
        "then": {"required": ["serial"]},
    }
    assert faults(form, {"kind": "new"}) == {}
    assert faults(form, {"kind": "old"}) == {"/serial": "required, and missing"}


@pytest.mark.parametrize(
    ("form", "pointer"),
    [
        ({}, "/type"),
        ({"type": "string"}, "/type"),
        ({"type": ["object"]}, "/type"),
        ({"type": "object", "$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema"),
        ({"type": "object", "$schema": ["x"]}, "/$schema"),
        (field({"$schema": "http://json-schema.org/draft-07/schema#", "pattern": "x"}), "/properties/a/$schema"),
        (field({"$id": "https://example.org/a"}), "/properties/a/$id"),
        (field({"$dynamicRef": "#a"}), "/properties/a/$dynamicRef"),
        (field({"unevaluatedProperties": False}), "/properties/a/unevaluatedProperties"),
        (field({"patternProperties": {"(a+)+$": {}}}), "/properties/a/patternProperties"),
        (field({"colour": "red"}), "/properties/a/colour"),
        (field({"$ref": "https://example.org/schema"}), "/properties/a/$ref"),
        (field({"$ref": "file:///etc/passwd"}), "/properties/a/$ref"),
        (field({"$ref": "#"}), "/properties/a/$ref"),
        (field({"$ref": "#/properties/a"}), "/properties/a/$ref"),
        (field({"$ref": "#/$defs/none"}), "/properties/a/$ref"),
        (field({"$ref": 1}), "/properties/a/$ref"),
        (field({"format": "regex"}), "/properties/a/format"),
        (field({"type": "strnig"}), "/properties/a/type"),
        (field({"minLength": -1}), "/properties/a/minLength"),
        (field({"enum": "x"}), "/properties/a/enum"),
        (field({"pattern": 1}), "/properties/a/pattern"),
        (field({"format": []}), "/properties/a/format"),
        (field("x"), "/properties/a"),
        ({"type": "object", "properties": []}, "/properties"),
        ({"type": "object", "allOf": {}}, "/allOf"),
        ({"type": "object", "$defs": []}, "/$defs"),
        (field({"title": "a\x00b"}), "/properties/a/title"),
        ({"type": "object", "properties": {"a\x00b": {}}}, "/properties"),
    ],
)  # fmt: skip
def test_what_is_no_form_is_refused_with_its_place(form, pointer):
    assert refusal(form)[0] == pointer


@pytest.mark.parametrize(
    "pattern",
    ["(", "(?=a)b", "(a)\\1", "(?<!a)b", "a" * 201, "a{1000}", "(a{20}){20}", "(((a{9}){9}){9})", "\\p{nothing}"],
)
def test_patterns_that_are_not_matched_in_linear_time_are_refused(pattern):
    assert refusal(field({"pattern": pattern}))[0] == "/properties/a/pattern"


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(x+x+)+y"])
def test_patterns_that_explode_elsewhere_take_no_time(pattern):
    form = read_form(field({"type": "string", "pattern": pattern}))
    began = time.perf_counter()
    find_faults(form, {"a": "a" * 15_000 + "!"})
    find_faults(form, {"a": "x" * 15_000})
    assert time.perf_counter() - began < 1


def test_forms_that_are_large_deep_or_lead_in_circles_are_refused():
    deep = {"type": "string"}
    for _ in range(30):
        deep = {"type": "array", "items": deep}
    assert "deeper" in refusal(field(deep))[1]
    assert "longer" in refusal(field({"description": "x" * 33_000}))[1]
    assert "parts" in refusal({"type": "object", "properties": {f"p{n}": {} for n in range(400)}})[1]
    circle = {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"items": {"$ref": "#/$defs/a"}}}
    assert "no end" in refusal(field({"$ref": "#/$defs/a"}) | {"$defs": circle})[1]
    bomb = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(30)} | {"d30": {}}
    assert refusal(field({"$ref": "#/$defs/d0"}) | {"$defs": bomb})
    wide = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 10} for n in range(5)} | {"d5": {}}
    assert "parts" in refusal(field({"$ref": "#/$defs/d0"}) | {"$defs": wide})[1]


def test_answers_that_are_large_deep_or_no_text_are_refused():
    deep = "x"
    for _ in range(30):
        deep = [deep]
    assert faults(field({}), {"a": "x" * 17_000}) == {"": "longer than 16384 bytes"}
    assert "nested deeper" in next(iter(faults(field({}), {"a": deep}).values()))
    assert faults(field({}), {"a": list(range(300))}) == {"": "more than 200 values"}
    assert faults(field({}), {"a": {"b": "\x00"}}) == {"/a/b": "the character NUL is not text"}
    assert faults(field({}), {"a": {"b\x00": 1}}) == {"/a": "the character NUL is not text"}


def test_no_more_faults_are_told_than_fifty():
    form = {"type": "object", "properties": {"a": {"items": {"type": "string"}}}}
    assert len(find_faults(read_form(form), {"a": list(range(150))})) == forms.MOST_FAULTS


def test_the_worst_form_and_answers_are_judged_in_time():
    """As many schemas as a form may have, each tried on as many values as there may be."""
    item = {"anyOf": [{"type": "string", "minLength": 500, "pattern": "(a+)+$"} for _ in range(280)]}
    form = read_form(field({"type": "array", "items": item}))
    began = time.perf_counter()
    find_faults(form, {"a": ["aaaaaa!"] * 195})
    assert time.perf_counter() - began < 5
    began = time.perf_counter()
    read_form(field({"type": "array", "items": item}))
    assert time.perf_counter() - began < 5


def test_nothing_is_fetched(monkeypatch):
    def refuse(*_args, **_options):
        raise AssertionError("a form led outside")

    monkeypatch.setattr(socket, "socket", refuse)
    assert faults(LAPTOP, GOOD) == {}
    assert refusal(field({"$ref": "http://169.254.169.254/latest"}))


_LEAVES = st.sampled_from(
    [
        {"type": "string"}, {"type": "integer"}, {"type": ["string", "null"]}, {"enum": [1, "a", None]}, {"minimum": 2},
        {"maxLength": 2}, {"minLength": 2}, {"const": "a"}, {"type": "string", "pattern": "^a"}, {"multipleOf": 2},
        True, False, {"$ref": "#/$defs/shared"},
    ]
)  # fmt: skip
_SCHEMAS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda some: {"anyOf": some}),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: {"oneOf": some}),
        inner.map(lambda one: {"not": one}),
        inner.map(lambda one: {"type": "array", "items": one, "maxItems": 2}),
        st.dictionaries(st.sampled_from("abc"), inner).map(
            lambda some: {"type": "object", "properties": some, "required": sorted(some)[:1], "additionalProperties": False}
        ),
        st.tuples(inner, inner, inner).map(lambda some: dict(zip(("if", "then", "else"), some, strict=True))),
    ),
    max_leaves=8,
)  # fmt: skip
_VALUES = st.recursive(
    st.sampled_from([None, True, 1, 2, 3.5, "", "a", "ab", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from("abc"), _SCHEMAS, max_size=3), st.dictionaries(st.sampled_from("abcd"), _VALUES))
def test_answers_are_judged_as_the_standard_judges_them(properties, answers):
    """Written out and with words of its own, a form takes and refuses what the library does by the document itself."""
    form = {"type": "object", "properties": properties, "$defs": {"shared": {"type": ["integer", "string"]}}}
    assert bool(faults(form, answers)) == (not Draft202012Validator(form).is_valid(answers)), json.dumps(form)
