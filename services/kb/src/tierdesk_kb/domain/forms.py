"""Forms of services: JSON Schemas (draft 2020-12) that strangers may write, and answers that strangers give.

A form is taken only if answers can be judged by it in bounded time: it has a bounded size and depth, references lead to
its own `$defs` and are written out, and patterns are matched by an engine that takes linear time. What is not among
`KEYWORDS` is refused rather than overlooked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.exceptions import SchemaError
from jsonschema.validators import extend
from pydantic_core import SchemaError as PatternError
from pydantic_core import SchemaValidator, core_schema

Form = dict[str, Any]
"""A form as it judges answers: references written out."""

MOST_FORM_BYTES: Final = 32_768
MOST_ANSWER_BYTES: Final = 16_384
MOST_VALUES: Final = 200
"""In all answers to a form."""
MOST_SCHEMAS: Final = 300
"""In a form, references written out."""
DEEPEST: Final = 12
LONGEST_PATTERN: Final = 200
MOST_REPETITIONS: Final = 200
"""What the counts of a pattern, as in `a{3}`, may multiply to: each is a copy of what it counts."""
MOST_FAULTS: Final = 50
LONGEST_MESSAGE: Final = 300
FORMATS: Final = ("date", "email", "ipv4", "ipv6", "uuid")
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_ONE: Final = ("items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else")
_MANY: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED: Final = ("properties", "dependentSchemas")
_PLAIN: Final = (
    "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment",
    "type", "enum", "const", "minLength", "maxLength", "pattern", "format",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    "required", "minProperties", "maxProperties", "dependentRequired",
    "minItems", "maxItems", "uniqueItems", "minContains", "maxContains",
)  # fmt: skip
KEYWORDS: Final = frozenset((*_ONE, *_MANY, *_NAMED, *_PLAIN, "$ref"))
"""What a schema in a form may say; the form itself may also have `$schema` and `$defs`."""
_NOTHING: Final[Mapping[str, Any]] = {"not": True}
"""What `false` is written out as: the library tells no place for that."""
_REFERENCE: Final = re.compile(r"#/\$defs/([^/~%]{1,100})")
_COUNT: Final = re.compile(r"\{(\d*)(?:,(\d*))?\}")


class FormError(Exception):
    """A document is no form that can be taken. `pointer` (RFC 6901) leads to what is wrong in it."""

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(f"{pointer or 'the form'}: {reason}")
        self.pointer = pointer
        self.reason = reason


def read_form(document: Mapping[str, Any]) -> Form:
    """The form that a document describes. Raises `FormError`."""
    if len(json.dumps(document, ensure_ascii=False).encode()) > MOST_FORM_BYTES:
        raise FormError("", f"it is longer than {MOST_FORM_BYTES} bytes")
    check_values(document, deepest=DEEPEST * 2)
    if document.get("$schema", DIALECT) not in (DIALECT, f"{DIALECT}#"):
        raise FormError("/$schema", f"only {DIALECT} is taken")
    if document.get("type") != "object":
        raise FormError("/type", "a form is an object with properties: its type is object")
    parts = document.get("$defs", {})
    if not isinstance(parts, dict):
        raise FormError("/$defs", "an object is expected")
    root = {name: value for name, value in document.items() if name not in {"$schema", "$defs"}}
    form: Form = _Reader(parts).read(root, "", ())
    try:
        # Without a checker of formats: it would have Python compile the patterns.
        Draft202012Validator.check_schema(form, format_checker=None)
    except SchemaError as error:
        raise FormError(_pointer(error.absolute_path), _cut(error.message)) from None
    return form


class _Reader:
    """Reads the schemas of one form, and writes out what they refer to."""

    def __init__(self, parts: Mapping[str, Any]) -> None:
        self._parts = parts
        self._count = 0

    def read(self, schema: Any, at: str, within: tuple[str, ...], depth: int = 0) -> Any:
        """A schema, written out. `within` are the references that led here."""
        self._count += 1
        if self._count > MOST_SCHEMAS:
            raise FormError(at, f"the form has more than {MOST_SCHEMAS} parts, references written out")
        if depth > DEEPEST:
            raise FormError(at, f"it is nested deeper than {DEEPEST}")
        if isinstance(schema, bool):
            return True if schema else dict(_NOTHING)
        if not isinstance(schema, dict):
            raise FormError(at, "a schema is expected")
        for name in schema:
            if name not in KEYWORDS:
                raise FormError(f"{at}/{_escape(name)}", "this keyword is not taken in forms")
        written = {name: self._read_keyword(name, schema[name], at, within, depth) for name in schema if name != "$ref"}
        if "$ref" not in schema:
            return written
        meant = self._follow(schema["$ref"], f"{at}/$ref", within, depth)
        return {**written, "allOf": [*written.get("allOf", ()), meant]} if written else meant

    def _read_keyword(self, name: str, value: Any, at: str, within: tuple[str, ...], depth: int) -> Any:
        here = f"{at}/{name}"
        if name in _ONE:
            return self.read(value, here, within, depth + 1)
        if name in _MANY and isinstance(value, list):
            return [self.read(one, f"{here}/{index}", within, depth + 1) for index, one in enumerate(value)]
        if name in _NAMED and isinstance(value, dict):
            return {one: self.read(value[one], f"{here}/{_escape(one)}", within, depth + 1) for one in value}
        if name == "pattern" and isinstance(value, str):
            _check_pattern(value, here)
        if name == "format" and value not in FORMATS:
            raise FormError(here, f"known are {', '.join(FORMATS)}")
        return value

    def _follow(self, reference: Any, at: str, within: tuple[str, ...], depth: int) -> Any:
        found = _REFERENCE.fullmatch(reference) if isinstance(reference, str) else None
        if found is None:
            raise FormError(at, "a reference leads to the form's own definitions, as #/$defs/name")
        name = found[1]
        if name in within:
            raise FormError(at, "a definition that leads to itself has no end")
        if name not in self._parts:
            raise FormError(at, "there is no such definition")
        return self.read(self._parts[name], f"/$defs/{_escape(name)}", (*within, name), depth + 1)


def find_faults(form: Form, answers: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with answers to a form: each fault's pointer within the answers, and what is expected there.

    At most 50 are told, none of which repeats what was answered.
    """
    if len(json.dumps(answers, ensure_ascii=False).encode()) > MOST_ANSWER_BYTES:
        return [("", f"longer than {MOST_ANSWER_BYTES} bytes")]
    try:
        check_values(answers, deepest=DEEPEST, most=MOST_VALUES)
    except FormError as error:
        return [(error.pointer, error.reason)]
    validator = _FormValidator(form, format_checker=_CHECKER)
    faults = islice(validator.iter_errors(answers), MOST_FAULTS)
    return [(_pointer(fault.absolute_path), _cut(_word(fault))) for fault in faults]


