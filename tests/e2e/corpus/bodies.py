"""Bodies that no endpoint may take."""

from __future__ import annotations

import gzip
import json
from typing import Any

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
