"""Forms read into outcomes, and outcomes that were refused put back into forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.datastructures import FormData

from tierdesk_desk.console.forms import (
    FORMS,
    Filled,
    FormError,
    action_of,
    faults_of,
    read_filled,
    read_opening,
    refilled,
)
from tierdesk_desk.console.words import WORDS
from tierdesk_desk.domain.work import kind_of

FENCE = {"assignment_id": "0190a6f0-0000-7000-8000-000000000001", "token": 1, "worker": "ann", "ordinal": 1}
SAYING = {
    "note": {"audience": "requester", "text": "Soon"},
    "facts": {"location": "Leeds", "impact": "1"},
    "tried": {},
    "pause": {"party": "vendor", "note": "Ordered"},
    "resume": {"note": "It came"},
    "resolve": {
        "how": "Fixed", "leaves": "draft", "draft_title": "T", "draft_body": "B", "draft_keywords": "one, two",
    },
    "escalate": {"reason": "cause_unclear", "to": "l2/networks", "findings": "None", "override": "In a hurry"},
    "carry": {"reason": "needs_vendor", "to": "l2"},
    "transfer": {"to_group": "clients", "findings": "x"},
    "return": {"reason": "not_ours"},
    "invite": {"to_group": "networks", "question": "Why?"},
    "contribute": {"findings": "Because"},
}  # fmt: skip
STEPS = (("Off and on", "No"), ("Again", ""))
TAKE_STEPS = {"tried", "resolve", "escalate", "carry", "transfer", "return", "contribute"}


def message(action: str, filled: Filled):
    model, read, _ = FORMS[action]
    return model.model_validate(FENCE | read(filled))


REQUIRED = ("text", "location", "party", "how", "reason", "to_group", "question", "findings", "article_id", "waiver")


def faults_found(action: str, values: dict[str, str]) -> dict[str, str] | None:
    """What is wrong with a form; None for one that is taken."""
    try:
        message(action, Filled(values))
    except FormError as error:
        return error.faults
    except ValidationError as error:
        return faults_of(error, action)
    return None


@pytest.mark.parametrize("action", FORMS)
def test_a_refused_outcome_fills_the_form_that_sends_it_again(action):
    sent = message(action, Filled(SAYING[action], STEPS if action in TAKE_STEPS else ()))
    said = sent.model_dump(mode="json", exclude=set(FENCE), exclude_defaults=True) | {"kind": kind_of(type(sent))}
    assert action_of(said) == action
    assert message(action, refilled(said)) == sent


@pytest.mark.parametrize(
    ("action", "values", "faults"),
    [
        ("note", {}, {"text": "required"}),
        ("facts", {}, {"location": "one_of_them"}),
        ("facts", {"impact": "4"}, {"impact": "choose"}),
        ("facts", {"impact": "none"}, {"impact": "choose"}),
        ("facts", {"location": "x" * 201}, {"location": "too_long"}),
        ("facts", {"location": "a\x00b"}, {"location": "character"}),
        ("tried", {}, {"step": "required"}),
        ("pause", {"party": "unknown"}, {"party": "choose"}),
        ("resolve", {}, {"how": "required"}),
        ("resolve", {"how": "x", "leaves": "article"}, {"article_id": "required"}),
        ("resolve", {"how": "x", "leaves": "draft"}, {"draft_title": "required", "draft_body": "required"}),
        ("resolve", {"how": "x", "leaves": "waiver"}, {"waiver": "required"}),
        ("escalate", {"reason": "because"}, {"reason": "choose"}),
        ("escalate", {"reason": "recurring", "to": "L 2"}, {"to": "choose"}),
        ("invite", {"question": "?"}, {"to_group": "required"}),
    ],
)
def test_a_fault_names_its_field(action, values, faults):
    assert faults_found(action, values) == faults


def test_a_result_without_its_step_is_told():
    with pytest.raises(FormError):
        message("tried", Filled({}, (("", "No"),)))


@pytest.mark.parametrize("audience", ["team", "requester"])
def test_what_is_wrong_with_a_note_is_told_beside_its_text(audience):
    assert faults_found("note", {"text": "a\x00b", "audience": audience}) == {"text": "character"}
    assert faults_found("note", {"text": "x" * 70_000, "audience": audience}) == {"text": "too_long"}


def test_a_form_keeps_its_text_but_for_the_secret_and_files():
    form = FormData([("csrf", "x"), ("text", " a\r\nb "), ("step", "s"), ("result", ""), ("step", ""), ("result", "")])
    assert read_filled(form) == Filled({"text": "a\nb"}, (("s", ""),))


def test_a_call_becomes_the_event_that_intake_takes():
    filled = Filled(
        {"party": "rita", "title": "It smokes", "key": "k", "impact": "2", "email": "r@x.example", "channel": "chat"},
        STEPS,
    )
    assert read_opening(filled) == {
        "type": "problem_reported",
        "channel": "chat",
        "requester": {"party": "rita", "email": "r@x.example"},
        "title": "It smokes",
        "impact": 2,
        "steps_tried": [{"step": "Off and on", "result": "No"}, {"step": "Again", "result": ""}],
    }


@given(
    st.dictionaries(st.sampled_from(sorted({name for said in SAYING.values() for name in said})), st.text(max_size=40))
)
def test_whatever_is_filled_in_is_taken_or_told_with_words_that_there_are(values):
    for action in FORMS:
        faults = faults_found(action, values)
        assert faults != {}
        assert set(faults or ()) <= {*values, "step", "draft_title", "draft_body", *REQUIRED}
        assert set((faults or {}).values()) <= set(WORDS["fault"])
