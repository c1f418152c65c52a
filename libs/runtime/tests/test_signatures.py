from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierdesk_runtime.problems import ProblemError
from tierdesk_runtime.signatures import sign, verify

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
OTHER = "whsec_" + base64.b64encode(b"another secret of thirty-two b..").decode()
NOW = datetime.fromtimestamp(1_700_000_000, UTC)
BODY = b'{"event":"newCall"}'
# printf 'msg_1.1700000000.{"event":"newCall"}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:… -binary | base64
VECTOR = "v1,pE3ADsxuDITSPyn9Dsoju9Na9fVOJczNbiBNkFMe3rI="
HEADERS = {"webhook-id": "msg_1", "webhook-timestamp": "1700000000", "webhook-signature": VECTOR}


def test_a_signature_made_by_openssl_is_accepted_and_ours_is_the_same() -> None:
    assert verify(SECRET, HEADERS, BODY, NOW) == "msg_1"
    assert sign(SECRET, "msg_1", NOW, BODY) == HEADERS


def test_one_of_several_signatures_or_secrets_is_enough_as_in_a_rotation() -> None:
    both = sign(OTHER, "msg_1", NOW, BODY)["webhook-signature"] + " " + VECTOR
    assert verify(SECRET, HEADERS | {"webhook-signature": both}, BODY, NOW) == "msg_1"
    assert verify([OTHER, SECRET], HEADERS, BODY, NOW) == "msg_1"
    assert verify(SECRET, HEADERS | {"webhook-signature": f"v1a,xyz {VECTOR}"}, BODY, NOW) == "msg_1"


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_timestamp_within_five_minutes_is_accepted(seconds: int) -> None:
    assert verify(SECRET, HEADERS, BODY, NOW + timedelta(seconds=seconds)) == "msg_1"


@pytest.mark.parametrize("seconds", [-301, 301, 360, 86_400])
def test_a_timestamp_beyond_five_minutes_is_refused(seconds: int) -> None:
    with pytest.raises(ProblemError) as refused:
        verify(SECRET, HEADERS, BODY, NOW + timedelta(seconds=seconds))
    assert refused.value.status == 401


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": None},
        {"webhook-timestamp": None},
        {"webhook-signature": None},
        {"webhook-id": ""},
        {"webhook-id": "msg_2"},
        {"webhook-id": "msg 1"},
        {"webhook-id": "msg\n1"},
        {"webhook-id": "m" * 201},
        {"webhook-id": "\u00e9"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "NaN"},
        {"webhook-timestamp": "-1700000000"},
        {"webhook-timestamp": "1700000000.5"},
        {"webhook-timestamp": "1700000001"},
        {"webhook-timestamp": "1700000000000"},
        {"webhook-timestamp": "9" * 5000},
        {"webhook-timestamp": "\u0661\u0667\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0660"},
        {"webhook-timestamp": " 1700000000"},
        {"webhook-signature": ""},
        {"webhook-signature": VECTOR.removeprefix("v1,")},
        {"webhook-signature": VECTOR.replace("v1,", "v2,")},
        {"webhook-signature": VECTOR.replace("v1,", "v1a,")},
        {"webhook-signature": VECTOR[:-4]},
        {"webhook-signature": VECTOR.replace(",", ";")},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,====="},
        {"webhook-signature": "v1,\u00e9\u00e9\u00e9\u00e9"},
        {"webhook-signature": "v1,\ud800"},
        {"webhook-signature": " ".join(["v1,AAAA"] * 100)},
        {"webhook-signature": " ".join(["v1,AAAA"] * 100 + [VECTOR])},
        {"webhook-signature": "v1," + "A" * 1_000_000},
    ],
)
def test_malformed_and_wrong_headers_are_refused_as_401(change: dict[str, str | None]) -> None:
    headers = {name: value for name, value in (HEADERS | change).items() if value is not None}
    with pytest.raises(ProblemError) as refused:
        verify(SECRET, headers, BODY, NOW)
    assert refused.value.status == 401


@pytest.mark.parametrize("body", [b"", BODY + b"\n", BODY.replace(b":", b": "), b"\xff" + BODY])
def test_a_body_that_differs_in_one_byte_is_refused(body: bytes) -> None:
    with pytest.raises(ProblemError):
        verify(SECRET, HEADERS, body, NOW)


def test_a_signature_of_another_tenants_secret_is_refused() -> None:
    with pytest.raises(ProblemError):
        verify(OTHER, HEADERS, BODY, NOW)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_***", "whsec_" + "QUFB" * 30])
def test_a_secret_of_ours_that_is_none_is_our_own_error(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        verify(secret, HEADERS, BODY, NOW)


@given(
    st.binary(min_size=24, max_size=64),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200),
    st.integers(0, 99_999_999_999),
    st.binary(max_size=500),
)
def test_what_is_signed_verifies(key: bytes, webhook_id: str, timestamp: int, body: bytes) -> None:
    secret, at = f"whsec_{base64.b64encode(key).decode()}", datetime.fromtimestamp(timestamp, UTC)
    assert verify(secret, sign(secret, webhook_id, at, body), body, at) == webhook_id


@given(st.dictionaries(st.sampled_from(sorted(HEADERS)), st.text(max_size=50)), st.binary(max_size=50))
def test_whatever_is_sent_raises_nothing_but_401(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(ProblemError) as refused:
        verify(SECRET, headers, body, NOW)
    assert refused.value.status == 401
