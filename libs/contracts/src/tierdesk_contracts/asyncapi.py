"""The AsyncAPI 3.0 document of the whole bus, made from the registry.

A channel is a routing key of an exchange in house, or the exchange and queue in a vendor's namespace. Each service has
an operation for each channel that it sends to or receives from.
"""

from __future__ import annotations

import json
from typing import Any, Final

from tierdesk_contracts.names import EVENTS, OUTCOMES, VENDOR_INBOUND, VENDOR_WORK, WORK
from tierdesk_contracts.registry import MESSAGE_TYPES, MessageType
from tierdesk_contracts.samples import sample_messages
from tierdesk_contracts.schemas import JsonSchema, schema_of

Node = dict[str, Any]

_DESCRIPTION: Final = (
    "A tiered support desk on a message bus. The router offers work to a tier and takes the tier's outcomes; whoever "
    "works the tier, people, a bot or a vendor, speaks this one protocol. Every message is a CloudEvents 1.0 envelope "
    "in structured JSON, persistent, delivered at least once: `id` is the key by which a reader knows a message that "
    "it has seen. Readers ignore fields that they do not know and take an unknown word of an enumeration as `unknown`."
)
_PARAMETERS: Final = {
    "tenant": {"description": "The organisation that the message belongs to.", "default": "main"},
    "tier": {"description": "The tier's name in the policy."},
    "group": {"description": "The group's name in the policy."},
}


def asyncapi(version: str) -> Node:
    """The document as plain values. Raises `ValueError` if two models of one name differ."""
    channels: Node = {}
    operations: Node = {}
    for entry in MESSAGE_TYPES.values():
        if entry.exchange != "work":
            channels[_camel(entry.name)] = _topic_channel(entry)
            _operate(operations, entry.sender, "send", _camel(entry.name), [entry])
            for follower in entry.followers:
                _operate(operations, follower, "receive", _camel(entry.name), [entry])
    for key, channel, entries, sender, receiver in _party_channels():
        channels[key] = channel
        _operate(operations, sender, "send", key, entries)
        _operate(operations, receiver, "receive", key, entries)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tierdesk",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": _servers(),
        "channels": channels,
        "operations": operations,
        "components": {"parameters": _PARAMETERS, "messages": _messages(), "schemas": _schemas()},
    }


def _servers() -> Node:
    def server(path: str, description: str, variables: Node) -> Node:
        return {
            "host": "{host}:{port}",
            "pathname": path,
            "protocol": "amqp",
            "protocolVersion": "0.9.1",
            "description": description,
            "variables": {
                "host": {"description": "Where the broker answers.", "default": "localhost"},
                "port": {"description": "5671 with TLS.", "default": "5672"},
                **variables,
            },
        }

    return {
        "home": server(
            "/{namespace}",
            "The desk's own virtual host, for the services and for consumers in house.",
            {"namespace": {"description": "The virtual host.", "default": "tierdesk"}},
        ),
        "vendor": server(
            "/{prefix}v-{tenant}.{vendor}",
            "A vendor's virtual host: one each, with a user that may read `work`, write `inbound` and nothing else.",
            {
                "prefix": {"description": "Set apart from other systems on the same broker.", "default": ""},
                "tenant": {"description": "The organisation that the vendor works for.", "default": "main"},
                "vendor": {"description": "The vendor's name in the policy.", "default": "acme-print"},
            },
        ),
    }


def _topic_channel(entry: MessageType) -> Node:
    return {
        "address": f"{{tenant}}.{entry.name}",
        "title": entry.name,
        "summary": entry.summary,
        "servers": [{"$ref": "#/servers/home"}],
        "parameters": _parameters("tenant"),
        "messages": _message_references([entry]),
        "bindings": _exchange_binding({"events": EVENTS, "outcomes": OUTCOMES}[entry.exchange], "topic"),
    }


