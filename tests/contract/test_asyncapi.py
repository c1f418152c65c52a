"""The committed AsyncAPI document holds together, as its specification (3.0.0) asks."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from tierdesk_contracts import names
from tierdesk_contracts.documents import ASYNCAPI

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def document():
    return yaml.safe_load((ROOT / ASYNCAPI).read_text(encoding="utf-8"))


def references_in(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for part in value.values():
            yield from references_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from references_in(part)


def resolve(document, reference: str):
    assert reference.startswith("#/")
    for step in reference[2:].split("/"):
        document = document[step]
    return document


def test_it_has_the_fields_that_the_specification_requires(document):
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= document["info"].keys()
    for server in document["servers"].values():
        assert {"host", "protocol"} <= server.keys()
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}
        assert operation["channel"]["$ref"].startswith("#/channels/")


def test_every_reference_leads_somewhere(document):
    references = list(references_in(document))
    assert len(references) > 100
    for reference in references:
        resolve(document, reference)


def test_an_operation_names_messages_of_its_own_channel(document):
    for operation in document["operations"].values():
        for message in operation["messages"]:
            assert message["$ref"].startswith(f"{operation['channel']['$ref']}/messages/")


def test_every_variable_in_an_address_is_described_and_none_else(document):
    for server in document["servers"].values():
        used = variables_in(server["host"]) | variables_in(server["pathname"])
        assert used == server["variables"].keys()
    for channel in document["channels"].values():
        assert variables_in(channel["address"] or "") == channel.get("parameters", {}).keys()


def test_every_component_is_used(document):
    used = set(references_in(document))
    for kind, components in document["components"].items():
        for name in components:
            assert f"#/components/{kind}/{name}" in used


def test_every_example_fits_its_payload(document):
    for name, message in document["components"]["messages"].items():
        schema = {**message["payload"], "components": document["components"]}
        for example in message["examples"]:
            errors = [error.message for error in Draft7Validator(schema).iter_errors(example["payload"])]
            assert errors == [], name


def test_a_vendor_reads_work_and_writes_inbound_and_nothing_else(document):
    vendor = [operation for key, operation in document["operations"].items() if key.startswith("vendor")]
    assert sorted((operation["action"], operation["channel"]["$ref"]) for operation in vendor) == [
        ("receive", "#/channels/vendorWork"),
        ("send", "#/channels/vendorInbound"),
    ]


def test_addresses_and_exchanges_are_those_of_the_code(document):
    channels = document["channels"]
    assert channels["groupWork"]["address"] == names.work_key("{tenant}", "{tier}", "{group}")
    assert channels["ticketChangedV1"]["address"] == names.event_key("{tenant}", "ticket.changed.v1")
    assert exchange(channels["groupWork"]) == names.WORK
    assert exchange(channels["ticketChangedV1"]) == names.EVENTS
    assert exchange(channels["outcomeResolvedV1"]) == names.OUTCOMES
    assert exchange(channels["vendorInbound"]) == names.VENDOR_INBOUND
    assert channels["vendorWork"]["bindings"]["amqp"]["queue"]["name"] == names.VENDOR_WORK
    assert document["servers"]["vendor"]["pathname"] == "/{prefix}" + names.vendor_namespace("{tenant}", "{vendor}")


def exchange(channel) -> str:
    return channel["bindings"]["amqp"]["exchange"]["name"]


def variables_in(text: str) -> set[str]:
    return {part.partition("}")[0] for part in text.split("{")[1:]}
