"""Messages on the bus that nobody can apply, and properties that say nothing of what a message is."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

Document = dict[str, Any]


def messages(golden: Document, field: str) -> dict[str, bytes]:
    """Messages that nobody can apply, made of a good one with this field among its data.

    Each is about something else, so that none holds another up.
    """

    def told(**fields: object) -> bytes:
        first = {"sequence": f"{1:020d}"} if "sequence" in golden else {}
        message = golden | {"id": str(uuid4()), "subject": str(uuid4())} | first | fields
        return json.dumps({name: value for name, value in message.items() if value is not ...}).encode()

    data = golden["data"]
    whole = told()
    return {
        "empty": b"",
        "no JSON": b"\x00\x01\x02 not a message",
        "a text": b'"a message"',
        "a list": b"[]",
        "an object": b"{}",
        "null": b"null",
        "cut off": whole[:-3],
        "invalid UTF-8": whole.replace(b"tierdesk", b"\xff\xfe", 1),
        "UTF-16": whole.decode().encode("utf-16"),
        "100,000 arrays": b"[" * 100_000 + b"]" * 100_000,
        "a megabyte of nothing": bytes(1024 * 1024),
        "no type": told(type=...),
        "a type that is no text": told(type=7),
        "an unknown type": told(type="ticket.exploded.v1"),
        "an unknown major version": told(type=golden["type"].replace(".v1", ".v9")),
        "a type for somebody else": json.dumps(STRANGER | {"id": str(uuid4()), "subject": str(uuid4())}).encode(),
        "no identifier": told(id=...),
        "an identifier that is none": told(id="1"),
        "another version of the envelope": told(specversion="0.3"),
        "no subject": told(subject=...),
        "NUL in the subject": told(subject="a\x00b"),
        "a subject of 10,000 letters": told(subject="x" * 10_000),
        "no tenant": told(tenant=...),
        "a tenant that is none": told(tenant="../main"),
        "a time that is none": told(time="yesterday"),
        "a time before all time": told(time="0001-01-01T00:00:00Z"),
        "no data": told(data=...),
        "data that are a list": told(data=[]),
        "data without a field": told(data={name: value for name, value in data.items() if name != field}),
        "data of another type": told(data={"colour": "red"}),
        "a field of another type": told(data=data | {field: {"a": 1}}),
        "a field of NUL": told(data=data | {field: "\x00"}),
        "NaN": told(data=data | {field: float("nan")}),
        "Infinity": told(data=data | {field: float("inf")}),
        "a place in order that is none": told(sequence="first"),
        "a place in order below the first": told(sequence="-0000000000000000001"),
        "a place in order beyond all": told(sequence="9" * 40),
    }


STRANGER: Document = {
    "specversion": "1.0",
    "source": "/tierdesk/kb",
    "type": "work.withdrawn.v1",
    "time": "2026-11-20T09:00:00Z",
    "datacontenttype": "application/json",
    "tenant": "main",
    "data": {"assignment_id": "01936f3a-5c00-7000-8000-000000000009", "token": 1, "reason": "cancelled"},
}
"""A message for tiers, which no service handles."""
SIXTEEN_MEGABYTES = b" " * (16 * 1024 * 1024 - 1) + b"x"
"""The longest message that RabbitMQ takes by default."""
DEEP: Document = {}
"""Headers within headers."""
for _ in range(100):
    DEEP = {"x": DEEP}
PROPERTIES: dict[str, Document] = {
    "none at all": {},
    "an identifier of 255 letters": {"message_id": "x" * 255},
    "an identifier that is used twice": {"message_id": "twice"},
    "the same identifier again": {"message_id": "twice"},
    "another type": {"message_type": "ticket.exploded.v9"},
    "another kind of content": {"content_type": "text/html", "content_encoding": "gzip"},
    "the highest priority": {"priority": 255},
    "not kept": {"delivery_mode": 1},
    "a reply to a queue of ours": {"reply_to": "router.outcomes", "correlation_id": "x"},
    "headers within headers": {"headers": DEEP},
    "headers of all types": {
        "headers": {"a": 1, "b": None, "c": [1, {"d": True}], "e": bytearray(b"\xff"), "f": "\u202e"}
    },
    "a forged count of deliveries": {"headers": {"x-delivery-count": 1_000_000}},
    "a long life": {"expiration": "86400000"},
    "a forged death": {"headers": {"x-death": [{"count": 99, "queue": "router.intake"}]}},
    "another application": {"app_id": "x" * 255},
}
"""Properties that a stranger can give to a message; none of them says anything of what it is."""
