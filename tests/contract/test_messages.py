"""The golden messages of every release, read by this one and by others' readers."""

import functools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cloudevents.core.formats.json import JSONFormat
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from tierdesk_contracts import MESSAGE_TYPES, parse
from tierdesk_contracts.documents import GOLDEN, RELEASE, SCHEMAS
from tierdesk_contracts.vocabulary import OpenEnum

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / GOLDEN).glob("*/*.json"))
every_golden_message = pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name} {file.stem}")

Place = tuple[str | int, ...]


@functools.cache
def text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def golden(file: Path) -> dict:
    """The message, for the caller to change."""
    return json.loads(text_of(file))


def validator(file: Path) -> Draft202012Validator:
    return validator_of(file.parent.name)


@functools.cache
def validator_of(message_type: str) -> Draft202012Validator:
    schema = json.loads(text_of(ROOT / SCHEMAS / f"{message_type}.json"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def objects_in(value: object, place: Place = ()) -> Iterator[Place]:
    """Every object whose fields are the contract's own; a policy document's are its author's."""
    if isinstance(value, dict) and place != ("data", "document"):
        yield place
        for key, part in value.items():
            yield from objects_in(part, (*place, key))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from objects_in(part, (*place, number))


def at(value, place: Place):
    for step in place:
        value = getattr(value, step) if isinstance(step, str) and isinstance(value, BaseModel) else value[step]
    return value


def open_words_in(value: object, place: Place = ()) -> Iterator[Place]:
    """Every place of a parsed message where a word of an open enumeration stands."""
    if isinstance(value, OpenEnum):
        yield place
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from open_words_in(getattr(value, name), (*place, name))
    elif isinstance(value, tuple):
        for number, part in enumerate(value):
            yield from open_words_in(part, (*place, number))


def test_every_type_has_its_golden_message_of_this_release():
    assert {file.parent.name for file in FILES if file.stem == f"v{RELEASE}"} == set(MESSAGE_TYPES)


@every_golden_message
def test_it_is_read_whole(file):
    envelope = parse(json.dumps(golden(file)).encode())
    assert envelope.type == file.parent.name
    # Nothing of it is lost on the way back to the wire; defaults of later releases may be added.
    again = json.loads(envelope.to_bytes())
    for place in objects_in(golden(file)):
        told = {key: part for key, part in at(golden(file), place).items() if not isinstance(part, dict | list)}
        assert {key: at(again, place)[key] for key in told} == told


@every_golden_message
def test_a_vendors_schema_validator_accepts_it(file):
    validator(file).validate(golden(file))


@every_golden_message
def test_another_cloudevents_reader_accepts_it(file):
    event = JSONFormat().read(None, parse(json.dumps(golden(file)).encode()).to_bytes())
    assert event.get_specversion() == "1.0"
    assert event.get_type() == file.parent.name
    assert event.get_id() == golden(file)["id"]
    assert event.get_subject() == golden(file)["subject"]
    assert event.get_extension("tenant") == "main"
    assert event.get_data() == json.loads(parse(json.dumps(golden(file)).encode()).to_bytes())["data"]


@every_golden_message
def test_fields_of_a_later_release_are_ignored_at_every_level(file):
    message = golden(file)
    for place in list(objects_in(message)):
        at(message, place)["of_tomorrow"] = {"deep": [{"deeper": None}]}
    read = parse(json.dumps(message).encode(), type_hint=file.parent.name)
    assert read == parse(json.dumps(golden(file)).encode())
    validator(file).validate(message)


@every_golden_message
def test_a_word_of_a_later_release_is_read_as_unknown(file):
    original = parse(json.dumps(golden(file)).encode())
    strange = golden(file)
    for place in open_words_in(original):
        message = golden(file)
        for one in (message, strange):
            at(one, place[:-1])[place[-1]] = "of_tomorrow"
        assert at(parse(json.dumps(message).encode()), place) == "unknown"
    validator(file).validate(strange)


def test_there_are_words_to_try():
    messages = [parse(json.dumps(golden(file)).encode()) for file in FILES]
    assert sum(1 for message in messages for _ in open_words_in(message)) > 20


@every_golden_message
def test_the_schema_refuses_a_message_without_one_of_its_required_fields(file):
    for field in ("specversion", "id", "source", "type", "subject", "time", "tenant", "data"):
        message = golden(file)
        del message[field]
        assert not validator(file).is_valid(message), field


def test_the_schema_refuses_a_known_event_that_is_broken():
    file = ROOT / GOLDEN / "ticket.changed.v1" / f"v{RELEASE}.json"
    message = golden(file)
    del message["data"]["events"][4]["assignment_id"]
    assert not validator(file).is_valid(message)


def test_the_schema_takes_an_event_of_a_later_release():
    file = ROOT / GOLDEN / "ticket.changed.v1" / f"v{RELEASE}.json"
    message = golden(file)
    message["data"]["events"].append(
        {"kind": "beamed_up", "sequence": 21, "at": "2026-11-20T15:00:00Z", "actor": {"kind": "desk", "id": "r"}}
    )
    validator(file).validate(message)
