"""What schemathesis cannot read from the OpenAPI document of the desk: how to sign, and two media types.

Loaded by schemathesis, in a process of its own, with the secret of the telephone system in `TIERDESK_TEST_PHONE_SECRET` the token
of a session in `TIERDESK_TEST_CSRF`, and in `TIERDESK_TEST_ACCOUNTS` whose session that is, and another.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import secrets
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import ensure_resource_availability

from tierdesk_runtime.signatures import sign

PHONE_PATH = "/v1/phone/generic"
BATCH_PATH = "/v1/events:batch"
PEOPLE = "/v1/desk/"
"""What people do, each in a session, with the token of its pages."""
NDJSON = "application/x-ndjson"
SIGN_HERE = "to be signed"
"""Stands for a signature, which is known only when the body is."""
SOURCE = "phone"
CATEGORY = "other"
NOT_YET_THERE = {
    "POST /v1/articles/{article_id}/feedback",
    "PUT /v1/community/questions/{question_id}/acceptance",
}
"""A draft has no readers, and nobody but who asked accepts an answer: for others it is not there."""
_SECONDS_TO_2001 = 978_307_200
_RUN = secrets.token_hex(4)
_numbers = itertools.count(1)


def _new_key() -> str:
    return f"{_RUN}-{next(_numbers)}"


def _cursor(at: datetime, ticket: UUID) -> str:
    return base64.urlsafe_b64encode(f"{at.isoformat()} {ticket}".encode()).decode()


def write_policy(name: str, *, within_hours: int, tiers: int) -> bytes:
    """A policy whose groups are always the same few, so that no run makes thousands of queues."""
    names = [f"l{number}" for number in range(tiers)]
    return json.dumps(
        {
            "name": name,
            "tiers": [{"id": one} for one in names],
            "groups": [{"id": f"front-{one}", "tier": one} for one in names],
            "edges": list(itertools.pairwise(names)),
            "categories": [{"id": CATEGORY, "tier": names[0], "group": f"front-{names[0]}"}],
            "targets": [{"kind": "resolution", "within": f"{within_hours}h"}],
        },
        ensure_ascii=False,
    ).encode()


_moments = st.datetimes(datetime(1971, 1, 1), datetime(2025, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is given
schemathesis.openapi.format("cursor", st.builds(_cursor, _moments, st.uuids()))
# What has happened lies in the past, which no schema can say.
schemathesis.openapi.format("date-time", _moments.map(datetime.isoformat))
schemathesis.openapi.media_type(
    "application/yaml",
    st.builds(
        write_policy,
        st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=50),
        within_hours=st.integers(1, 99),
        tiers=st.integers(1, 3),
    ),
)


@schemathesis.serializer(NDJSON)
def write_line(_context: schemathesis.SerializationContext, value: Any) -> bytes:
    """One line, which is a batch too."""
    return value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"


@schemathesis.deserializer(NDJSON)
def read_line(_context: schemathesis.DeserializationContext, response: schemathesis.Response) -> Any:
    """The result of the one line."""
    (line,) = response.content.splitlines()  # as bytes: texts know more kinds of line end
    return json.loads(line)


class _Signature(requests.auth.AuthBase):
    """Signs what is about to be sent, as the telephone system does."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        signed = sign(os.environ["TIERDESK_TEST_PHONE_SECRET"], _new_key(), datetime.now(UTC), body)
        request.headers.update(signed | {"tierdesk-source": SOURCE})
        return request


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Make good what is meant to be good, where no schema can say how: signatures, new keys, known categories, the past.

    What is wrong by intent, and a probe without a signature, stay as they are.
    """
    wrong = case.meta.is_negative_at if case.meta is not None else lambda _location: False
    if case.path.startswith(PEOPLE):
        case.headers["x-csrf-token"] = os.environ["TIERDESK_TEST_CSRF"]
        own, other = os.environ["TIERDESK_TEST_ACCOUNTS"].split()
        if case.path_parameters.get("account_id") == own:  # whose grants change, is signed in no more
            case.path_parameters["account_id"] = other
    if not wrong(ParameterLocation.HEADER):
        if "idempotency-key" in case.headers:
            case.headers["idempotency-key"] = _new_key()
        if case.headers.get("webhook-signature") == SIGN_HERE:
            kwargs["auth"] = _Signature()
    if isinstance(case.body, dict) and not wrong(ParameterLocation.BODY):
        case.body = _with_known_values(case.body)


def _with_known_values(body: dict[str, Any]) -> dict[str, Any]:
    # To JSON Schema 3.0 is an integer. The desk wants it written as 3, for which a schema has no word (docs/intake.md).
    known = {name: int(value) if _is_whole(value) else value for name, value in body.items()}
    if "event" in body and "key" in body:  # a line of a batch
        return known | {"key": _new_key(), "event": _with_known_values(body["event"])}
    if body.get("category") is not None:
        known["category"] = CATEGORY
    if body.get("department") is not None:
        known["department"] = None
    if isinstance(body.get("occurred_at"), int | float):
        known["occurred_at"] = body["occurred_at"] % _SECONDS_TO_2001
    return known


def _is_whole(value: object) -> bool:
    return isinstance(value, float) and value.is_integer()


@schemathesis.check
def what_is_made_is_there(
    context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """What was made just now is found wherever its identifier is given, but for `NOT_YET_THERE`."""
    if case.operation.label not in NOT_YET_THERE:
        ensure_resource_availability(context, response, case)


@schemathesis.check
def lines_are_judged(
    _context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """A batch is taken whatever its lines are; so each line's own status is what must fit."""
    if case.path != BATCH_PATH or response.status_code != 200 or case.meta is None:
        return
    status = read_line(None, response)["status"]  # type: ignore[arg-type]  # it looks at no context
    taken, wrong = status in {202, 404, 409}, case.meta.is_negative_at(ParameterLocation.BODY)
    assert taken != wrong, f"a line that is {'wrong' if wrong else 'right'} was answered {status}: {response.text}"
