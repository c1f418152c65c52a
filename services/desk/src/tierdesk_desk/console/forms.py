"""What people fill in: each form read into an outcome of the protocol, or into faults that name their fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError
from starlette.datastructures import FormData

from tierdesk_contracts import outcome as outcomes
from tierdesk_contracts.outcome import Outcome
from tierdesk_desk.console.words import WORDS
from tierdesk_desk.domain.oversight import LONGEST_REASON

Faults = dict[str, str]
"""By field: a word of `fault`."""
_WORDS: Final = {
    "missing": "required",
    "string_too_short": "required",
    "string_too_long": "too_long",
    "too_short": "required",
    "too_long": "too_long",
    "enum": "choose",
    "int_parsing": "choose",
    "greater_than_equal": "choose",
    "less_than_equal": "choose",
}
_FIELDS: Final = {"steps_tried": "step", "draft.title": "draft_title", "draft.body": "draft_body"}
"""Where the field of a form has another name than that of the message."""
_FIELDS_OF_NOTE: Final = {"note": "text", "answer": "text"}
"""In the form of a note, which is for the team or for the requester."""
_OWN: Final = frozenset({"csrf", "seen"})
"""Fields that nobody fills in."""


class FormError(Exception):
    """A form that cannot be taken: what is wrong with which field."""

    def __init__(self, faults: Faults) -> None:
        super().__init__(", ".join(f"{name}: {word}" for name, word in faults.items()))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it was filled in. What a field does not hold is empty text."""

    values: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[tuple[str, str], ...] = ()
    """The steps tried, each with its result."""

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")

    @property
    def is_empty(self) -> bool:
        """Whether nothing was filled in."""
        return not any(self.values.values()) and not self.steps


def read_seen(form: FormData) -> int | None:
    """The ordinal that the page showed with the form. A form that does not say takes what comes."""
    text = form.get("seen")
    is_number = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 10
    return int(text) if is_number and isinstance(text, str) else None


def read_key(form: FormData) -> str | None:
    """The key that the page put into the form, so that it counts once however often it is sent; None for none of ours."""
    key = form.get("key")
    return key if isinstance(key, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,100}", key) else None


def read_filled(form: FormData) -> Filled:
    """What was filled in. Line ends are as people see them; a file is no text and is left out."""
    values = {name: _text(value) for name, value in form.items() if isinstance(value, str) and name not in _OWN}
    steps = [_text(value) for value in form.getlist("step") if isinstance(value, str)]
    results = [_text(value) for value in form.getlist("result") if isinstance(value, str)]
    results += [""] * (len(steps) - len(results))
    told = tuple((step, result) for step, result in zip(steps, results, strict=False) if step or result)
    return Filled({name: value for name, value in values.items() if name not in {"step", "result"}}, told)


def refilled(said: Mapping[str, Any]) -> Filled:
    """The form from which an outcome came that was refused, so that it can be mended."""
    draft: Mapping[str, Any] = said.get("draft") or {}
    values = {name: str(value) for name, value in said.items() if isinstance(value, str | int) and name != "kind"}
    values |= {f"draft_{name}": str(draft[name]) for name in ("title", "body") if draft.get(name)}
    if draft.get("keywords"):
        values["draft_keywords"] = ", ".join(draft["keywords"])
    if said.get("kind") == "progressed":
        values |= {"audience": "requester" if said.get("answer") else "team"}
        values |= {"text": str(said.get("answer") or said.get("note") or "")}
    if said.get("kind") == "resolved":
        left = {"article": "article_id", "draft": "draft", "waiver": "waiver"}
        values["leaves"] = next((name for name, held in left.items() if said.get(held)), "nothing")
    if said.get("kind") in {"escalated", "carried"} and said.get("to_tier"):
        values["to"] = "/".join(part for part in (said["to_tier"], said.get("to_group")) if part)
    steps = tuple((str(step.get("step", "")), str(step.get("result", ""))) for step in said.get("steps_tried") or ())
    return Filled(values, steps)


