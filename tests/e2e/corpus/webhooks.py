"""Webhooks of a telephone system: headers that sign nothing, and calls that are odd, and calls all the same."""

from __future__ import annotations

from collections.abc import Callable

Headers = dict[str, str]
Spoil = Callable[[Headers, int], Headers]
"""Spoils the headers of a good webhook; the number is the time now, in seconds since 1970."""

SIGNATURE, TIMESTAMP, IDENTIFIER, SOURCE = "webhook-signature", "webhook-timestamp", "webhook-id", "Tierdesk-Source"


def _without(name: str) -> Spoil:
    return lambda headers, _now: {key: value for key, value in headers.items() if key != name}


def _with(name: str, value: str) -> Spoil:
    return lambda headers, _now: headers | {name: value}


def _at(change_seconds: int) -> Spoil:
    return lambda headers, now: headers | {TIMESTAMP: str(now + change_seconds)}


UNSIGNED: dict[str, Spoil] = {
    **{f"no {name}": _without(name) for name in (SIGNATURE, TIMESTAMP, IDENTIFIER, SOURCE)},
    **{f"an empty {name}": _with(name, "") for name in (SIGNATURE, TIMESTAMP, IDENTIFIER, SOURCE)},
    "no comma": lambda headers, _now: headers | {SIGNATURE: headers[SIGNATURE].replace(",", "")},
    "another version": lambda headers, _now: headers | {SIGNATURE: headers[SIGNATURE].replace("v1,", "v2,")},
    "no base 64": _with(SIGNATURE, "v1,\u00a7\u00a7".encode().decode("latin-1")),
    "nothing signed": _with(SIGNATURE, "v1,"),
    "a hundred signatures": lambda headers, _now: headers | {SIGNATURE: " ".join([headers[SIGNATURE]] * 100)},
    "six minutes ago": _at(-360),
    "in six minutes": _at(360),
    "in milliseconds": lambda headers, now: headers | {TIMESTAMP: str(now * 1000)},
    "NaN": _with(TIMESTAMP, "NaN"),
    "before 1970": _with(TIMESTAMP, "-1"),
    "a time of 4,000 digits": _with(TIMESTAMP, "9" * 4_000),
    "digits of another script": _with(TIMESTAMP, "\u0661\u0662\u0663".encode().decode("latin-1")),
    "another webhook": _with(IDENTIFIER, "another"),
    "an identifier with a line end in it": _with(IDENTIFIER, "a\tb"),
    "an identifier of 201 letters": _with(IDENTIFIER, "x" * 201),
    "another telephone system": _with(SOURCE, "another"),
    "a telephone system that is a path": _with(SOURCE, "../../secrets"),
}

CALLS: dict[str, dict[str, object]] = {
    "an end before a beginning": {"event": "hangup"},
    "a withheld number": {"from": "anonymous"},
    "a withheld number as an address": {"from": "sip:anonymous@anonymous.invalid"},
    "no number": {"from": ""},
    "a number as a URI": {"from": "tel:+49-30-1234;phone-context=x"},
    "a number as an address": {"from": "sips:ann@example.org;transport=tls"},
    "a number of 200 letters": {"from": "9" * 200},
    "an address within": {"event": "voicemail", "recording": "http://169.254.169.254/latest/meta-data/"},
    "a file": {"event": "voicemail", "recording": "file:///etc/passwd"},
    "no user": {"event": "answer", "user": ["", " "]},
    "seconds": {"occurred_at": 1_700_000_000},
}
"""Changes of a good call that leave it one."""
WRONG_CALLS: dict[str, dict[str, object]] = {
    "a number of 256 letters": {"from": "9" * 256},
    "a call of 201 letters": {"callId": "c" * 201},
    "no call": {"callId": ""},
    "another event": {"event": "explode"},
    "another direction": {"direction": "up"},
    "a recording of 3,000 letters": {"recording": "s3://" + "x" * 3_000},
    "a thousand users": {"user": ["x"] * 1_000},
}
