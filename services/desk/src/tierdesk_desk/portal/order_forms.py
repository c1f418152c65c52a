"""The form of a service, made from its JSON Schema, and the answers read from it. The knowledge base checks them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from tierdesk_desk.console.forms import Faults, FormError

PREFIX: Final = "answer."
"""Before the name of each field, so that no service can name a field as ours are."""
_LONG: Final = 200
"""A text that may be longer gets room for several lines."""
_INPUTS: Final[Mapping[str, str]] = {"date": "date", "email": "email"}


@dataclass(frozen=True, slots=True)
class Question:
    """One field. `kind` is `line`, `text`, `choice`, `choices`, `yes` or `number`; `input` the type of what is typed."""

    name: str
    label: str
    hint: str
    kind: str
    required: bool
    choices: tuple[tuple[str, Any], ...] = ()
    input: str = "text"
    longest: int = 4_000
    is_whole: bool = False


def read_questions(form: Mapping[str, Any]) -> list[Question] | None:
    """The fields of a form in their order; None for one that asks for more than fields can hold."""
    definitions: Mapping[str, Any] = form.get("$defs") or {}
    required = form.get("required") or ()
    questions: list[Question] = []
    for name, described in (form.get("properties") or {}).items():
        question = _question(str(name), _resolve(described, definitions), definitions, name in required)
        if question is not None:
            questions.append(question)
        elif name in required:
            return None
    asked = {question.name for question in questions}
    return questions if set(required) <= asked else None


def read_answers(questions: Iterable[Question], given: Mapping[str, list[str]]) -> dict[str, Any]:
    """The answers of a form that was sent; what was left empty is left out. Raises `FormError` for what is no number."""
    answers: dict[str, Any] = {}
    faults: Faults = {}
    for question in questions:
        values = [value.replace("\r\n", "\n").strip() for value in given.get(PREFIX + question.name, ())]
        values = [value for value in values if value]
        if question.kind == "yes":
            answers[question.name] = bool(values)
        elif values:
            try:
                answers[question.name] = _answer(question, values)
            except (ValueError, OverflowError):
                faults[PREFIX + question.name] = "number"
        elif question.required and question.kind != "choices":
            faults[PREFIX + question.name] = "required"
    if faults:
        raise FormError(faults)
    return answers


def faults_of(errors: Mapping[str, str]) -> Faults:
    """What the knowledge base found, by field: it names them by JSON pointer."""
    faults: Faults = {}
    for pointer, message in errors.items():
        parts = pointer.split("/")
        name = parts[2].replace("~1", "/").replace("~0", "~") if len(parts) > 2 and parts[1] == "answers" else ""
        faults.setdefault(f"{PREFIX}{name}" if name else "form", message)
    return faults


def _question(
    name: str, described: Mapping[str, Any], definitions: Mapping[str, Any], required: bool
) -> Question | None:
    label, hint = str(described.get("title") or name), str(described.get("description") or "")
    choices = _choices(described)
    if choices:
        return Question(name, label, hint, "choice", required, choices)
    match described.get("type"):
        case "string" | None:
            longest = described.get("maxLength")
            longest = longest if isinstance(longest, int) else 4_000
            kind = "text" if longest > _LONG and not described.get("format") else "line"
            typed = _INPUTS.get(str(described.get("format")), "text")
            return Question(name, label, hint, kind, required, input=typed, longest=longest)
        case "integer" | "number" as kind:
            return Question(name, label, hint, "number", required, is_whole=kind == "integer")
        case "boolean":
            return Question(name, label, hint, "yes", required)
        case "array":
            choices = _choices(_resolve(described.get("items"), definitions))
            return Question(name, label, hint, "choices", required, choices) if choices else None
        case _:
            return None


def _answer(question: Question, values: list[str]) -> Any:
    """Raises `ValueError` and `OverflowError` for what is no number."""
    match question.kind:
        case "choices":
            return [_chosen(question, value) for value in values]
        case "choice":
            return _chosen(question, values[0])
        case "number":
            return int(values[0]) if question.is_whole else _number(values[0])
        case _:
            return values[0]


def _number(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(text)
    return number


def _choices(described: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    values = described.get("enum")
    if not isinstance(values, list):
        return ()
    return tuple((str(value), value) for value in values if isinstance(value, str | int | float))


def _chosen(question: Question, text: str) -> Any:
    """The value as the form has it; what is none of them goes on as it is, to be refused."""
    return next((value for label, value in question.choices if label == text), text)


def _resolve(described: object, definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference into the form's own definitions stands for."""
    seen = 0
    while isinstance(described, dict) and isinstance(described.get("$ref"), str) and seen < 12:
        described = definitions.get(described["$ref"].removeprefix("#/$defs/"))
        seen += 1
    return described if isinstance(described, dict) else {}