def action_of(said: Mapping[str, Any]) -> str:
    """The action whose form this outcome came from."""
    kind = str(said.get("kind"))
    if kind != "progressed":
        return {
            "paused": "pause", "resumed": "resume", "resolved": "resolve", "escalated": "escalate", "carried": "carry",
            "transferred": "transfer", "returned": "return", "invited": "invite", "contributed": "contribute",
        }.get(kind, "note")  # fmt: skip
    if said.get("note") or said.get("answer"):
        return "note"
    return "tried" if set(said) <= {"kind", "steps_tried"} else "facts"


Fields = dict[str, Any]


def _note(filled: Filled) -> Fields:
    _require(filled, "text")
    return {"answer" if filled["audience"] == "requester" else "note": filled["text"]}


_FACTS: Final = ("location", "contact", "affected", "department", "impact", "urgency")


def _facts(filled: Filled) -> Fields:
    told = _given(filled, _FACTS)
    if not told:
        raise FormError({_FACTS[0]: "one_of_them"})
    return told


def _tried(filled: Filled) -> Fields:
    if not filled.steps:
        raise FormError({"step": "required"})
    return _steps(filled)


def _resolve(filled: Filled) -> Fields:
    fields = _given(filled, ("how", "root_cause")) | _steps(filled)
    leaves = filled["leaves"]
    if leaves == "article":
        _require(filled, "article_id")
        fields["article_id"] = filled["article_id"]
    elif leaves == "draft":
        keywords = [word.strip() for word in filled["draft_keywords"].split(",")]
        fields["draft"] = {
            **{name: filled[f"draft_{name}"] for name in ("title", "body")},
            "keywords": [word for word in keywords if word],
        }
    elif leaves == "waiver":
        _require(filled, "waiver")
        fields["waiver"] = filled["waiver"]
    return fields


_PLACE: Final = re.compile(r"([a-z][a-z0-9-]{0,39}(/[a-z][a-z0-9-]{0,39})?)?")
"""Nothing, a tier, or a tier and a group of it."""


def _hand_on(filled: Filled) -> Fields:
    _choose(filled, "reason", "escalation")
    if not _PLACE.fullmatch(filled["to"]):
        raise FormError({"to": "choose"})
    tier, _, group = filled["to"].partition("/")
    fields = _given(filled, ("reason", "findings", "override")) | _steps(filled)
    return fields | {name: value for name, value in (("to_tier", tier), ("to_group", group)) if value}


def _carry(filled: Filled) -> Fields:
    fields = _hand_on(filled)
    fields.pop("to_group", None)
    return fields


def _plain(*names: str, choice: tuple[str, str] | None = None) -> Callable[[Filled], Fields]:
    """What these fields hold. `choice` is one of them and the kind of words of which it holds one."""

    def read(filled: Filled) -> Fields:
        if choice is not None:
            _choose(filled, *choice)
        return _given(filled, names) | _steps(filled)

    return read


FORMS: Final[Mapping[str, tuple[type[Outcome], Callable[[Filled], Fields], str]]] = {
    "note": (outcomes.WorkProgressed, _note, "noted"),
    "facts": (outcomes.WorkProgressed, _facts, "told"),
    "tried": (outcomes.WorkProgressed, _tried, "tried"),
    "pause": (outcomes.WorkPaused, _plain("party", "note", choice=("party", "party")), "paused"),
    "resume": (outcomes.WorkResumed, _plain("note"), "resumed"),
    "resolve": (outcomes.WorkResolved, _resolve, "resolved"),
    "escalate": (outcomes.WorkEscalated, _hand_on, "escalated"),
    "carry": (outcomes.WorkCarried, _carry, "carried"),
    "transfer": (outcomes.WorkTransferred, _plain("to_group", "findings"), "transferred"),
    "return": (outcomes.WorkReturned, _plain("reason", "findings", choice=("reason", "return")), "returned"),
    "invite": (outcomes.WorkInvited, _plain("to_group", "question"), "invited"),
    "contribute": (outcomes.WorkContributed, _plain("findings"), "contributed"),
}
"""By action: the outcome that it sends, how its form is read, and the word of `flash` that follows."""
ENDINGS: Final = frozenset({"resolve", "escalate", "transfer", "return", "contribute"})
"""The actions after which the work is another's."""


