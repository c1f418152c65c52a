"""Bad inputs, by group: bodies, texts, times, identities and messages, to be tried wherever something is taken in."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any
from uuid import uuid4

Document = dict[str, Any]


def spoil(document: Document, field: str, raw: bytes) -> bytes:
    """The JSON of `document` with these bytes in the place of one field's value."""
    marked = json.dumps(document | {field: "\u2603"}).encode()
    return marked.replace(json.dumps("\u2603").encode(), raw, 1)


def bodies(document: Document, field: str) -> dict[str, bytes]:
    """Bodies that no endpoint may take for `document`; `field` is one of its texts."""
    whole = json.dumps(document).encode()
    return {
        "empty": b"",
        "one byte": b"x",
        "white space": b" \n\t ",
        "invalid UTF-8": spoil(document, field, b'"\xff\xfe"'),
        "UTF-16 with its mark": whole.decode().encode("utf-16"),
        "a byte order mark": b"\xef\xbb\xbf{" + whole,
        "NUL, escaped": spoil(document, field, rb'"a\u0000b"'),
        "NUL, raw": spoil(document, field, b'"a\x00b"'),
        "a lone surrogate": spoil(document, field, rb'"\ud800"'),
        "a surrogate pair the wrong way round": spoil(document, field, rb'"\udc00\ud800"'),
        "100,000 arrays": b"[" * 100_000 + b"]" * 100_000,
        "100,000 arrays in a field": spoil(document, field, b"[" * 100_000 + b"]" * 100_000),
        "100,000 objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "100,000 open arrays": b"[" * 100_000,
        "80,000 unknown fields": json.dumps(document | {f"k{n}": 1 for n in range(80_000)}).encode(),
        "NaN": spoil(document, field, b"NaN"),
        "Infinity": spoil(document, field, b"-Infinity"),
        "1e400": spoil(document, field, b"1e400"),
        "beyond 64 bits": spoil(document, field, b"9223372036854775808"),
        "a number of 100,000 digits": spoil(document, field, b"9" * 100_000),
        "a float": spoil(document, field, b"1.5"),
        "true": spoil(document, field, b"true"),
        "an object for a text": spoil(document, field, b'{"$ne": null}'),
        "a list for a text": spoil(document, field, b'["a"]'),
        "null": b"null",
        "a number": b"1",
        "a text": b'"' + b"x" * 1000 + b'"',
        "a list": b"[1, 2]",
        "cut off": whole[:-2],
        "an unknown field": whole[:-1] + b', "colour": "red"}',
        "__proto__": whole[:-1] + b', "__proto__": {"admin": true}}',
        "__class__": whole[:-1] + b', "__class__": "os.system"}',
        "a pickle": b"\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93.",
        "XML with entities": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        "a document within a form": b"a=" + whole,
    }


TWICE = b'"twice": 1, "twice": 2, '
"""A field that stands twice: readers differ on which one counts."""
TOO_LONG = 17 * 1024 * 1024
"""Longer than any endpoint takes."""
COMPRESSED = gzip.compress(b" " * 50_000_000)
"""Fifty megabytes in fifty kilobytes."""

TEXTS = {
    "the order reversed": "\u202egpj.exe",
    "no width": "a\u200bb\u2060c\ufeff",
    "letters that look alike": "\u0430dmin",
    "a single line of 60,000": "x" * 60_000,
    "a family 5,000 times": "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 5_000,
    "marks upon marks": "z" + "\u0301" * 10_000,
    "a line end for a header": "Subject: x\r\nBcc: all@example.org",
    "escape sequences": "\x1b[31mred\x1b[0m\x1b]0;owned\x07\x9b2J",
    "a formula": "=cmd|' /C calc'!A0",
    "templates": "{{7*7}} ${7*7} <%= 7*7 %> #{7*7} {0.__class__} %s%n",
    "links that run": "[x](javascript:alert(1)) <svg onload=alert(1)> data:text/html,x",
    "tables in links": "<a><table><a><table>" * 1_000,
    "a text that backtracks": "a" * 30_000 + "!",
    "SQL": "'; DROP TABLE router.ticket; --",
    "search operators": 'title:"x" OR *:* AND (a^9 ~2 [a TO z] \\ ',
    "a path": "../../../../etc/passwd",
    "no characters": "\uffff\ufdd0\U0010ffff",
    "a private one": "\ue000",
    "blank": " \t\n ",
    "log lines": 'x","level":"error","event":"forged',
}

TIMES = (
    "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00", "2016-12-31T23:59:60Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00+25:00",
    "2026-02-30T00:00:00Z", "2999-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2026-03-29T01:30:00", "now", "",
    "2026-01-01", "-1", "1e18", "NaN", "2026-01-01T00:00:00.1234567890123Z ",
)  # fmt: skip
"""Times of something that happened: none of them is one, or none can be yet."""

SCHEDULES: dict[str, Document] = {
    "no working minute": {"weekly": {}},
    "a holiday on every day of a week": {"weekly": {"mon": ["09:00-17:00"]}, "holidays": [f"2026-03-{day:02}" for day in range(1, 32)]},
    "windows that overlap": {"weekly": {"mon": ["09:00-17:00", "12:00-18:00"]}},
    "a window that ends before it begins": {"weekly": {"mon": ["17:00-09:00-12:00"]}},
    "no such hour": {"weekly": {"mon": ["25:00-26:00"]}},
    "no such day": {"weekly": {"someday": ["09:00-17:00"]}},
    "no such zone": {"tz": "Europe/Atlantis", "weekly": {"mon": ["09:00-17:00"]}},
    "a zone that is a path": {"tz": "../../etc/passwd", "weekly": {"mon": ["09:00-17:00"]}},
    "a holiday that is none": {"weekly": {"mon": ["09:00-17:00"]}, "holidays": ["2026-02-30"]},
    "all the time": {"weekly": {day: ["00:00-24:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}},
}  # fmt: skip
"""Calendars of a policy. The last is a good one."""

CREDENTIALS = {
    "nothing": "",
    "no scheme": "{key}",
    "another scheme": "Basic {key}",
    "a scheme without a key": "Bearer",
    "two keys": "Bearer {key} {key}",
    "a letter less": "Bearer {short}",
    "a letter more": "Bearer {key}x",
    "another secret": "Bearer {changed}",
    "another environment": "Bearer {elsewhere}",
    "a revoked key": "Bearer {revoked}",
    "an expired key": "Bearer {expired}",
    "a token without signature": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
    "a token with a path for a key": "Bearer eyJhbGciOiJIUzI1NiIsImtpZCI6Ii4uLy4uL2Rldi9udWxsIn0.e30.x",
    "letters beyond ASCII": "Bearer caf\u00e9",
    "60,000 letters": "Bearer " + "x" * 60_000,
}
"""What stands in the header `Authorization` of somebody who is nobody."""

SPOOFED_HEADERS = {
    "X-Forwarded-User": "admin", "X-Forwarded-For": "127.0.0.1", "X-Remote-User": "admin", "X-Original-URL": "/healthz",
    "X-Rewrite-URL": "/healthz", "X-HTTP-Method-Override": "GET", "X-Tenant": "acme", "Forwarded": "for=127.0.0.1",
    "Cookie": "session=admin",
}  # fmt: skip


def _cursor(at: str) -> str:
    """Where a page of tickets would have ended, had there been such a time."""
    return base64.urlsafe_b64encode(f"{at} 00000000-0000-0000-0000-000000000000".encode()).decode()


QUERIES = (
    "limit=-1", "limit=0", "limit=1000000000000000000000", "limit=1.5", "limit=all", "limit=", "limit=1&limit=2", "offset=-1",
    "offset=99999999999999999999", "after=x", "after=%00",
    *(f"after={_cursor(at)}" for at in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01", "now", "")),
    "sort=password", "order_by=1;DROP", "status=%27%20OR%201=1--", "status[]=x", "status=unknown", "tier=%00", "tier=%ff",
    "tier=" + "x" * 5_000, "group=%27;--", "audience=%00", "audience=../x", "q=%00", "q=%ff%fe", "q=" + "x" * 9_000, "q=%22",
    "q=" + "%28" * 500, "q=" + "a+OR+" * 500, "q=title:x+AND+*", "q=%F0%9F%98%80", "published=perhaps", "%00=1", "=", "&&&",
)  # fmt: skip
"""Query strings, for every endpoint that is read."""

NAMES = (
    "0", "-1", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "urn:uuid:x", "{}", "%00", "%FF",
    "%2e%2e%2f", "..%2f..%2fetc%2fpasswd", "TD-0000-0000", "td-%27--", "%20", "a" * 5_000, "%F0%9F%98%80", "null", "*", "1;1",
    "summary%00", "%E2%80%AE",
)  # fmt: skip
"""Names in paths, of tickets and articles that are none."""


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
    "a forged death": {"headers": {"x-death": [{"count": 99, "queue": "router.intake"}]}},
    "another application": {"app_id": "x" * 255},
}
"""Properties that a stranger can give to a message; none of them says anything of what it is."""