def _party_channels() -> list[tuple[str, Node, list[MessageType], str, str]]:
    """The channels that carry several types: work in house, and the two of a vendor's namespace."""
    work = [entry for entry in MESSAGE_TYPES.values() if entry.exchange == "work"]
    outcomes = [entry for entry in MESSAGE_TYPES.values() if entry.exchange == "outcomes"]
    in_house = {
        "address": "{tenant}.{tier}.{group}",
        "title": "Work of a group in house",
        "summary": "All that the router sends to one group, in one queue `work.<tenant>.<tier>.<group>` that serves "
        "one consumer at a time, so that a withdrawal never overtakes its offer.",
        "servers": [{"$ref": "#/servers/home"}],
        "parameters": _parameters("tenant", "tier", "group"),
        "messages": _message_references(work),
        "bindings": _exchange_binding(WORK, "topic"),
    }
    to_vendor = {
        "address": VENDOR_WORK,
        "title": "Work of a vendor",
        "summary": "The queue in a vendor's namespace that the vendor reads. It sees the `case`, never `internal`.",
        "servers": [{"$ref": "#/servers/vendor"}],
        "messages": _message_references(work),
        "bindings": {
            "amqp": {
                "is": "queue",
                "queue": {"name": VENDOR_WORK, "durable": True, "exclusive": False, "autoDelete": False},
                "bindingVersion": "0.3.0",
            }
        },
    }
    from_vendor = {
        "address": None,
        "title": "Outcomes of a vendor",
        "summary": "The exchange in a vendor's namespace that the vendor publishes to, under any routing key. "
        "The namespace is the vendor's identity; no field of a message is.",
        "servers": [{"$ref": "#/servers/vendor"}],
        "messages": _message_references(outcomes),
        "bindings": _exchange_binding(VENDOR_INBOUND, "fanout"),
    }
    return [
        ("groupWork", in_house, work, "router", "tier"),
        ("vendorWork", to_vendor, work, "router", "vendor"),
        ("vendorInbound", from_vendor, outcomes, "vendor", "router"),
    ]


def _parameters(*names: str) -> Node:
    return {name: {"$ref": f"#/components/parameters/{name}"} for name in names}


def _exchange_binding(name: str, kind: str) -> Node:
    exchange = {"name": name, "type": kind, "durable": True, "autoDelete": False}
    return {"amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": "0.3.0"}}


def _message_references(entries: list[MessageType]) -> Node:
    return {_camel(entry.name): {"$ref": f"#/components/messages/{_camel(entry.name)}"} for entry in entries}


def _operate(operations: Node, service: str, action: str, channel: str, entries: list[MessageType]) -> None:
    operations[f"{service}{action.capitalize()}s{channel[0].upper()}{channel[1:]}"] = {
        "action": action,
        "title": f"{service} {action}s {channel}",
        "tags": [{"name": service}],
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{_camel(entry.name)}"} for entry in entries],
    }


def _messages() -> Node:
    samples = sample_messages()
    return {
        _camel(entry.name): {
            "name": entry.name,
            "title": entry.model.__name__,
            "summary": entry.summary,
            "contentType": "application/cloudevents+json",
            "payload": {"$ref": f"#/components/schemas/{entry.name}"},
            "examples": [{"name": "sample", "payload": json.loads(samples[entry.name].to_bytes())}],
        }
        for entry in MESSAGE_TYPES.values()
    }


def _schemas() -> Node:
    envelopes: Node = {}
    parts: Node = {}
    for entry in MESSAGE_TYPES.values():
        schema = schema_of(entry)
        for name, part in schema.pop("$defs").items():
            if parts.setdefault(name, part) != part:
                raise ValueError(f"two different models are called {name}: rename one")
        envelopes[entry.name] = {key: part for key, part in schema.items() if key not in {"$schema", "$id"}}
    hoisted: Node = _point_at_components({**envelopes, **dict(sorted(parts.items()))})
    return hoisted


def _point_at_components(schema: JsonSchema | list[Any] | Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: part.replace("#/$defs/", "#/components/schemas/") if key == "$ref" else _point_at_components(part)
            for key, part in schema.items()
        }
    return [_point_at_components(part) for part in schema] if isinstance(schema, list) else schema


def _camel(name: str) -> str:
    first, *rest = name.replace(".", "_").split("_")
    return first + "".join(part.capitalize() for part in rest)