def with_files(fields: Fields, names: Iterable[str]) -> Fields:
    """A note or an answer that names the files that were sent with it."""
    text = "answer" if "answer" in fields else "note"
    return {**fields, text: f"{fields[text]}\n\n" + "\n".join(f"[{name}]" for name in names)}


def read_reason(filled: Filled) -> str:
    """Why work is taken back. Raises `FormError`."""
    _require(filled, "reason", "owner")
    if len(filled["reason"]) > LONGEST_REASON:
        raise FormError({"reason": "too_long"})
    if "\x00" in filled["reason"]:
        raise FormError({"reason": "character"})
    return filled["reason"]


_CHANNELS: Final = ("phone", "web_form", "chat")
"""How somebody reaches an agent: by phone, at the counter, in a chat."""


def read_opening(filled: Filled) -> Fields:
    """The event that opens a ticket, as intake takes it. Raises `FormError`."""
    faults = {name: "required" for name in ("party", "title", "key") if not filled[name]}
    if filled["key"] and not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", filled["key"]):
        faults["key"] = "choose"
    if filled["email"] and not re.fullmatch(r"[^@\s]+@[^@\s]+", filled["email"]):
        faults["email"] = "email"
    for name, choices in (("channel", _CHANNELS), ("impact", WORDS["impact"]), ("urgency", WORDS["urgency"])):
        if filled[name] and filled[name] not in choices:
            faults[name] = "choose"
    if any(not step for step, _ in filled.steps):
        faults["step"] = "required"
    if faults:
        raise FormError(faults)
    return {
        "type": "problem_reported",
        "channel": filled["channel"] or _CHANNELS[0],
        "requester": _given(filled, ("party", "name", "email", "phone")),
        **_given(filled, ("title", "text", "category", "asset", "location", "contact", "affected", "department")),
        **{name: int(filled[name]) for name in ("impact", "urgency") if filled[name]},
        **_steps(filled),
    }


def faults_of(error: ValidationError, action: str | None) -> Faults:
    """What a message's check found, by the field of this action's form; the first of each field."""
    faults: Faults = {}
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        path = ".".join(str(part) for part in fault["loc"])
        name = _FIELDS.get(path) or _FIELDS.get(str(fault["loc"][0])) or str(fault["loc"][0])
        if path.startswith("draft.keywords"):
            name = "draft_keywords"
        elif name == "draft":
            name = "draft_body"
        if action == "note":
            name = _FIELDS_OF_NOTE.get(name, name)
        kind = str(fault["type"])
        word = _WORDS.get(kind) or ("choose" if "pattern" in kind else None)
        if word is None:
            word = "character" if "NUL" in str(fault["msg"]) else "not_this"
        faults.setdefault(name, word)
    return faults


def _text(value: str) -> str:
    return value.replace("\r\n", "\n").strip()


def _require(filled: Filled, *names: str) -> None:
    faults = {name: "required" for name in names if not filled[name]}
    if faults:
        raise FormError(faults)


def _choose(filled: Filled, name: str, kind: str) -> None:
    """The protocol takes words that it does not know, from other releases; people choose those that they are shown."""
    if filled[name] not in WORDS[kind]:
        raise FormError({name: "choose"})


def _given(filled: Filled, names: Iterable[str]) -> Fields:
    return {name: filled[name] for name in names if filled[name]}


def _steps(filled: Filled) -> Fields:
    if not filled.steps:
        return {}
    if any(not step for step, _ in filled.steps):
        raise FormError({"step": "required"})
    return {"steps_tried": [{"step": step, "result": result} for step, result in filled.steps]}
