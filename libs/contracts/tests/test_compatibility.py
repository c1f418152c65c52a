import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_contracts.compatibility import breaking_changes
from tierdesk_contracts.registry import MESSAGE_TYPES
from tierdesk_contracts.schemas import schema_of

Schema = dict[str, Any]
SCHEMAS = {entry.name: schema_of(entry) for entry in MESSAGE_TYPES.values()}


def objects_of(schema: Schema) -> list[Schema]:
    """The objects that a message is made of, except the branch for unknown events, which says what it says by name."""
    return [schema, *(part for part in schema["$defs"].values() if "properties" in part)]


schemas = st.sampled_from(sorted(SCHEMAS)).map(lambda name: copy.deepcopy(SCHEMAS[name]))


@st.composite
def schema_and_field(draw: st.DrawFn) -> tuple[Schema, Schema, str]:
    schema = draw(schemas)
    holder = draw(st.sampled_from([part for part in objects_of(schema) if part["properties"]]))
    # An event without its kind is another branch: a test of its own.
    fields = [name for name, part in holder["properties"].items() if name != "kind" or "const" not in part]
    return schema, holder, draw(st.sampled_from(sorted(fields)))


@given(schemas)
def test_a_schema_may_take_its_own_place(schema: Schema) -> None:
    assert breaking_changes(schema, copy.deepcopy(schema)) == []


@given(schema_and_field())
def test_a_removed_field_breaks_and_a_new_optional_one_does_not(drawn: tuple[Schema, Schema, str]) -> None:
    new, holder, field = drawn
    old = copy.deepcopy(new)
    del holder["properties"][field]
    assert any(f".{field}: removed" in line for line in breaking_changes(old, new))
    assert not any("removed" in line for line in breaking_changes(new, old))


@given(schemas, st.data())
def test_a_field_added_anywhere_passes(schema: Schema, data: st.DataObject) -> None:
    new = copy.deepcopy(schema)
    holder = data.draw(st.sampled_from(objects_of(new)))
    holder["properties"]["added"] = {"type": "string", "default": ""}
    assert breaking_changes(schema, new) == []


@given(schema_and_field())
def test_a_renamed_field_breaks(drawn: tuple[Schema, Schema, str]) -> None:
    new, holder, field = drawn
    old = copy.deepcopy(new)
    holder["properties"]["renamed"] = holder["properties"].pop(field)
    assert any(f".{field}: removed" in line for line in breaking_changes(old, new))


@given(schema_and_field())
def test_a_field_that_becomes_required_breaks_and_so_does_one_no_longer_always_sent(
    drawn: tuple[Schema, Schema, str],
) -> None:
    schema, holder, field = drawn
    other = copy.deepcopy(schema)
    required = holder.setdefault("required", [])
    was_required = field in required
    required.remove(field) if was_required else required.append(field)
    told = breaking_changes(other, schema)
    assert any(
        line.endswith(f".{field}: {'no longer always sent' if was_required else 'newly required'}") for line in told
    )


@given(schema_and_field())
def test_a_retyped_field_breaks(drawn: tuple[Schema, Schema, str]) -> None:
    new, holder, field = drawn
    old = copy.deepcopy(new)
    holder["properties"][field] = {"type": "array", "items": {"type": "boolean"}, "minItems": 77}
    assert breaking_changes(old, new) != []


def test_a_new_field_that_is_required_breaks() -> None:
    new = copy.deepcopy(SCHEMAS["work.offered.v1"])
    new["$defs"]["Case"]["properties"]["building"] = {"type": "string"}
    new["$defs"]["Case"]["required"].append("building")
    assert breaking_changes(SCHEMAS["work.offered.v1"], new) == ["message.data.case.building: newly required"]


def drop_word(schema: Schema) -> None:
    schema["$defs"]["OfferReason"]["x-known-values"].remove("transfer")


def close_words(schema: Schema) -> None:
    words = schema["$defs"]["OfferReason"]
    words["enum"] = words.pop("x-known-values")


def shorten(schema: Schema) -> None:
    schema["$defs"]["Case"]["properties"]["title"]["maxLength"] = 100