def check_values(value: Any, *, deepest: int, most: int | None = None) -> None:
    """Refuse what is nested too deep, what is too much, and what no database takes for text. Raises `FormError`."""
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]
    count = 0
    while waiting:
        at, one, depth = waiting.pop()
        count += 1
        if most is not None and count > most + 1:
            raise FormError("", f"more than {most} values")
        if depth > deepest:
            raise FormError(at, f"nested deeper than {deepest}")
        if isinstance(one, str) and "\x00" in one:
            raise FormError(at, "the character NUL is not text")
        if isinstance(one, dict):
            if any("\x00" in name for name in one):
                raise FormError(at, "the character NUL is not text")
            waiting += [(f"{at}/{_escape(name)}", part, depth + 1) for name, part in one.items()]
        elif isinstance(one, list):
            waiting += [(f"{at}/{index}", part, depth + 1) for index, part in enumerate(one)]


def _check_pattern(pattern: str, at: str) -> None:
    if len(pattern) > LONGEST_PATTERN:
        raise FormError(at, f"a pattern has at most {LONGEST_PATTERN} characters")
    copies = 1
    for least, most in _COUNT.findall(pattern):
        copies *= max(1, *(int(count) for count in (least[:6], most[:6]) if count))
    if copies > MOST_REPETITIONS:
        raise FormError(at, f"its counts multiply to more than {MOST_REPETITIONS}; use minLength and maxLength")
    try:
        _compile(pattern)
    except PatternError:
        raise FormError(
            at, "no pattern that is matched in linear time: it is wrong, too large, or looks around or back"
        ) from None


@lru_cache(maxsize=64)
def _compile(pattern: str) -> SchemaValidator:
    """The pattern, for Rust's engine, which Pydantic brings: it knows no backtracking. Raises `PatternError`."""
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex", strict=True))


def _match_pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    del schema
    if validator.is_type(instance, "string") and not _compile(pattern).isinstance_python(instance):
        yield ValidationError("pattern")


def _require(validator: Any, required: Sequence[str], instance: Any, schema: Any) -> Iterator[ValidationError]:
    """As the standard's own, with the place of what is missing."""
    del schema
    if validator.is_type(instance, "object"):
        yield from (ValidationError("required", path=[name]) for name in required if name not in instance)


def _divide(validator: Any, unit: float, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """As the standard's own, exactly, and for numbers that no float holds."""
    del schema
    if validator.is_type(instance, "number") and (Fraction(str(instance)) / Fraction(str(unit))).denominator != 1:
        yield ValidationError("multipleOf")


def _refuse_others(validator: Any, others: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """As the standard's own, with the place of what is too much."""
    if not validator.is_type(instance, "object"):
        return
    for name in instance.keys() - schema.get("properties", {}).keys():
        if others == _NOTHING:
            yield ValidationError("additionalProperties", path=[name])
        else:
            yield from validator.descend(instance[name], others, path=name)


_FormValidator: Final = extend(
    Draft202012Validator,
    {
        "pattern": _match_pattern,
        "required": _require,
        "additionalProperties": _refuse_others,
        "multipleOf": _divide,
    },
)
_CHECKER: Final = FormatChecker(FORMATS)

_WORDS: Final[Mapping[str, str]] = {
    "required": "required, and missing",
    "additionalProperties": "not asked for",
    "type": "must be of the type {value}",
    "enum": "must be one of {value}",
    "const": "must be {value}",
    "pattern": "must match {value}",
    "format": "is no {value}",
    "minLength": "must have at least {value} characters",
    "maxLength": "must have at most {value} characters",
    "minimum": "must be at least {value}",
    "maximum": "must be at most {value}",
    "exclusiveMinimum": "must be more than {value}",
    "exclusiveMaximum": "must be less than {value}",
    "multipleOf": "must be a multiple of {value}",
    "minItems": "must have at least {value} entries",
    "maxItems": "must have at most {value} entries",
    "uniqueItems": "must have no entry twice",
    "anyOf": "fits none of what is allowed here",
    "oneOf": "must fit one of what is allowed here, and no other",
    "not": "is what is not allowed here",
}


def _word(fault: ValidationError) -> str:
    """What is expected, without what was answered: that may be personal."""
    words = _WORDS.get(str(fault.validator), "does not keep to {keyword}")
    value = fault.validator_value
    told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return words.format(value=told, keyword=fault.validator)


def _pointer(path: Sequence[str | int]) -> str:
    return "".join(f"/{_escape(str(part))}" for part in path)


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")[:100]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 1]}\N{HORIZONTAL ELLIPSIS}"
