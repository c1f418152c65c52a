from pathlib import Path

import pytest
import yaml

from tierdesk_cli.services import DEFINITIONS
from tierdesk_contracts import MESSAGE_TYPES
from tierdesk_contracts.documents import ASYNCAPI, GOLDEN, RELEASE, SCHEMAS
from tierdesk_contracts.names import event_pattern
from tierdesk_contracts.ticket import _KINDS, TicketChanged, TicketEvent

ROOT = Path(__file__).parents[2]
every_type = pytest.mark.parametrize("name", MESSAGE_TYPES)


@pytest.fixture(scope="module")
def document():
    return yaml.safe_load((ROOT / ASYNCAPI).read_text(encoding="utf-8"))


@every_type
def test_it_has_a_meaning_a_sender_and_a_follower(name):
    entry = MESSAGE_TYPES[name]
    assert entry.summary.endswith("."), "the model's docstring begins with the type's name and says what it means"
    assert entry.sender
    # Articles are for whoever wants to follow the knowledge base; the desk itself does not.
    assert entry.followers or name.startswith("article.")


@every_type
def test_it_has_a_schema_and_a_golden_message(name):
    assert (ROOT / SCHEMAS / f"{name}.json").is_file()
    assert (ROOT / GOLDEN / name / f"v{RELEASE}.json").is_file()


@every_type
def test_it_has_a_channel_with_a_sender_and_its_followers(name, document):
    channels = {
        key for key, channel in document["channels"].items() if any(part == camel(name) for part in channel["messages"])
    }
    assert channels
    operations = [
        (key, operation["action"])
        for key, operation in document["operations"].items()
        if operation["channel"]["$ref"].removeprefix("#/channels/") in channels
    ]
    entry = MESSAGE_TYPES[name]
    assert any(key.startswith(entry.sender) and action == "send" for key, action in operations)
    for follower in entry.followers:
        assert any(key.startswith(follower) and action == "receive" for key, action in operations)


@pytest.mark.parametrize("service", DEFINITIONS)
def test_it_names_each_service_that_has_its_queue_bound_to_it(service):
    patterns = {binding.pattern for binding in DEFINITIONS[service].topology.bindings}
    bound = {name for name in MESSAGE_TYPES if event_pattern(name) in patterns}
    assert bound == {name for name, entry in MESSAGE_TYPES.items() if service in entry.followers}


def test_every_kind_of_ticket_event_can_be_read():
    models = {model for model in TicketEvent.__subclasses__() if model.__name__ != "UnknownEvent"}
    assert set(_KINDS.values()) == models
    branches = TicketChanged.model_json_schema()["properties"]["events"]["items"]["oneOf"]
    assert {branch["$ref"].rpartition("/")[2] for branch in branches} == {model.__name__ for model in models} | {
        "UnknownEvent"
    }


def camel(name):
    first, *rest = name.replace(".", "_").split("_")
    return first + "".join(part.capitalize() for part in rest)