def lengthen(schema: Schema) -> None:
    schema["$defs"]["Case"]["properties"]["title"]["maxLength"] = 1000


def narrow_number(schema: Schema) -> None:
    schema["$defs"]["Case"]["properties"]["priority"]["maximum"] = 3


def narrow_pattern(schema: Schema) -> None:
    schema["$defs"]["WorkOffered"]["properties"]["tier"]["pattern"] = "^l[0-9]$"


def other_format(schema: Schema) -> None:
    del schema["$defs"]["WorkOffered"]["properties"]["assignment_id"]["format"]


def refuse_null(schema: Schema) -> None:
    schema["$defs"]["Case"]["properties"]["asset"] = {"type": "string", "minLength": 1, "maxLength": 200}


def retype_items(schema: Schema) -> None:
    schema["$defs"]["WorkOffered"]["properties"]["steps_tried"]["items"] = {"type": "string"}


def forbid_more(schema: Schema) -> None:
    schema["$defs"]["Case"]["additionalProperties"] = False


def other_name(schema: Schema) -> None:
    schema["properties"]["type"]["const"] = "work.offered.v2"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (drop_word, "message.data.reason: no longer knows transfer"),
        (close_words, "message.data.reason: no longer an open enumeration"),
        (shorten, "message.data.case.title: maxLength was 300, is 100"),
        (lengthen, "message.data.case.title: maxLength was 300, is 1000"),
        (narrow_number, "message.data.case.priority: maximum was 5, is 3"),
        (narrow_pattern, "message.data.tier: pattern was ^[a-z][a-z0-9-]{0,39}$, is ^l[0-9]$"),
        (other_format, "message.data.assignment_id: format was uuid, is None"),
        (refuse_null, "message.data.case.asset: no longer takes null"),
        (retype_items, "message.data.steps_tried[]: type was object, is string"),
        (forbid_more, "message.data.case.*: was anything, is nothing"),
        (other_name, "message.type: const was work.offered.v1, is work.offered.v2"),
    ],
)
def test_each_kind_of_break_is_found_and_named(change: Callable[[Schema], None], told: str) -> None:
    new = copy.deepcopy(SCHEMAS["work.offered.v1"])
    change(new)
    assert told in breaking_changes(SCHEMAS["work.offered.v1"], new)


def test_a_new_word_of_an_open_enumeration_passes() -> None:
    new = copy.deepcopy(SCHEMAS["work.offered.v1"])
    new["$defs"]["OfferReason"]["x-known-values"].append("overflow")
    assert breaking_changes(SCHEMAS["work.offered.v1"], new) == []


def test_a_new_kind_of_ticket_event_passes_and_a_removed_one_breaks() -> None:
    old = SCHEMAS["ticket.changed.v1"]
    new = copy.deepcopy(old)
    branches = new["$defs"]["TicketChanged"]["properties"]["events"]["items"]["oneOf"]
    new["$defs"]["Beamed"] = copy.deepcopy(new["$defs"]["Closed"])
    new["$defs"]["Beamed"]["properties"]["kind"]["const"] = "beamed"
    branches.insert(0, {"$ref": "#/$defs/Beamed"})
    branches[-1]["allOf"][1]["properties"]["kind"]["not"]["enum"].append("beamed")
    assert breaking_changes(old, new) == []
    assert breaking_changes(new, old) == ["message.data.events[]: no longer takes beamed"]


def test_an_event_that_loses_or_changes_its_kind_breaks() -> None:
    for kind in ({"type": "string"}, {"type": "string", "const": "handed_out"}):
        new = copy.deepcopy(SCHEMAS["ticket.changed.v1"])
        new["$defs"]["Offered"]["properties"]["kind"] = kind
        assert "message.data.events[]: no longer takes offered" in breaking_changes(SCHEMAS["ticket.changed.v1"], new)


def test_a_change_inside_an_event_is_found() -> None:
    new = copy.deepcopy(SCHEMAS["ticket.changed.v1"])
    del new["$defs"]["Offered"]["properties"]["vendor"]
    assert breaking_changes(SCHEMAS["ticket.changed.v1"], new) == ["message.data.events[]<offered>.vendor: removed"]
